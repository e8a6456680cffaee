"""The machines of the cluster: which ones are alive, and whether this machine still belongs to it."""

import threading
import time
from typing import Any

import ray

from neural_style.core.errors import UserError

POLL_SECONDS = 0.5
"""Time between two listings of the machines."""
LOST_SECONDS = 10
"""How long this machine may be missing from the cluster before the cluster counts as lost."""


class NodeMonitor:
    """Lists the machines in a thread of its own, since Ray does not answer once its head process has died."""

    def __init__(self):
        self._node_id = ray.get_runtime_context().get_node_id()
        self._nodes: list[dict[str, Any]] = []
        self._last_alive = time.monotonic()
        self._stopped = threading.Event()
        threading.Thread(target=self._poll, name="neural-style-nodes", daemon=True).start()

    def check(self) -> None:
        """Check that the cluster is alive.

        Raises:
          UserError: for `LOST_SECONDS` Ray has not answered, or it has not counted this machine as alive.
        """
        if time.monotonic() - self._last_alive > LOST_SECONDS:
            raise UserError(
                "The Ray cluster has died: expected this machine to be one of its nodes, but it has not been one for "
                f"{LOST_SECONDS} seconds. Call the command again with --resume, and first start the cluster again "
                "unless it is --cluster=local."
            )

    def worker_places(self) -> dict[tuple[str, int], int]:
        """Return where a worker may run: (node id, number on that node) → the GPUs that it uses."""
        places = {}
        for node in self._nodes:
            if not node["Alive"] or node["Resources"].get("CPU", 0) < 1:
                continue
            gpus = int(node["Resources"].get("GPU", 0))
            for number in range(max(gpus, 1)):
                places[node["NodeID"], number] = min(gpus, 1)
        return places

    def stop(self) -> None:
        """End the thread after its present listing."""
        self._stopped.set()

    def _poll(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            try:
                nodes = ray.nodes()
            except Exception:  # Ray raises many kinds; `check` reports what lasts
                continue
            self._nodes = nodes
            if any(node["Alive"] and node["NodeID"] == self._node_id for node in nodes):
                self._last_alive = time.monotonic()

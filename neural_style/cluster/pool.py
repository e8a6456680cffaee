"""The workers: one for each GPU of the cluster, and one for each machine that has none."""

import collections
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from neural_style.cluster.nodes import POLL_SECONDS, NodeMonitor
from neural_style.cluster.worker import Worker
from neural_style.core.errors import UserError
from neural_style.results import record

MAX_THREADS = 10_000
"""More than a cluster has workers: one thread waits for each."""
MAX_DEATHS = 5
"""At this many workers that die in a row over one piece of work, it counts as failed."""
DIED_MESSAGE = (
    f"Expected a worker to finish this, and {MAX_DEATHS} in a row died, perhaps for lack of memory: give workers more "
    "memory, or take fewer --rows."
)
MAX_FAILED_STARTS = 3
"""At this many workers that fail to start in a row, while none runs, there is an error."""

Handle = Any
"""Ray's handle of a worker."""
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Pool:
    """Hands out workers, adds workers for machines that join late, and replaces those that died."""

    def __init__(self):
        self._monitor = NodeMonitor()
        self._changed = threading.Condition()
        self._workers: dict[tuple[str, int], Handle] = {}
        self._starting: dict[ray.ObjectRef, Handle] = {}
        self._idle: collections.deque[Handle] = collections.deque()
        self._closed = False
        self._failed_starts = 0

    def __len__(self) -> int:
        """How many workers have started, busy or idle."""
        return len(self._workers) - len(self._starting)

    def map_unordered(
        self,
        function: Callable[[Item], Outcome],
        items: Sequence[Item],
        show: Callable[[int], Any] = lambda workers: None,
    ) -> Iterator[Outcome]:
        """Call `function` with each item, in threads: one more at a time than there are workers, to keep them busy.

        Args:
          function: asks for a `worker` where it needs one.
          items: in the order in which they are started.
          show: called now and then with the number of workers.

        Yields:
          What `function` returned, in the order of completion. If it raises an exception, no further item is started,
          and the exception (of several the last) is raised at the end. An exception in this thread (Ctrl-C) closes the
          pool for good; so does leaving the loop early.

        Raises:
          UserError: no worker can be started, or the cluster has died.
        """
        waiting = collections.deque(items)
        running: set[Future[Outcome]] = set()
        failure: BaseException | None = None
        with ThreadPoolExecutor(MAX_THREADS) as threads, self._closed_on_error():
            last_refresh = -POLL_SECONDS
            while waiting or running:
                if time.monotonic() - last_refresh > POLL_SECONDS:
                    self._refresh()
                    show(len(self))
                    last_refresh = time.monotonic()
                while waiting and len(running) <= len(self):
                    running.add(threads.submit(function, waiting.popleft()))
                done, running = wait(running, POLL_SECONDS, FIRST_COMPLETED)
                for future in done:
                    if isinstance(future.exception(), Exception):
                        failure = future.exception()
                        waiting.clear()
                    else:
                        yield future.result()
        if failure:
            raise failure

    @contextlib.contextmanager
    def worker(self) -> Iterator[Handle]:
        """Wait for an idle worker and lend it.

        If the worker dies, the context ends without an exception. So return from inside it: what follows it runs only
        after a death, to try another worker.

        Raises:
          KeyboardInterrupt: the pool is closed. It is no UserError, so that no row counts it as its own failure.
          Exception: whatever a call raised on the worker.
        """
        worker = self._take()
        try:
            yield worker
        except ray.exceptions.RayTaskError as error:
            self._give_back(worker)
            raise error.cause from error
        except ray.exceptions.RayError:
            self._remove(worker)
        except BaseException:
            self._give_back(worker)
            raise
        else:
            self._give_back(worker)

    def result(self, reference: "ray.ObjectRef") -> Any:
        """Wait for what a worker computes.

        Ray may never answer once the cluster has died, so this looks at the pool from time to time.

        Raises:
          KeyboardInterrupt: the pool is closed.
          ray.exceptions.RayError: the worker died or its call failed.
        """
        while not ray.wait([reference], timeout=POLL_SECONDS)[0]:
            if self._closed:
                raise KeyboardInterrupt
        return ray.get(reference)

    def close(self) -> None:
        """End every worker, and every wait for one."""
        self._monitor.stop()
        if self._mark_closed():
            with contextlib.suppress(UserError):
                self._monitor.check()  # where the cluster has died, `ray.kill` would wait for ever
                for worker in list(self._workers.values()):
                    ray.kill(worker)

    def _mark_closed(self) -> bool:
        """Wake what waits for a worker. Return False if the pool was closed before."""
        with self._changed:
            was_open = not self._closed
            self._closed = True
            self._changed.notify_all()
        return was_open

    @contextlib.contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _refresh(self) -> None:
        """Start a worker in each free place, and add those that have become ready."""
        self._monitor.check()
        with self._changed:
            for place, gpus in self._monitor.worker_places().items():
                if place not in self._workers:
                    self._start(place, gpus)
            if self._starting:
                starting = list(self._starting)
                ready, _ = ray.wait(starting, num_returns=len(starting), timeout=0)
                for reference in ready:
                    self._add_started(reference)

    def _take(self) -> Handle:
        with self._changed:
            while not (self._idle or self._closed):
                self._changed.wait()
            if self._closed:
                raise KeyboardInterrupt
            return self._idle.popleft()

    def _give_back(self, worker: Handle) -> None:
        with self._changed:
            self._idle.append(worker)
            self._changed.notify()

    def _remove(self, worker: Handle) -> None:
        if not self._closed:
            ray.kill(worker)
        with self._changed:
            self._workers = {place: other for place, other in self._workers.items() if other is not worker}

    def _start(self, place: tuple[str, int], gpus: int) -> None:
        node_id, _ = place
        on_node = NodeAffinitySchedulingStrategy(node_id, soft=False)
        actor = ray.remote(Worker).options(num_cpus=1, num_gpus=gpus, scheduling_strategy=on_node)
        worker = actor.remote(record.versions())
        self._workers[place] = worker
        self._starting[worker.__ray_ready__.remote()] = worker

    def _add_started(self, reference: "ray.ObjectRef") -> None:
        worker = self._starting.pop(reference)
        try:
            ray.get(reference)
        except ray.exceptions.RayError as error:
            self._failed_starts += 1
            self._remove(worker)
            if self._failed_starts >= MAX_FAILED_STARTS and not len(self):
                # The last line, below the worker's traceback: "neural_style.core.errors.UserError: Expected …".
                reason = str(error).strip().splitlines()[-1].rpartition("Error: ")[2]
                raise UserError(f"No worker can be started: {reason}") from error
            return
        self._failed_starts = 0
        self._give_back(worker)

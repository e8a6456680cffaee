"""The workers: one for each GPU of the cluster, and one for each machine that has none."""

import collections
import threading
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from neural_style.cluster.worker import Worker
from neural_style.errors import UserError

REFUSALS = 3
"""How many workers may fail to start, one after the other, before it is taken to be no accident."""

Handle = Any
"""Of a worker, as Ray has it."""


class Pool:
    """Hands workers out; those of machines that join later are taken in, those that died are replaced."""

    def __init__(self):
        self._changed = threading.Condition()
        self._slots: dict[tuple[str, int], Handle] = {}
        self._starting: dict[ray.ObjectRef, Handle] = {}
        self._idle: collections.deque[Handle] = collections.deque()
        self._closed, self._refused = False, 0

    def __len__(self) -> int:
        """How many workers are ready."""
        return len(self._slots) - len(self._starting)

    def refresh(self) -> None:
        """Starts workers where there is place for them; to be called now and then.

        Raises:
          UserError: none can be started.
        """
        places = _places()
        with self._changed:
            for place, gpus in places.items():
                if place not in self._slots:
                    self._start(place, gpus)
            waiting = list(self._starting)
            for ready in ray.wait(waiting, num_returns=len(waiting), timeout=0)[0] if waiting else ():
                self._take_in(ready)

    def take(self) -> Handle:
        """A worker that is idle, once there is one.

        Raises:
          KeyboardInterrupt: the pool is closed.
        """
        with self._changed:
            while not (self._idle or self._closed):
                self._changed.wait()
            if self._closed:
                raise KeyboardInterrupt
            return self._idle.popleft()

    def give_back(self, worker: Handle) -> None:
        """Takes a worker back that is idle again."""
        with self._changed:
            self._idle.append(worker)
            self._changed.notify()

    def lose(self, worker: Handle) -> None:
        """Does without a worker that died, or does not answer."""
        ray.kill(worker)
        with self._changed:
            self._slots = {place: each for place, each in self._slots.items() if each is not worker}

    def close(self) -> None:
        """Ends every worker, and whatever waits for one."""
        with self._changed:
            self._closed = True
            for worker in self._slots.values():
                ray.kill(worker)
            self._changed.notify_all()

    def _start(self, place: tuple[str, int], gpus: int) -> None:
        here = NodeAffinitySchedulingStrategy(place[0], soft=False)
        worker = ray.remote(Worker).options(num_cpus=1, num_gpus=gpus, scheduling_strategy=here).remote()
        self._slots[place] = worker
        self._starting[worker.__ray_ready__.remote()] = worker

    def _take_in(self, ready: ray.ObjectRef) -> None:
        worker = self._starting.pop(ready)
        try:
            ray.get(ready)
        except ray.exceptions.RayError as error:
            self._refused += 1
            self.lose(worker)
            if self._refused == REFUSALS:
                raise UserError(f"No worker of the cluster can be started: {' '.join(str(error).split())}") from error
            return
        self._refused = 0
        self.give_back(worker)


def _places() -> dict[tuple[str, int], int]:
    """Where a worker may be: a machine's name and a number there, and the GPUs that it takes."""
    found = {}
    for node in ray.nodes():
        name, has = node["NodeID"], node["Resources"]
        if node["Alive"] and has.get("CPU", 0) >= 1:
            gpus = int(has.get("GPU", 0))
            found |= {(name, number): min(gpus, 1) for number in range(max(gpus, 1))}
    return found

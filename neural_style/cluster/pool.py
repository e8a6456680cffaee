"""The workers: one for each GPU of the cluster, and one for each machine that has none."""

import collections
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from neural_style.cluster.worker import Worker
from neural_style.core.errors import UserError
from neural_style.results import record

POLL_SECONDS = 0.5
"""Between two looks at which machines are there."""
MOST_THREADS = 10_000
"""A thread waits for each worker."""
DEATHS = 5
"""Workers that may die over one thing, one after the other."""
DIED = f"{DEATHS} workers died over this one after the other: it may need more memory than they have."
REFUSALS = 3
"""How many workers may fail to start, one after the other, before it is taken to be no accident."""

Handle = Any
"""Of a worker, as Ray has it."""
Item, Outcome = TypeVar("Item"), TypeVar("Outcome")


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

    def map(
        self,
        function: Callable[[Item], Outcome],
        items: Sequence[Item],
        show: Callable[[int], Any] = lambda workers: None,
    ) -> Iterator[Outcome]:
        """Calls `function` with each item, in threads: as many at once as there are workers, and one that gets ready.

        Args:
          function: asks for a `worker` where it needs one.
          items: in the order in which they are begun.
          show: called now and then with the number of workers.

        Yields:
          What `function` returned, as it comes. Where it raises, no further item is begun, and that is raised at the
          end; what this thread meets (Ctrl-C) closes the pool, or the others would go on to their ends.

        Raises:
          UserError: no worker can be started.
        """
        waiting, running, failed, looked = collections.deque(items), set(), None, -POLL_SECONDS
        with ThreadPoolExecutor(MOST_THREADS) as threads:
            try:
                while waiting or running:
                    if time.monotonic() - looked > POLL_SECONDS:
                        self._refresh()
                        show(len(self))
                        looked = time.monotonic()
                    while waiting and len(running) <= len(self):
                        running.add(threads.submit(function, waiting.popleft()))
                    done, running = wait(running, POLL_SECONDS, FIRST_COMPLETED)
                    for each in done:
                        if isinstance(each.exception(), Exception):
                            failed = each.exception()
                            waiting.clear()
                        else:
                            yield each.result()
            except BaseException:
                self.close()
                raise
        if failed:
            raise failed

    @contextlib.contextmanager
    def worker(self) -> Iterator[Handle]:
        """A worker that is idle, once there is one; where it dies, the context just ends.

        Raises:
          KeyboardInterrupt: the pool is closed.
        """
        worker = self._take()
        try:
            yield worker
        except ray.exceptions.RayTaskError as error:
            self._give_back(worker)
            raise error.cause from error
        except ray.exceptions.RayError:
            self._lose(worker)
        except BaseException:
            self._give_back(worker)
            raise
        else:
            self._give_back(worker)

    def close(self) -> None:
        """Ends every worker, and whatever waits for one."""
        with self._changed:
            self._closed = True
            for worker in self._slots.values():
                ray.kill(worker)
            self._changed.notify_all()

    def _refresh(self) -> None:
        """Starts workers where there is place for them, and takes in those that are ready."""
        places = _places()
        with self._changed:
            for place, gpus in places.items():
                if place not in self._slots:
                    self._start(place, gpus)
            waiting = list(self._starting)
            for ready in ray.wait(waiting, num_returns=len(waiting), timeout=0)[0] if waiting else ():
                self._take_in(ready)

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

    def _lose(self, worker: Handle) -> None:
        ray.kill(worker)
        with self._changed:
            self._slots = {place: each for place, each in self._slots.items() if each is not worker}

    def _start(self, place: tuple[str, int], gpus: int) -> None:
        here = NodeAffinitySchedulingStrategy(place[0], soft=False)
        made = ray.remote(Worker).options(num_cpus=1, num_gpus=gpus, scheduling_strategy=here)
        worker = made.remote(record.versions())
        self._slots[place] = worker
        self._starting[worker.__ray_ready__.remote()] = worker

    def _take_in(self, ready: ray.ObjectRef) -> None:
        worker = self._starting.pop(ready)
        try:
            ray.get(ready)
        except ray.exceptions.RayError as error:
            self._refused += 1
            self._lose(worker)
            if self._refused >= REFUSALS and not len(self):
                reason = str(error).strip().splitlines()[-1].rpartition("Error: ")[2]  # beneath the worker's traceback
                raise UserError(f"No worker can be started: {reason}") from error
            return
        self._refused = 0
        self._give_back(worker)


def _places() -> dict[tuple[str, int], int]:
    """Where a worker may be: a machine's name and a number there, and the GPUs that it takes."""
    found = {}
    for node in ray.nodes():
        name, has = node["NodeID"], node["Resources"]
        if node["Alive"] and has.get("CPU", 0) >= 1:
            gpus = int(has.get("GPU", 0))
            found |= {(name, number): min(gpus, 1) for number in range(max(gpus, 1))}
    return found

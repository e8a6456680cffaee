"""The queue of jobs: each engine runs one at a time, and the subnets of the visitors take turns."""

import collections
import math
import threading
import time
from collections.abc import Sequence

from neural_style.core.errors import UserError
from neural_style.core.run import Engine
from neural_style.web.job import Job


class JobQueue:
    """Runs one job for each visitor: those of different subnets in turn, those of one subnet in order."""

    def __init__(self, engines: Sequence[Engine], max_waiting: int):
        """Start a thread for each engine.

        Args:
          engines: each runs one job at a time.
          max_waiting: jobs that may wait.
        """
        self._max_waiting = max_waiting
        self._waiting: collections.deque[Job] = collections.deque()
        self._subnets: dict[Job, str] = {}
        self._served_at: dict[str, float] = {}
        """When the last job of each subnet started; only of subnets that have jobs."""
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition(threading.RLock())
        self._is_closed = False
        self._threads = [threading.Thread(target=self._serve, args=[engine], daemon=True) for engine in engines]
        self._idle_count = len(self._threads)
        for thread in self._threads:
            thread.start()

    def check(self, visitor: str, subnet: str = "") -> None:
        """Check that a visitor can join.

        Args:
          visitor: the session.
          subnet: of the visitor. Unless it is empty, its jobs may take half of the queue.

        Raises:
          UserError: the queue is full, or already holds a job of this visitor, or many of this subnet.
        """
        with self._changed:
            self._clean()
            if visitor in self._jobs:
                raise UserError("Something of yours is already in the queue: wait for it, or stop it.")
            if len(self._waiting) >= self._max_waiting + self._idle_count:
                raise UserError(f"The queue is full, {len(self._waiting)} are waiting: come back in a minute.")
            count = sum(self._subnets[job] == subnet for job in self._waiting)
            if subnet and count >= self._idle_count + math.ceil(self._max_waiting / 2):
                raise UserError(f"{count} visitors of your network are waiting: come back in a minute.")

    def join(self, visitor: str, job: Job, subnet: str = "") -> None:
        """Add a job at the end.

        Args:
          visitor, subnet: see `check`.
          job: the visitor's.

        Raises:
          UserError: see `check`.
        """
        with self._changed:
            self.check(visitor, subnet)
            self._jobs[visitor] = job
            self._subnets[job] = subnet
            self._waiting.append(job)
            self._changed.notify()

    def place(self, job: Job) -> int:
        """Return a waiting job's place, 1 for the next one; 0 once it has started or ended."""
        with self._changed:
            self._clean()
            return self._in_order().index(job) + 1 if job in self._waiting else 0

    def stop(self, visitor: str) -> None:
        """Stop a visitor's job. A running job keeps its best picture, a waiting one leaves the queue."""
        with self._changed:
            if visitor in self._jobs:
                self._jobs[visitor].stop()
                self._clean()

    def close(self, patience: float = 10) -> None:
        """Stop every job and accepts no more.

        Args:
          patience: seconds to wait for the current evaluation of each run.
        """
        with self._changed:
            self._is_closed = True
            for job in self._jobs.values():
                job.stop()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(patience)

    def _in_order(self) -> list[Job]:
        """Return the waiting jobs in the order in which they will start: subnets take turns.

        Visitors of no subnet have the order in which they came.
        """
        counts: collections.Counter[str] = collections.Counter()
        keys = {}
        for job in self._waiting:
            subnet = self._subnets[job]
            keys[job] = (counts[subnet], self._served_at.get(subnet, 0)) if subnet else (0, 0)
            counts[subnet] += 1
        return sorted(self._waiting, key=lambda job: keys[job])

    def _clean(self) -> None:
        """Remove waiting jobs that were stopped or abandoned, and forgets jobs that have ended."""
        for job in [job for job in self._waiting if job.is_abandoned]:
            self._waiting.remove(job)
            job.cancel()
        self._jobs = {visitor: job for visitor, job in self._jobs.items() if job.outcome is None}
        self._subnets = {job: subnet for job, subnet in self._subnets.items() if job.outcome is None}
        subnets = set(self._subnets.values())
        self._served_at = {subnet: time for subnet, time in self._served_at.items() if subnet in subnets}

    def _serve(self, engine: Engine) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                job = self._in_order()[0]
                self._waiting.remove(job)
                self._served_at[self._subnets[job]] = time.monotonic()
                self._idle_count -= 1
            try:
                job.run(engine)
            finally:
                with self._changed:
                    self._idle_count += 1

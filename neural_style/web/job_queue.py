"""The line that visitors stand in: one run at a time for each engine."""

import collections
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from neural_style.core.errors import UserError
from neural_style.web.job import Job

if TYPE_CHECKING:
    from neural_style.engine import Engine


class Line:
    """Who comes first is painted first; who has left, or stops, makes room."""

    def __init__(self, engines: Sequence["Engine"], most_waiting: int):
        """
        Args:
          engines: each serves one job at a time.
          most_waiting: jobs that may wait.
        """
        self._most = most_waiting
        self._waiting: collections.deque[Job] = collections.deque()
        self._jobs: dict[str, Job] = {}
        self._changed, self._closed = threading.Condition(threading.RLock()), False
        self._threads = [threading.Thread(target=self._serve, args=[engine], daemon=True) for engine in engines]
        self._idle = len(self._threads)
        for thread in self._threads:
            thread.start()

    def check(self, visitor: str) -> None:
        """Raises a UserError where a visitor can't join: the line is full, or has a job of theirs."""
        with self._changed:
            self._clear()
            if visitor in self._jobs:
                raise UserError("A picture of yours is in the line already: wait for it, or stop it.")
            if len(self._waiting) >= self._most + self._idle:
                raise UserError(f"The queue is full, {len(self._waiting)} are waiting: come back in a minute.")

    def join(self, visitor: str, job: Job) -> None:
        """Puts a job at the end of the line.

        Raises:
          UserError: see `check`.
        """
        with self._changed:
            self.check(visitor)
            self._jobs[visitor] = job
            self._waiting.append(job)
            self._changed.notify()

    def place(self, job: Job) -> int:
        """How many wait before a job, itself counted; 0 once its turn has come."""
        with self._changed:
            self._clear()
            return self._waiting.index(job) + 1 if job in self._waiting else 0

    def stop(self, visitor: str) -> None:
        """Ends a visitor's job: what is painted so far is kept, and what waits leaves the line."""
        with self._changed:
            if visitor in self._jobs:
                self._jobs[visitor].stop()
                self._clear()

    def close(self, patience: float = 10) -> None:
        """Ends every job, and takes no more.

        Args:
          patience: seconds to wait for the runs' present evaluations.
        """
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                job.stop()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(patience)

    def _clear(self) -> None:
        """Takes out of the line whoever has left or been stopped, and forgets jobs that have ended."""
        for job in [job for job in self._waiting if job.given_up]:
            self._waiting.remove(job)
            job.leave()
        self._jobs = {visitor: job for visitor, job in self._jobs.items() if job.said is None}

    def _serve(self, engine: "Engine") -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                job = self._waiting.popleft()
                self._idle -= 1
            try:
                job.run(engine)
            finally:
                with self._changed:
                    self._idle += 1

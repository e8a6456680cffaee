"""What a visitor waits for: work with a time limit that can be watched and stopped."""

import abc
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.core.run import Engine

ABANDONED_AFTER_SECONDS = 15
"""Seconds without a sign of the visitor after which a job counts as abandoned."""
MAX_POINTS = 400
"""Points of the loss curves."""
WENT_WRONG = "Something went wrong on the server: try again, or with other flags."

Keep = Callable[[Any, str], list[str]]
"""Keeps the result of a job that ends with a sentence; returns the paths of the files to download."""


class Ended(Exception):
    """The job must end early; the message is the reason."""


class Job(abc.ABC):
    """Works in an engine's thread, while other threads read its state.

    Attributes:
      image: the picture so far; None before the first.
      points: {"loss": …, kind of term: …} over the work, about evenly spaced.
      progress: how far the work is, as a sentence with numbers.
      summary: what is being done and the time left, in plain words.
      share: how much of the work is done, 0..1.
      outcome: how the job ended, as a sentence; None until then.
      is_complete: whether the work reached its end.
      has_result: whether there is something to download.
      files: paths of the files to download.
    """

    participle = ""
    """What the job does to things, for sentences."""
    still_kept = ""
    """What is said of the result of an interrupted job."""

    def __init__(self, max_seconds: float, keep: Keep | None = None):
        """
        Args:
          max_seconds: time limit.
          keep: called in the engine's thread where there is a result.
        """
        self.image: Image.Image | None = None
        self.points: list[dict[str, float]] = []
        self.progress = ""
        self.summary = ""
        self.share = 0.0
        self.outcome: str | None = None
        self.is_complete = False
        self.has_result = False
        self.files: list[str] = []
        self._max_seconds = max_seconds
        self._keep = keep
        self._stopped = threading.Event()
        self._seen_at = time.monotonic()
        self._deadline = math.inf
        self._count = 0
        self._stride = 1

    def mark_seen(self) -> None:
        """Note that the visitor is still there."""
        self._seen_at = time.monotonic()

    def stop(self) -> None:
        """End the work at the next opportunity, or prevent its start."""
        self._stopped.set()

    @property
    def is_abandoned(self) -> bool:
        """Whether the visitor has stopped the job or has left."""
        return self._stopped.is_set() or time.monotonic() - self._seen_at > ABANDONED_AFTER_SECONDS

    def cancel(self) -> None:
        """Mark a job that ended before its work started."""
        self.outcome = f"Stopped before anything was {self.participle}."

    def run(self, engine: Engine) -> None:
        """Do the work until it is complete or stopped. Never raises: errors become the outcome."""
        self._deadline = time.monotonic() + self._max_seconds
        try:
            self._check()
            outcome = self._work_with(engine)
        except (Ended, UserError) as error:
            outcome = str(error)
        except Exception as error:  # the next jobs must run, and visitors must not see internals
            outcome = _report(error)
        self.outcome = self._keep_result(outcome)

    @abc.abstractmethod
    def _work_with(self, engine: Engine) -> str:
        """Do the work; return the sentence for its end."""

    def _keep_result(self, outcome: str) -> str:
        """Keep the result, if there is one; return the outcome with what is said of it."""
        if not self.has_result:
            return outcome
        if not self.is_complete:
            outcome = f"{outcome} {self.still_kept}"
        try:
            self.files = self._keep(self, outcome) if self._keep else []
        except Exception as error:  # such as a full disk
            self.has_result = False
            return _report(error)
        return outcome

    def _check(self) -> None:
        """Raise `Ended` when the work must end."""
        if self._stopped.is_set():
            raise Ended("Stopped.")
        if self.is_abandoned:
            raise Ended("The page was left.")
        if time.monotonic() > self._deadline:
            raise Ended(f"Ended after the {self._max_seconds:.0f} seconds that a run may take here.")

    def _add_point(self, point: dict[str, float]) -> None:
        """Add a point to the curves; beyond `MAX_POINTS`, every other one is dropped."""
        self._count += 1
        if self._count % self._stride == 0:
            self.points.append(point)
        if len(self.points) > MAX_POINTS:
            del self.points[1::2]
            self._stride *= 2

    def _describe_time_left(self, activity: str, seconds: float | None) -> None:
        """Update the summary.

        Args:
          activity: what is being done.
          seconds: that are left; None where nobody knows.
        """
        self.summary = f"{activity} …" if seconds is None else f"{activity}: {in_words(seconds)} left."


def _report(error: Exception) -> str:
    """Log an error that nobody expected; return what the visitor reads."""
    logger.exception(f"a run of the page failed: {type(error).__name__}: {error}")
    return WENT_WRONG


def in_words(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        count = max(1, round(seconds))
        return f"about {count} second{'s' * (count != 1)}"
    return f"about {round(seconds / 60)} minutes"

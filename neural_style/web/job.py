"""A picture that a visitor waits for: a run with a time limit that can be watched and stopped."""

import math
import threading
import time
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.core.run import Engine, Evaluated, follow
from neural_style.core.step import Step, by_kind
from neural_style.images import writing
from neural_style.planning.work import Work
from neural_style.results.record import Record
from neural_style.web.requests import PaintRequest

ABANDONED_AFTER_SECONDS = 15
"""Seconds without a sign of the visitor after which the job counts as abandoned."""
PREVIEW_SECONDS = 1
"""Seconds between two previews within an iteration."""
MAX_POINTS = 400
"""Points of the loss curves; beyond it every other point is dropped."""


class _RunEnded(Exception):
    """The run must end early; the message is the reason."""


class Job:
    """Follows a run in an engine's thread (see `core.run.Follower`), while other threads read its state.

    Attributes:
      request: what to paint.
      record: the run's record.
      image: the picture so far; in the end the result, or the best picture of an interrupted run; None before the first
        step.
      info: "exif" and "icc_profile" of the photograph, which are copied to the result.
      points: {"loss": …, kind of term: …} over the run, about evenly spaced.
      progress: how far the run is, as a sentence with numbers.
      summary: what is being done and the time left, in plain words.
      share: how much of the work is done, 0..1.
      outcome: how the job ended, as a sentence; None until then.
      is_complete: whether the run reached its end.
      has_result: whether there is a picture to download.
    """

    def __init__(self, request: PaintRequest):
        self.request = request
        self.record = Record(request.info())
        self.image: Image.Image | None = None
        self.info: dict[str, Any] = {}
        self.points: list[dict[str, float]] = []
        self.progress = ""
        self.summary = ""
        self.share = 0.0
        self.outcome: str | None = None
        self.is_complete = False
        self.has_result = False
        self._run: Any = None
        self._last_step: Step | None = None
        self._evaluation_count = 0
        self._stride = 1
        self._stopped = threading.Event()
        self._seen_at = time.monotonic()
        self._deadline = math.inf
        self._shown_at = 0.0
        self._work: Work | None = None
        self._painting_since = 0.0

    def mark_seen(self) -> None:
        """Note that the visitor is still there."""
        self._seen_at = time.monotonic()

    def stop(self) -> None:
        """End the run after its current evaluation, or prevent its start."""
        self._stopped.set()

    @property
    def is_abandoned(self) -> bool:
        """Whether the visitor has stopped the job or has left."""
        return self._stopped.is_set() or time.monotonic() - self._seen_at > ABANDONED_AFTER_SECONDS

    def cancel(self) -> None:
        """Mark a job that ended before its run started."""
        self.outcome = "Stopped before anything was painted."

    def run(self, engine: Engine) -> None:
        """Paint until the run is complete or stopped. Never raises: errors become the outcome."""
        start = time.monotonic()
        self._deadline = start + self.request.bounds.max_seconds
        try:
            self._check()
            self.progress = self.summary = "The pictures and the network are being prepared."
            inputs, plan = self.request.prepare()
            self._work = Work(plan)
            self.info = {str(name): value for name, value in inputs.content.info.items()}
            self._run = engine.run(inputs, plan, watch=self.watch)
            follow(self._run, self)
            rows, cols = plan.result_size
            outcome = f"Painted: {rows} x {cols} pixels in {time.monotonic() - start:.0f} seconds."
        except (_RunEnded, UserError) as error:
            outcome = str(error)
        except Exception as error:  # the next jobs must run, and visitors must not see internals
            logger.exception(f"a run of the page failed: {type(error).__name__}: {error}")
            outcome = "Something went wrong on the server while this was painted: try again, or with other flags."
        self._run = self._last_step = None
        is_partial = self.has_result and not self.is_complete
        self.outcome = f"{outcome} The best picture so far is kept." if is_partial else outcome

    def watch(self, evaluation: Evaluated) -> None:
        """Record an evaluation; raises where the run must end."""
        self._evaluation_count += 1
        self._update_share()
        if self._evaluation_count % self._stride == 0 and evaluation.layers:
            self.points.append({"loss": evaluation.loss, **by_kind(evaluation.layers)})
        if len(self.points) > MAX_POINTS:
            del self.points[1::2]
            self._stride *= 2
        if self._last_step and time.monotonic() - self._shown_at > PREVIEW_SECONDS:
            self._show_preview(self._last_step)
        self._check()

    def add(self, step: Step) -> None:
        """Take a finished iteration (see `Follower`)."""
        self.record.add(step)
        self._last_step = step
        if self._work is not None and step.terms:
            self._work.take(step)
        self._describe_progress(step)
        self._show(step.image)
        self._check()

    def finish(self, result: np.ndarray) -> None:
        """Take the result (see `Follower`)."""
        self.record.end(broken_off=None)
        self._show(result)
        self.is_complete = True
        self.has_result = True

    def break_off(self, best: np.ndarray | None, reason: str) -> None:
        """Take the best picture of an interrupted run (see `Follower`)."""
        self.record.end(broken_off=reason)
        if best is not None:
            self._show(best)
            self.has_result = True

    def _show_preview(self, step: Step) -> None:
        """Show the best picture so far."""
        self._describe_progress(step)
        best = self._run.best()
        if best is not None:
            self._show(best)

    def _show(self, image: np.ndarray) -> None:
        self.image = writing.to_image(image, self.request.settings.picture.denoise)
        self._shown_at = time.monotonic()

    def _describe_progress(self, step: Step) -> None:
        scales = step.scale + step.scales_left + 1
        scale = f"scale {step.scale + 1} of {scales}, " if scales > 1 else ""
        iteration = f"iteration {step.index} of {step.index + step.iterations_left}"
        loss = f", {self._evaluation_count} evaluations, loss {step.loss:.4g}" if step.terms else ""
        sentence = f"{scale}{iteration}{loss}."
        self.progress = sentence[0].upper() + sentence[1:]

    def _update_share(self) -> None:
        """Count an evaluation; update the share that is done, and the summary."""
        if self._work is None:
            return
        now = time.monotonic()
        self._painting_since = self._painting_since or now
        self._work.count()
        self.share = self._work.share
        seconds = now - self._painting_since
        is_guess = seconds < 1 or not self.share
        self.summary = "Painting …" if is_guess else f"Painting: {_in_words(seconds * (1 / self.share - 1))} left."

    def _check(self) -> None:
        """Raise `_RunEnded` when the run must end."""
        if self._stopped.is_set():
            raise _RunEnded("Stopped.")
        if self.is_abandoned:
            raise _RunEnded("The page was left.")
        if time.monotonic() > self._deadline:
            raise _RunEnded(f"Ended after the {self.request.bounds.max_seconds} seconds that a run may take here.")


def _in_words(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        count = max(1, round(seconds))
        return f"about {count} second{'s' * (count != 1)}"
    return f"about {round(seconds / 60)} minutes"

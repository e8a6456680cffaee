"""The job that paints a picture: a run that can be watched and stopped."""

import time
from typing import Any

import numpy as np

from neural_style.core.run import Engine, Evaluated, follow
from neural_style.core.step import Step, by_kind
from neural_style.images import writing
from neural_style.planning.work import Work
from neural_style.results.record import Record
from neural_style.web.job import Job, Keep, in_words
from neural_style.web.requests import PaintRequest

PREVIEW_SECONDS = 1
"""Seconds between two previews within an iteration."""


class PaintJob(Job):
    """Follows a run (see `core.run.Follower`).

    Attributes, besides those of `Job`:
      request: what to paint.
      record: the run's record.
      info: "exif" and "icc_profile" of the photograph, which are copied to the result.
    """

    participle = "painted"
    still_kept = "The best picture so far is kept."

    def __init__(self, request: PaintRequest, keep: Keep | None = None):
        """
        Args:
          request: what to paint.
          keep: see `Job`.
        """
        super().__init__(request.bounds.max_seconds, keep)
        self.request = request
        self.record = Record(request.info())
        self.info: dict[str, Any] = {}
        self._run: Any = None
        self._last_step: Step | None = None
        self._evaluation_count = 0
        self._shown_at = 0.0
        self._work: Work | None = None
        self._painting_since = 0.0

    def _work_with(self, engine: Engine) -> str:
        start = time.monotonic()
        self.progress = self.summary = "The pictures and the network are being prepared."
        inputs, plan = self.request.prepare()
        self._work = Work(plan)
        self.info = {str(name): value for name, value in inputs.content.info.items()}
        self._run = engine.run(inputs, plan, watch=self.watch)
        try:
            follow(self._run, self)
        finally:
            self._run = self._last_step = None
        rows, cols = plan.result_size
        return f"Painted: {cols} wide, {rows} high, in {in_words(time.monotonic() - start)}."

    def watch(self, evaluation: Evaluated) -> None:
        """Record an evaluation; raises where the run must end."""
        self._evaluation_count += 1
        self._update_share()
        if evaluation.terms:
            self._add_point({"loss": evaluation.loss, **by_kind(evaluation.terms)})
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
        is_known = seconds >= 1 and self.share > 0
        self._describe_time_left("Painting", seconds * (1 / self.share - 1) if is_known else None)

"""The progress of a picture on the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.core.progress import ProgressBar
from neural_style.core.run import Evaluated
from neural_style.core.step import Step
from neural_style.planning.plan import Plan

BAR_FORMAT = "{desc} {percentage:3.0f}%|{bar:12}| {elapsed}, {remaining} left{postfix}"
MAX_NAME = 14
"""Characters of a picture's name, so that the bar fits 80 columns."""
MEGA = 10**6


class Progress:
    """A bar over all scales, which each evaluation moves on by the pixels of its scale.

    So the time left is that of the whole picture. An iteration may take half a minute, so a bar that only Steps move
    would stand still.
    """

    def __init__(self, plan: Plan, scales: Sequence[Mapping[str, Any]] = (), name: str = ""):
        """
        Args:
          plan: says how many evaluations there will be.
          scales: of the record of an interrupted run that resumes.
          name: of the picture, where others may be painted at the same time.
        """
        self._plan = plan
        self._name = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
        self._megapixels = [rows * cols / MEGA for rows, cols in plan.sizes]
        self._scale, done = max(0, len(scales) - 1), len(scales[-1]["losses"]) if scales else 0
        if scales and len(scales[-1]["iterations"]) == plan.iterations[self._scale]:
            self._scale, done = self._scale + 1, 0
        self._done = sum(map(plan.work, range(self._scale)))
        if self._scale < len(self._megapixels):
            self._done += done * self._megapixels[self._scale]
        self._bar: ProgressBar | None = None

    def watch(self, evaluation: Evaluated) -> None:
        """Move on by one evaluation of the loss."""
        if self._bar is None:
            total = sum(map(self._plan.work, range(len(self._megapixels))))
            self._bar = ProgressBar(total, initial=self._done, desc=self._name or "painting", bar_format=BAR_FORMAT)
        self._bar.show(f"{self._size}, loss {evaluation.loss:.4g}", refresh=False)
        self._bar.advance(self._megapixels[self._scale])

    def add(self, step: Step) -> None:
        """Take a step; line searches that needed more evaluations than planned make the bar longer."""
        if self._bar is None:
            return
        count = step.index + step.iterations_left
        self._bar.log(lambda: f"{self._name}: {self._size}, iteration {step.index} of {count}, loss {step.loss:.4g}")
        evaluations_left = step.iterations_left * self._plan.evaluations_per_iteration
        later = range(self._scale + 1, len(self._megapixels))
        self._bar.expect(evaluations_left * self._megapixels[self._scale] + sum(map(self._plan.work, later)))
        if not step.iterations_left:
            self._scale += 1

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @property
    def _size(self) -> str:
        rows, cols = self._plan.sizes[self._scale]
        return f"{rows} x {cols}"

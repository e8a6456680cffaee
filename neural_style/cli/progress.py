"""The progress of a picture on the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.core.progress import ProgressBar
from neural_style.core.run import Evaluated
from neural_style.core.step import Step
from neural_style.planning.plan import Plan
from neural_style.results.record import by_kind

BAR_FORMAT = "{desc} {percentage:3.0f}%|{bar:16}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class Progress:
    """A bar for each scale, which each evaluation moves on.

    An iteration may take half a minute, so a bar that only Steps move would stand still.
    """

    def __init__(self, plan: Plan, scales: Sequence[Mapping[str, Any]] = (), name: str = ""):
        """
        Args:
          plan: says how many evaluations there will be.
          scales: of the record of an interrupted run that resumes.
          name: of the picture, where others may be painted at the same time.
        """
        self._plan, self._name = plan, f"{name}: " if name else ""
        self._scale, self._done = max(0, len(scales) - 1), len(scales[-1]["losses"]) if scales else 0
        if scales and len(scales[-1]["iterations"]) == plan.iterations[self._scale]:
            self._scale, self._done = self._scale + 1, 0
        self._bar: ProgressBar | None = None

    def watch(self, evaluation: Evaluated) -> None:
        """Move on by one evaluation of the loss."""
        if self._bar is None:
            total = 1 + self._plan.iterations[self._scale] * self._plan.evaluations_per_iteration
            self._bar = ProgressBar(total, initial=self._done, desc=self._title, bar_format=BAR_FORMAT)
        parts = " ".join(f"{name} {value:.3g}" for name, value in by_kind(evaluation.terms).items())
        self._bar.show(f"loss {evaluation.loss:.4g} = {parts}", refresh=False)
        self._bar.advance()

    def add(self, step: Step) -> None:
        """Take a step; line searches that needed more evaluations than planned make the bar longer."""
        if self._bar is None:
            return
        count = step.index + step.iterations_left
        self._bar.log(lambda: f"{self._title}: iteration {step.index} of {count}, loss {step.loss:.4g}")
        self._bar.expect(step.iterations_left * self._plan.evaluations_per_iteration)
        if not step.iterations_left:
            self.close()
            self._scale, self._done = self._scale + 1, 0

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @property
    def _title(self) -> str:
        rows, cols = self._plan.sizes[self._scale]
        return f"{self._name}{rows} x {cols}"

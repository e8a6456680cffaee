"""The progress of a picture on the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.core.progress import ProgressBar
from neural_style.core.run import Evaluated
from neural_style.core.step import Step
from neural_style.planning.plan import Plan
from neural_style.planning.work import Work

BAR_FORMAT = "{desc} {percentage:3.0f}%|{bar:12}| {elapsed}, {remaining} left{postfix}"
MAX_NAME = 14
"""Characters of a picture's name, so that the bar fits 80 columns."""


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
        self._work = Work(plan, scales)
        self._name = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
        self._bar: ProgressBar | None = None

    def watch(self, evaluation: Evaluated) -> None:
        """Move on by one evaluation of the loss."""
        if self._bar is None:
            total, done = self._work.done + self._work.left, self._work.done
            self._bar = ProgressBar(total, initial=done, desc=self._name or "painting", bar_format=BAR_FORMAT)
        self._bar.show(f"{self._work.size_text}, loss {evaluation.loss:.4g}", refresh=False)
        self._bar.advance(self._work.count())

    def add(self, step: Step) -> None:
        """Take a step."""
        if self._bar is None:
            return
        size, count = self._work.size_text, step.index + step.iterations_left
        self._bar.log(lambda: f"{self._name}: {size}, iteration {step.index} of {count}, loss {step.loss:.4g}")
        self._work.take(step)
        self._bar.expect(self._work.left)

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

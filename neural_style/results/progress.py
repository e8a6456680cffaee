"""The progress line of a terminal."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tqdm import tqdm

from neural_style.core.log import logger
from neural_style.core.step import Step
from neural_style.results.record import by_kind
from neural_style.settings.settings import Settings

QUIET_SECONDS = 30
"""Between two lines where the output is no terminal."""


class Evaluated(Protocol):
    """What came of an evaluation."""

    loss: float
    terms: Mapping[str, float]


class Progress:
    """A line for each scale, which each evaluation moves on; where the output is no terminal, nothing.

    An iteration takes half a minute, so that a line fed by Steps alone would stand still.
    """

    def __init__(
        self,
        sizes: Sequence[tuple[int, int]],
        settings: Settings,
        scales: Sequence[Mapping[str, Any]] = (),
        name: str = "",
    ):
        """
        Args:
          sizes: (rows, cols) of each scale.
          settings: say how many evaluations there will be.
          scales: of the record of an interrupted run that goes on.
          name: of the picture, beside which others may be painted.
        """
        self._sizes, self._iterations = sizes, settings.optimizer.iterations_at(len(sizes))
        self._name = f"{name}: " if name else ""
        self._each = settings.planned_evaluations
        self._scale, self._before = (len(scales) - 1, len(scales[-1]["losses"])) if scales else (0, 0)
        if scales and len(scales[-1]["iterations"]) == self._iterations[self._scale]:
            self._scale, self._before = self._scale + 1, 0
        self._bar: tqdm | None = None
        self._told = time.monotonic()

    def watch(self, evaluation: Evaluated) -> None:
        """Moves on by one evaluation of the objective."""
        if self._bar is None:
            self._begin()
        parts = " ".join(f"{name} {value:.3g}" for name, value in by_kind(evaluation.terms).items())
        self._bar.set_postfix_str(f"loss {evaluation.loss:.4g} = {parts}", refresh=False)
        self._bar.update()

    def add(self, step: Step) -> None:
        """Takes a step; searches that needed more evaluations than planned make the line longer.

        Where the output is no terminal, a line is printed now and then.
        """
        if self._bar is None:
            return
        if self._bar.disable and time.monotonic() - self._told > QUIET_SECONDS:
            self._told = time.monotonic()
            rows, cols = self._sizes[self._scale]
            of = step.index + step.iterations_left
            logger.info(f"{self._name}{rows} x {cols}: iteration {step.index} of {of}, loss {step.loss:.4g}")
        self._bar.total = self._bar.n + step.iterations_left * self._each
        if not step.iterations_left:
            self.close()
            self._scale, self._before = self._scale + 1, 0

    def close(self) -> None:
        """Leaves the line as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _begin(self) -> None:
        rows, cols = self._sizes[self._scale]
        # tqdm itself stays quiet where standard error is no terminal, though not where it is closed.
        self._bar = tqdm(
            total=1 + self._iterations[self._scale] * self._each,
            initial=self._before,
            disable=None if sys.stderr else True,
            desc=f"{self._name}{rows} x {cols}",
            dynamic_ncols=True,
            bar_format="{desc} {percentage:3.0f}%|{bar:16}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]",
        )

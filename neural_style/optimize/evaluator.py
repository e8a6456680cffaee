"""The Evaluator stands between the objective and the optimisers: one evaluation serves func and fprime."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from neural_style.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What the objective gave at the flat image `x`: loss, flat float64 gradient, {term: value}; and its seconds."""

    x: np.ndarray
    loss: float
    gradient: np.ndarray
    terms: dict[str, float]
    seconds: float = 0.0


Watch = Callable[[Evaluation], Any]
"""What is told of each evaluation."""


class Evaluator:
    """Computes loss and gradient together and hands them out one at a time, as SciPy asks for them.

    Attributes:
      losses: the loss of each evaluation, in order.
      last: the last evaluation asked for, or None.
      best: the evaluation of the lowest loss so far in the present precision, or None.
      refined: whether the finer objective is used.
    """

    def __init__(
        self,
        objective: Callable,
        shape: tuple[int, int, int],
        finer: Callable[[], Callable] | None = None,
        watch: Watch | None = None,
    ):
        """
        Args:
          objective: image [rows, cols, 3] float64 → (loss, gradient of the same shape, {term: value}).
          shape: (rows, cols, 3).
          finer: makes the same objective in a finer precision, for `refine`.
          watch: called after each evaluation.
        """
        self._objective, self._shape, self._finer, self._watch = objective, shape, finer, watch
        self.refined = False
        self.last: Evaluation | None = None
        self.best: Evaluation | None = None
        self._coarser: Evaluation | None = None
        self.losses: list[float] = []

    @property
    def lowest(self) -> Evaluation | None:
        """The evaluation of the lowest loss so far; before the finer objective has one, that of the coarser."""
        return self.best or self._coarser

    @property
    def evaluations(self) -> int:
        """How often the objective was computed."""
        return len(self.losses)

    def loss(self, x: np.ndarray) -> float:
        """The loss at the flat image `x`."""
        return self.at(x).loss

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """The loss's gradient at the flat image `x`, flat, in float64 as SciPy wants it."""
        return self.at(x).gradient

    def at(self, x: np.ndarray) -> Evaluation:
        """The evaluation at the flat image `x`: the last or the best one where it is there, else a new one.

        Raises:
          UserError: loss or gradient is not finite.
        """
        for known in (self.last, self.best):
            if known is not None and np.array_equal(known.x, x):
                self.last = known
                return known
        began = time.perf_counter()
        loss, gradient, terms = self._objective(x.reshape(self._shape))
        loss, terms = float(loss), {name: float(value) for name, value in terms.items()}
        seconds = time.perf_counter() - began
        new = Evaluation(x.copy(), loss, np.asarray(gradient, np.float64).reshape(-1), terms, seconds)
        self.losses.append(new.loss)
        self._check_finite(new)
        self.last = new
        if self.best is None or new.loss < self.best.loss:
            self.best = new
        if self._watch:
            self._watch(new)
        return new

    def refine(self) -> bool:
        """Goes over to the finer objective for good; False where there is none, or none any more."""
        if self._finer is None or self.refined:
            return False
        self._coarser = self.best  # making the finer objective takes a while, in which Ctrl-C may come
        self._objective, self.refined = self._finer(), True
        self.last = self.best = None  # what two precisions give can't be compared
        return True

    def state(self) -> dict:
        """What `restore` needs: JSON's types and arrays."""
        best = None if self.best is self.last else vars(self.best)
        return {"losses": list(self.losses), "refined": self.refined, "last": vars(self.last), "best": best}

    def restore(self, state: dict) -> None:
        """Goes back to where `state` was taken."""
        if state["refined"]:
            self.refine()
        self.losses[:] = state["losses"]
        self.last = Evaluation(**state["last"])
        self.best = self.last if state["best"] is None else Evaluation(**state["best"])

    def _check_finite(self, new: Evaluation) -> None:
        if np.isfinite(new.loss) and np.isfinite(new.gradient).all():
            return
        terms = ", ".join(f"{name} {value:.4g}" for name, value in new.terms.items())
        raise UserError(
            f"Expected a finite loss and gradient, received a loss of {new.loss} at evaluation {self.evaluations} "
            f"({terms}): lower the weight of the term that overflows, or --learning_rate, or check the weights."
        )

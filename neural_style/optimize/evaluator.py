"""The evaluator, between the objective and the optimisers: one evaluation serves SciPy's func and fprime."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from neural_style.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The objective's result at the flat image `x`.

    Attributes:
      x: [rows * cols * 3] float64.
      loss: the terms' sum.
      gradient: of the shape of `x`, float64.
      layers: the terms of the loss by name, such as "content/LAYER".
      seconds: that the evaluation took.
    """

    x: np.ndarray
    loss: float
    gradient: np.ndarray
    layers: dict[str, float]
    seconds: float = 0.0


Watch = Callable[[Evaluation], Any]
"""Called after each evaluation."""


class Evaluator:
    """Computes loss and gradient together and returns them one at a time, as SciPy asks for them.

    Attributes:
      losses: the loss of each evaluation, in order.
      last: the last evaluation that was asked for, or None.
      best: the evaluation with the lowest loss so far in the current precision, or None.
      refined: whether the finer objective is in use.
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
        self._objective = objective
        self._shape = shape
        self._finer = finer
        self._watch = watch
        self.refined = False
        self.last: Evaluation | None = None
        self.best: Evaluation | None = None
        self._coarser: Evaluation | None = None
        self.losses: list[float] = []

    @property
    def lowest(self) -> Evaluation | None:
        """The evaluation with the lowest loss so far; before the finer objective has one, the coarser one's."""
        return self.best or self._coarser

    @property
    def evaluations(self) -> int:
        """The number of evaluations of the objective."""
        return len(self.losses)

    def loss(self, x: np.ndarray) -> float:
        """Return the loss at the flat image `x`."""
        return self.at(x).loss

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Return the loss's gradient at the flat image `x`, flat and in float64 as SciPy needs it."""
        return self.at(x).gradient

    def at(self, x: np.ndarray) -> Evaluation:
        """Evaluate the flat image `x`, or return the last or best evaluation if it is of `x`.

        Raises:
          UserError: loss or gradient is not finite.
        """
        for known in (self.last, self.best):
            if known is not None and np.array_equal(known.x, x):
                self.last = known
                return known
        new = self._evaluate(x)
        self.losses.append(new.loss)
        self._check_finite(new)
        self.last = new
        if self.best is None or new.loss < self.best.loss:
            self.best = new
        if self._watch:
            self._watch(new)
        return new

    def refine(self) -> bool:
        """Switch to the finer objective; return False if there is none or it is already in use."""
        if self._finer is None or self.refined:
            return False
        self._coarser = self.best  # making the finer objective takes a while, and Ctrl-C may interrupt it
        self._objective = self._finer()
        self.refined = True
        self.last = self.best = None  # losses in two precisions can't be compared
        return True

    def state(self) -> dict:
        """Return what `restore` needs: JSON types and arrays."""
        best = None if self.best is self.last else vars(self.best)
        return {"losses": list(self.losses), "refined": self.refined, "last": vars(self.last), "best": best}

    def restore(self, state: dict) -> None:
        """Restore a `state`."""
        if state["refined"]:
            self.refine()
        self.losses[:] = state["losses"]
        self.last = Evaluation(**state["last"])
        self.best = self.last if state["best"] is None else Evaluation(**state["best"])

    def _evaluate(self, x: np.ndarray) -> Evaluation:
        start_time = time.perf_counter()
        loss, gradient, terms = self._objective(x.reshape(self._shape))
        loss, terms = float(loss), {name: float(value) for name, value in terms.items()}
        seconds = time.perf_counter() - start_time
        return Evaluation(x.copy(), loss, np.asarray(gradient, np.float64).reshape(-1), terms, seconds)

    def _check_finite(self, new: Evaluation) -> None:
        if np.isfinite(new.loss) and np.isfinite(new.gradient).all():
            return
        terms = ", ".join(f"{name} {value:.4g}" for name, value in new.layers.items())
        raise UserError(
            f"Expected a finite loss and gradient, received a loss of {new.loss} at evaluation {self.evaluations} "
            f"({terms}): lower the weight of the term that overflows, or --learning_rate, or check the weights."
        )

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
      terms: of the loss by name, such as "content/LAYER".
      seconds: that the evaluation took.
    """

    x: np.ndarray
    loss: float
    gradient: np.ndarray
    terms: dict[str, float]
    seconds: float = 0.0


Watch = Callable[[Evaluation], Any]
"""Called after each evaluation."""


class Evaluator:
    """Computes loss and gradient together and returns them one at a time, as SciPy asks for them.

    Attributes:
      losses: the loss of each evaluation, in order.
      last: the last evaluation that was asked for, or None.
      best_in_precision: the evaluation with the lowest loss so far in the current precision, or None.
      uses_float32: whether it has switched to float32.
    """

    def __init__(
        self,
        objective: Callable,
        shape: tuple[int, int, int],
        make_float32: Callable[[], Callable] | None = None,
        watch: Watch | None = None,
    ):
        """
        Args:
          objective: image [rows, cols, 3] float64 → (loss, gradient of the same shape, {term: value}).
          shape: (rows, cols, 3).
          make_float32: makes the same objective in float32; None where it is that precise already.
          watch: called after each evaluation.
        """
        self._objective = objective
        self._shape = shape
        self._make_float32 = make_float32
        self._watch = watch
        self.uses_float32 = False
        self.last: Evaluation | None = None
        self.best_in_precision: Evaluation | None = None
        self._best_before_float32: Evaluation | None = None
        self.losses: list[float] = []

    @property
    def best(self) -> Evaluation | None:
        """The evaluation with the lowest loss so far; just after the switch to float32, the one before it."""
        return self.best_in_precision or self._best_before_float32

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
        for known in (self.last, self.best_in_precision):
            if known is not None and np.array_equal(known.x, x):
                self.last = known
                return known
        new = self._evaluate(x)
        self.losses.append(new.loss)
        self._check_finite(new)
        self.last = new
        if self.best_in_precision is None or new.loss < self.best_in_precision.loss:
            self.best_in_precision = new
        if self._watch:
            self._watch(new)
        return new

    def switch_to_float32(self) -> bool:
        """Continue in float32; return False if it does so already."""
        if self._make_float32 is None or self.uses_float32:
            return False
        # Making the objective takes a while, and Ctrl-C may interrupt it.
        self._best_before_float32 = self.best_in_precision
        self._objective = self._make_float32()
        self.uses_float32 = True
        self.last = self.best_in_precision = None  # losses in two precisions can't be compared
        return True

    def state(self) -> dict:
        """Return what `restore` needs: JSON types and arrays."""
        best = None if self.best_in_precision is self.last else vars(self.best_in_precision)
        return {"losses": list(self.losses), "refined": self.uses_float32, "last": vars(self.last), "best": best}

    def restore(self, state: dict) -> None:
        """Restore a `state`."""
        if state["refined"]:
            self.switch_to_float32()
        self.losses[:] = state["losses"]
        self.last = Evaluation(**state["last"])
        self.best_in_precision = self.last if state["best"] is None else Evaluation(**state["best"])

    def _evaluate(self, x: np.ndarray) -> Evaluation:
        start_time = time.perf_counter()
        loss, gradient, terms = self._objective(x.reshape(self._shape))
        loss, terms = float(loss), {name: float(value) for name, value in terms.items()}
        seconds = time.perf_counter() - start_time
        return Evaluation(x.copy(), loss, np.asarray(gradient, np.float64).reshape(-1), terms, seconds)

    def _check_finite(self, new: Evaluation) -> None:
        if np.isfinite(new.loss) and np.isfinite(new.gradient).all():
            return
        terms = ", ".join(f"{name} {value:.4g}" for name, value in new.terms.items())
        raise UserError(
            f"Expected a finite loss and gradient, received a loss of {new.loss} at evaluation {self.evaluations} "
            f"({terms}): lower the weight of the term that overflows, or --learning_rate, or check the weights."
        )

"""The Evaluator stands between the objective and the optimisers: one evaluation serves func and fprime."""

from collections.abc import Callable

import numpy as np

from neural_style.errors import UserError


class Evaluator:
    """Computes loss and gradient together and hands them out one at a time, as SciPy asks for them.

    Attributes:
      evaluations: how often the objective was computed.
      losses: the loss of each evaluation, in order.
      terms: the loss terms of the last evaluation.
      best: (loss, flat image) of the lowest loss so far, or None.
      on_evaluation: where set, called with (loss, terms) after each evaluation.
    """

    def __init__(self, objective: Callable, shape: tuple[int, int, int]):
        """
        Args:
          objective: image [rows, cols, 3] float32 → (loss, gradient of the same shape, {term: value}).
          shape: (rows, cols, 3).
        """
        self._objective, self._shape = objective, shape
        self.on_evaluation: Callable[[float, dict[str, float]], None] | None = None
        self._at = None
        self._loss, self._gradient = np.nan, None
        self.terms: dict[str, float] = {}
        self.losses: list[float] = []
        self.best: tuple[float, np.ndarray] | None = None

    @property
    def evaluations(self) -> int:
        return len(self.losses)

    def loss(self, x: np.ndarray) -> float:
        """The loss at the flat image `x`."""
        self._evaluate(x)
        return self._loss

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """The loss's gradient at the flat image `x`, flat, in float64 as SciPy wants it."""
        self._evaluate(x)
        return self._gradient

    def _evaluate(self, x: np.ndarray) -> None:
        if self._at is not None and np.array_equal(self._at, x):
            return
        loss, gradient, terms = self._objective(x.reshape(self._shape).astype(np.float32))
        self._loss = float(loss)
        self._gradient = np.asarray(gradient, np.float64).reshape(-1)
        self.terms = {name: float(value) for name, value in terms.items()}
        self.losses.append(self._loss)
        if not (np.isfinite(self._loss) and np.isfinite(self._gradient).all()):
            raise UserError(
                f"Expected a finite loss and gradient, received a loss of {self._loss} at evaluation {self.evaluations} "
                f"({', '.join(f'{name} {value:.4g}' for name, value in self.terms.items())}): lower the weight "
                "of the term that overflows, or --learning_rate, or check the weights."
            )
        self._at = x.copy()
        if self.best is None or self._loss < self.best[0]:
            self.best = self._loss, self._at
        if self.on_evaluation:
            self.on_evaluation(self._loss, self.terms)

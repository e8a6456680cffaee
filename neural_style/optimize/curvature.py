"""The curvature of the loss, as L-BFGS remembers it."""

import numpy as np

MEMORY = 10
"""Default number of remembered pairs."""


class Curvature:
    """The last moves with their changes of the gradient (Nocedal & Wright 2006, algorithm 7.4).

    Pairs are kept in float32, at half the memory: a direction needs no more, and a line search checks it in float64.
    """

    def __init__(self, memory: int = MEMORY):
        """
        Args:
          memory: number of remembered pairs.
        """
        self._memory = memory
        self.pairs: list[tuple[np.ndarray, np.ndarray, float, float]] = []  # s, y, s y, y y

    def remember(self, s: np.ndarray, y: np.ndarray) -> None:
        """Store a move `s` and the change `y` of the gradient over it, if its curvature is positive."""
        sy, yy = float(s @ y), float(y @ y)
        if sy > 1e-10 * np.sqrt(float(s @ s) * yy):
            self.pairs = [*self.pairs[1 - self._memory :], (s.astype(np.float32), y.astype(np.float32), sy, yy)]

    def forget(self) -> None:
        """Remove every pair."""
        self.pairs = []

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Compute -H gradient by the two-loop recursion, in float64; requires at least one pair."""
        direction, alphas = -gradient.astype(np.float32), []
        for s, y, sy, _ in reversed(self.pairs):
            alphas.append(np.float32((s @ direction) / sy))
            direction -= alphas[-1] * y
        *_, sy, yy = self.pairs[-1]
        direction *= np.float32(sy / yy)
        for (s, y, sy, _), alpha in zip(self.pairs, reversed(alphas), strict=True):
            direction += (alpha - np.float32((y @ direction) / sy)) * s
        return direction.astype(np.float64)

"""What L-BFGS remembers of the loss's curvature."""

import numpy as np

MEMORY = 10
"""Pairs that are remembered by default."""


class Curvature:
    """The last moves with their changes of gradient (Nocedal & Wright 2006, algorithm 7.4).

    The pairs are kept in float32, in half the memory: a direction needs no more, and a search judges it in float64.
    """

    def __init__(self, memory: int = MEMORY):
        """
        Args:
          memory: pairs that are remembered.
        """
        self._memory = memory
        self.pairs: list[tuple[np.ndarray, np.ndarray, float, float]] = []  # s, y, s y, y y

    def remember(self, s: np.ndarray, y: np.ndarray) -> None:
        """Takes a move `s` and the change `y` of the gradient over it, where its curvature is positive."""
        sy, yy = float(s @ y), float(y @ y)
        if sy > 1e-10 * np.sqrt(float(s @ s) * yy):
            self.pairs = [*self.pairs[1 - self._memory :], (s.astype(np.float32), y.astype(np.float32), sy, yy)]

    def forget(self) -> None:
        """Forgets every pair."""
        self.pairs = []

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """-H gradient by the two-loop recursion, in float64; there must be a pair."""
        direction, alphas = -gradient.astype(np.float32), []
        for s, y, sy, _ in reversed(self.pairs):
            alphas.append(np.float32((s @ direction) / sy))
            direction -= alphas[-1] * y
        *_, sy, yy = self.pairs[-1]
        direction *= np.float32(sy / yy)
        for (s, y, sy, _), alpha in zip(self.pairs, reversed(alphas), strict=True):
            direction += (alpha - np.float32((y @ direction) / sy)) * s
        return direction.astype(np.float64)

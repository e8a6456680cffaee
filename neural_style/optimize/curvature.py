"""What L-BFGS remembers of the loss's curvature."""

from collections.abc import Callable

import numpy as np

MEMORY = 10
"""Pairs that are remembered by default."""


class Curvature:
    """The last moves with their changes of gradient (Nocedal & Wright 2006, algorithm 7.4).

    The pairs are kept in float32, in half the memory: a direction needs no more, and a search judges it in float64.
    """

    def __init__(self, memory: int = MEMORY, precondition: Callable[[np.ndarray], np.ndarray] | None = None):
        """
        Args:
          memory: pairs that are remembered.
          precondition: flat vector → P vector in float32, with P symmetric and positive: the inverse Hessian, but for
            its size, before there are pairs; by default the identity.
        """
        self._memory = memory
        self._precondition = precondition or (lambda vector: vector)
        self.pairs: list[tuple[np.ndarray, np.ndarray, float, float]] = []  # s, y, s y, y P y

    def remember(self, s: np.ndarray, y: np.ndarray) -> None:
        """Takes a move `s` and the change `y` of the gradient over it, where its curvature is positive."""
        sy, ypy = float(s @ y), float(y @ self._precondition(y))
        if sy > 1e-10 * np.sqrt(float(s @ s) * float(y @ y)):
            self.pairs = [*self.pairs[1 - self._memory :], (s.astype(np.float32), y.astype(np.float32), sy, ypy)]

    def forget(self) -> None:
        """Forgets every pair."""
        self.pairs = []

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """-H gradient by the two-loop recursion, in float64; without pairs -P gradient."""
        if not self.pairs:
            return -self._precondition(gradient).astype(np.float64)
        direction, alphas = -gradient.astype(np.float32), []
        for s, y, sy, _ in reversed(self.pairs):
            alphas.append(np.float32((s @ direction) / sy))
            direction -= alphas[-1] * y
        *_, sy, ypy = self.pairs[-1]
        direction = self._precondition(direction) * np.float32(sy / ypy)
        for (s, y, sy, _), alpha in zip(self.pairs, reversed(alphas), strict=True):
            direction += (alpha - np.float32((y @ direction) / sy)) * s
        return direction.astype(np.float64)

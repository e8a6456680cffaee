"""The optimisers. Each has a `step` from a flat image to one of lower loss, by a number of evaluations."""

from typing import Protocol

import numpy as np

from neural_style.optimize.curvature import MEMORY, Curvature
from neural_style.optimize.evaluator import Evaluator
from neural_style.settings.optimizer import OptimizerSettings


class Optimizer(Protocol):
    """An optimiser, as the loop uses it."""

    def step(self, evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
        """Do one iteration from the flat float64 image `x` (0..255), which is not changed; return the next image."""

    def state(self) -> dict:
        """Return what `restore` needs to continue as if never interrupted: JSON types and arrays."""

    def restore(self, state: dict) -> None:
        """Restore a `state`."""


class Lbfgs:
    """SciPy's L-BFGS-B, restarted at each step as in Keras' example: the curvature is not kept.

    It departs from the example in one way: SciPy's `pgtol` is 0. The gradient's size depends on the units of the loss,
    so it can't decide whether the picture is finished.
    """

    def __init__(self, evaluations: int, clip: bool = False, first_length: float = 1.0):
        """
        Args:
          evaluations: `maxfun` of each step; SciPy completes its current line search.
          clip: whether values are bounded by 0 and 255.
          first_length: Euclidean length over all values of the first trial move, in grey levels; SciPy's is 1.
        """
        self._evaluations = evaluations
        self._clip = clip
        self._unit = first_length

    def step(self, evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
        """Call `fmin_l_bfgs_b` once."""
        from scipy.optimize import fmin_l_bfgs_b  # slow to import, and not every method needs it

        # SciPy's first move has length 1 in its variable, so its variable is x / first_length.
        unit = self._unit
        z, _, _ = fmin_l_bfgs_b(
            lambda z: evaluator.loss(z * unit),
            x / unit,
            fprime=lambda z: evaluator.gradient(z * unit) * unit,
            maxfun=self._evaluations,
            pgtol=0,
            bounds=[(0.0, 255.0 / unit)] * x.size if self._clip else None,
        )
        return z * unit

    def state(self) -> dict:
        """Return an empty state: each step starts again."""
        return {}

    def restore(self, state: dict) -> None:
        """See `Optimizer`; there is nothing to restore."""


class ContinuousLbfgs:
    """L-BFGS (Nocedal & Wright 2006, algorithm 7.4) that keeps its curvature from step to step.

    The line search backtracks and only requires a decrease (Armijo), so most moves cost one evaluation. Noise in the
    gradient (bfloat16) can't stop it: pairs without positive curvature are skipped, and after a search that finds no
    lower loss the curvature is reset to the gradient.
    """

    ARMIJO = 1e-4
    """The share of the linear prediction that the loss must decrease by."""
    MIN_SHARE = 1e-3
    """Shorter shares of the direction are not tried."""
    MIN_FIRST_LENGTH = 1e-3
    """A first move this short, in grey levels, is not shortened again."""

    def __init__(self, evaluations: int, clip: bool = False, first_length: float = 1.0, memory: int = MEMORY):
        """
        Args:
          evaluations: of each step; the current line search is completed, as SciPy does.
          clip: whether values are kept in 0..255.
          first_length: Euclidean length over all values of moves along the gradient itself, in grey levels.
          memory: number of moves that the curvature is estimated from.
        """
        self._evaluations = evaluations
        self._clip = clip
        self._first_length = first_length
        self._curvature = Curvature(memory)

    def step(self, evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
        """Move as often as the evaluations allow."""
        end = evaluator.evaluations + self._evaluations
        while evaluator.evaluations < end:
            gradient = evaluator.gradient(x)
            moved = self._search(evaluator, x, self._descent_direction(gradient))
            if moved is not None:
                self._curvature.remember(moved - x, evaluator.gradient(moved) - gradient)
                x = moved
            elif self._curvature.pairs:
                self._curvature.forget()
            elif self._first_length > self.MIN_FIRST_LENGTH:
                self._first_length /= 10
            else:
                break  # there is nothing lower, even along the gradient itself
        return x

    def state(self) -> dict:
        """Return the curvature, and the length of moves along the gradient itself."""
        return {"pairs": self._curvature.pairs, "first_step": self._first_length}

    def restore(self, state: dict) -> None:
        """See `Optimizer`."""
        self._curvature.pairs = [tuple(pair) for pair in state["pairs"]]
        self._first_length = state["first_step"]

    def _descent_direction(self, gradient: np.ndarray) -> np.ndarray:
        if self._curvature.pairs:
            return self._curvature.direction(gradient)
        return -gradient * (self._first_length / max(float(np.linalg.norm(gradient)), 1e-300))

    def _search(self, evaluator: Evaluator, x: np.ndarray, direction: np.ndarray) -> np.ndarray | None:
        """Find the first point along `direction` that is low enough, or None."""
        loss, slope = evaluator.loss(x), float(evaluator.gradient(x) @ direction)
        length = 1.0 if slope < 0 else 0.0
        while length > self.MIN_SHARE:
            trial = x + length * direction
            if self._clip:
                trial = np.clip(trial, 0, 255)
            change = evaluator.loss(trial) - loss
            if change <= self.ARMIJO * length * slope:
                return trial
            # The minimum of the parabola through loss, slope and trial, limited to 0.1 to 0.5 of the length.
            parabola = -slope * length / (2 * (change - slope * length))
            length *= float(np.clip(parabola, 0.1, 0.5))
        return None


class _FirstOrder:
    """A fixed number of evaluations per step, each followed by one move; counts and moments are kept between steps."""

    def __init__(self, evaluations: int, learning_rate: float, decay_rate: float, decay_steps: int, clip: bool):
        """
        Args:
          evaluations: moves of each step.
          learning_rate: of the first move.
          decay_rate, decay_steps: the learning rate is multiplied by decay_rate ** (move / decay_steps).
          clip: whether values are kept in 0..255 after each move.
        """
        self._evaluations = evaluations
        self._clip = clip
        self._learning_rate = learning_rate
        self._decay_rate = decay_rate
        self._decay_steps = decay_steps
        self._moves = 0

    def step(self, evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
        """Move once for each evaluation."""
        for _ in range(self._evaluations):
            rate = self._learning_rate * self._decay_rate ** (self._moves / self._decay_steps)
            self._moves += 1  # before the gradient is scaled: Adam counts this move
            x = x - rate * self._scaled_gradient(evaluator.gradient(x))
            if self._clip:
                x = np.clip(x, 0, 255)
        return x

    def state(self) -> dict:
        """Return the number of moves so far."""
        return {"moves": self._moves}

    def restore(self, state: dict) -> None:
        """See `Optimizer`."""
        self._moves = state["moves"]

    def _scaled_gradient(self, gradient: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class Sgd(_FirstOrder):
    """Plain gradient descent (as in the newer Keras documentation)."""

    def _scaled_gradient(self, gradient: np.ndarray) -> np.ndarray:
        return gradient


class NormalizedGradient(_FirstOrder):
    """Gradient descent along gradient / (standard deviation of the gradient + 1e-8), as in the Prisma article."""

    def _scaled_gradient(self, gradient: np.ndarray) -> np.ndarray:
        return gradient / (gradient.std() + 1e-8)


class Adam(_FirstOrder):
    """Adam (Kingma & Ba 2015, algorithm 1) with beta 0.9 and 0.999, epsilon 1e-8."""

    _first: np.ndarray | float = 0.0
    _second: np.ndarray | float = 0.0

    def state(self) -> dict:
        """Return the number of moves so far, and the moments."""
        return {**super().state(), "first": self._first, "second": self._second}

    def restore(self, state: dict) -> None:
        """See `Optimizer`."""
        super().restore(state)
        self._first, self._second = state["first"], state["second"]

    def _scaled_gradient(self, gradient: np.ndarray) -> np.ndarray:
        self._first = 0.9 * self._first + 0.1 * gradient
        self._second = 0.999 * self._second + 0.001 * gradient**2
        first = self._first / (1 - 0.9**self._moves)
        second = self._second / (1 - 0.999**self._moves)
        return first / (np.sqrt(second) + 1e-8)


FIRST_ORDER = {"sgd": Sgd, "adam": Adam, "normalized_gradient": NormalizedGradient}
"""First-order optimisers by the choices of --optimizer."""


def make_optimizer(settings: OptimizerSettings, evaluations: int, size: int) -> Optimizer:
    """Make the optimiser that the settings name.

    Args:
      settings: of the optimiser.
      evaluations: of the loss in each iteration.
      size: number of values of the flat image.
    """
    if settings.keeps_curvature:
        # A move of SciPy's length would vanish in float32's rounding, and the first curvature with it.
        first_length = (settings.first_step or 10.0) * size**0.5  # of a root mean square
        return ContinuousLbfgs(evaluations, settings.clip, first_length)
    if settings.optimizer == "lbfgs":
        first_length = settings.first_step * size**0.5 if settings.first_step else 1.0
        return Lbfgs(evaluations, settings.clip, first_length)
    optimizer = FIRST_ORDER[settings.optimizer]
    return optimizer(evaluations, settings.learning_rate, settings.decay_rate, settings.decay_steps, clip=settings.clip)

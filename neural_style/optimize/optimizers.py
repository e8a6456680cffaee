"""The optimisers, under one contract: `step` takes a flat image, spends its evaluations, returns a lower one."""

from typing import Protocol

import numpy as np

from neural_style.optimize.curvature import MEMORY, Curvature
from neural_style.optimize.evaluator import Evaluator
from neural_style.settings.optimizer import OptimizerSettings


class Optimizer(Protocol):
    """What the loop drives."""

    def step(self, evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
        """One iteration from the flat float64 image `x` (0..255), which is not changed; returns the next one."""

    def state(self) -> dict:
        """What `restore` needs to go on as if there had been no break: JSON's types and arrays."""

    def restore(self, state: dict) -> None:
        """Goes back to where `state` was taken."""


class Lbfgs:
    """SciPy's L-BFGS-B, restarted at each step, as Keras' example does: the curvature is thrown away.

    It departs from the example in one thing: SciPy's `pgtol` is 0, because a gradient's size, which
    depends on the units of the loss, says nothing of whether the picture is done.
    """

    def __init__(self, evaluations: int, clip: bool = False, first_step: float = 1.0):
        """
        Args:
          evaluations: `maxfun` of each step; SciPy finishes the line search that it is in.
          clip: bounds each value by 0 and 255.
          first_step: Euclidean length, in grey levels over all pixels, of the first move tried; SciPy's is 1.
        """
        self._evaluations, self._clip, self._unit = evaluations, clip, first_step

    def step(self, evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
        """One call of `fmin_l_bfgs_b`."""
        from scipy.optimize import fmin_l_bfgs_b  # takes long to import, and not every method needs it

        # SciPy's first move has length 1 in its variable, so its variable is x / first_step.
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
        """Nothing: each step starts afresh."""
        return {}

    def restore(self, state: dict) -> None:
        """Nothing is to be restored."""


class ContinuousLbfgs:
    """L-BFGS (Nocedal & Wright 2006, algorithm 7.4) that keeps its curvature from step to step.

    The line search backtracks and asks for a decrease only (Armijo), so most moves cost one evaluation, and noise
    in the gradient (bfloat16) can't trap it: pairs without positive curvature are skipped, and a search that
    finds nothing lower forgets the curvature and starts again from the gradient.
    """

    ARMIJO = 1e-4
    SHORTEST = 1e-3

    def __init__(self, evaluations: int, clip: bool = False, first_step: float = 1.0, memory: int = MEMORY):
        """
        Args:
          evaluations: of each step, which finishes the search that it is in, as SciPy does.
          clip: keeps each value in 0..255.
          first_step: Euclidean length, in grey levels over all pixels, of moves along the bare gradient.
          memory: moves that the curvature is taken of.
        """
        self._evaluations, self._clip, self._first_step = evaluations, clip, first_step
        self._curvature = Curvature(memory)

    def step(self, evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
        """As many moves as the evaluations allow."""
        end = evaluator.evaluations + self._evaluations
        while evaluator.evaluations < end:
            gradient = evaluator.gradient(x)
            moved = self._search(evaluator, x, self._direction(gradient))
            if moved is not None:
                self._curvature.remember(moved - x, evaluator.gradient(moved) - gradient)
                x = moved
            elif self._curvature.pairs:
                self._curvature.forget()
            elif self._first_step > self.SHORTEST:
                self._first_step /= 10
            else:
                break  # nothing lower is left, even along the bare gradient
        return x

    def state(self) -> dict:
        """The curvature, and the length of moves along the bare gradient."""
        return {"pairs": self._curvature.pairs, "first_step": self._first_step}

    def restore(self, state: dict) -> None:
        """See `Optimizer`."""
        self._curvature.pairs = [tuple(pair) for pair in state["pairs"]]
        self._first_step = state["first_step"]

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        if self._curvature.pairs:
            return self._curvature.direction(gradient)
        return -gradient * (self._first_step / max(np.linalg.norm(gradient), 1e-300))

    def _search(self, evaluator: Evaluator, x: np.ndarray, direction: np.ndarray) -> np.ndarray | None:
        """The first point along `direction` that is low enough, or None."""
        loss, slope = evaluator.loss(x), float(evaluator.gradient(x) @ direction)
        length = 1.0 if slope < 0 else 0.0
        while length > self.SHORTEST:
            trial = x + length * direction
            if self._clip:
                trial = np.clip(trial, 0, 255)
            change = evaluator.loss(trial) - loss
            if change <= self.ARMIJO * length * slope:
                return trial
            # The minimum of the parabola through loss, slope and the trial, within 0.1 and 0.5 of the length.
            parabola = -slope * length / (2 * (change - slope * length))
            length *= float(np.clip(parabola, 0.1, 0.5))
        return None


class _FirstOrder:
    """A fixed number of evaluations a step, each followed by one move; counts and moments outlive the step."""

    def __init__(self, evaluations: int, learning_rate: float, decay_rate: float, decay_steps: int, clip: bool):
        """
        Args:
          evaluations: moves of each step.
          learning_rate: of the first move.
          decay_rate, decay_steps: the learning rate is multiplied by decay_rate ** (move / decay_steps).
          clip: keeps each value in 0..255 after each move.
        """
        self._evaluations, self._clip = evaluations, clip
        self._learning_rate, self._decay_rate, self._decay_steps = learning_rate, decay_rate, decay_steps
        self._moves = 0

    def step(self, evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
        """One move for each evaluation."""
        for _ in range(self._evaluations):
            rate = self._learning_rate * self._decay_rate ** (self._moves / self._decay_steps)
            self._moves += 1
            x = x - rate * self._direction(evaluator.gradient(x))
            if self._clip:
                x = np.clip(x, 0, 255)
        return x

    def state(self) -> dict:
        """The moves so far."""
        return {"moves": self._moves}

    def restore(self, state: dict) -> None:
        """See `Optimizer`."""
        self._moves = state["moves"]

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class Sgd(_FirstOrder):
    """Plain gradient descent (the newer Keras documentation's)."""

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        return gradient


class NormalizedGradient(_FirstOrder):
    """Gradient descent along gradient / (standard deviation of the gradient + 1e-8) (the Prisma article's)."""

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        return gradient / (gradient.std() + 1e-8)


class Adam(_FirstOrder):
    """Adam (Kingma & Ba 2015, algorithm 1) with beta 0.9 and 0.999, epsilon 1e-8."""

    _first = _second = 0.0

    def state(self) -> dict:
        """The moves so far, and the moments."""
        return {**super().state(), "first": self._first, "second": self._second}

    def restore(self, state: dict) -> None:
        """See `Optimizer`."""
        super().restore(state)
        self._first, self._second = state["first"], state["second"]

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        self._first = 0.9 * self._first + 0.1 * gradient
        self._second = 0.999 * self._second + 0.001 * gradient**2
        first = self._first / (1 - 0.9**self._moves)
        second = self._second / (1 - 0.999**self._moves)
        return first / (np.sqrt(second) + 1e-8)


FIRST_ORDER = {"sgd": Sgd, "adam": Adam, "normalized_gradient": NormalizedGradient}


def make_optimizer(settings: OptimizerSettings, evaluations: int, size: int) -> Optimizer:
    """The optimiser that the settings name.

    Args:
      settings: name it.
      evaluations: of the loss in each iteration.
      size: of the flat image.
    """
    s = settings
    if s.keeps_curvature:
        # A move of SciPy's length is lost in float32's rounding, and with it the first curvature.
        return ContinuousLbfgs(evaluations, s.clip, (s.first_step or 10.0) * size**0.5)
    if s.optimizer == "lbfgs":
        return Lbfgs(evaluations, s.clip, s.first_step * size**0.5 if s.first_step else 1.0)
    schedule = s.learning_rate, s.decay_rate, s.decay_steps
    return FIRST_ORDER[s.optimizer](evaluations, *schedule, s.clip)

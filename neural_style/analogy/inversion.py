"""From features of one level back to what they could be made of: the engine's objective and L-BFGS on a part of VGG."""

import keras
import numpy as np
import tensorflow as tf

from neural_style.losses import functions
from neural_style.losses.terms import Content, Measured
from neural_style.optimize.evaluator import Evaluator, Watch
from neural_style.optimize.objective import Objective
from neural_style.optimize.optimizers import ContinuousLbfgs
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import model
from neural_style.vgg.weight_files import Weights

FIRST_MOVE = 0.1
"""Length of the first move that L-BFGS tries, of that of what it starts with."""


MEMORY = 4
"""Moves that L-BFGS remembers, as the authors' program does: features are large."""


def layer(level: int) -> str:
    """The features that a level stands for; level 0 is the image."""
    return f"block{level}_conv1" if level else "image"


class Network:
    """VGG, whole and in parts.

    Attributes:
      nbytes: of its weights.
    """

    def __init__(self, settings: NetworkSettings, weights: Weights, deepest: int, precision: str):
        """
        Args:
          settings: of the network.
          weights: see `model.build`.
          deepest: the level where the network ends.
          precision: of the arithmetic.
        """
        self._levels = range(1, deepest + 1)
        self._whole = model.build(settings, weights, [layer(level) for level in self._levels], precision)
        self._parts: dict[tuple[int, ...], Objective] = {}
        self.nbytes = sum(value.numpy().nbytes for value in self._whole.weights)

    def features(self, image: np.ndarray) -> list[np.ndarray]:
        """By level the features [rows, cols, channels] float32 of an image, itself the first.

        Args:
          image: RGB [rows, cols, 3] in 0..255.
        """
        found = self._whole(image[np.newaxis].astype(np.float64))
        return [image, *(_map(found, level) for level in self._levels)]

    def reconstruct(
        self,
        target: np.ndarray,
        level: int,
        start: np.ndarray,
        source: int,
        wanted: int,
        evaluations: int,
        watch: Watch | None = None,
    ) -> tuple[np.ndarray, list[float]]:
        """Features of which the network makes `target`, seen at a level between.

        Minimises |network(x) - target|^2 over x, the features of level `source`. Liao et al. 2017 have x at the level
        that is wanted; their program, and this, one level before: a stretch of real network leaves fewer features that
        would make the target.

        Args:
          target: [rows, cols, channels], the features of `level`.
          level, source, wanted: source <= wanted < level.
          start: x to begin with, the features of `source`.
          evaluations: of loss and gradient; the last search is finished.
          watch: called after each evaluation.

        Returns:
          The features of level `wanted`, and the loss of each evaluation: the squared error by the target's energy.
        """
        objective = self._part(source, wanted, level)
        (term,), goal = objective.terms, tf.constant(target[np.newaxis], tf.float32)
        known = Measured(term.measure(goal, None), functions.positions(goal), goal.shape[-1])
        constants = {"maps": {term.name: goal}, "prepared": {term.name: term.prepare(known, [], scene=None)}}
        kind = objective.network.input.dtype
        evaluator = Evaluator(lambda x: objective.evaluate(tf.constant(x, kind), constants), start.shape, watch=watch)
        begun = start.astype(np.float64).reshape(-1)
        first_move = FIRST_MOVE * max(1.0, float(np.linalg.norm(begun)))
        found = ContinuousLbfgs(evaluations, first_step=first_move, memory=MEMORY).step(evaluator, begun)
        x = found.reshape(start.shape).astype(np.float32)
        return (x if wanted == source else _map(objective.network(x[np.newaxis]), wanted)), evaluator.losses

    def _part(self, source: int, wanted: int, level: int) -> Objective:
        """The network from the features of `source` on, with the distance from a target at `level`."""
        key = source, wanted, level
        if key not in self._parts:
            found = self._whole.output
            begin = found[layer(source)] if source else self._whole.input
            outputs = {layer(one): found[layer(one)] for one in {wanted, level} - {source}}
            self._parts[key] = Objective(keras.Model(begin, outputs), [Content(layer(level), 1.0, "scale")])
        return self._parts[key]


def _map(found: dict[str, tf.Tensor], level: int) -> np.ndarray:
    return tf.cast(found[layer(level)][0], tf.float32).numpy()

"""Inversion of features: features of a finer level from which the network makes those of a coarser one.

It uses the same objective and L-BFGS as painting, on a part of VGG instead of an image. Level L is the layer
blockL_conv1, and level 0 the image: a higher level is coarser.
"""

import keras
import numpy as np
import tensorflow as tf

from neural_style.images.scene import Scene
from neural_style.losses.loss import Loss
from neural_style.losses.terms import Content
from neural_style.optimize.evaluator import Evaluator, Watch
from neural_style.optimize.objective import Objective
from neural_style.optimize.optimizers import ContinuousLbfgs
from neural_style.settings.network import NetworkSettings
from neural_style.settings.vgg_layers import level_layer
from neural_style.vgg import model
from neural_style.vgg.weight_files import Weights

BLANK = np.zeros((1, 1, 3), np.float32)
NO_STYLES = Scene(BLANK, [], BLANK)
"""The scene of an inversion, whose loss compares content alone."""
FIRST_LENGTH = 0.1
"""Length of L-BFGS's first trial move, relative to that of the start."""
MEMORY = 4
"""Moves that L-BFGS remembers, as in the authors' program: features are large."""


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
        self._whole = model.build(settings, weights, [level_layer(level) for level in self._levels], precision)
        self._parts: dict[tuple[int, ...], Objective] = {}
        self.nbytes = sum(value.numpy().nbytes for value in self._whole.weights)

    def features(self, image: np.ndarray) -> list[np.ndarray]:
        """Compute the features [rows, cols, channels] float32 of each level; level 0 is the image itself.

        Args:
          image: RGB [rows, cols, 3] in 0..255.
        """
        outputs = self._whole(image[np.newaxis].astype(np.float64))
        return [image, *(_to_array(outputs, level) for level in self._levels)]

    def reconstruct(
        self,
        target: np.ndarray,
        level: int,
        start: np.ndarray,
        start_level: int,
        wanted_level: int,
        evaluations: int,
        watch: Watch | None = None,
    ) -> tuple[np.ndarray, list[float]]:
        """Find features of `wanted_level` from which the network makes `target`.

        Minimises |network(x) - target|^2 over x, the features of `start_level`. In Liao et al. 2017 that is the wanted
        level; in their program, and here, it is one level finer. The layers between exclude features that no image has.

        Args:
          target: [rows, cols, channels], the features of `level`.
          level, start_level, wanted_level: start_level <= wanted_level < level.
          start: the first x, features of `start_level`.
          evaluations: how often loss and gradient are computed; the last line search may add some.
          watch: called after each evaluation.

        Returns:
          The features of `wanted_level`, and the loss of each evaluation: the squared error, divided by the
          sum of squares of the centred target.
        """
        objective = self._get_part(start_level, wanted_level, level)
        features = {level_layer(level): tf.constant(target[np.newaxis], tf.float32)}
        loss = objective.loss
        constants = {
            "maps": loss.content_maps(features),
            "prepared": loss.prepare(loss.measure(features, {}), [], NO_STYLES),
        }
        dtype = objective.network.input.dtype
        evaluator = Evaluator(lambda x: objective.evaluate(tf.constant(x, dtype), constants), start.shape, watch=watch)
        x = start.astype(np.float64).reshape(-1)
        first_length = FIRST_LENGTH * max(1.0, float(np.linalg.norm(x)))
        x = ContinuousLbfgs(evaluations, first_length=first_length, memory=MEMORY).step(evaluator, x)
        result = x.reshape(start.shape).astype(np.float32)
        if wanted_level != start_level:
            result = _to_array(objective.network(result[np.newaxis]), wanted_level)
        return result, evaluator.losses

    def _get_part(self, start_level: int, wanted_level: int, level: int) -> Objective:
        """The network from the features of `start_level` on, with the distance from a target at `level`."""
        key = start_level, wanted_level, level
        if key not in self._parts:
            outputs = self._whole.output
            start = outputs[level_layer(start_level)] if start_level else self._whole.input
            # The wanted level may be the input itself, which is no output.
            names = [level_layer(output) for output in {wanted_level, level} - {start_level}]
            network = keras.Model(start, {name: outputs[name] for name in names})
            self._parts[key] = Objective(network, Loss([Content(level_layer(level), 1.0, "scale")]))
        return self._parts[key]


def _to_array(features: dict[str, tf.Tensor], level: int) -> np.ndarray:
    return tf.cast(features[level_layer(level)][0], tf.float32).numpy()

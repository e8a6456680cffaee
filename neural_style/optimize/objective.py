"""The objective: what the terms of an image's loss add up to, with its gradient by the image."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.images.scene import Scene
from neural_style.losses.terms import Term, compared, losses, maps_of, measure, prepare, summed, sums, total_loss

TRACE_BYTES = 20e6
"""What a trace is taken to hold."""

Bound = Callable[[np.ndarray], tuple[Any, Any, Mapping[str, Any]]]
"""An image [rows, cols, 3] → its loss, the gradient of the same shape, and the terms, which add up to the loss."""


class Objective:
    """Maps an image to its loss, gradient and terms.

    The rows of the batch that never change, content and styles, go through the network once (`prepared`) and
    are then reused; `stacked` sends the whole batch through at every evaluation, as Keras' example does.
    Both give the same loss.
    """

    def __init__(self, network: keras.Model, terms: Sequence[Term]):
        self.network, self.terms = network, terms
        self._styles: tuple[list[np.ndarray], list[dict]] = [], []

    def losses(self, images: tf.Tensor, constants: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """The terms of `images`, to be differentiated by them, or by the weights of a network that made them.

        Args:
          images: RGB [batch, rows, cols, 3] in 0..255.
          constants: of `prepared`.

        Returns:
          Each term by its name: [batch], weighted.
        """
        return self._losses(self.network(images), constants)

    @tf.function(autograph=False)
    def evaluate(self, image: tf.Tensor, constants: dict) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Loss, gradient and terms at `image`.

        Args:
          image: RGB [rows, cols, 3] float64 in 0..255.
          constants: of `prepared`.

        Returns:
          The loss, its gradient [rows, cols, 3], and the terms by name.
        """
        with tf.GradientTape() as tape:
            tape.watch(image)
            found = summed(self.losses(tf.expand_dims(image, 0), constants))
            loss = total_loss(found)
        return loss, tape.gradient(loss, image), found

    @property
    def traces(self) -> int:
        """How often `evaluate` was traced: once for each size."""
        return self.evaluate.experimental_get_tracing_count()

    @property
    def nbytes(self) -> float:
        """The bytes of network and traces."""
        return bytes_of(self.network, self.traces)

    def prepared(self, scene: Scene) -> dict[str, Any]:
        """What the terms compare with: {"maps": …, "prepared": …}, each by the terms' names."""
        maps = self._maps(scene)
        content, kept = self._measured(_batch(scene.content), maps, keep=True)
        return {"maps": maps | kept, "prepared": prepare(self.terms, content, self._measured_styles(scene), scene)}

    def _measured_styles(self, scene: Scene) -> list[dict]:
        """What the terms measure of the styles; kept for the next scene with the very same ones, as a film's have."""
        known, measured = self._styles
        if len(known) != len(scene.styles) or any(a is not b for a, b in zip(known, scene.styles, strict=True)):
            measured = [self._measured(_batch(style), {}, keep=False)[0] for style in scene.styles]
            self._styles = scene.styles, measured
        return measured

    def bind(self, scene: Scene, reuse: bool = True) -> Bound:
        """The function of the image alone.

        Args:
          scene: with content and styles.
          reuse: whether the features of content and styles are computed once; if not, all share one size.
        """
        if not reuse:
            return self._stacked(scene)
        constants = self.prepared(scene)
        return lambda image: self.evaluate(tf.constant(image, tf.float64), constants)

    def _maps(self, scene: Scene) -> dict[str, Any]:
        return maps_of(self.terms, scene, self.network.output["image"].dtype)

    @tf.function(autograph=False, reduce_retracing=True)
    def _measured(self, image: tf.Tensor, maps: dict, keep: bool) -> tuple[dict, dict]:
        """What the terms measure of an image, and the features to keep as the maps of terms that compare with them."""
        features = self.network(image)
        return measure(self.terms, features, maps), compared(self.terms, features) if keep else {}

    def _losses(self, features: Mapping[str, tf.Tensor], constants: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        return losses(self.terms, sums(self.terms, features, constants["maps"]), constants["prepared"])

    def _stacked(self, scene: Scene) -> Bound:
        """`evaluate`, with content, styles and combination in one batch through the network each time."""
        constant, maps = (
            tf.concat([_batch(image) for image in (scene.content, *scene.styles)], axis=0),
            self._maps(scene),
        )

        @tf.function(autograph=False)
        def evaluate(image: tf.Tensor) -> tuple:
            with tf.GradientTape() as tape:
                tape.watch(image)
                features = self.network(tf.concat([constant, tf.expand_dims(image, 0)], axis=0))
                content, *styles, combination = (
                    {name: rows[i : i + 1] for name, rows in features.items()} for i in range(constant.shape[0] + 1)
                )
                measured = [measure(self.terms, rows, {}) for rows in styles]
                prepared = prepare(self.terms, measure(self.terms, content, maps), measured, scene)
                constants = {"maps": maps | compared(self.terms, content), "prepared": prepared}
                found = summed(self._losses(combination, constants))
                loss = total_loss(found)
            return loss, tape.gradient(loss, image), found

        return lambda image: evaluate(tf.constant(image, tf.float64))


def bytes_of(network: keras.Model, traces: int) -> float:
    """The bytes of a network and of so many traces of it."""
    values = sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in network.weights)
    return values + TRACE_BYTES * traces


def _batch(image: np.ndarray) -> tf.Tensor:
    return tf.constant(image[np.newaxis], tf.float64)

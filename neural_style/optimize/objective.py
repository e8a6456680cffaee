"""The objective: an image's loss and its gradient by the image."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.images.scene import Scene
from neural_style.losses.loss import Loss

TRACE_BYTES = 20e6
"""Estimated size of a trace."""

LossFunction = Callable[[np.ndarray], tuple[Any, Any, Mapping[str, Any]]]
"""An image [rows, cols, 3] → its loss, the gradient of the same shape, and the terms, which add up to the loss."""


class Objective:
    """Maps an image to its loss, gradient and terms.

    Content and styles never change, so they go through the network once (`prepare`). With `reuse=False` they go through
    it in one batch with the image at every evaluation, as in Keras' example. Both give the same loss.
    """

    def __init__(self, network: keras.Model, loss: Loss):
        """
        Args:
          network: of `vgg.model.build`, or any other from images to features by layer.
          loss: of these features.
        """
        self.network = network
        self.loss = loss
        self._known_styles: list[np.ndarray | None] = []
        self._known_measurements: list[dict] = []

    @property
    def traces(self) -> int:
        """How often `evaluate` was traced: once for each size."""
        return self.evaluate.experimental_get_tracing_count()

    @property
    def nbytes(self) -> float:
        """The bytes of network and traces."""
        return network_bytes(self.network, self.traces)

    def bind_scene(self, scene: Scene, reuse: bool = True) -> LossFunction:
        """Return the loss as a function of the image alone.

        Args:
          scene: with content and styles.
          reuse: whether the features of content and styles are computed once. If not, all images need one size.
        """
        if not reuse:
            return self._bind_batch(scene)
        constants = self.prepare(scene)
        return lambda image: self.evaluate(tf.constant(image, tf.float64), constants)

    def prepare(self, scene: Scene) -> dict[str, Any]:
        """Compute what the terms compare with: {"maps": …, "prepared": …}, each by the terms' names."""
        maps = self.loss.maps(scene, self._dtype)
        content, content_maps = self._measure(_batch(scene.content), maps, keep=True)
        prepared = self.loss.prepare(content, self._measure_styles(scene), scene)
        return {"maps": maps | content_maps, "prepared": prepared}

    def losses(self, images: tf.Tensor, constants: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Compute the terms of `images`; differentiable by the images and by a network that made them.

        Args:
          images: RGB [batch, rows, cols, 3] in 0..255.
          constants: of `prepare`.

        Returns:
          Each term by its name: [batch], weighted.
        """
        return self.loss.losses(self.loss.sums(self.network(images), constants["maps"]), constants["prepared"])

    @tf.function(autograph=False)
    def evaluate(self, image: tf.Tensor, constants: dict) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Compute loss, gradient and terms of an image.

        Args:
          image: RGB [rows, cols, 3] float64 in 0..255.
          constants: of `prepare`.

        Returns:
          The loss, its gradient [rows, cols, 3], and the terms by name.
        """
        with tf.GradientTape() as tape:
            tape.watch(image)
            sums = self.loss.sums(self.network(tf.expand_dims(image, 0)), constants["maps"])
            values = self.loss.values(sums, constants["prepared"])
            total = self.loss.total(values)
        return total, tape.gradient(total, image), values

    @property
    def _dtype(self) -> tf.DType:
        """Of the maps."""
        return self.network.output["image"].dtype

    def _measure_styles(self, scene: Scene) -> list[dict]:
        """Measure the styles; a film's next scene has the very same ones, whose measurements are kept."""
        styles = [*scene.styles, *scene.style_masks]
        if not _are_same(self._known_styles, styles):
            pairs = zip(scene.styles, self.loss.style_maps(scene, self._dtype), strict=True)
            self._known_measurements = [self._measure(_batch(style), maps, keep=False)[0] for style, maps in pairs]
            self._known_styles = styles
        return self._known_measurements

    @tf.function(autograph=False, reduce_retracing=True)
    def _measure(self, image: tf.Tensor, maps: dict, keep: bool) -> tuple[dict, dict]:
        """Measure an image for the terms; with `keep`, return its content maps too."""
        features = self.network(image)
        return self.loss.measure(features, maps), self.loss.content_maps(features) if keep else {}

    def _bind_batch(self, scene: Scene) -> LossFunction:
        """As `bind_scene`, with content, styles and image in one batch through the network each time."""
        constant = tf.concat([_batch(image) for image in (scene.content, *scene.styles)], axis=0)
        maps, style_maps = self.loss.maps(scene, self._dtype), self.loss.style_maps(scene, self._dtype)

        @tf.function(autograph=False)
        def evaluate(image: tf.Tensor) -> tuple:
            with tf.GradientTape() as tape:
                tape.watch(image)
                features = self.network(tf.concat([constant, tf.expand_dims(image, 0)], axis=0))
                content, *styles, painted = _split_batch(features, constant.shape[0] + 1)
                style_measurements = [self.loss.measure(*pair) for pair in zip(styles, style_maps, strict=True)]
                prepared = self.loss.prepare(self.loss.measure(content, maps), style_measurements, scene)
                sums = self.loss.sums(painted, maps | self.loss.content_maps(content))
                values = self.loss.values(sums, prepared)
                total = self.loss.total(values)
            return total, tape.gradient(total, image), values

        return lambda image: evaluate(tf.constant(image, tf.float64))


def network_bytes(network: keras.Model, traces: int) -> float:
    """Estimate the bytes of a network and of this number of traces of it."""
    weights = sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in network.weights)
    return weights + TRACE_BYTES * traces


def _are_same(images: Sequence[np.ndarray | None], others: Sequence[np.ndarray | None]) -> bool:
    """Whether two lists hold the same objects."""
    return len(images) == len(others) and all(a is b for a, b in zip(images, others, strict=True))


def _split_batch(features: Mapping[str, tf.Tensor], size: int) -> list[dict[str, tf.Tensor]]:
    """The features of each image of a batch."""
    return [{name: rows[i : i + 1] for name, rows in features.items()} for i in range(size)]


def _batch(image: np.ndarray) -> tf.Tensor:
    return tf.constant(image[np.newaxis], tf.float64)

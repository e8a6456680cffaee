"""The objective: what the losses of an image's features add up to, with its gradient by the image."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from neural_style import losses


@dataclasses.dataclass(frozen=True)
class LossSettings:
    """What is summed to the loss; the defaults of each are the flags'.

    Attributes:
      content_layers, style_layers: convolutions whose features are compared.
      content_layer_weights, style_layer_weights: one weight for each layer; they multiply the two weights below.
      content_weight, style_weight, tv_weight: of the three terms.
      tv_exponent: see `losses.total_variation`.
      style_loss: a key of `losses.STYLE_LOSSES`.
      normalization: see `losses.content_scale` and `losses.style_scale`.
    """

    content_layers: Sequence[str]
    content_layer_weights: Sequence[float]
    content_weight: float
    style_layers: Sequence[str]
    style_layer_weights: Sequence[float]
    style_weight: float
    tv_weight: float
    tv_exponent: float
    style_loss: str
    normalization: str


class Objective:
    """Maps an image to its loss, gradient and terms, given the features of content and style.

    The rows of the batch that never change, content and style, go through the network once (`targets`) and
    are then reused; `stacked` sends the whole batch through at every evaluation, as Keras' example does.
    Both give the same loss.
    """

    def __init__(self, network: keras.Model, settings: LossSettings):
        self.network, self.settings = network, settings

    @tf.function(reduce_retracing=True)
    def targets(self, content: tf.Tensor, style: tf.Tensor) -> dict[str, dict[str, tf.Tensor]]:
        """What the combination is compared with.

        Args:
          content, style: RGB [1, rows, cols, 3] float32 in 0..255.

        Returns:
          "content" and "style": the target of each layer; "scale": what each term is multiplied by.
        """
        return self._targets(self.network(content), self.network(style))

    @tf.function
    def evaluate(self, image: tf.Tensor, targets: dict) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Loss, gradient and terms at `image`.

        Args:
          image: RGB [rows, cols, 3] float32 in 0..255.
          targets: of `targets`.

        Returns:
          The loss, its gradient [rows, cols, 3], and the terms ("content/LAYER", "style/LAYER",
          "total_variation"), weighted, so that they add up to the loss.
        """
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = self._terms(self.network(image[tf.newaxis]), targets)
            loss = tf.add_n(list(terms.values()))
        return loss, tape.gradient(loss, image), terms

    @tf.function
    def stacked(self, image: tf.Tensor, content: tf.Tensor, style: tf.Tensor):
        """`evaluate`, with content, style and combination in one batch through the network each time."""
        with tf.GradientTape() as tape:
            tape.watch(image)
            features = self.network(tf.concat([content, style, image[tf.newaxis]], axis=0))
            content_row, style_row, combination = (
                {name: rows[i : i + 1] for name, rows in features.items()} for i in range(3)
            )
            terms = self._terms(combination, self._targets(content_row, style_row))
            loss = tf.add_n(list(terms.values()))
        return loss, tape.gradient(loss, image), terms

    def bind(self, content: np.ndarray, style: np.ndarray, reuse: bool = True):
        """The function of the image alone: [rows, cols, 3] → loss, gradient, terms.

        Args:
          content, style: RGB [rows, cols, 3] float32 in 0..255.
          reuse: whether the features of content and style are computed once.
        """
        content, style = (tf.constant(image[np.newaxis], tf.float32) for image in (content, style))
        if not reuse:
            return lambda image: self.stacked(tf.constant(image), content, style)
        targets = self.targets(content, style)
        return lambda image: self.evaluate(tf.constant(image), targets)

    def _targets(self, content: dict, style: dict) -> dict:
        """Targets from the two rows' features, dicts of [1, rows, cols, channels]."""
        s, style_loss = self.settings, losses.STYLE_LOSSES[self.settings.style_loss]
        targets = {
            "content": {layer: content[layer] for layer in s.content_layers},
            "style": {layer: style_loss.target(style[layer], content[layer]) for layer in s.style_layers},
            "scale": {},
        }
        pixels = tf.size(content["image"], tf.float32) / 3
        for layer, weight in zip(s.content_layers, s.content_layer_weights, strict=True):
            scale = losses.content_scale(s.normalization, content[layer])
            targets["scale"][f"content/{layer}"] = s.content_weight * weight * scale
        for layer, weight in zip(s.style_layers, s.style_layer_weights, strict=True):
            start = style_loss.distance(content[layer], targets["style"][layer])
            scale = losses.style_scale(s.normalization, content[layer], pixels, start)
            targets["scale"][f"style/{layer}"] = s.style_weight * weight * scale
        targets["scale"]["total_variation"] = s.tv_weight * losses.variation_scale(s.normalization, pixels)
        return targets

    def _terms(self, combination: dict, targets: dict) -> dict[str, tf.Tensor]:
        s, style_loss, scale = self.settings, losses.STYLE_LOSSES[self.settings.style_loss], targets["scale"]
        terms = {}
        for layer, target in targets["content"].items():
            terms[f"content/{layer}"] = losses.squared_distance(combination[layer], target)
        for layer, target in targets["style"].items():
            terms[f"style/{layer}"] = style_loss.distance(combination[layer], target)
        terms["total_variation"] = losses.total_variation(combination["image"], s.tv_exponent)
        return {name: tf.reduce_sum(value) * scale[name] for name, value in terms.items()}

"""The objective: what the losses of an image's features add up to, with its gradient by the image."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from neural_style import losses
from neural_style.style_losses import STYLE_LOSSES


@dataclasses.dataclass(frozen=True)
class LossSettings:
    """What is summed to the loss; the defaults of each are the flags'.

    Attributes:
      content_layers, style_layers: convolutions whose features are compared.
      content_layer_weights, style_layer_weights: one weight for each layer; they multiply the two weights below.
      content_weight, style_weight, tv_weight: of the three terms.
      tv_exponent: see `losses.total_variation`.
      style_loss: a key of `style_losses.STYLE_LOSSES`.
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

    @tf.function
    def targets(self, content: tf.Tensor, styles: Sequence[tf.Tensor], blend: Sequence[tf.Tensor]) -> dict:
        """What the combination is compared with.

        Args:
          content: RGB [1, rows, cols, 3] float32 in 0..255.
          styles: likewise, each in a frame of its own.
          blend: the weight of each style; they add up to 1.

        Returns:
          "content" and "style": the target of each layer; "scale": what each term is multiplied by.
        """
        return self._targets(self.network(content), [self.network(style) for style in styles], blend)

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
    def stacked(self, image: tf.Tensor, content: tf.Tensor, styles: Sequence[tf.Tensor], blend: Sequence[tf.Tensor]):
        """`evaluate`, with content, styles and combination in one batch through the network each time."""
        with tf.GradientTape() as tape:
            tape.watch(image)
            features = self.network(tf.concat([content, *styles, image[tf.newaxis]], axis=0))
            content_row, *style_rows, combination = (
                {name: rows[i : i + 1] for name, rows in features.items()} for i in range(len(styles) + 2)
            )
            terms = self._terms(combination, self._targets(content_row, style_rows, blend))
            loss = tf.add_n(list(terms.values()))
        return loss, tape.gradient(loss, image), terms

    def bind(
        self, content: np.ndarray, styles: Sequence[np.ndarray], blend: Sequence[float], reuse: bool = True
    ) -> Callable[[np.ndarray], tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]]:
        """The function of the image alone: [rows, cols, 3] → loss, gradient, terms.

        Args:
          content: RGB [rows, cols, 3] float32 in 0..255.
          styles: likewise; each may have a frame of its own where `reuse` holds.
          blend: the weight of each style; they add up to 1.
          reuse: whether the features of content and styles are computed once.
        """
        dtype = self.network.input.dtype
        content, *styles = (tf.constant(image[np.newaxis], dtype) for image in (content, *styles))
        blend = [tf.constant(weight, dtype) for weight in blend]
        if not reuse:
            return lambda image: self.stacked(tf.constant(image, dtype), content, styles, blend)
        targets = self.targets(content, styles, blend)
        return lambda image: self.evaluate(tf.constant(image, dtype), targets)

    def _targets(self, content: dict, styles: Sequence[dict], blend: Sequence[tf.Tensor]) -> dict:
        """Targets from the constant rows' features, dicts of [1, rows, cols, channels]."""
        s, style_loss = self.settings, STYLE_LOSSES[self.settings.style_loss]
        targets = {
            "content": {layer: content[layer] for layer in s.content_layers},
            "style": {
                layer: style_loss.merge([style_loss.target(style[layer], content[layer]) for style in styles], blend)
                for layer in s.style_layers
            },
            "scale": {},
        }
        pixels = losses.positions(content["image"])
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
        s, style_loss, scale = self.settings, STYLE_LOSSES[self.settings.style_loss], targets["scale"]
        terms = {}
        for layer, target in targets["content"].items():
            terms[f"content/{layer}"] = losses.squared_distance(combination[layer], target)
        for layer, target in targets["style"].items():
            terms[f"style/{layer}"] = style_loss.distance(combination[layer], target)
        terms["total_variation"] = losses.total_variation(combination["image"], s.tv_exponent)
        return {name: tf.reduce_sum(value) * scale[name] for name, value in terms.items()}

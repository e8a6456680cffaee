"""The objective: what the losses of an image's features add up to, with its gradient by the image."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from neural_style.images.sources import Region
from neural_style.losses import functions
from neural_style.losses.style import STYLE_LOSSES, moments
from neural_style.vgg import layout


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


def mask_tensor(region: Region, dtype: str) -> tf.Tensor | None:
    """The region's mask as [1, rows, cols, 1]; None where it is everywhere."""
    return None if region.mask is None else tf.constant(region.mask[np.newaxis, ..., np.newaxis], dtype)


def mask_weights(mask: tf.Tensor, layer: str) -> tf.Tensor:
    """What the features of `layer` are multiplied by, so that their Gram matrix is that of the masked positions.

    The mask is averaged down with the pooling grid and normalised by its sum at the layer: the masked Gram matrix
    is as large as if the region filled the image (Gatys et al. 2017, section 4.1, normalise alike).

    Args:
      mask: [1, rows, cols, 1] in 0..1, with some of it above 0.
      layer: such as "block3_conv1".

    Returns:
      [1, rows / stride, cols / stride, 1].
    """
    for _ in range(layout.block_of(layer) - 1):
        mask = tf.nn.avg_pool2d(mask, 2, 2, "VALID")
    return tf.sqrt(mask * (functions.positions(mask) / tf.maximum(tf.reduce_sum(mask), functions.TINY)))


def masked(features: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """`features` times the weights of a region; as they are where it is everywhere."""
    return features if weights is None else features * tf.cast(weights, features.dtype)


def variation_unit(settings: LossSettings, content: np.ndarray, regions: Sequence[Region]) -> float:
    """What the total variation is divided by: 1, or for --normalization=scale that of content and styles.

    The styles count as if they had as many pixels as the content. Both change with the size as a combination's does,
    so that divided by them it means the same at every size.

    Args:
      settings: of the loss.
      content: RGB [rows, cols, 3] in 0..255.
      regions: with the styles.
    """
    if settings.normalization != "scale":
        return 1.0

    def per_pixel(image: np.ndarray) -> float:
        total = functions.total_variation(tf.constant(image[np.newaxis], tf.float32), settings.tv_exponent)
        return float(total[0]) / (image.shape[0] * image.shape[1])

    styles = [
        region.share * weight * per_pixel(style)
        for region in regions
        for style, weight in zip(region.styles, region.blend, strict=True)
    ]
    return (per_pixel(content) + sum(styles)) * content.shape[0] * content.shape[1]


def scales(
    settings: LossSettings, pixels: tf.Tensor, variation: tf.Tensor, content: dict, style: dict
) -> dict[str, tf.Tensor]:
    """What each term is multiplied by: its weight, its layer's weight and the normalisation.

    Args:
      settings: of the loss.
      pixels: rows * cols of the content.
      variation: see `variation_unit`.
      content: layer → (channels, positions, energy) of the content's features.
      style: layer → (channels, positions, the content image's own distance from the style, that of no features).
    """
    s = settings
    found = {"total_variation": s.tv_weight * functions.reciprocal(variation)}
    for layer, weight in zip(s.content_layers, s.content_layer_weights, strict=True):
        scale = functions.content_scale(s.normalization, *content[layer])
        found[f"content/{layer}"] = s.content_weight * weight * scale
    for layer, weight in zip(s.style_layers, s.style_layer_weights, strict=True):
        channels, count, start, nothing = style[layer]
        scale = functions.style_scale(s.normalization, channels, count, pixels, start, nothing)
        found[f"style/{layer}"] = s.style_weight * weight * scale
    return found


class Objective:
    """Maps an image to its loss, gradient and terms, given the features of content and style.

    The rows of the batch that never change, content and styles, go through the network once (`targets`) and
    are then reused; `stacked` sends the whole batch through at every evaluation, as Keras' example does.
    Both give the same loss.
    """

    def __init__(self, network: keras.Model, settings: LossSettings):
        self.network, self.settings = network, settings
        self._style_loss = STYLE_LOSSES[settings.style_loss]

    @tf.function(autograph=False)
    def targets(
        self, content: tf.Tensor, styles: Sequence[tf.Tensor], regions: Sequence[tuple], variation: tf.Tensor
    ) -> dict:
        """What the combination is compared with.

        Args:
          content: RGB [1, rows, cols, 3] in 0..255.
          styles: likewise, those of all regions, each in a frame of its own.
          regions: (blend, share, mask [1, rows, cols, 1] or None) of each `Region`.
          variation: see `variation_unit`.

        Returns:
          "content": the target of each layer; "style": the target of each region by layer; "weights": what
          the features of each region are multiplied by, by layer; "shares" of the regions; "scale" of each term.
        """
        return self._targets(self.network(content), [self.network(style) for style in styles], regions, variation)

    @tf.function(autograph=False)
    def evaluate(self, image: tf.Tensor, targets: dict) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Loss, gradient and terms at `image`.

        Args:
          image: RGB [rows, cols, 3] float64 in 0..255.
          targets: of `targets`.

        Returns:
          The loss, its gradient [rows, cols, 3], and the terms ("content/LAYER", "style/LAYER",
          "total_variation"), weighted, so that they add up to the loss.
        """
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = self._terms(self.network(tf.expand_dims(image, 0)), targets)
            loss = tf.add_n(list(terms.values()))
        return loss, tape.gradient(loss, image), terms

    @tf.function(autograph=False)
    def stacked(
        self,
        image: tf.Tensor,
        content: tf.Tensor,
        styles: Sequence[tf.Tensor],
        regions: Sequence[tuple],
        variation: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """`evaluate`, with content, styles and combination in one batch through the network each time."""
        with tf.GradientTape() as tape:
            tape.watch(image)
            features = self.network(tf.concat([content, *styles, tf.expand_dims(image, 0)], axis=0))
            content_row, *style_rows, combination = (
                {name: rows[i : i + 1] for name, rows in features.items()} for i in range(len(styles) + 2)
            )
            terms = self._terms(combination, self._targets(content_row, style_rows, regions, variation))
            loss = tf.add_n(list(terms.values()))
        return loss, tape.gradient(loss, image), terms

    def bind(
        self, content: np.ndarray, regions: Sequence[Region], reuse: bool = True
    ) -> Callable[[np.ndarray], tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]]:
        """The function of the image alone: [rows, cols, 3] → loss, gradient, terms.

        Args:
          content: RGB [rows, cols, 3] float32 in 0..255.
          regions: where which style applies.
          reuse: whether the features of content and styles are computed once; if not, all share one frame.
        """
        styles = [tf.constant(style[np.newaxis], tf.float64) for region in regions for style in region.styles]
        dtype = self.network.output["image"].dtype
        variation = tf.constant(variation_unit(self.settings, content, regions), dtype)
        content = tf.constant(content[np.newaxis], tf.float64)
        settings = [
            (tf.constant(region.blend, dtype), tf.constant(region.share, dtype), mask_tensor(region, dtype))
            for region in regions
        ]
        if not reuse:
            return lambda image: self.stacked(tf.constant(image, tf.float64), content, styles, settings, variation)
        targets = self.targets(content, styles, settings, variation)
        return lambda image: self.evaluate(tf.constant(image, tf.float64), targets)

    def _targets(self, content: dict, styles: Sequence[dict], regions: Sequence[tuple], variation: tf.Tensor) -> dict:
        """Targets from the constant rows' features, dicts of [1, rows, cols, channels]."""
        s, count, waiting = self.settings, functions.positions, iter(styles)
        grouped = [[next(waiting) for _ in range(blend.shape[0])] for blend, _, _ in regions]
        targets = {"content": {layer: content[layer] for layer in s.content_layers}, "style": {}, "weights": {}}
        targets["shares"] = [share for _, share, _ in regions]
        for layer in s.style_layers:
            targets["weights"][layer] = [None if mask is None else mask_weights(mask, layer) for _, _, mask in regions]
            targets["style"][layer] = [
                self._style_loss.merge(
                    [self._style_loss.target(style[layer], content[layer]) for style in group], tf.unstack(blend)
                )
                for group, (blend, _, _) in zip(grouped, regions, strict=True)
            ]
        nothing = {layer: tf.zeros_like(content[layer]) for layer in s.style_layers}
        start, zero = ({k: self._distance(maps, k, targets) for k in s.style_layers} for maps in (content, nothing))
        targets["scale"] = scales(
            s,
            count(content["image"]),
            variation,
            {
                layer: (maps.shape[-1], count(maps), functions.energy(moments(maps), count(maps)))
                for layer, maps in targets["content"].items()
            },
            {k: (content[k].shape[-1], count(content[k]), start[k], zero[k]) for k in s.style_layers},
        )
        return targets

    def _distance(self, combination: dict, layer: str, targets: dict) -> tf.Tensor:
        """How far a layer's features are from the style, summed over the regions."""
        parts = zip(targets["shares"], targets["weights"][layer], targets["style"][layer], strict=True)
        return tf.add_n(
            [
                share * tf.reduce_sum(self._style_loss.distance(masked(combination[layer], weights), target))
                for share, weights, target in parts
            ]
        )

    def _terms(self, combination: dict, targets: dict) -> dict[str, tf.Tensor]:
        terms = {}
        for layer, target in targets["content"].items():
            terms[f"content/{layer}"] = tf.reduce_sum(functions.squared_distance(combination[layer], target))
        for layer in targets["style"]:
            terms[f"style/{layer}"] = self._distance(combination, layer, targets)
        variation = functions.total_variation(combination["image"], self.settings.tv_exponent)
        terms["total_variation"] = tf.reduce_sum(variation)
        return {name: value * targets["scale"][name] for name, value in terms.items()}

"""The factors by which --normalization scales each distance, so that weights stay comparable."""

import tensorflow as tf

from neural_style.losses.functions import FLATTEST, reciprocal


def content_factor(normalization: str, channels: int, count: tf.Tensor) -> tf.Tensor:
    """Compute the factor of a content layer's sum of squares, for every choice except "scale".

    It is 1 for "none" and "keras"; 1/2 for "gatys" (2016, eq. 1); 1 / number of features for "mean" and "pytorch".

    Args:
      normalization: a choice of --normalization.
      channels: of the layer.
      count: positions of the layer.
    """
    if normalization == "gatys":
        return tf.constant(0.5, count.dtype)
    if normalization in ("mean", "pytorch"):
        return 1 / (count * channels)
    if normalization in ("none", "keras"):
        return tf.ones_like(count)
    raise ValueError(normalization)


def style_factor(normalization: str, channels: int, count: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Compute the factor of a style layer's distance, for every choice except "scale".

    With N channels, M positions and `pixels` = rows * cols of the image, it is 1 for "none";
    1 / (4 * 3^2 * pixels^2) for "keras" (with 3 image channels at every layer);
    1 / (4 N^2 M^2) for "gatys" (2016, eq. 4); 1 / N^2 for "mean"; 1 / (N^2 (N M)^2) for "pytorch", which
    is the mean squared difference of Gram matrices divided by N M.

    Args:
      normalization: a choice of --normalization.
      channels: of the layer.
      count: positions of the layer.
      pixels: rows * cols of the image.
    """
    if normalization == "keras":
        return 1 / (4 * 3**2 * tf.square(pixels))
    if normalization == "gatys":
        return 1 / (4 * channels**2 * tf.square(count))
    if normalization == "mean":
        return tf.ones_like(count) / channels**2
    if normalization == "pytorch":
        return 1 / (channels**2 * tf.square(channels * count))
    if normalization == "none":
        return tf.ones_like(count)
    raise ValueError(normalization)


def distance_factor(content_distance: tf.Tensor, zero_distance: tf.Tensor) -> tf.Tensor:
    """Compute the factor of a style layer for "scale": 1 / `content_distance`, with a lower bound on the divisor.

    Args:
      content_distance: the content image's distance from the style.
      zero_distance: the distance of features that are all zero. Where content and style are so similar that only
        rounding remains, `FLATTEST` of this is the divisor.
    """
    return reciprocal(tf.maximum(content_distance, FLATTEST * zero_distance))

"""What distances are multiplied by, so that a weight means the same: the choices of --normalization."""

import tensorflow as tf

from neural_style.losses.functions import FLATTEST, reciprocal


def content_factor(normalization: str, channels: int, count: tf.Tensor) -> tf.Tensor:
    """What a content layer's sum of squares is multiplied by, but for "scale".

    1 for "none" and "keras"; 1/2 for "gatys" (2016, eq. 1); 1 / number of features for "mean" and "pytorch".

    Args:
      normalization: a choice of --normalization.
      channels, count: channels and positions of the layer.
    """
    if normalization == "gatys":
        return tf.constant(0.5, count.dtype)
    if normalization in ("mean", "pytorch"):
        return 1 / (count * channels)
    if normalization in ("none", "keras"):
        return tf.ones_like(count)
    raise ValueError(normalization)


def style_factor(normalization: str, channels: int, count: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """What a style layer's distance is multiplied by, but for "scale".

    With N channels, M positions and `pixels` = rows * cols of the image: 1 for "none";
    1 / (4 * 3^2 * pixels^2) for "keras" (3 is its count of image channels, whatever the layer);
    1 / (4 N^2 M^2) for "gatys" (2016, eq. 4); 1 / N^2 for "mean"; 1 / (N^2 (N M)^2) for "pytorch", which
    is the mean squared difference of Gram matrices divided by N M.

    Args:
      normalization: a choice of --normalization.
      channels, count: channels and positions of the layer.
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


def by_distance(start: tf.Tensor, nothing: tf.Tensor) -> tf.Tensor:
    """The "scale" of a style layer: 1 / `start`, or 1 / (`FLATTEST` of `nothing`) where that is more.

    Args:
      start: the content image's own distance from the style.
      nothing: the distance of features that are all zero; where content and style are that much alike, what remains
        of their distance is rounding.
    """
    return reciprocal(tf.maximum(start, FLATTEST * nothing))

"""The losses: pure functions of features [batch, rows, cols, channels], each keeping the batch axis."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

TINY = 1e-30
"""Keeps the scale of a flat image's features finite."""


@tf.custom_gradient
def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Inner products of the feature maps over all positions: G = F^T F (Gatys et al. 2016, eq. 3).

    The gradient is one product, F (dG + dG^T), where the tape would multiply twice.

    Args:
      features: [batch, rows, cols, channels].

    Returns:
      [batch, channels, channels] float32, not normalised.
    """
    shape = tf.shape(features)
    flat = tf.reshape(features, [shape[0], -1, features.shape[-1]])

    def gradient(upstream):
        symmetric = tf.cast(upstream + tf.linalg.matrix_transpose(upstream), flat.dtype)
        return tf.reshape(flat @ symmetric, shape)

    return tf.cast(tf.matmul(flat, flat, transpose_a=True), tf.float32), gradient


def squared_distance(received: tf.Tensor, expected: tf.Tensor) -> tf.Tensor:
    """Sum of squared differences over all axes but the batch's, in float32.

    Raises:
      ValueError: the shapes differ (nothing is broadcast but the batch).
    """
    if not received.shape[1:].is_compatible_with(expected.shape[1:]):
        raise ValueError(f"Expected two tensors of one shape, received {received.shape} and {expected.shape}.")
    difference = tf.cast(received, tf.float32) - tf.cast(expected, tf.float32)
    return tf.reduce_sum(tf.square(difference), axis=list(range(1, len(received.shape))))


def total_variation(image: tf.Tensor, exponent: float = 1.25) -> tf.Tensor:
    """sum((dy^2 + dx^2)^exponent) over the top-left (rows - 1) x (cols - 1) pixels, as Keras' example.

    Args:
      image: [batch, rows, cols, 3] in 0..255.
      exponent: 1.25 in Keras' example; 1 gives the squared differences of Mahendran & Vedaldi 2015.

    Returns:
      [batch] float32.
    """
    corner = image[:, :-1, :-1]
    dy, dx = corner - image[:, 1:, :-1], corner - image[:, :-1, 1:]
    return tf.reduce_sum(tf.pow(tf.square(dy) + tf.square(dx), exponent), axis=[1, 2, 3])


class StyleLoss(NamedTuple):
    """A way to measure how far features are from a style.

    Attributes:
      target: (style features, content features) → what `distance` compares with; the content's
        features give the number of positions that the combination will have.
      distance: (combination features, target) → [batch] float32.
    """

    target: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    distance: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def _gram_target(style: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    """The style's Gram matrix, as if the style had as many positions as the content."""
    return gram_matrix(style) * (_positions(content) / _positions(style))


def _positions(features: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.reduce_prod(tf.shape(features)[1:3]), tf.float32)


STYLE_LOSSES = {
    "gram": StyleLoss(_gram_target, lambda features, target: squared_distance(gram_matrix(features), target)),
}

NORMALIZATIONS = ("none", "keras", "gatys", "mean", "pytorch", "scale")


def content_scale(normalization: str, content: tf.Tensor) -> tf.Tensor:
    """What a content layer's sum of squares is multiplied by.

    1 for "none" and "keras"; 1/2 for "gatys" (2016, eq. 1); 1 / number of features for "mean" and
    "pytorch"; for "scale", 1 / the sum of squares of the content's centred features, so that a weight
    means the same for any network and size.

    Args:
      normalization: one of `NORMALIZATIONS`.
      content: the content's features [1, rows, cols, channels].
    """
    if normalization == "gatys":
        return tf.constant(0.5)
    if normalization in ("mean", "pytorch"):
        return 1 / tf.size(content, tf.float32)
    if normalization == "scale":
        content = tf.cast(content, tf.float32)
        centred = content - tf.reduce_mean(content, axis=[1, 2], keepdims=True)
        return 1 / tf.maximum(tf.reduce_sum(tf.square(centred)), TINY)
    return tf.constant(1.0)


def style_scale(normalization: str, content: tf.Tensor, pixels: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """What a style layer's distance is multiplied by.

    With N channels, M positions and `pixels` = rows * cols of the image: 1 for "none";
    1 / (4 * 3^2 * pixels^2) for "keras" (3 is its count of image channels, whatever the layer);
    1 / (4 N^2 M^2) for "gatys" (2016, eq. 4); 1 / N^2 for "mean"; 1 / (N^2 (N M)^2) for "pytorch", which
    is the mean squared difference of Gram matrices divided by N M; 1 / `start` for "scale".

    Args:
      normalization: one of `NORMALIZATIONS`.
      content: the content's features [1, rows, cols, channels].
      pixels: rows * cols of the image.
      start: the content image's own distance from the style, [1].
    """
    channels, positions = float(content.shape[-1]), _positions(content)
    if normalization == "keras":
        return 1 / (4 * 3**2 * tf.square(pixels))
    if normalization == "gatys":
        return 1 / (4 * channels**2 * tf.square(positions))
    if normalization == "mean":
        return tf.constant(1 / channels**2)
    if normalization == "pytorch":
        return 1 / (channels**2 * tf.square(channels * positions))
    if normalization == "scale":
        return 1 / tf.maximum(tf.reduce_sum(start), TINY)
    return tf.constant(1.0)


def variation_scale(normalization: str, pixels: tf.Tensor) -> tf.Tensor:
    """What the total variation is multiplied by: 1 / `pixels` for "scale", else 1."""
    return 1 / pixels if normalization == "scale" else tf.constant(1.0)

"""The Haar transform of features: a pooling that loses nothing, and the unpooling that inverts it (Yoo et al. 2019)."""

from collections.abc import Sequence

import tensorflow as tf

BANDS = 3
"""Vertical, horizontal and diagonal differences."""


def analyze(x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Split features into their means and differences.

    Args:
      x: [batch, rows, cols, channels], even rows and columns.

    Returns:
      The low band, which is average pooling times two, and the `BANDS` others; each [batch, rows / 2, cols / 2,
      channels].
    """
    a, b, c, d = x[:, 0::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 0::2], x[:, 1::2, 1::2]
    return (a + b + c + d) / 2, [(a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2]


def synthesize(low: tf.Tensor, bands: Sequence[tf.Tensor]) -> tf.Tensor:
    """Join what `analyze` returned: [batch, rows / 2, cols / 2, channels] to [batch, rows, cols, channels]."""
    vertical, horizontal, diagonal = bands
    above, below = low + vertical, low - vertical
    left, right = horizontal + diagonal, horizontal - diagonal
    cells = tf.concat([above + left, above - left, below + right, below - right], axis=-1)
    return tf.nn.depth_to_space(cells / 2, 2)

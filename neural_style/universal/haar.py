"""The Haar transform of features: a pooling that loses nothing, and the unpooling that inverts it (Yoo et al. 2019).

Both join pairs of neighbouring columns to one position with twice as many channels, so that all slices are contiguous:
slices with a step of 2 take three times as long.
"""

from collections.abc import Sequence

import tensorflow as tf

DETAIL_BANDS = 3
"""Vertical, horizontal and diagonal differences."""


def analyze(x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Split features into means (the low band) and differences (the detail bands).

    Args:
      x: [batch, rows, cols, channels], even rows and columns.

    Returns:
      The low band, which is average pooling times two, and the `DETAIL_BANDS`; each [batch, rows / 2, cols / 2,
      channels].
    """
    batch, rows, cols, _ = tf.unstack(tf.shape(x))
    channels = x.shape[-1]
    pairs = tf.reshape(x, [batch, rows // 2, 2, cols // 2, 2 * channels]) / 2
    sums, differences = pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]
    left_sums, right_sums = sums[..., :channels], sums[..., channels:]
    left, right = differences[..., :channels], differences[..., channels:]
    return left_sums + right_sums, [left + right, left_sums - right_sums, left - right]


def synthesize(low: tf.Tensor, details: Sequence[tf.Tensor]) -> tf.Tensor:
    """Join what `analyze` returned: [batch, rows / 2, cols / 2, channels] to [batch, rows, cols, channels]."""
    vertical, horizontal, diagonal = details
    above, below = low + vertical, low - vertical
    left, right = horizontal + diagonal, horizontal - diagonal
    upper, lower = tf.concat([above + left, above - left], axis=-1), tf.concat([below + right, below - right], axis=-1)
    batch, rows, cols, channels = tf.unstack(tf.shape(low))
    return tf.reshape(tf.stack([upper, lower], axis=2) / 2, [batch, 2 * rows, 2 * cols, channels])

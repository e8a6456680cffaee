"""Convolutions of maps that are doubled first, without making the doubled map."""

from typing import Any

import tensorflow as tf

PLACES = [(0, 0), (0, 1), (1, 0), (1, 1)]
"""Of the four positions that one becomes when it is doubled."""


def upsample_conv(padded: tf.Tensor, kernel: Any) -> tf.Tensor:
    """The 3x3 convolution of a map with each position twice in rows and in cols (nearest neighbour).

    A 3x3 kernel sees 2x2 positions of the map from each of the four places within one, so that their sums of its taps
    do with 16 multiplications what would take 36.

    Args:
      padded: [batch, rows + 2, cols + 2, channels], the map with one more position on each side: its border's own for
        what reflecting or repeating the doubled map's border gives.
      kernel: [3, 3, channels, filters].

    Returns:
      [batch, 2 rows, 2 cols, filters].
    """
    first = tf.stack([kernel[0], kernel[1] + kernel[2]]), tf.stack([kernel[0] + kernel[1], kernel[2]])
    taps = [
        tf.stack(pair, axis=1)
        for rows in first
        for pair in ((rows[:, 0], rows[:, 1] + rows[:, 2]), (rows[:, 0] + rows[:, 1], rows[:, 2]))
    ]
    found = tf.nn.conv2d(padded, tf.concat(taps, axis=-1), 1, "VALID")
    shape = tf.shape(padded) - [0, 2, 2, 0]
    size = tf.concat([shape[:3], [kernel.shape[-1]]], axis=0)
    # A range's gradient (part[:, 1:]) takes four times as long as a slice's.
    places = [
        tf.slice(part, [0, down, across, 0], size)
        for part, (down, across) in zip(tf.split(found, 4, axis=-1), PLACES, strict=True)
    ]
    return tf.nn.depth_to_space(tf.concat(places, axis=-1), 2)

"""Padding of an image with its own border pixels."""

import keras
import tensorflow as tf


def pad_mirrored(x: tf.Tensor, rows: tuple[int, int], cols: tuple[int, int], mode: str) -> tf.Tensor:
    """Pad as tf.pad's mirrored modes do, in a third to a sixth of its time.

    Args:
      x: [batch, rows, cols, channels].
      rows, cols: numbers of rows and columns to add before and after: at most as many as the image has for
        "SYMMETRIC", one less for "REFLECT".
      mode: "SYMMETRIC" repeats the outermost pixels, "REFLECT" does not.

    Returns:
      [batch, rows + added, cols + added, channels].
    """

    @tf.custom_gradient
    def padded(x: tf.Tensor):
        shape = tf.shape(x)
        row_indices = mirrored_range(shape[1], rows, mode)
        col_indices = mirrored_range(shape[2], cols, mode)
        positions = row_indices[:, tf.newaxis] * shape[2] + col_indices
        result = tf.gather(tf.reshape(x, [shape[0], -1, x.shape[-1]]), positions, axis=1)
        paddings = [[0, 0], rows, cols, [0, 0]]
        return result, lambda upstream: tf.raw_ops.MirrorPadGrad(input=upstream, paddings=paddings, mode=mode)

    return padded(x)


def mirrored_range(size: tf.Tensor, added: tuple[int, int], mode: str) -> tf.Tensor:
    """For each row or column of the padded image, the one of the image that it repeats."""
    indices = tf.range(-added[0], size + added[1])
    skipped = int(mode == "REFLECT")
    indices = tf.where(indices < 0, skipped - 1 - indices, indices)
    return tf.where(indices < size, indices, 2 * size - 1 - skipped - indices)


def pad_replicated(x: tf.Tensor) -> tf.Tensor:
    """Pad by one pixel on each side, which repeats the outermost one."""
    return pad_mirrored(x, (1, 1), (1, 1), "SYMMETRIC")


class ReplicatePadding(keras.layers.Layer):
    """`pad_replicated` as a layer."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Pad [batch, rows, cols, channels] to [batch, rows + 2, cols + 2, channels]."""
        return pad_replicated(x)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """See `keras.layers.Layer`."""
        return (shape[0], *(side and side + 2 for side in shape[1:3]), shape[3])

"""Regions of styles: features are weighted by a mask before their statistics are computed."""

import tensorflow as tf

from neural_style.images.scene import Region
from neural_style.losses.functions import TINY, positions
from neural_style.settings import vgg_layers


def weights_at(region: Region, layer: str, dtype: tf.DType) -> tf.Tensor | None:
    """Compute the weights of features whose Gram matrix is then that of the masked positions.

    The mask is averaged down with the pooling grid and normalised by its sum at the layer, so that the masked Gram
    matrix is as large as if the region filled the image (as in Gatys et al. 2017, section 4.1).

    Args:
      region: its mask [rows, cols] in 0..1 is above 0 somewhere.
      layer: such as "block3_conv1".
      dtype: of the result.

    Returns:
      [1, rows / stride, cols / stride, 1]; None for a region that covers the whole image.
    """
    if region.mask is None:
        return None
    mask = tf.constant(region.mask[None, ..., None], dtype)
    for _ in range(vgg_layers.block_of(layer) - 1):
        mask = tf.nn.avg_pool2d(mask, 2, 2, "VALID")
    return tf.sqrt(mask * (positions(mask) / tf.maximum(tf.reduce_sum(mask), TINY)))


def masked(features: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Multiply features by the weights of a region; without weights, return them unchanged."""
    return features if weights is None else features * tf.cast(weights, features.dtype)

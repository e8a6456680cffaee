"""Regions of styles: features are weighted by a mask before their statistics are computed."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from neural_style.images.scene import Region, shares_of
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
    mask = _pool(tf.constant(region.mask[None, ..., None], dtype), layer)
    return tf.sqrt(mask * (positions(mask) / tf.maximum(tf.reduce_sum(mask), TINY)))


def shares_at(regions: Sequence[Region], layer: str, dtype: tf.DType) -> tf.Tensor | None:
    """Compute what share each region has of each position of a layer.

    Args:
      regions: of a scene.
      layer: such as "block3_conv1".
      dtype: of the result.

    Returns:
      [1, rows / stride, cols / stride, regions] in 0..1; None for one region that covers the whole image.
    """
    shares = shares_of(regions)
    return None if shares is None else _pool(tf.constant(shares[None], dtype), layer)


def select(features: tf.Tensor, mask: np.ndarray | None, layer: str) -> tf.Tensor:
    """Select the features of the positions that lie mostly within a region.

    Args:
      features: [1, rows, cols, channels].
      mask: of the region, [rows, cols] in 0..1 in the image's size; None is everywhere.
      layer: of the features.

    Returns:
      [positions, channels], at least one.
    """
    flat = tf.reshape(features, [-1, features.shape[-1]])
    if mask is None:
        return flat
    shares = tf.reshape(_pool(tf.constant(mask[None, ..., None], tf.float32), layer), [-1])
    return tf.boolean_mask(flat, shares >= tf.minimum(0.5, tf.reduce_max(shares)))


def masked(features: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Multiply features by the weights of a region; without weights, return them unchanged."""
    return features if weights is None else features * tf.cast(weights, features.dtype)


def _pool(masks: tf.Tensor, layer: str) -> tf.Tensor:
    """Average masks [1, rows, cols, masks] down to the positions of a layer, as VGG's pooling does."""
    for _ in range(vgg_layers.block_of(layer) - 1):
        masks = tf.nn.avg_pool2d(masks, 2, 2, "VALID")
    return masks

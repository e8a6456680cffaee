"""Distances of distributions of features: maximum mean discrepancies (Li et al. 2017)."""

from typing import NamedTuple

import tensorflow as tf

from neural_style.losses.functions import widen
from neural_style.losses.matching import sample_evenly

SAMPLE = 256
"""Number of positions that represent all others in the Gaussian kernel's sums."""


def channel_sums(features: tf.Tensor) -> tf.Tensor:
    """Sum each channel over the positions: [batch, channels] (Li et al. 2017, table 1, the linear kernel)."""
    return tf.reduce_sum(widen(features), axis=[1, 2])


def batch_norm_statistics(sums: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Compute the mean and standard deviation of each channel (Li et al. 2017, section 4.2): [batch, 2, channels].

    Args:
      sums: of `moments`.
      count: number of positions.
    """
    mean, square = tf.unstack(sums / tf.cast(count, sums.dtype), axis=1)
    deviation = tf.sqrt(tf.nn.relu(square - tf.square(mean)) + 1e-6)
    return tf.cast(tf.stack([mean, deviation], axis=1), count.dtype)


class GaussianTarget(NamedTuple):
    """A style as a weighted sample of its features.

    Attributes:
      sample: [sampled, channels].
      weights: [sampled], adding up to 1.
      sharpness: 1 / the mean squared distance of sampled pairs; the kernel's 1 / (2 sigma^2).
    """

    sample: tf.Tensor
    weights: tf.Tensor
    sharpness: tf.Tensor


def gaussian_target(style: tf.Tensor) -> GaussianTarget:
    """Sample evenly spaced positions of the style; their pairs give the kernel's width (Li et al. 2017, section 5)."""
    sample = sample_evenly(style, SAMPLE)
    pairs = _squared_distances(sample, sample)
    count = tf.cast(tf.shape(sample)[0], sample.dtype)
    return GaussianTarget(sample, tf.fill(tf.shape(sample)[:1], 1 / count), 1 / (tf.reduce_mean(pairs) + 1e-6))


def gaussian_distance(flat: tf.Tensor, target: GaussianTarget) -> tf.Tensor:
    """Compute the squared maximum mean discrepancy of the kernel exp(-sharpness |x - y|^2): [1].

    The first position of a pair is any, so that the whole picture is painted; the second is sampled. Departs from the
    paper, which samples both.

    Args:
      flat: [positions, channels].
      target: of the style.
    """
    within_image = tf.reduce_mean(_kernel(flat, sample_evenly(flat, SAMPLE), target.sharpness))
    cross = tf.reduce_mean(tf.linalg.matvec(_kernel(flat, target.sample, target.sharpness), target.weights))
    style_rows = tf.linalg.matvec(_kernel(target.sample, target.sample, target.sharpness), target.weights)
    within_style = tf.tensordot(target.weights, style_rows, 1)
    return (within_image + within_style - 2 * cross)[tf.newaxis]


def _squared_distances(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    squares = tf.reduce_sum(x**2, axis=1)[:, tf.newaxis] + tf.reduce_sum(y**2, axis=1)
    return tf.nn.relu(squares - 2 * tf.matmul(x, y, transpose_b=True))


def _kernel(x: tf.Tensor, y: tf.Tensor, sharpness: tf.Tensor) -> tf.Tensor:
    return tf.exp(-sharpness * _squared_distances(x, y))

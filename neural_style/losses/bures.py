"""The distance of two normal distributions of features, of their means and covariances."""

from typing import NamedTuple

import tensorflow as tf

from neural_style.losses import regions
from neural_style.losses.functions import TINY, positions, widen

FLOOR = 1e-4
"""Added to the variances, as a share of the style's mean variance, so that covariances have an inverse."""
SMALLEST = 1e-14
"""The smallest eigenvalue of products of covariances, as a share of the largest: smaller ones are rounding."""


class NormalTarget(NamedTuple):
    """A style as a normal distribution of features, in float64.

    Attributes:
      mean: [1, channels].
      root: the square root of the covariance, [1, channels, channels].
      floor: what is added to each variance, [1].
    """

    mean: tf.Tensor
    root: tf.Tensor
    floor: tf.Tensor


def second_moments(features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Sum the products of channels, and the channels themselves, over the positions.

    The products are those of features without their mean, which is put back in float32: in bfloat16 the sums themselves
    would round away what distinguishes covariances.

    Args:
      features: [batch, rows, cols, channels].
      weights: of each position, [1, rows, cols, 1], as `regions.weights_at` makes them; None is 1 everywhere.

    Returns:
      [batch, channels + 1, channels] of `widen`'s type: sum(w^2 f f^T), and below it sum(w^2 f).
    """
    shape, channels = tf.shape(features), features.shape[-1]
    squares = None if weights is None else tf.square(widen(weights))
    count = positions(features) if squares is None else tf.reduce_sum(squares)

    @tf.custom_gradient
    def sum_products(features: tf.Tensor) -> tf.Tensor:
        wide = widen(features) if squares is None else widen(features) * squares
        total = tf.reduce_sum(wide, axis=[1, 2])[:, tf.newaxis]
        rounded = tf.cast(total / tf.maximum(count, TINY), features.dtype)
        centred, mean = features - rounded[:, tf.newaxis], widen(rounded)
        flat = tf.reshape(regions.masked(centred, weights), [shape[0], -1, channels])
        # With t = sum(f) and r the rounded mean: sum(f f^T) = sum((f - r) (f - r)^T) + t r^T + r t^T - n r r^T.
        rest = tf.matmul(total - count / 2 * mean, mean, transpose_a=True)
        products = widen(tf.matmul(flat, flat, transpose_a=True)) + rest + tf.linalg.matrix_transpose(rest)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            by_products, by_total = upstream[:, :channels], upstream[:, channels:]
            symmetric = by_products + tf.linalg.matrix_transpose(by_products)
            # f symmetric + by_total nearly cancel: what belongs to the mean is added up before it is rounded.
            constant = tf.cast(by_total + mean @ symmetric, features.dtype)
            slope = tf.reshape(centred, [shape[0], -1, channels]) @ tf.cast(symmetric, features.dtype) + constant
            slope = tf.reshape(slope, shape)
            return slope if squares is None else slope * tf.cast(squares, slope.dtype)

        return tf.concat([products, total], axis=1), gradient

    return sum_products(features)


def mean_and_covariance(moments: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Compute mean [batch, channels] and covariance [batch, channels, channels], in float64.

    Args:
      moments: of `second_moments`, divided by the number of positions.
    """
    moments = tf.cast(moments, tf.float64)
    products, mean = moments[:, :-1], moments[:, -1]
    return mean, products - mean[:, :, tf.newaxis] * mean[:, tf.newaxis]


def normal_target(moments: tf.Tensor) -> NormalTarget:
    """Compute the target of a style.

    Args:
      moments: of `second_moments`, divided by the number of positions: [1, channels + 1, channels].
    """
    mean, covariance = mean_and_covariance(moments)
    floor = FLOOR * tf.linalg.trace(covariance) / covariance.shape[-1]
    values, vectors = tf.linalg.eigh(_add_to_diagonal(covariance, floor))
    roots = tf.sqrt(tf.maximum(values, 0))
    return NormalTarget(mean, tf.matmul(vectors * roots[:, tf.newaxis], vectors, transpose_b=True), floor)


def bures_distance(moments: tf.Tensor, target: NormalTarget) -> tf.Tensor:
    """Compute the squared 2-Wasserstein distance of normal distributions: [batch] of the moments' type.

    Everything is in float64: eigenvalues are products of two covariances', of which float32 would lose the small ones.

    |m - m'|^2 + trace(C + C' - 2 (C'^1/2 C C'^1/2)^1/2) (Olkin & Pukelsheim 1982; Dowson & Landau 1982), which
    crowsonkb/style-transfer-pytorch uses for styles.

    Args:
      moments: of the image, see `normal_target`.
      target: of the style.
    """
    mean, covariance = mean_and_covariance(moments)
    covariance = _add_to_diagonal(covariance, target.floor)
    means = tf.reduce_sum(tf.square(mean - target.mean), axis=-1)
    traces = tf.linalg.trace(covariance) + tf.reduce_sum(tf.square(target.root), axis=[1, 2])
    return tf.cast(means + traces - 2 * trace_of_root(covariance, target.root), moments.dtype)


@tf.custom_gradient
def trace_of_root(covariance: tf.Tensor, root: tf.Tensor) -> tf.Tensor:
    """Compute trace((S C S)^1/2) for C = `covariance` and S = `root`, a constant: [batch].

    Its gradient by C is S (S C S)^-1/2 S / 2; that of the eigenvectors would divide by differences of eigenvalues.
    """
    product = root @ covariance @ root
    values, vectors = tf.linalg.eigh((product + tf.linalg.matrix_transpose(product)) / 2)
    roots = tf.sqrt(tf.maximum(values, SMALLEST * tf.reduce_max(values, axis=-1, keepdims=True)) + TINY)

    def gradient(upstream: tf.Tensor):
        mapped = root @ vectors
        slope = tf.matmul(mapped / roots[:, tf.newaxis], mapped, transpose_b=True) / 2
        return upstream[:, tf.newaxis, tf.newaxis] * slope, None

    return tf.reduce_sum(roots, axis=-1), gradient


def _add_to_diagonal(covariance: tf.Tensor, floor: tf.Tensor) -> tf.Tensor:
    """Add `floor` [batch] to the variances of a covariance [batch, channels, channels]."""
    return covariance + floor[:, tf.newaxis, tf.newaxis] * tf.eye(covariance.shape[-1], dtype=covariance.dtype)

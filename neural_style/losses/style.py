"""How far features are from a style: Gram matrices, maximum mean discrepancies, Markov random fields."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from neural_style.losses.functions import gram_matrix, squared_distance, widen

SAMPLE = 256
"""Positions that stand for all others in the Gaussian kernel's sums."""
BLOCK = 1 << 24
"""Correlations of patches held at once, so that memory does not grow with their product (64 MiB)."""


def weighted_mean(targets: Sequence[tf.Tensor], weights: Sequence[float]) -> tf.Tensor:
    """The mean of `targets` with `weights` that add up to 1."""
    return tf.add_n([weight * target for target, weight in zip(targets, weights, strict=True)])


class Statistic(NamedTuple):
    """What a way to compare style takes of features, and how far it is from a style's.

    Attributes:
      sums: features [batch, rows, cols, channels] → what is compared; additive over positions where
        `settings.loss.STYLE_LOSSES` calls it summed, then [batch, …].
      target: (the style's sums, its positions, the content's positions) → what `distance` compares with, as if the
        style had as many positions as the content.
      distance: (sums, their positions, target) → [batch].
      merge: (targets of several style images, their weights, which add up to 1) → one target.
    """

    sums: Callable[[tf.Tensor], Any]
    target: Callable[[Any, tf.Tensor, tf.Tensor], Any]
    distance: Callable[[Any, tf.Tensor, Any], tf.Tensor]
    merge: Callable[[Sequence[Any], Sequence[float]], Any] = weighted_mean


def channel_sums(features: tf.Tensor) -> tf.Tensor:
    """[batch, channels]; over the positions, the linear kernel's statistic (Li et al. 2017, table 1)."""
    return tf.reduce_sum(widen(features), axis=[1, 2])


def moments(features: tf.Tensor) -> tf.Tensor:
    """[batch, 2, channels] float64: the sums of each channel and of its squares.

    Variances are differences of these, which float32 would leave few digits of.
    """
    features = tf.cast(features, tf.float64)
    return tf.stack([tf.reduce_sum(features, axis=[1, 2]), tf.reduce_sum(tf.square(features), axis=[1, 2])], axis=1)


def batch_norm_statistics(sums: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """[batch, 2, channels]: mean and standard deviation of each channel (Li et al. 2017, section 4.2).

    Args:
      sums: of `moments`.
      count: of positions.
    """
    mean, square = tf.unstack(sums / tf.cast(count, sums.dtype), axis=1)
    deviation = tf.sqrt(tf.nn.relu(square - tf.square(mean)) + 1e-6)
    return tf.cast(tf.stack([mean, deviation], axis=1), count.dtype)


def _batch_norm_distance(sums: tf.Tensor, count: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return squared_distance(batch_norm_statistics(sums, count), target) / float(sums.shape[-1])


class GaussianTarget(NamedTuple):
    """A style as a weighted sample of its features.

    Attributes:
      sample: [sampled, channels].
      weights: [sampled], adding up to 1.
      sharpness: 1 / the mean squared distance of sampled pairs, the kernel's 1 / (2 sigma^2).
    """

    sample: tf.Tensor
    weights: tf.Tensor
    sharpness: tf.Tensor


def gaussian_target(style: tf.Tensor) -> GaussianTarget:
    """Evenly spaced positions of the style, and the kernel's width from their pairs (Li et al. 2017, section 5)."""
    sample = _sample(style)
    pairs = _squared_distances(sample, sample)
    count = tf.cast(tf.shape(sample)[0], sample.dtype)
    return GaussianTarget(sample, tf.fill(tf.shape(sample)[:1], 1 / count), 1 / (tf.reduce_mean(pairs) + 1e-6))


def _merge_gaussian(targets: Sequence[GaussianTarget], weights: Sequence[float]) -> GaussianTarget:
    return GaussianTarget(
        tf.concat([target.sample for target in targets], axis=0),
        tf.concat([weight * target.weights for target, weight in zip(targets, weights, strict=True)], axis=0),
        weighted_mean([target.sharpness for target in targets], weights),
    )


def gaussian_distance(flat: tf.Tensor, target: GaussianTarget) -> tf.Tensor:
    """The squared maximum mean discrepancy of the kernel exp(-sharpness |x - y|^2), [1].

    Every position counts, so that all of the picture is painted; as the second of each pair
    stands a sample (departing from the paper, which samples both).

    Args:
      flat: [positions, channels].
      target: of the style.
    """
    own = tf.reduce_mean(_kernel(flat, _sample(flat), target.sharpness))
    cross = tf.reduce_mean(tf.linalg.matvec(_kernel(flat, target.sample, target.sharpness), target.weights))
    among = tf.linalg.matvec(_kernel(target.sample, target.sample, target.sharpness), target.weights)
    return (own + tf.tensordot(target.weights, among, 1) - 2 * cross)[tf.newaxis]


def flat_features(features: tf.Tensor) -> tf.Tensor:
    """Every position of `features` [1, rows, cols, channels] as a row: [positions, channels]."""
    return widen(tf.reshape(features, [-1, features.shape[-1]]))


def _sample(flat: tf.Tensor) -> tf.Tensor:
    count = tf.shape(flat)[0]
    kept = tf.minimum(count, SAMPLE)
    return tf.gather(flat, tf.cast(tf.range(kept), tf.int64) * tf.cast(count, tf.int64) // tf.cast(kept, tf.int64))


def _squared_distances(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    squares = tf.reduce_sum(x**2, axis=1)[:, tf.newaxis] + tf.reduce_sum(y**2, axis=1)
    return tf.nn.relu(squares - 2 * tf.matmul(x, y, transpose_b=True))


def _kernel(x: tf.Tensor, y: tf.Tensor, sharpness: tf.Tensor) -> tf.Tensor:
    return tf.exp(-sharpness * _squared_distances(x, y))


def patches(features: tf.Tensor) -> tf.Tensor:
    """Every 3x3 patch of `features` [1, rows, cols, channels] that lies inside: [patches, 9 * channels]."""
    windows = tf.image.extract_patches(widen(features), [1, 3, 3, 1], [1] * 4, [1] * 4, "VALID")
    return tf.reshape(windows, [-1, 9 * features.shape[-1]])


def best_matches(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """For each of `queries` the row of `keys` of highest normalised cross-correlation (Li & Wand 2016, eq. 3).

    Args:
      queries, keys: [number, size]; worked through in blocks, so that memory is bounded.

    Returns:
      [queries] int64.
    """
    directions = tf.math.l2_normalize(keys, axis=1)
    count, step = tf.shape(queries)[0], tf.maximum(BLOCK // tf.shape(keys)[0], 1)
    starts = tf.range(0, count, step)

    def match(start: Any):
        # The last block begins early enough to be as long as the others.
        block = queries[tf.maximum(tf.minimum(start, count - step), 0) :][:step]
        return tf.argmax(tf.matmul(block, directions, transpose_b=True), axis=1)

    found = tf.map_fn(match, starts, fn_output_signature=tf.int64, parallel_iterations=1)
    overlap = tf.maximum(tf.size(found) - count, 0)
    head, last = tf.reshape(found[:-1], [-1]), found[-1]
    return tf.concat([head, last[overlap:]], axis=0)


def mrf_distance(own: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Sum of squared distances of each patch to the style patch most like it (Li & Wand 2016, eq. 2), [1].

    Args:
      own, target: patches of the combination and of the style [patches, 9 * channels]. They are matched anew at
        each evaluation.
    """
    matched = tf.gather(target, best_matches(tf.stop_gradient(own), target))
    return tf.reduce_sum(tf.math.squared_difference(own, matched))[tf.newaxis]


STATISTICS = {
    # The style's Gram matrix, as if the style had as many positions as the content.
    "gram": Statistic(
        gram_matrix,
        lambda sums, own, wanted: sums * (wanted / own),
        lambda sums, count, target: squared_distance(sums, target),
    ),
    "linear": Statistic(
        channel_sums,
        lambda sums, own, wanted: sums / own,
        lambda sums, count, target: squared_distance(sums / count, target),
    ),
    # The discrepancy of the kernel (x . y)^2 is the Gram loss over positions^2 (Li et al. 2017, section 3).
    "polynomial": Statistic(
        gram_matrix,
        lambda sums, own, wanted: sums / own,
        lambda sums, count, target: squared_distance(sums / count, target),
    ),
    "batch_norm": Statistic(moments, lambda sums, own, wanted: batch_norm_statistics(sums, own), _batch_norm_distance),
    "gaussian": Statistic(
        flat_features,
        lambda sums, own, wanted: gaussian_target(sums),
        lambda sums, count, target: gaussian_distance(sums, target),
        _merge_gaussian,
    ),
    # Patches of all style images compete, whatever their weights.
    "mrf": Statistic(
        patches,
        lambda sums, own, wanted: sums,
        lambda sums, count, target: mrf_distance(sums, target),
        lambda targets, weights: tf.concat(targets, axis=0),
    ),
}
"""By the choices of --style_loss."""

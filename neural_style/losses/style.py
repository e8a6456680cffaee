"""Distances of features from a style: Gram matrices, maximum mean discrepancies, Markov random fields."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from neural_style.losses.functions import gram_matrix, squared_distance, widen

SAMPLE = 256
"""Number of positions that represent all others in the Gaussian kernel's sums."""
BLOCK = 1 << 24
"""Maximum number of patch correlations held at once (64 MiB), so that memory does not grow with their product."""


def weighted_mean(targets: Sequence[tf.Tensor], weights: Sequence[float]) -> tf.Tensor:
    """Compute the mean of `targets` by `weights` that add up to 1."""
    return tf.add_n([weight * target for target, weight in zip(targets, weights, strict=True)])


def channel_sums(features: tf.Tensor) -> tf.Tensor:
    """Sum each channel over the positions: [batch, channels] (Li et al. 2017, table 1, the linear kernel)."""
    return tf.reduce_sum(widen(features), axis=[1, 2])


def moments(features: tf.Tensor) -> tf.Tensor:
    """Sum each channel and its squares: [batch, 2, channels] float64.

    Variances are differences of these; in float32 few digits would remain.
    """
    features = tf.cast(features, tf.float64)
    return tf.stack([tf.reduce_sum(features, axis=[1, 2]), tf.reduce_sum(tf.square(features), axis=[1, 2])], axis=1)


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
    sample = _sample(style)
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
    within_image = tf.reduce_mean(_kernel(flat, _sample(flat), target.sharpness))
    cross = tf.reduce_mean(tf.linalg.matvec(_kernel(flat, target.sample, target.sharpness), target.weights))
    style_rows = tf.linalg.matvec(_kernel(target.sample, target.sample, target.sharpness), target.weights)
    within_style = tf.tensordot(target.weights, style_rows, 1)
    return (within_image + within_style - 2 * cross)[tf.newaxis]


def flat_features(features: tf.Tensor) -> tf.Tensor:
    """Reshape features [1, rows, cols, channels] to [positions, channels]."""
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
    """Extract every 3x3 patch inside features [1, rows, cols, channels]: [patches, 9 * channels]."""
    windows = tf.image.extract_patches(widen(features), [1, 3, 3, 1], [1] * 4, [1] * 4, "VALID")
    return tf.reshape(windows, [-1, 9 * features.shape[-1]])


def best_matches(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """Find the key of highest normalised cross-correlation for each query (Li & Wand 2016, eq. 3).

    Args:
      queries, keys: [number, size]; compared in blocks, so that memory is bounded.

    Returns:
      Indices of keys, [queries] int64.
    """
    directions = tf.math.l2_normalize(keys, axis=1)
    count, step = tf.shape(queries)[0], tf.maximum(BLOCK // tf.shape(keys)[0], 1)
    starts = tf.range(0, count, step)

    def match(start: Any):
        # The last block starts early enough to be as long as the others.
        block = queries[tf.maximum(tf.minimum(start, count - step), 0) :][:step]
        return tf.argmax(tf.matmul(block, directions, transpose_b=True), axis=1)

    matches = tf.map_fn(match, starts, fn_output_signature=tf.int64, parallel_iterations=1)
    overlap = tf.maximum(tf.size(matches) - count, 0)
    head, last = tf.reshape(matches[:-1], [-1]), matches[-1]
    return tf.concat([head, last[overlap:]], axis=0)


def mrf_distance(image_patches: tf.Tensor, style_patches: tf.Tensor) -> tf.Tensor:
    """Sum the squared distances of each patch from the most similar style patch (Li & Wand 2016, eq. 2): [1].

    Args:
      image_patches, style_patches: [patches, 9 * channels]; matched again at each evaluation.
    """
    matched = tf.gather(style_patches, best_matches(tf.stop_gradient(image_patches), style_patches))
    return tf.reduce_sum(tf.math.squared_difference(image_patches, matched))[tf.newaxis]


class Statistic(Protocol):
    """A way to compare styles: what it computes of features, and its distance from a style's."""

    def sums(self, features: tf.Tensor) -> Any:
        """Compute what is compared of features [batch, rows, cols, channels].

        Where `settings.loss.STYLE_LOSSES` calls it summed, the result [batch, …] is additive over positions.
        """

    def target(self, sums: Any, style_count: tf.Tensor, content_count: tf.Tensor) -> Any:
        """Compute what `distance` compares with, as if the style had as many positions as the content.

        Args:
          sums: of the style.
          style_count, content_count: positions of the style and of the content.
        """

    def distance(self, sums: Any, count: tf.Tensor, target: Any) -> tf.Tensor:
        """Compute the distance [batch] of an image's `sums` over `count` positions from a target."""

    def merge(self, targets: Sequence[Any], weights: Sequence[float]) -> Any:
        """Merge the targets of several style images by weights that add up to 1."""


class Gram:
    """Gram matrices (Gatys et al. 2016)."""

    sums = staticmethod(gram_matrix)
    merge = staticmethod(weighted_mean)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return sums * (content_count / style_count)

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return squared_distance(sums, target)


class _MeanDistance:
    """The squared distance of means over positions."""

    merge = staticmethod(weighted_mean)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return sums / style_count

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return squared_distance(sums / count, target)


class Linear(_MeanDistance):
    """The maximum mean discrepancy of the kernel x . y (Li et al. 2017, table 1)."""

    sums = staticmethod(channel_sums)


class Polynomial(_MeanDistance):
    """The maximum mean discrepancy of the kernel (x . y)^2: Gram / positions^2 (Li et al. 2017, section 3)."""

    sums = staticmethod(gram_matrix)


class BatchNorm:
    """The mean and standard deviation of each channel (Li et al. 2017, section 4.2)."""

    sums = staticmethod(moments)
    merge = staticmethod(weighted_mean)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return batch_norm_statistics(sums, style_count)

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return squared_distance(batch_norm_statistics(sums, count), target) / float(sums.shape[-1])


class Gaussian:
    """The maximum mean discrepancy of a Gaussian kernel (Li et al. 2017), see `gaussian_distance`."""

    sums = staticmethod(flat_features)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> GaussianTarget:
        """See `Statistic`."""
        return gaussian_target(sums)

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: GaussianTarget) -> tf.Tensor:
        """See `Statistic`."""
        return gaussian_distance(sums, target)

    def merge(self, targets: Sequence[GaussianTarget], weights: Sequence[float]) -> GaussianTarget:
        """See `Statistic`; the samples are joined."""
        return GaussianTarget(
            tf.concat([target.sample for target in targets], axis=0),
            tf.concat([weight * target.weights for target, weight in zip(targets, weights, strict=True)], axis=0),
            weighted_mean([target.sharpness for target in targets], weights),
        )


class Mrf:
    """The distance of each 3x3 patch from the most similar style patch (Li & Wand 2016)."""

    sums = staticmethod(patches)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return sums

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return mrf_distance(sums, target)

    def merge(self, targets: Sequence[tf.Tensor], weights: Sequence[float]) -> tf.Tensor:
        """See `Statistic`; the patches of all style images compete, and weights are ignored."""
        return tf.concat(targets, axis=0)


STATISTICS: dict[str, Statistic] = {
    "gram": Gram(),
    "linear": Linear(),
    "polynomial": Polynomial(),
    "batch_norm": BatchNorm(),
    "gaussian": Gaussian(),
    "mrf": Mrf(),
}
"""By the choices of --style_loss."""

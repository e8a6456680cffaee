"""Distances of features from a style, one class for each choice of --style_loss."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from neural_style.losses import bures, discrepancies, matching, regions
from neural_style.losses.discrepancies import GaussianTarget
from neural_style.losses.functions import gram_matrix, moments, squared_distance
from neural_style.losses.matching import flat_features, sample_evenly

STYLE_SAMPLE = 1024
"""Number of positions that represent a style in the relaxed earth mover's distance, as Kolkin et al. 2019 take them."""
DIRECTIONS, DIRECTIONS_SEED = 32, 0
"""Number of random directions of the sliced Wasserstein distance, and their seed: L-BFGS needs the same ones always."""


def weighted_mean(targets: Sequence[tf.Tensor], weights: Sequence[float]) -> tf.Tensor:
    """Compute the mean of `targets` by `weights` that add up to 1."""
    return tf.add_n([weight * target for target, weight in zip(targets, weights, strict=True)])


class Statistic(Protocol):
    """A way to compare styles: what it computes of features, and its distance from a style's."""

    def sums(self, features: tf.Tensor, weights: tf.Tensor | None = None) -> Any:
        """Compute what is compared of features [batch, rows, cols, channels].

        Where `settings.loss.STYLE_LOSSES` calls it summed, the result [batch, …] is additive over positions. A
        statistic that is not summed takes one image: batch is 1.

        Args:
          features: of an image, or of a tile.
          weights: of a region, see `regions.weights_at`; only for what `STYLE_LOSSES` calls regional.
        """

    def target(self, sums: Any, style_count: tf.Tensor, content_count: tf.Tensor) -> Any:
        """Compute what `merge` takes of a style image, as if it had as many positions as the content.

        Args:
          sums: of the style.
          style_count, content_count: positions of the style and of the content.
        """

    def merge(self, targets: Sequence[Any], weights: Sequence[float]) -> Any:
        """Merge the targets of one or several style images, by weights that add up to 1, into what is compared with."""

    def distance(self, sums: Any, count: tf.Tensor, target: Any) -> tf.Tensor:
        """Compute the distance [batch] of an image's `sums` over `count` positions from a merged target."""


class Gram:
    """Gram matrices (Gatys et al. 2016)."""

    merge = staticmethod(weighted_mean)

    def sums(self, features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """See `Statistic`."""
        return gram_matrix(regions.masked(features, weights))

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

    def sums(self, features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """See `Statistic`."""
        return discrepancies.channel_sums(features)


class Polynomial(_MeanDistance):
    """The maximum mean discrepancy of the kernel (x . y)^2 (Li et al. 2017, section 3).

    It is the squared distance of Gram / positions, which is the loss of Gram matrices / positions^2.
    """

    def sums(self, features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """See `Statistic`."""
        return gram_matrix(features)


class BatchNorm:
    """The mean and standard deviation of each channel (Li et al. 2017, section 4.2)."""

    merge = staticmethod(weighted_mean)

    def sums(self, features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """See `Statistic`."""
        return moments(features)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return discrepancies.batch_norm_statistics(sums, style_count)

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return squared_distance(discrepancies.batch_norm_statistics(sums, count), target) / float(sums.shape[-1])


class Gaussian:
    """The maximum mean discrepancy of a Gaussian kernel (Li et al. 2017), see `discrepancies.gaussian_distance`."""

    def sums(self, features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """See `Statistic`."""
        return flat_features(features)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> GaussianTarget:
        """See `Statistic`."""
        return discrepancies.gaussian_target(sums)

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: GaussianTarget) -> tf.Tensor:
        """See `Statistic`."""
        return discrepancies.gaussian_distance(sums, target)

    def merge(self, targets: Sequence[GaussianTarget], weights: Sequence[float]) -> GaussianTarget:
        """See `Statistic`; the samples are joined."""
        return GaussianTarget(
            tf.concat([target.sample for target in targets], axis=0),
            tf.concat([weight * target.weights for target, weight in zip(targets, weights, strict=True)], axis=0),
            weighted_mean([target.sharpness for target in targets], weights),
        )


class Mrf:
    """The distance of each 3x3 patch from the most similar style patch (Li & Wand 2016)."""

    def sums(self, features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """See `Statistic`."""
        return matching.patches(features)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return sums

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return matching.mrf_distance(sums, target)

    def merge(self, targets: Sequence[tf.Tensor], weights: Sequence[float]) -> tf.Tensor:
        """See `Statistic`; the patches of all style images compete, and weights are ignored."""
        return tf.concat(targets, axis=0)


class Bures:
    """The distance of normal distributions with the features' means and covariances, see `bures.bures_distance`.

    Several styles are merged by their means and second moments, as crowsonkb/style-transfer-pytorch does. The distance
    is divided by the number of channels.
    """

    sums = staticmethod(bures.second_moments)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return sums / style_count

    def merge(self, targets: Sequence[tf.Tensor], weights: Sequence[float]) -> bures.NormalTarget:
        """See `Statistic`."""
        return bures.normal_target(weighted_mean(targets, weights))

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: bures.NormalTarget) -> tf.Tensor:
        """See `Statistic`."""
        return bures.bures_distance(sums / count, target) / float(sums.shape[-1])


class SlicedWasserstein:
    """The mean squared difference of sorted projections onto random directions (Heitz et al. 2021).

    The directions are always the same, where the paper draws new ones at each step. A style of another size is
    interpolated to as many quantiles as the image has positions.
    """

    def sums(self, features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """Return the sorted projections, [directions, positions]."""
        channels = features.shape[-1]
        directions = np.random.RandomState(DIRECTIONS_SEED).standard_normal((channels, DIRECTIONS))
        directions /= np.linalg.norm(directions, axis=0)
        flat = flat_features(features)
        return tf.sort(
            tf.matmul(directions.astype(flat.dtype.as_numpy_dtype), flat, transpose_a=True, transpose_b=True)
        )

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> tf.Tensor:
        """See `Statistic`; the style's quantiles at the middle of each of the image's positions."""
        places = (tf.range(content_count) + 0.5) / content_count * style_count - 0.5
        places = tf.clip_by_value(places, 0, style_count - 1)
        below = tf.floor(places)
        indices = tf.cast(below, tf.int32)
        lower, upper = (tf.gather(sums, tf.minimum(indices + step, tf.shape(sums)[1] - 1), axis=1) for step in (0, 1))
        return lower + (places - below) * (upper - lower)

    def merge(self, targets: Sequence[tf.Tensor], weights: Sequence[float]) -> tf.Tensor:
        """See `Statistic`; the barycentre along each direction."""
        return weighted_mean(targets, weights)

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return tf.reduce_mean(tf.math.squared_difference(sums, target))[tf.newaxis]


class EarthMover:
    """The relaxed earth mover's distance (Kolkin et al. 2019), see `matching.relaxed_earth_movers_distance`.

    It departs from the paper in two ways: each layer is compared by itself, and all positions of the image take part
    instead of a sample. The cosine says nothing of contrast, which other terms have to hold.
    """

    def sums(self, features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """See `Statistic`."""
        return flat_features(features)

    def target(self, sums: tf.Tensor, style_count: tf.Tensor, content_count: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return sample_evenly(sums, STYLE_SAMPLE)

    def merge(self, targets: Sequence[tf.Tensor], weights: Sequence[float]) -> tf.Tensor:
        """See `Statistic`; the samples of all style images compete, and weights are ignored."""
        return tf.concat(targets, axis=0)

    def distance(self, sums: tf.Tensor, count: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Statistic`."""
        return matching.relaxed_earth_movers_distance(sums, target)


STATISTICS: dict[str, Statistic] = {
    "gram": Gram(),
    "linear": Linear(),
    "polynomial": Polynomial(),
    "batch_norm": BatchNorm(),
    "gaussian": Gaussian(),
    "mrf": Mrf(),
    "bures": Bures(),
    "sliced_wasserstein": SlicedWasserstein(),
    "earth_mover": EarthMover(),
}
"""By the choices of --style_loss."""

"""Transforms that give features a style's statistics: WCT (Li et al. 2017), and AdaIN (Huang & Belongie 2017).

Both are affine maps of a position's channels, f -> A f + b. They depend on an image only by its features' mean and
covariance, which are sums over positions, so that an image can be processed tile by tile. All is computed in float64.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

THRESHOLD = 1e-7
"""Eigenvalues and variances below this share of the largest are rounding, and count as zero.

Li et al. use 1e-5 as an absolute threshold, which is another share for each network and layer.
"""

CHUNK = 16384
"""Positions that are added at a time, to keep float64 copies small."""


class MomentAccumulator:
    """Weighted sums over positions, from which mean and covariance are computed.

    Features are taken relative to the mean of the first ones that were added, to avoid cancellation.
    """

    def __init__(self, channel_wise: bool = False):
        """
        Args:
          channel_wise: whether only variances are computed, and chunks in the features' own precision, which is faster;
            the covariances are then 0.
        """
        self._channel_wise = channel_wise
        self._count, self._origin = 0.0, None
        self._first: tf.Tensor | float = 0.0
        self._second: tf.Tensor | float = 0.0

    def add(self, features: tf.Tensor | np.ndarray, weights: np.ndarray | None = None) -> None:
        """Add positions.

        Args:
          features: [..., channels].
          weights: of each position [...], 0 to 1; None is 1.
        """
        rows = tf.reshape(features, [-1, features.shape[-1]])
        if self._origin is None:
            self._origin = tf.reduce_mean(tf.cast(rows[:CHUNK], tf.float64), axis=0)
        for start in range(0, len(rows), CHUNK):
            chunk = slice(start, start + CHUNK)
            self._add_chunk(rows[chunk], None if weights is None else weights.reshape(-1, 1)[chunk])

    def _add_chunk(self, rows: tf.Tensor, weights: np.ndarray | None) -> None:
        """Add features [positions, channels] with weights [positions, 1]."""
        dtype = rows.dtype if self._channel_wise else tf.float64
        centred = tf.cast(rows, dtype) - tf.cast(self._origin, dtype)
        factors = tf.ones([len(rows), 1], dtype) if weights is None else tf.constant(weights, dtype)
        self._count += len(rows) if weights is None else float(np.sum(weights, dtype=np.float64))
        # Sums over positions as matrix products: weights then need no pass of their own over the features.
        first = tf.matmul(factors, centred, transpose_a=True)[0]
        if self._channel_wise:
            second = tf.matmul(factors, tf.square(centred), transpose_a=True)[0]
        else:
            second = tf.matmul(centred if weights is None else factors * centred, centred, transpose_a=True)
        self._first = self._first + tf.cast(first, tf.float64)
        self._second = self._second + tf.cast(second, tf.float64)

    def statistics(self) -> "Statistics":
        """Mean and covariance; zeros of nothing."""
        count = max(self._count, 1e-12)
        mean = np.asarray(self._first) / count
        # Divided by N - 1 as by Li et al.; one position has no covariance.
        if self._channel_wise:
            covariance = np.diag(np.asarray(self._second) - count * mean**2)
        else:
            covariance = np.asarray(self._second) - count * np.outer(mean, mean)
        covariance = covariance / max(self._count - 1, 1)
        return Statistics(np.asarray(self._origin) + mean, covariance)


@dataclasses.dataclass(frozen=True)
class Statistics:
    """The `mean` [channels] and `covariance` [channels, channels] of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray

    @functools.cached_property
    def root(self) -> np.ndarray:
        """The covariance to the power of 1/2; kept, since a painting serves for many pictures."""
        return matrix_power(self.covariance, 0.5)


def add_by_region(accumulators: Sequence[MomentAccumulator], features: tf.Tensor, weights: np.ndarray | None) -> None:
    """Add features to the moments of each region.

    Args:
      accumulators: one for each region.
      features: [rows, cols, channels].
      weights: of each position in each region [rows, cols, regions]; None is 1.
    """
    for index, accumulator in enumerate(accumulators):
        accumulator.add(features, None if weights is None else weights[..., index])


def measure(features: np.ndarray, weights: np.ndarray | None = None) -> Statistics:
    """The statistics of features [..., channels], each position with its weight [...] or 1."""
    moments = MomentAccumulator()
    moments.add(features, weights)
    return moments.statistics()


@dataclasses.dataclass(frozen=True)
class Affine:
    """The map of a position's channels f -> f A + b.

    Attributes:
      matrix: A [channels, channels]; or its diagonal [channels], where each channel is mapped by itself.
      offset: b [channels].
    """

    matrix: np.ndarray
    offset: np.ndarray

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        """Map features [..., channels]."""
        matrix, offset = (tf.cast(part, features.dtype) for part in (self.matrix, self.offset))
        product = features * matrix if len(matrix.shape) == 1 else tf.tensordot(features, matrix, 1)
        return product + offset


def wct(content: Statistics, styles: Sequence[Statistics], blend: Sequence[float]) -> Affine:
    """Whitening and colouring (Li et al. 2017, equations 1 and 2; several styles are blended as in section 4.1).

    Where the content's features do not span all channels, only what they span is coloured. Departs from the authors'
    code by the relative `THRESHOLD`, and by adding nothing to the covariance, which would whiten less.

    Args:
      content: statistics of the features that are mapped.
      styles: statistics of the styles' features.
      blend: the weight of each style; they add up to 1.
    """
    whitening = matrix_power(content.covariance, -0.5)
    colouring = sum(share * style.root for share, style in zip(blend, styles, strict=True))
    matrix = whitening @ colouring
    return Affine(matrix, _blend_means(styles, blend) - content.mean @ matrix)


def adain(content: Statistics, styles: Sequence[Statistics], blend: Sequence[float]) -> Affine:
    """Adaptive instance normalisation: mean and deviation of each channel (Huang & Belongie 2017, equation 8).

    A constant channel becomes the style's mean; the paper divides by a small number there.

    Args:
      content, styles, blend: see `wct`.
    """
    target = sum(share * np.sqrt(_variances(style)) for share, style in zip(blend, styles, strict=True))
    variances = _variances(content)
    scale = np.where(variances > 0, target / np.sqrt(np.where(variances > 0, variances, 1)), 0)
    return Affine(scale, _blend_means(styles, blend) - content.mean * scale)


TRANSFORMS: dict[str, Callable[[Statistics, Sequence[Statistics], Sequence[float]], Affine]] = {
    "wct": wct,
    "adain": adain,
}
"""The transform of each --method."""
CHANNEL_WISE = frozenset({"adain"})
"""Transforms that use the variances alone of the covariances."""


def interpolate(affine: Affine, alpha: float) -> Affine:
    """The map between the identity (`alpha` 0) and `affine` (1)."""
    channels = len(affine.offset)
    identity = np.ones(channels) if affine.matrix.ndim == 1 else np.eye(channels)
    return Affine(alpha * affine.matrix + (1 - alpha) * identity, alpha * affine.offset)


def matrix_power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    """A covariance to the power of `exponent` within the space it spans; zero elsewhere.

    The symmetric eigendecomposition converges for any finite matrix; an SVD in float32 may not.
    """
    # TensorFlow's is used since NumPy's threads wait for each other where the processor is shared.
    values, vectors = map(np.asarray, tf.linalg.eigh(covariance))
    spanned = values > THRESHOLD * max(values[-1], 0)
    vectors = vectors[:, spanned]
    return (vectors * values[spanned] ** exponent) @ vectors.T


def _variances(statistics: Statistics) -> np.ndarray:
    """The variance of each channel; 0 where the channel is constant but for rounding."""
    variances = np.diagonal(statistics.covariance)
    return np.where(variances > THRESHOLD * max(variances.max(), 0), variances, 0)


def _blend_means(styles: Sequence[Statistics], blend: Sequence[float]) -> np.ndarray:
    return np.sum([share * style.mean for share, style in zip(blend, styles, strict=True)], axis=0)

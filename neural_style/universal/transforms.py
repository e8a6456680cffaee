"""Features that take a style's statistics: whitening and colouring (Li et al. 2017), and AdaIN (Huang & Belongie 2017).

Both are affine maps of a position's channels, f -> A f + b, and need no more of an image than its features' mean and
covariance: sums over positions, so that an image may be taken tile by tile. All is computed in float64.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

THRESHOLD = 1e-7
"""Eigenvalues and variances below this share of the largest are no direction of the features but rounding.

Li et al. cut at 1e-5, absolute, which means another share for each network and layer.
"""

POSITIONS = 16384
"""That are added at a time, so that float64 copies stay small."""


class MomentAccumulator:
    """The weighted sums over positions that mean and covariance are made of.

    They are taken about the mean of the first features that were added, so that no digits cancel.
    """

    def __init__(self):
        self._count, self._about = 0.0, None
        self._first: tf.Tensor | float = 0.0
        self._second: tf.Tensor | float = 0.0

    def add(self, features: tf.Tensor | np.ndarray, weights: np.ndarray | None = None) -> None:
        """Adds positions.

        Args:
          features: [..., channels].
          weights: of each position [...], 0 to 1; None is 1.
        """
        flat = tf.reshape(features, [-1, features.shape[-1]])
        if self._about is None:
            self._about = tf.reduce_mean(tf.cast(flat, tf.float64), axis=0)
        for start in range(0, len(flat), POSITIONS):
            some = slice(start, start + POSITIONS)
            f = tf.cast(flat[some], tf.float64) - self._about
            share = 1.0 if weights is None else tf.constant(weights.reshape(-1, 1)[some], tf.float64)
            weighted = share * f
            self._count += len(f) if weights is None else float(tf.reduce_sum(share))
            self._first = self._first + tf.reduce_sum(weighted, axis=0)
            self._second = self._second + tf.matmul(weighted, f, transpose_a=True)

    def statistics(self) -> "Statistics":
        """Mean and covariance; of nothing, zeros."""
        count = max(self._count, 1e-12)
        mean = np.asarray(self._first) / count
        # One position has no covariance; N - 1 as Li et al. have it.
        covariance = (np.asarray(self._second) - count * np.outer(mean, mean)) / max(self._count - 1, 1)
        return Statistics(np.asarray(self._about) + mean, covariance)


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Of features: their `mean` [channels] and `covariance` [channels, channels], float64."""

    mean: np.ndarray
    covariance: np.ndarray


def statistics(features: np.ndarray, weights: np.ndarray | None = None) -> Statistics:
    """The statistics of features [..., channels], each position with its weight [...] or 1."""
    sums = MomentAccumulator()
    sums.add(features, weights)
    return sums.statistics()


@dataclasses.dataclass(frozen=True)
class Affine:
    """The map f -> f @ `matrix` + `offset` of a position's channels: [channels, channels] and [channels]."""

    matrix: np.ndarray
    offset: np.ndarray


def wct(content: Statistics, styles: Sequence[Statistics], blend: Sequence[float]) -> Affine:
    """Whitening and colouring (Li et al. 2017, equations 1 and 2; several styles blended as in section 4.1).

    Where the content's features do not span all channels, only what they span is coloured. Departs from the authors'
    code in the relative `THRESHOLD`, and in that nothing is added to the covariance, which would whiten less.

    Args:
      content: of the features that are mapped.
      styles: of the styles' features.
      blend: the weight of each style; they add up to 1.
    """
    white = power(content.covariance, -0.5)
    colour = sum(share * power(style.covariance, 0.5) for share, style in zip(blend, styles, strict=True))
    return _about(content.mean, white @ colour, _mean(styles, blend))


def adain(content: Statistics, styles: Sequence[Statistics], blend: Sequence[float]) -> Affine:
    """Adaptive instance normalisation: mean and deviation of each channel (Huang & Belongie 2017, equation 8).

    A channel that is flat becomes the style's mean there, where the paper divides by a small number.

    Args:
      content, styles, blend: see `wct`.
    """
    wanted = sum(share * np.sqrt(_variances(style)) for share, style in zip(blend, styles, strict=True))
    own = _variances(content)
    scale = np.where(own > 0, wanted / np.sqrt(np.where(own > 0, own, 1)), 0)
    return _about(content.mean, np.diag(scale), _mean(styles, blend))


TRANSFORMS: dict[str, Callable[[Statistics, Sequence[Statistics], Sequence[float]], Affine]] = {
    "wct": wct,
    "adain": adain,
}
"""By --method."""


def toward(affine: Affine, alpha: float) -> Affine:
    """The map that goes from each position to the share `alpha` of the way to where `affine` maps it."""
    identity = np.eye(len(affine.offset))
    return Affine(alpha * affine.matrix + (1 - alpha) * identity, alpha * affine.offset)


def power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    """A covariance to the power of `exponent` within what it spans, and 0 beyond.

    The symmetric eigendecomposition converges for any finite matrix, where an SVD of float32 may not.
    """
    # TensorFlow's: NumPy's threads wait for each other where the processor is shared.
    values, vectors = map(np.asarray, tf.linalg.eigh(covariance))
    kept = values > THRESHOLD * max(values[-1], 0)
    vectors = vectors[:, kept]
    return (vectors * values[kept] ** exponent) @ vectors.T


def _variances(found: Statistics) -> np.ndarray:
    """Of each channel; 0 where it is flat but for rounding."""
    own = np.diagonal(found.covariance)
    return np.where(own > THRESHOLD * max(own.max(), 0), own, 0)


def _mean(styles: Sequence[Statistics], blend: Sequence[float]) -> np.ndarray:
    return functools.reduce(np.add, (share * style.mean for share, style in zip(blend, styles, strict=True)))


def _about(mean: np.ndarray, matrix: np.ndarray, wanted: np.ndarray) -> Affine:
    """The map by `matrix` that takes `mean` to `wanted`."""
    return Affine(matrix, wanted - mean @ matrix)

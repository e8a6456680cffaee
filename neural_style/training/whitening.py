"""Whitened features, on which kernels are trained: no channel is large, and none follows another."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from neural_style.universal.transforms import Statistics, matrix_power

FLOOR = 1e-2
"""Added to each variance, as a share of their mean: errors of deeper stages lie where features hardly vary, and they
must not be enlarged."""


@dataclasses.dataclass(frozen=True)
class Whitening:
    """The map of features f -> (f - mean) W, whose covariance is about the identity.

    A convolution of the whitened features equals another one of the plain features, except at zero-padded borders.

    Attributes:
      mean: [channels] float32.
      matrix: W, symmetric [channels, channels] float32.
      inverse: of `matrix`.
    """

    mean: np.ndarray
    matrix: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, statistics: Statistics) -> "Whitening":
        """The whitening of features with these statistics."""
        variances = np.diagonal(statistics.covariance)
        covariance = statistics.covariance + FLOOR * variances.mean() * np.eye(len(variances))
        powers = (matrix_power(covariance, exponent).astype(np.float32) for exponent in (-0.5, 0.5))
        return cls(statistics.mean.astype(np.float32), *powers)

    def to_plain(self, kernel: Any, bias: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """The convolution of plain features that equals one of whitened ones: kernel [3, 3, fan in, filters], bias."""
        plain = tf.einsum("ij,rcjo->rcio", self.matrix, kernel)
        return plain, bias - tf.einsum("i,rcio->o", self.mean, plain)

    def to_whitened(self, kernel: Any, bias: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """The convolution of whitened features that equals one of plain features."""
        return tf.einsum("ij,rcjo->rcio", self.inverse, kernel), bias + tf.einsum("i,rcio->o", self.mean, kernel)

"""Applies a network layer by layer in strips of rows, for large pictures in little memory.

One or two whole maps are kept in memory. Each layer's output is computed strip by strip, so that no other array of that
size is needed. Instance normalisation first merges the statistics of all strips, so that it is that of the whole map.
"""

import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.feedforward.layers import (
    CoMatch,
    Convolution,
    CropAdd,
    InstanceNormalization,
    ToImage,
    moments,
    resize_style,
)


class Strips:
    """Applies layers to maps [1, rows, cols, channels] float32 in strips."""

    def __init__(self, rows: int):
        """
        Args:
          rows: rows of the picture in a strip.
        """
        self._rows = rows
        self._positions: int | None = None
        self._reusable: weakref.ref[np.ndarray] | None = None

    def __call__(self, layer: keras.layers.Layer, x: np.ndarray, *inputs: Any) -> np.ndarray:
        """Apply `layer` to a map and the layer's further inputs."""
        methods: dict[type, Callable[..., np.ndarray]] = {
            Convolution: self._convolve,
            InstanceNormalization: self._normalize,
            CoMatch: self._match,
            CropAdd: lambda layer, x, other: x + other[:, : x.shape[1], : x.shape[2]],
            ToImage: lambda layer, x, image: np.asarray(layer(x, image)),
        }
        return methods[type(layer)](layer, x, *inputs)

    def _strips(self, x: np.ndarray) -> list[tuple[int, int]]:
        """The first and end row of each strip of a map; strips of all maps have about as many positions."""
        if self._positions is None:
            self._positions = self._rows * x.shape[2]
        rows = max(2, self._positions // x.shape[2] // 2 * 2)
        return [(first, min(first + rows, x.shape[1])) for first in range(0, x.shape[1], rows)]

    def _convolve(self, layer: Convolution, x: np.ndarray) -> np.ndarray:
        size = layer.output_side(x.shape[1]), layer.output_side(x.shape[2])
        output = np.empty((1, *size, layer.filters), np.float32)
        for first, end in self._strips(output):
            top, bottom = layer.input_rows(first, end)
            strip = tf.constant(x[:, max(0, top) : min(x.shape[1], bottom)])
            convolved = layer(strip, above=max(0, -top), below=max(0, bottom - x.shape[1]))
            output[:, first:end] = convolved[:, : end - first]
        self._reusable = weakref.ref(output)
        return output

    def _normalize(self, layer: InstanceNormalization, x: np.ndarray, style: tf.Tensor) -> np.ndarray:
        strips = self._strips(x)
        of_strips = [(end - first, *moments(tf.constant(x[:, first:end]))) for first, end in strips]
        mean, variance = _merge_moments(of_strips)
        # The output of the convolution just before is used by nothing else, and is overwritten.
        is_reusable = self._reusable is not None and self._reusable() is x
        output = x if is_reusable else np.empty_like(x)
        self._reusable = None
        weights = resize_style(style, x.shape[1:3])
        for first, end in strips:
            strip = tf.constant(x[:, first:end])
            output[:, first:end] = layer.normalize(strip, mean, variance, _strip_weights(weights, first, end))
        return output

    def _match(self, layer: CoMatch, x: np.ndarray, style: tf.Tensor) -> np.ndarray:
        weights, output = resize_style(style, x.shape[1:3]), np.empty_like(x)
        for first, end in self._strips(x):
            strip = tf.constant(x[:, first:end])
            output[:, first:end] = layer.match_styles(strip, _strip_weights(weights, first, end))
        return output


def _strip_weights(weights: tf.Tensor, first: int, end: int) -> tf.Tensor:
    """A strip of the styles' weights; the weights themselves where they are the same everywhere."""
    return weights if weights.shape[1] == 1 else weights[:, first:end]


def _merge_moments(strips: list[tuple[int, tf.Tensor, tf.Tensor]]) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance [1, 1, 1, channels] of all strips together.

    Computed in float64 by deviations from the common mean (Chan et al. 1983), which avoids cancellation.

    Args:
      strips: number of rows, mean and variance of each.
    """
    rows = np.array([count for count, _, _ in strips], np.float64)[:, None]
    means = np.stack([np.ravel(mean) for _, mean, _ in strips]).astype(np.float64)
    variances = np.stack([np.ravel(variance) for _, _, variance in strips]).astype(np.float64)
    mean = (rows * means).sum(0) / rows.sum()
    variance = (rows * (variances + (means - mean) ** 2)).sum(0) / rows.sum()
    return tuple(tf.constant(values[None, None, None], tf.float32) for values in (mean, variance))

"""A network layer by layer in bands of rows: large pictures in the memory of two maps, with the whole's statistics.

Maps lie in memory whole, one or two at a time; what a layer makes of one is computed band by band, so that nothing
else of that size is needed. Instance normalisation adds up its statistics over the bands first.
"""

import weakref
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
    placed,
)


class Bands:
    """Applies layers to maps [1, rows, cols, channels] float32 in bands."""

    def __init__(self, rows: int):
        """
        Args:
          rows: of the picture that are taken at once.
        """
        self._rows = rows
        self._positions, self._fresh = 0, None

    def __call__(self, layer: keras.layers.Layer, x: np.ndarray, *inputs: Any) -> np.ndarray:
        """What `layer` makes of a map."""
        applied = {
            Convolution: self._convolved,
            InstanceNormalization: self._normalized,
            CoMatch: self._matched,
            CropAdd: lambda layer, x, other: x + other[:, : x.shape[1], : x.shape[2]],
            ToImage: lambda layer, x, image: np.asarray(layer(x, image)),
        }
        return applied[type(layer)](layer, x, *inputs)

    def _bands(self, x: np.ndarray) -> list[tuple[int, int]]:
        """The bands of a map, of about as many positions as the picture's have at its widest."""
        self._positions = self._positions or self._rows * x.shape[2]
        rows = max(2, self._positions // x.shape[2] // 2 * 2)
        return [(first, min(first + rows, x.shape[1])) for first in range(0, x.shape[1], rows)]

    def _convolved(self, layer: Convolution, x: np.ndarray) -> np.ndarray:
        found = np.empty((1, layer.rows(x.shape[1]), layer.rows(x.shape[2]), layer.filters), np.float32)
        for first, end in self._bands(found):
            top, bottom = layer.needed(first, end)
            within = x[:, max(0, top) : min(x.shape[1], bottom)]
            made = layer(tf.constant(within), above=max(0, -top), below=max(0, bottom - x.shape[1]))
            found[:, first:end] = made[:, : end - first]
        self._fresh = weakref.ref(found)
        return found

    def _normalized(self, layer: InstanceNormalization, x: np.ndarray, style: tf.Tensor) -> np.ndarray:
        bands = self._bands(x)
        mean, variance = _merged([(end - first, *moments(tf.constant(x[:, first:end]))) for first, end in bands])
        # What the convolution before has just made is nobody else's, and is normalised where it lies.
        found = x if self._fresh and self._fresh() is x else np.empty_like(x)
        self._fresh = None
        shares = placed(style, x.shape[1:3])
        for first, end in bands:
            part = shares if shares.shape[1] == 1 else shares[:, first:end]
            found[:, first:end] = layer.normalized(tf.constant(x[:, first:end]), mean, variance, part)
        return found

    def _matched(self, layer: CoMatch, x: np.ndarray, style: tf.Tensor) -> np.ndarray:
        shares, found = placed(style, x.shape[1:3]), np.empty_like(x)
        for first, end in self._bands(x):
            part = shares if shares.shape[1] == 1 else shares[:, first:end]
            found[:, first:end] = layer.blended(tf.constant(x[:, first:end]), part)
        return found


def _merged(parts: list[tuple[int, tf.Tensor, tf.Tensor]]) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance [1, 1, 1, channels] of bands together, of the rows, mean and variance of each.

    In float64, and by deviations from the common mean (Chan et al. 1983), which cancels nothing.
    """
    rows = np.array([part[0] for part in parts], np.float64)[:, None]
    means, variances = (np.stack([np.ravel(part[i]) for part in parts]).astype(np.float64) for i in (1, 2))
    mean = (rows * means).sum(0) / rows.sum()
    variance = (rows * (variances + (means - mean) ** 2)).sum(0) / rows.sum()
    return tuple(tf.constant(found[None, None, None], tf.float32) for found in (mean, variance))

"""The convolution with the least squared error, solved for instead of trained."""

import numpy as np
import tensorflow as tf

SIDE = 3
"""Rows and columns of the kernel."""
RIDGE = 1e-5
"""Added to the diagonal of the normal equations, as a share of its mean: channels may depend on each other."""
POSITIONS = 8192
"""Positions that are multiplied at a time: few large products take less time than many small ones."""


class ConvolutionFit:
    """Finds the convolution of 3 x 3 positions that maps features to targets with the least mean squared error.

    The normal equations are sums over positions, to which batches are added one after the other.
    """

    def __init__(self):
        self._products: np.ndarray | float = 0.0
        self._by_targets: np.ndarray | float = 0.0
        self._waiting: list[tuple[tf.Tensor, tf.Tensor]] = []
        self._shape: tuple[int, int] = (0, 0)

    def add(self, features: tf.Tensor, targets: tf.Tensor) -> None:
        """Add a batch.

        Args:
          features: [batch, rows, cols, channels] float32; their border is repeated, as by `decoder.convolve`.
          targets: [batch, rows, cols, filters] float32.
        """
        self._shape = features.shape[-1], targets.shape[-1]
        padded = tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        batch, rows, cols, _ = features.shape
        strip = max(1, POSITIONS // (batch * cols))  # whole maps of patches would take much memory
        for top in range(0, rows, strip):
            part = padded[:, top : min(top + strip, rows) + SIDE - 1]
            patches = tf.image.extract_patches(part, [1, SIDE, SIDE, 1], [1] * 4, [1] * 4, "VALID")
            patches = tf.reshape(patches, [-1, patches.shape[-1]])
            self._waiting.append((patches, tf.reshape(targets[:, top : top + strip], [-1, self._shape[1]])))
            if sum(len(waiting) for waiting, _ in self._waiting) >= POSITIONS:
                self._multiply()

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the kernel [3, 3, channels, filters] and the bias [filters], float32."""
        if self._waiting:
            self._multiply()
        products = np.asarray(self._products)
        ridge = np.full(len(products), RIDGE * np.trace(products) / len(products))
        ridge[-1] = 0  # the bias is free
        solution = np.linalg.solve(products + np.diag(ridge), self._by_targets).astype(np.float32)
        return solution[:-1].reshape(SIDE, SIDE, *self._shape), solution[-1]

    def _multiply(self) -> None:
        """Add the products of what waits; a column of ones stands for the bias."""
        patches = tf.concat([rows for rows, _ in self._waiting], axis=0)
        targets = tf.concat([rows for _, rows in self._waiting], axis=0)
        patches = tf.concat([patches, tf.ones([len(patches), 1])], axis=1)
        self._products = self._products + np.asarray(tf.matmul(patches, patches, transpose_a=True), np.float64)
        self._by_targets = self._by_targets + np.asarray(tf.matmul(patches, targets, transpose_a=True), np.float64)
        self._waiting = []

"""Convolutions by Winograd's minimal filtering, F(4x4, 3x3): 36 multiplications where a direct one takes 144.

An output tile of 4x4 positions is A^T [(G g G^T) * (B^T d B)] A (Lavin & Gray 2016, section 4.3), of the 6x6 inputs d
that it sees and the kernel g. The products over all tiles are 36 matrix products, one for each position in the tile.
Rounding is about twice oneDNN's direct convolution's in float32; bfloat16 is too coarse for it.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

SIZE = 4
"""Of an output tile, in positions."""
POINTS = [0, 5 / 8, -5 / 8, 3 / 2, -3 / 2]
"""Where polynomials stand for tile and kernel, besides infinity.

The paper's 0, 1, -1, 2, -2 round twice as coarsely. INPUT and OUTPUT of these are exact in float32, as with few others.
"""


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B^T, G and A^T: the transposed Toom-Cook algorithm for POINTS and infinity."""
    values = np.vander(POINTS, SIZE, increasing=True)
    output = np.vstack([values, [0, 0, 0, 1]]).T
    rests = [POINTS[:i] + POINTS[i + 1 :] for i in range(len(POINTS))]
    scales = [np.prod(np.subtract(point, rest)) for point, rest in zip(POINTS, rests, strict=True)]
    kernel = np.vstack([values[:, :3] / np.transpose([scales]), [0, 0, 1]])
    inputs = [[*np.poly(rest)[::-1], 0] for rest in rests] + [np.poly(POINTS)[::-1]]
    return np.array(inputs), kernel, output


INPUT, KERNEL, OUTPUT = _matrices()
"""B^T, G, A^T."""
PARTS = [(0, 0), (0, 1), (1, 0), (1, 1)]
"""Of a window: in the tile itself, and in those to the right, below, and below to the right."""
WINDOW = [
    6 * i + j
    for below, right in PARTS
    for i in range(SIZE * below, SIZE + 2 * below)
    for j in range(SIZE * right, SIZE + 2 * right)
]
"""The 36 positions of a window, part by part."""


def transform(kernel: np.ndarray) -> np.ndarray:
    """G g G^T of a kernel [3, 3, fan in, filters], in float64: [36, fan in, filters], which `convolve` takes."""
    return (np.kron(KERNEL, KERNEL) @ kernel.reshape(9, -1)).reshape(36, *kernel.shape[2:])


class Convolution(keras.layers.Layer):
    """A 3x3 convolution with a bias, as keras.layers.Conv2D; it keeps its kernel `transform`ed.

    Args:
      filters: number of filters.
      padding: "same", with a border of zeros, or "valid".
    """

    def __init__(self, filters: int, padding: str, **kwargs):
        super().__init__(**kwargs)
        self._filters, self._padding = filters, padding

    def build(self, input_shape: Any) -> None:
        """As Keras asks of a layer."""
        self._kernel = self.add_weight(shape=(36, input_shape[-1], self._filters), initializer="zeros", name="kernel")
        self._bias = self.add_weight(shape=(self._filters,), initializer="zeros", name="bias")

    def set_weights(self, weights: Any) -> None:
        """Takes the kernel [3, 3, fan in, filters] and the bias [filters] of a direct convolution."""
        kernel, bias = weights
        super().set_weights([transform(kernel), bias])

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """As Keras asks of a layer."""
        return convolve(x, self._kernel, self._padding) + self._bias

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """As Keras asks of a layer."""
        return (*input_shape[:-1], self._filters)


def convolve(x: tf.Tensor, kernel: tf.Tensor, padding: str) -> tf.Tensor:
    """The 3x3 convolution of `x` with the kernel that `transform` made.

    The gradient is the adjoint of these very steps, so that it is that of the loss as it was rounded.

    Args:
      x: [batch, rows, cols, fan in].
      kernel: [36, fan in, filters] of the same dtype; no gradient goes to it.
      padding: "same", with a border of zeros, or "valid".

    Returns:
      [batch, rows, cols, filters], two rows and cols less where `padding` is "valid".
    """
    kernel = tf.convert_to_tensor(kernel)
    fan_in, filters = kernel.shape[1:]
    grid = _Grid(*keras.ops.shape(x)[:3], border=1 if padding == "same" else 0)
    inputs = tf.constant(np.kron(INPUT, INPUT)[:, WINDOW], x.dtype)
    outputs = tf.constant(np.kron(OUTPUT, OUTPUT), x.dtype)

    @tf.custom_gradient
    def filtered(x: tf.Tensor):
        def gradient(upstream: tf.Tensor):
            products = tf.matmul(outputs, grid.tiles(upstream), transpose_a=True)
            windows = tf.matmul(inputs, _multiply(products, kernel, transpose=True), transpose_a=True)
            return grid.summed(windows, fan_in)

        return grid.joined(outputs @ _multiply(inputs @ grid.windows(x), kernel), filters), gradient

    return filtered(x)


def _multiply(tiles: tf.Tensor, kernel: tf.Tensor, transpose: bool = False) -> tf.Tensor:
    """The 36 matrix products over the channels of `tiles` [36, batch * tiles * channels]."""
    each = tf.reshape(tiles, [36, -1, kernel.shape[2 if transpose else 1]])
    return tf.reshape(tf.matmul(each, kernel, transpose_b=transpose), [36, -1])


class _Grid:
    """The tiles that a convolution's output is cut into, and the windows of 6x6 that they see of its input.

    Images [batch, rows, cols, channels] are held by phase: [4, 4, batch, tiles * channels] has the positions (i, j) of
    each tile. A window is a tile, two columns of the tile to the right, which is the next one, two rows of the tile
    below, a row's length further on, and 2x2 of that one's neighbour: four slices of the phases have all windows. For
    those at the right border each row of tiles ends with an empty one.
    """

    def __init__(self, batch: Any, rows: Any, cols: Any, border: tf.Tensor):
        """Of an input [batch, rows, cols] with `border` zeros added on each side."""
        self._batch, self._border, self._input = batch, border, (rows, cols)
        self._output = rows + 2 * border - 2, cols + 2 * border - 2
        self._down, self._across = -(-self._output[0] // SIZE), -(-self._output[1] // SIZE) + 1

    def tiles(self, x: tf.Tensor) -> tf.Tensor:
        """The tiles of `x`: [16, batch * tiles * channels]."""
        return tf.reshape(self._phases(x, 0, self._down), [16, -1])

    def joined(self, tiles: tf.Tensor, channels: int) -> tf.Tensor:
        """The image whose tiles these are."""
        return self._image(tiles, 0, self._output, self._down, channels)

    def windows(self, x: tf.Tensor) -> tf.Tensor:
        """The overlapping windows of `x`, in the order of `WINDOW`: [36, batch * tiles * channels]."""
        phases, channels = self._phases(x, self._border, self._down + 2), x.shape[-1]
        size = self._down * self._across * channels
        slices = []
        for below, right in PARTS:
            start = (below * self._across + right) * channels
            slices.append(phases[: SIZE - 2 * below, : SIZE - 2 * right, :, start : start + size])
        return tf.concat([tf.reshape(part, [-1, self._batch * size]) for part in slices], axis=0)

    def summed(self, windows: tf.Tensor, channels: int) -> tf.Tensor:
        """The image that is the sum of overlapping windows; the adjoint of `windows`."""
        whole, size = ((self._down + more) * self._across * channels for more in (2, 0))
        parts = []
        for part, (below, right) in zip(tf.split(windows, [16, 8, 8, 4]), PARTS, strict=True):
            start = (below * self._across + right) * channels
            part = tf.reshape(part, [SIZE - 2 * below, SIZE - 2 * right, self._batch, size])
            parts.append(tf.pad(part, [[0, 2 * below], [0, 2 * right], [0, 0], [start, whole - size - start]]))
        return self._image(tf.add_n(parts), self._border, self._input, self._down + 2, channels)

    def _phases(self, x: tf.Tensor, border: int, down: tf.Tensor) -> tf.Tensor:
        _, rows, cols, channels = keras.ops.shape(x)
        below, right = SIZE * down - rows - border, SIZE * self._across - cols - border
        x = tf.pad(x, [[0, 0], [border, below], [border, right], [0, 0]])
        x = tf.reshape(x, [self._batch, down, SIZE, self._across, SIZE, channels])
        return tf.reshape(
            tf.transpose(x, [2, 4, 0, 1, 3, 5]), [SIZE, SIZE, self._batch, down * self._across * channels]
        )

    def _image(self, phases: tf.Tensor, border: int, size: tuple, down: tf.Tensor, channels: int) -> tf.Tensor:
        x = tf.reshape(phases, [SIZE, SIZE, self._batch, down, self._across, channels])
        x = tf.transpose(x, [2, 3, 0, 4, 1, 5])
        x = tf.reshape(x, [self._batch, SIZE * down, SIZE * self._across, channels])
        return x[:, border : border + size[0], border : border + size[1]]

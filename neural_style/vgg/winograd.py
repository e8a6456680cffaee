"""Convolutions by Winograd's minimal filtering, F(4x4, 3x3): 36 multiplications instead of 144.

An output tile of 4x4 positions is A^T [(G g G^T) * (B^T d B)] A (Lavin & Gray 2016, section 4.3), with its 6x6 inputs d
and the kernel g. The products over all tiles are 36 matrix products, one for each position of the inputs. The rounding
error is about twice that of oneDNN's direct convolution in float32; bfloat16 is too coarse.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

SIZE = 4
"""Rows and columns of an output tile."""
POINTS = [0, 5 / 8, -5 / 8, 3 / 2, -3 / 2]
"""Interpolation points of the Toom-Cook algorithm, besides infinity.

The paper's 0, 1, -1, 2, -2 double the rounding error. With these points, unlike most others, INPUT and OUTPUT are exact
in float32.
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
"""The parts of a window: in its own tile, and in the tiles to the right, below, and below to the right."""
WINDOW = [
    6 * i + j
    for below, right in PARTS
    for i in range(SIZE * below, SIZE + 2 * below)
    for j in range(SIZE * right, SIZE + 2 * right)
]
"""The 36 positions of a window, part by part."""


def transform(kernel: np.ndarray) -> np.ndarray:
    """Transform a kernel [3, 3, fan in, filters] to G g G^T, for `convolve`: [36, fan in, filters] float64."""
    return (np.kron(KERNEL, KERNEL) @ kernel.reshape(9, -1)).reshape(36, *kernel.shape[2:])


class Convolution(keras.layers.Layer):
    """A 3x3 convolution with a bias, as keras.layers.Conv2D; its kernel is stored transformed.

    Args:
      filters: number of filters.
      padding: "same", with a border of zeros, or "valid".
    """

    def __init__(self, filters: int, padding: str, **kwargs):
        super().__init__(**kwargs)
        self._filters, self._padding = filters, padding

    def build(self, input_shape: Any) -> None:
        """See `keras.layers.Layer`."""
        self._kernel = self.add_weight(shape=(36, input_shape[-1], self._filters), initializer="zeros", name="kernel")
        self._bias = self.add_weight(shape=(self._filters,), initializer="zeros", name="bias")

    def set_weights(self, weights: Any) -> None:
        """Set the kernel [3, 3, fan in, filters] and the bias [filters] of a direct convolution."""
        kernel, bias = weights
        super().set_weights([transform(kernel), bias])

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """See `keras.layers.Layer`."""
        return convolve(x, self._kernel, self._padding) + self._bias

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """See `keras.layers.Layer`."""
        return (*input_shape[:-1], self._filters)


def convolve(x: tf.Tensor, kernel: tf.Tensor, padding: str) -> tf.Tensor:
    """Convolve `x` with a 3x3 kernel of `transform`.

    The gradient is the adjoint of the same steps, so that it matches the rounded loss.

    Args:
      x: [batch, rows, cols, fan in].
      kernel: [36, fan in, filters] of the same dtype; it gets no gradient.
      padding: "same", with a border of zeros, or "valid".

    Returns:
      [batch, rows, cols, filters]; two rows and columns less if `padding` is "valid".
    """
    kernel = tf.convert_to_tensor(kernel)
    fan_in, filters = kernel.shape[1:]
    grid = _Grid(*keras.ops.shape(x)[:3], border=1 if padding == "same" else 0)
    inputs = tf.constant(np.kron(INPUT, INPUT)[:, WINDOW], x.dtype)
    outputs = tf.constant(np.kron(OUTPUT, OUTPUT), x.dtype)

    @tf.custom_gradient
    def filtered(x: tf.Tensor):
        def gradient(upstream: tf.Tensor):
            products = tf.matmul(outputs, grid.cut_tiles(upstream), transpose_a=True)
            windows = tf.matmul(inputs, _multiply(products, kernel, transpose=True), transpose_a=True)
            return grid.add_windows(windows, fan_in)

        return grid.join_tiles(outputs @ _multiply(inputs @ grid.cut_windows(x), kernel), filters), gradient

    return filtered(x)


def _multiply(tiles: tf.Tensor, kernel: tf.Tensor, transpose: bool = False) -> tf.Tensor:
    """The 36 matrix products over the channels of `tiles` [36, batch * tiles * channels]."""
    positions = tf.reshape(tiles, [36, -1, kernel.shape[2 if transpose else 1]])
    return tf.reshape(tf.matmul(positions, kernel, transpose_b=transpose), [36, -1])


class _Grid:
    """The tiles of a convolution's output, and the windows of 6x6 of its input that they need.

    Images [batch, rows, cols, channels] are stored by phase: [4, 4, batch, tiles * channels] has the positions (i, j)
    of each tile. A window consists of a tile, two columns of the tile to its right, two rows of the tile below, and 2x2
    positions of that one's right neighbour. So four slices of the phases make all windows. Each row of tiles ends with
    an empty one, for the windows at the right border.
    """

    def __init__(self, batch: Any, rows: Any, cols: Any, border: int):
        """
        Args:
          batch, rows, cols: of the input.
          border: number of zeros added on each side.
        """
        self._batch = batch
        self._border = border
        self._input = rows, cols
        self._output = rows + 2 * border - 2, cols + 2 * border - 2
        self._down = -(-self._output[0] // SIZE)
        self._across = -(-self._output[1] // SIZE) + 1

    def cut_tiles(self, x: tf.Tensor) -> tf.Tensor:
        """Cut `x` into tiles: [16, batch * tiles * channels]."""
        return tf.reshape(self._phases(x, 0, self._down), [16, -1])

    def join_tiles(self, tiles: tf.Tensor, channels: int) -> tf.Tensor:
        """Join tiles to an image; the inverse of `cut_tiles`."""
        return self._image(tiles, 0, self._output, self._down, channels)

    def cut_windows(self, x: tf.Tensor) -> tf.Tensor:
        """Cut `x` into overlapping windows, in the order of `WINDOW`: [36, batch * tiles * channels]."""
        phases, channels = self._phases(x, self._border, self._down + 2), x.shape[-1]
        size = self._down * self._across * channels
        slices = []
        for below, right in PARTS:
            start = (below * self._across + right) * channels
            slices.append(phases[: SIZE - 2 * below, : SIZE - 2 * right, :, start : start + size])
        return tf.concat([tf.reshape(part, [-1, self._batch * size]) for part in slices], axis=0)

    def add_windows(self, windows: tf.Tensor, channels: int) -> tf.Tensor:
        """Add overlapping windows up to an image; the adjoint of `cut_windows`."""
        size = self._down * self._across * channels
        whole = (self._down + 2) * self._across * channels
        parts = []
        for part, (below, right) in zip(tf.split(windows, [16, 8, 8, 4]), PARTS, strict=True):
            start = (below * self._across + right) * channels
            part = tf.reshape(part, [SIZE - 2 * below, SIZE - 2 * right, self._batch, size])
            parts.append(tf.pad(part, [[0, 2 * below], [0, 2 * right], [0, 0], [start, whole - size - start]]))
        return self._image(tf.add_n(parts), self._border, self._input, self._down + 2, channels)

    def _phases(self, x: tf.Tensor, border: int, down: tf.Tensor) -> tf.Tensor:
        """Store an image by phase, in `down` rows of tiles."""
        _, rows, cols, channels = keras.ops.shape(x)
        below, right = SIZE * down - rows - border, SIZE * self._across - cols - border
        x = tf.pad(x, [[0, 0], [border, below], [border, right], [0, 0]])
        x = tf.reshape(x, [self._batch, down, SIZE, self._across, SIZE, channels])
        return tf.reshape(
            tf.transpose(x, [2, 4, 0, 1, 3, 5]), [SIZE, SIZE, self._batch, down * self._across * channels]
        )

    def _image(self, phases: tf.Tensor, border: int, size: tuple, down: tf.Tensor, channels: int) -> tf.Tensor:
        """The image of these phases; the inverse of `_phases`."""
        x = tf.reshape(phases, [SIZE, SIZE, self._batch, down, self._across, channels])
        x = tf.transpose(x, [2, 3, 0, 4, 1, 5])
        x = tf.reshape(x, [self._batch, SIZE * down, SIZE * self._across, channels])
        return x[:, border : border + size[0], border : border + size[1]]

"""Layers of the networks: convolutions with reflected borders, conditional instance normalisation, CoMatch.

Each takes the rows of a map in bands, too: `feedforward.bands` runs a network so, in little memory.
"""

from typing import Any

import keras
import tensorflow as tf

from neural_style.vgg.border import pad_mirrored
from neural_style.vgg.upsampling import upsample_conv

EPSILON = 1e-5
"""Of instance normalisation (Ulyanov et al. 2016), as in torch; Keras' own layer has 1e-3."""

ROUNDING = 2.0**-8
"""The share of a number that bfloat16 rounds off, at most."""

GAIN, GREY = 8.0, 127.5
"""What a network's last map is multiplied by, and what is added: it begins grey, and a step moves it by few levels."""


@keras.saving.register_keras_serializable("neural_style")
class Convolution(keras.layers.Layer):
    """A convolution whose border is reflected, of a map that is doubled first or strided, as in pytorch/examples."""

    def __init__(
        self, filters: int, size: int, stride: int = 1, doubled: bool = False, relu: bool = False, **known: Any
    ):
        """
        Args:
          filters: channels of the result.
          size: rows and columns of the kernel; 3 or 1 where `doubled`.
          stride: positions from one of the result's to the next.
          doubled: whether each position is doubled in rows and columns first (nearest neighbour).
          relu: whether a ReLU follows.
          **known: what every Keras layer takes.
        """
        super().__init__(autocast=False, **known)
        self.filters, self.size, self.stride, self.doubled, self.relu = filters, size, stride, doubled, relu

    def build(self, shape: Any) -> None:
        """See `keras.layers.Layer`."""
        fan_in = self.size**2 * shape[-1]
        uniform = keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)  # torch's default
        self.kernel = self.add_weight((self.size, self.size, shape[-1], self.filters), uniform, name="kernel")
        self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    @property
    def border(self) -> int:
        """How many positions of the map the kernel sees beyond its own."""
        return self.size // 2

    def needed(self, first: int, end: int) -> tuple[int, int]:
        """The rows of the map that the result's rows from `first` to `end` need; may lie beyond the map."""
        if self.doubled:
            return first // 2 - self.border, -(-end // 2) + self.border
        return first * self.stride - self.border, (end - 1) * self.stride + self.size - self.border

    def rows(self, rows: int) -> int:
        """The result's rows of a map with `rows`; likewise of columns."""
        return 2 * rows if self.doubled else -(-rows // self.stride)

    def call(self, x: tf.Tensor, above: int | None = None, below: int | None = None) -> tf.Tensor:
        """Convolves a map, or a band of its rows.

        Args:
          x: [batch, rows, cols, channels].
          above, below: rows that are added before and after these; by default as for a whole map.
        """
        found = self._convolved(x, above, below)
        return tf.nn.relu(found) if self.relu else found

    def _convolved(self, x: tf.Tensor, above: int | None, below: int | None) -> tf.Tensor:
        if self.size == 1:  # oneDNN crashes in the gradient of a strided 1x1 kernel
            x = x[:, :: self.stride, :: self.stride]
        border, stride = self.border, 1 if self.size == 1 else self.stride
        rows = tuple(border if add is None else add for add in (above, below))
        mode = "SYMMETRIC" if self.doubled else "REFLECT"  # a doubled map's reflection repeats its border
        padded = pad_mirrored(x, rows, (border, border), mode)
        kernel, bias = (tf.cast(part, x.dtype) for part in (self.kernel, self.bias))
        if self.doubled and self.size > 1:
            return upsample_conv(padded, kernel) + bias
        found = tf.nn.conv2d(padded, kernel, stride, "VALID") + bias
        return tf.nn.depth_to_space(tf.concat([found] * 4, axis=-1), 2) if self.doubled else found

    def compute_output_shape(self, shape: Any) -> tuple:
        """See `keras.layers.Layer`."""
        sides = (side and self.rows(side) for side in shape[1:3])
        return (shape[0], *sides, self.filters)

    def get_config(self) -> dict[str, Any]:
        """See `keras.layers.Layer`."""
        own = dict(filters=self.filters, size=self.size, stride=self.stride, doubled=self.doubled, relu=self.relu)
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("neural_style")
class InstanceNormalization(keras.layers.Layer):
    """Conditional instance normalisation (Ulyanov et al. 2016; Dumoulin et al. 2017, eq. 5), and a ReLU after it.

    γ (x − μ) / sqrt(σ² + ε) + β with mean and variance over each image's positions, and γ and β of a style: a row of
    two tables, a blend of rows, or blends that differ by position.
    """

    def __init__(self, styles: int, relu: bool = True, **known: Any):
        """
        Args:
          styles: rows of the tables; 0 has none, γ = 1 and β = 0 (Zhang & Dana 2017).
          relu: whether a ReLU follows.
          **known: what every Keras layer takes.
        """
        super().__init__(autocast=False, **known)
        self.styles, self.relu = styles, relu

    def build(self, x_shape: Any, style_shape: Any) -> None:
        """See `keras.layers.Layer`."""
        if self.styles:
            channels = x_shape[-1]
            self.gamma = self.add_weight((self.styles, channels), "ones", name="gamma")
            self.beta = self.add_weight((self.styles, channels), "zeros", name="beta")

    def call(self, x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """Normalises a map.

        Args:
          x: [batch, rows, cols, channels].
          style: the weight of each style, [batch, 1, 1, styles], or by position [batch, rows', cols', styles].
        """
        return self.normalized(x, *moments(x), placed(style, tf.shape(x)[1:3]))

    def normalized(self, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """`x` with given statistics [batch, 1, 1, channels], and styles that are `placed`."""
        scale, offset = tf.math.rsqrt(variance + EPSILON), 0.0
        if x.dtype == tf.bfloat16:  # of a flat map it would be rounding, several hundredfold
            scale = tf.where(variance > tf.square(ROUNDING * mean), scale, 0.0)
        if self.styles:
            scale = scale * tf.tensordot(style, self.gamma, 1)
            offset = tf.tensordot(style, self.beta, 1)
        found = x * tf.cast(scale, x.dtype) + tf.cast(offset - mean * scale, x.dtype)
        return tf.nn.relu(found) if self.relu else found

    def compute_output_shape(self, x_shape: Any, style_shape: Any) -> tuple:
        """See `keras.layers.Layer`."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """See `keras.layers.Layer`."""
        return {**super().get_config(), "styles": self.styles, "relu": self.relu}


def placed(style: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The weights of styles [batch, rows, cols, styles] in a map's size; those that hold everywhere as they are."""
    return style if style.shape[1] == 1 else tf.image.resize(style, size, antialias=True)


def moments(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and biased variance of each image and channel, [batch, 1, 1, channels] float32.

    Summed in two stages, columns and then rows: over millions of positions float32 would lose digits.
    """
    wide = tf.cast(x, tf.float32)
    mean = _mean(wide)
    return mean, _mean(tf.square(wide - mean))


def _mean(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.reduce_mean(x, axis=2, keepdims=True), axis=1, keepdims=True)


@keras.saving.register_keras_serializable("neural_style")
class CoMatch(keras.layers.Layer):
    """The CoMatch layer (Zhang & Dana 2017, eq. 4): features X become (W G)^T X with a style's Gram matrix G.

    W is learned and serves all styles; the Gram matrices of a network's own styles are kept in a table.
    """

    def __init__(self, styles: int, **known: Any):
        """
        Args:
          styles: rows of the table.
          **known: what every Keras layer takes.
        """
        super().__init__(autocast=False, **known)
        self.styles = styles

    def build(self, x_shape: Any, style_shape: Any) -> None:
        """See `keras.layers.Layer`."""
        channels = x_shape[-1]
        uniform = keras.initializers.RandomUniform(0.0, 0.02)
        self.matrix = self.add_weight((channels, channels), uniform, name="matrix")
        self.grams = self.add_weight((self.styles, channels, channels), "zeros", trainable=False, name="grams")

    def call(self, x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """Matches a map [batch, rows, cols, channels] with the weight of each style, see `InstanceNormalization`."""
        return self.blended(x, placed(style, tf.shape(x)[1:3]))

    def blended(self, x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """A map matched with styles that are `placed`."""
        if style.shape[1] == 1:
            return self.matched(x, tf.tensordot(style[:, 0, 0], self.grams, 1))
        each = [
            tf.cast(style[..., i : i + 1], x.dtype) * self.matched(x, self.grams[i : i + 1]) for i in range(self.styles)
        ]
        return tf.add_n(each)

    def matched(self, x: tf.Tensor, gram: tf.Tensor) -> tf.Tensor:
        """A map matched with Gram matrices [batch or 1, channels, channels] of `gram_of`."""
        product = tf.cast(tf.matmul(self.matrix, gram), x.dtype)
        return tf.einsum("bijc,bcd->bijd", x, tf.broadcast_to(product, [tf.shape(x)[0], *product.shape[1:]]))

    def compute_output_shape(self, x_shape: Any, style_shape: Any) -> tuple:
        """See `keras.layers.Layer`."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """See `keras.layers.Layer`."""
        return {**super().get_config(), "styles": self.styles}


@keras.saving.register_keras_serializable("neural_style")
class ToImage(keras.layers.Layer):
    """A network's last map as RGB about 0..255, in the photograph's size."""

    def __init__(self, sigmoid: bool = False, **known: Any):
        """
        Args:
          sigmoid: whether a sigmoid bounds the result to 0..255; without one the map is scaled.
          **known: what every Keras layer takes.
        """
        super().__init__(autocast=False, **known)
        self.sigmoid = sigmoid

    def call(self, x: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        """Crops what a network that halves twice makes of sides that are no multiples of 4.

        Args:
          x: [batch, rows', cols', 3].
          image: [batch, rows, cols, 3], what the network was given.
        """
        size = tf.shape(image)
        x = x[:, : size[1], : size[2]]
        if self.sigmoid:
            return 255 * tf.sigmoid(tf.cast(x, tf.float32))  # bfloat16 would round to whole grey levels
        return GAIN * x + GREY

    def compute_output_shape(self, x_shape: Any, image_shape: Any) -> tuple:
        """See `keras.layers.Layer`."""
        return image_shape

    def get_config(self) -> dict[str, Any]:
        """See `keras.layers.Layer`."""
        return {**super().get_config(), "sigmoid": self.sigmoid}


@keras.saving.register_keras_serializable("neural_style")
class CropAdd(keras.layers.Layer):
    """A map, and another that is as large or a little larger, of which the rest is left out."""

    def __init__(self, **known: Any):
        super().__init__(autocast=False, **known)

    def call(self, x: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        """[batch, rows, cols, channels] and [batch, rows', cols', channels]."""
        size = tf.shape(x)
        return x + other[:, : size[1], : size[2]]

    def compute_output_shape(self, x_shape: Any, other_shape: Any) -> tuple:
        """See `keras.layers.Layer`."""
        return x_shape


def gram_of(features: tf.Tensor) -> tf.Tensor:
    """The Gram matrix of features [batch, rows, cols, channels], divided by their number, as CoMatch takes it."""
    wide = tf.cast(features, tf.float32)
    size = tf.cast(tf.reduce_prod(tf.shape(features)[1:]), tf.float32)
    return tf.einsum("bijc,bijd->bcd", wide, wide) / size

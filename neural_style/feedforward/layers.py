"""Layers of the networks: convolutions with reflected borders, conditional instance normalisation, CoMatch.

Each can also be applied to a map in strips of rows, which needs little memory (`feedforward.strips`).
"""

from typing import Any

import keras
import tensorflow as tf

from neural_style.vgg.border import pad_mirrored
from neural_style.vgg.upsampling import upsample_conv

EPSILON = 1e-5
"""The ε of instance normalisation (Ulyanov et al. 2016), as in torch; Keras' own layer has 1e-3."""

ROUNDING = 2.0**-8
"""Maximum relative rounding error of bfloat16."""

GAIN, GREY = 8.0, 127.5
"""A network's last map is multiplied by the gain and added to grey, so that an untrained network paints grey."""


@keras.saving.register_keras_serializable("neural_style")
class Convolution(keras.layers.Layer):
    """A convolution with reflected borders, of a map that is enlarged first or strided, as in pytorch/examples."""

    def __init__(
        self, filters: int, size: int, stride: int = 1, doubled: bool = False, relu: bool = False, **options: Any
    ):
        """
        Args:
          filters: channels of the output.
          size: rows and columns of the kernel; 3 or 1 where `doubled`.
          stride: input positions from one output position to the next.
          doubled: whether the map is first enlarged twice in rows and columns by nearest neighbour.
          relu: whether a ReLU follows.
          **options: those of every Keras layer.
        """
        super().__init__(autocast=False, **options)
        self.filters, self.size, self.stride, self.doubled, self.relu = filters, size, stride, doubled, relu

    def build(self, shape: Any) -> None:
        """See `keras.layers.Layer`."""
        fan_in = self.size**2 * shape[-1]
        uniform = keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)  # torch's default
        self.kernel = self.add_weight((self.size, self.size, shape[-1], self.filters), uniform, name="kernel")
        self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    @property
    def border(self) -> int:
        """Positions of the map that the kernel covers on each side of its own."""
        return self.size // 2

    def input_rows(self, first: int, end: int) -> tuple[int, int]:
        """The first and end row of the input for the output's rows from `first` to `end`; may lie beyond the map."""
        if self.doubled:
            return first // 2 - self.border, -(-end // 2) + self.border
        return first * self.stride - self.border, (end - 1) * self.stride + self.size - self.border

    def output_side(self, side: int) -> int:
        """The output's number of rows, or columns, for a map with `side` of them."""
        return 2 * side if self.doubled else -(-side // self.stride)

    def call(self, x: tf.Tensor, above: int | None = None, below: int | None = None) -> tf.Tensor:
        """Convolve a map, or a strip of its rows.

        Args:
          x: [batch, rows, cols, channels].
          above, below: rows of padding above and below; by default as for a whole map.

        Returns:
          [batch, rows', cols', filters].
        """
        convolved = self._convolve(x, above, below)
        return tf.nn.relu(convolved) if self.relu else convolved

    def _convolve(self, x: tf.Tensor, above: int | None, below: int | None) -> tf.Tensor:
        stride = self.stride
        if self.size == 1:  # oneDNN crashes in the gradient of a strided 1x1 kernel
            x, stride = x[:, ::stride, ::stride], 1
        border = self.border
        rows = (border if above is None else above, border if below is None else below)
        mode = "SYMMETRIC" if self.doubled else "REFLECT"  # a doubled map's reflection repeats its border
        padded = pad_mirrored(x, rows, (border, border), mode)
        kernel, bias = (tf.cast(part, x.dtype) for part in (self.kernel, self.bias))
        if self.doubled and self.size > 1:
            return upsample_conv(padded, kernel) + bias
        convolved = tf.nn.conv2d(padded, kernel, stride, "VALID") + bias
        if self.doubled:  # a 1x1 kernel: enlarging the output is cheaper
            return tf.nn.depth_to_space(tf.concat([convolved] * 4, axis=-1), 2)
        return convolved

    def compute_output_shape(self, shape: Any) -> tuple:
        """See `keras.layers.Layer`."""
        sides = (side and self.output_side(side) for side in shape[1:3])
        return (shape[0], *sides, self.filters)

    def get_config(self) -> dict[str, Any]:
        """See `keras.layers.Layer`."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "size": self.size,
            "stride": self.stride,
            "doubled": self.doubled,
            "relu": self.relu,
        }


@keras.saving.register_keras_serializable("neural_style")
class InstanceNormalization(keras.layers.Layer):
    """Conditional instance normalisation (Ulyanov et al. 2016; Dumoulin et al. 2017, eq. 5), and optionally a ReLU.

    γ (x − μ) / sqrt(σ² + ε) + β with mean and variance over each image's positions. γ and β depend on the style: they
    are a row of two tables, a blend of rows, or blends that differ by position.
    """

    def __init__(self, styles: int, relu: bool = True, **options: Any):
        """
        Args:
          styles: rows of the tables. 0 is no tables, but γ = 1 and β = 0 (Zhang & Dana 2017).
          relu: whether a ReLU follows.
          **options: those of every Keras layer.
        """
        super().__init__(autocast=False, **options)
        self.styles, self.relu = styles, relu

    def build(self, x_shape: Any, style_shape: Any) -> None:
        """See `keras.layers.Layer`."""
        if self.styles:
            channels = x_shape[-1]
            self.gamma = self.add_weight((self.styles, channels), "ones", name="gamma")
            self.beta = self.add_weight((self.styles, channels), "zeros", name="beta")

    def call(self, x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """Normalise a map.

        Args:
          x: [batch, rows, cols, channels].
          style: the weight of each style, [batch, 1, 1, styles], or by position [batch, rows', cols', styles].
        """
        return self.normalize(x, *moments(x), resize_style(style, tf.shape(x)[1:3]))

    def normalize(self, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """Normalise a map, or a strip of its rows, by given statistics.

        Args:
          x: [batch, rows, cols, channels].
          mean, variance: of the whole map [batch, 1, 1, channels].
          style: the weight of each style, in the size of `x` or [batch, 1, 1, styles].
        """
        scale, offset = tf.math.rsqrt(variance + EPSILON), 0.0
        if x.dtype == tf.bfloat16:  # the variance of a flat map is rounding, which would be amplified
            scale = tf.where(variance > tf.square(ROUNDING * mean), scale, 0.0)
        if self.styles:
            scale = scale * tf.tensordot(style, self.gamma, 1)
            offset = tf.tensordot(style, self.beta, 1)
        normalized = x * tf.cast(scale, x.dtype) + tf.cast(offset - mean * scale, x.dtype)
        return tf.nn.relu(normalized) if self.relu else normalized

    def compute_output_shape(self, x_shape: Any, style_shape: Any) -> tuple:
        """See `keras.layers.Layer`."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """See `keras.layers.Layer`."""
        return {**super().get_config(), "styles": self.styles, "relu": self.relu}


def resize_style(style: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Resize the weights of styles [batch, rows, cols, styles] to a map's size; [batch, 1, 1, styles] are unchanged."""
    return style if style.shape[1] == 1 else tf.image.resize(style, size, antialias=True)


def moments(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and biased variance of each image and channel, [batch, 1, 1, channels] float32.

    Columns are summed first, then rows: a single sum over millions of positions would lose digits in float32.
    """
    values = tf.cast(x, tf.float32)
    mean = _mean(values)
    return mean, _mean(tf.square(values - mean))


def _mean(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.reduce_mean(x, axis=2, keepdims=True), axis=1, keepdims=True)


@keras.saving.register_keras_serializable("neural_style")
class CoMatch(keras.layers.Layer):
    """The CoMatch layer (Zhang & Dana 2017, eq. 4): features X become (W G)^T X with a style's Gram matrix G.

    W is learned and serves all styles; the Gram matrices of a network's styles are stored in a table.
    """

    def __init__(self, styles: int, **options: Any):
        """
        Args:
          styles: rows of the table.
          **options: those of every Keras layer.
        """
        super().__init__(autocast=False, **options)
        self.styles = styles

    def build(self, x_shape: Any, style_shape: Any) -> None:
        """See `keras.layers.Layer`."""
        channels = x_shape[-1]
        uniform = keras.initializers.RandomUniform(0.0, 0.02)
        self.matrix = self.add_weight((channels, channels), uniform, name="matrix")
        self.grams = self.add_weight((self.styles, channels, channels), "zeros", trainable=False, name="grams")

    def call(self, x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """Match a map [batch, rows, cols, channels] by the weight of each style; see `InstanceNormalization`."""
        return self.match_styles(x, resize_style(style, tf.shape(x)[1:3]))

    def match_styles(self, x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        """Match a map by the weight of each style, in the size of `x` or [batch, 1, 1, styles]."""
        if style.shape[1] == 1:
            return self.match_gram(x, tf.tensordot(style[:, 0, 0], self.grams, 1))
        weights = [tf.cast(style[..., i : i + 1], x.dtype) for i in range(self.styles)]
        return tf.add_n([weight * self.match_gram(x, self.grams[i : i + 1]) for i, weight in enumerate(weights)])

    def match_gram(self, x: tf.Tensor, gram: tf.Tensor) -> tf.Tensor:
        """Match a map with Gram matrices [batch or 1, channels, channels] of `gram_matrix`."""
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
    """Turns a network's last map into RGB of about 0..255, in the photograph's size."""

    def __init__(self, sigmoid: bool = False, **options: Any):
        """
        Args:
          sigmoid: whether a sigmoid bounds the result to 0..255; without one the map is scaled.
          **options: those of every Keras layer.
        """
        super().__init__(autocast=False, **options)
        self.sigmoid = sigmoid

    def call(self, x: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        """Scale a map, and crop what a network with strides adds to sides that are not multiples of 4.

        Args:
          x: [batch, rows', cols', 3].
          image: [batch, rows, cols, 3], the network's input.

        Returns:
          [batch, rows, cols, 3].
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
    """Adds a map to another one, after cropping it to the other's size."""

    def __init__(self, **options: Any):
        super().__init__(autocast=False, **options)

    def call(self, x: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        """Add `other` [batch, rows', cols', channels], cropped, to `x` [batch, rows, cols, channels]."""
        size = tf.shape(x)
        return x + other[:, : size[1], : size[2]]

    def compute_output_shape(self, x_shape: Any, other_shape: Any) -> tuple:
        """See `keras.layers.Layer`."""
        return x_shape


def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """The Gram matrix [batch, channels, channels] of features [batch, rows, cols, channels], divided by their count."""
    values = tf.cast(features, tf.float32)
    size = tf.cast(tf.reduce_prod(tf.shape(features)[1:]), tf.float32)
    return tf.einsum("bijc,bijd->bcd", values, values) / size

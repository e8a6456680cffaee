"""The arbitrary style network (Ghiasi et al. 2017): a picture in the style of any painting, in one pass.

A predictor (MobileNetV2, Sandler et al. 2018) turns a painting into 100 numbers, its style vector. γ and β of each
normalisation of the transformer are affine functions of it. The published weights are Magenta's for phones, in eight
bits; here they are dequantised and everything is computed in floating point, at the photograph's own size.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file

from neural_style.feedforward import grid
from neural_style.feedforward.architectures import Ghiasi, model_of
from neural_style.feedforward.network import Network
from neural_style.feedforward.painter import Painter
from neural_style.settings import trained

STRIDES = (1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)
"""Of the predictor's blocks."""
RELU6 = 6.0
NBYTES = 2**24
"""About what a network keeps in memory."""
SHIFTS = ((0, 0), (2, 2), (1, 3), (3, 1))
"""Rows and columns by which the passes of --shifts are shifted: each has its own place in the lattice."""
MARGIN = 32
"""Pixels that are mirrored around a picture, painted and cropped: without them a pale line runs along its border."""


def read() -> dict[str, np.ndarray]:
    """The bundled weights in float32: kernels and biases by their names."""
    return dequantized(load_file(trained.ARBITRARY))


def dequantized(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Kernels as int8 times the scale of each filter, in float32; biases as they are.

    A depthwise kernel [rows, cols, channels, 1] has a scale for each channel.
    """
    found = {}
    for name, values in tensors.items():
        layer, _, part = name.rpartition(".")
        if part == "kernel":
            scale = tensors[f"{layer}.scale"]
            found[name] = values * (scale[:, np.newaxis] if layer.endswith("depthwise") else scale)
        elif part == "bias":
            found[name] = values
    return found


class Predictor(keras.layers.Layer):
    """MobileNetV2 with a mean over positions and a 1x1 convolution: paintings to style vectors of 100 numbers."""

    def __init__(self, weights: Mapping[str, np.ndarray], **known: Any):
        """
        Args:
          weights: of `read`.
          **known: what every Keras layer takes.
        """
        super().__init__(autocast=False, **known)
        self._weights_by_name = {
            name: tf.constant(values) for name, values in weights.items() if name.startswith("predictor.")
        }

    def call(self, paintings: tf.Tensor) -> tf.Tensor:
        """Predicts.

        Args:
          paintings: RGB [batch, rows, cols, 3] float32 in 0..1. The network was trained on 256 x 256 pixels; a larger
            painting is averaged over more positions.

        Returns:
          [batch, 100] float32.
        """
        x = tf.clip_by_value(self._convolved("Conv", paintings, 2), 0, RELU6)
        for number, stride in enumerate(STRIDES):
            x = self._block(f"expanded_conv_{number}", x, stride)
        x = tf.clip_by_value(self._convolved("Conv_1", x), 0, RELU6)
        x = tf.reduce_mean(x, axis=(1, 2), keepdims=True)
        return self._convolved("bottleneck", x)[:, 0, 0]

    def _block(self, name: str, x: tf.Tensor, stride: int) -> tf.Tensor:
        """An inverted residual block; the first has no expansion."""
        found = x
        if f"predictor.{name}.expand.kernel" in self._weights_by_name:
            found = tf.clip_by_value(self._convolved(f"{name}.expand", found), 0, RELU6)
        kernel, bias = self._pair(f"{name}.depthwise")
        found = tf.nn.depthwise_conv2d(found, kernel, [1, stride, stride, 1], "SAME") + bias
        found = self._convolved(f"{name}.project", tf.clip_by_value(found, 0, RELU6))
        return x + found if stride == 1 and x.shape[-1] == found.shape[-1] else found

    def _convolved(self, name: str, x: tf.Tensor, stride: int = 1) -> tf.Tensor:
        kernel, bias = self._pair(name)
        return tf.nn.conv2d(x, kernel, stride, "SAME") + bias

    def _pair(self, name: str) -> tuple[tf.Tensor, tf.Tensor]:
        return tuple(self._weights_by_name[f"predictor.{name}.{part}"] for part in ("kernel", "bias"))


class ArbitraryNetwork:
    """The predictor, and a transformer whose styles it sets.

    Attributes:
      network: the transformer.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], styles: int):
        """
        Args:
          weights: of `read`.
          styles: how many styles the transformer holds at a time.
        """
        layers = Ghiasi(styles, width=1)
        model = model_of(layers, styles)
        names = tuple(f"style_{number}" for number in range(1, styles + 1))
        self.network = Network(layers, model, "ghiasi", 1.0, names)
        self._predictor, self._affine = Predictor(weights, name="predictor"), []
        for name, (convolution, norm) in zip(Ghiasi.PUBLISHED, layers.parts, strict=True):
            kernel = weights[f"transformer.{name}.kernel"]
            convolution.kernel.assign(kernel / 255 if name == "contract.conv1" else kernel)  # images are 0..255 here
            convolution.bias.assign(weights[f"transformer.{name}.bias"])
            if norm is not None:
                self._affine.append((norm, _affine(weights, f"transformer.{name}")))

    def style_vector(self, painting: np.ndarray) -> np.ndarray:
        """The style vector [100] of a painting [rows, cols, 3] in 0..255."""
        return self._predictor(tf.constant(painting[np.newaxis] / np.float32(255), tf.float32))[0].numpy()

    def set_styles(self, vectors: Sequence[np.ndarray]) -> None:
        """Gives the transformer the styles of these vectors, one for each of its styles."""
        stacked = np.stack(vectors)
        for norm, (gamma, gamma_bias, beta, beta_bias) in self._affine:
            norm.gamma.assign(stacked @ gamma + gamma_bias)
            norm.beta.assign(stacked @ beta + beta_bias)


def _affine(weights: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, ...]:
    """γ's matrix [100, channels] and offset [channels], and β's, of a normalisation."""
    return tuple(
        np.squeeze(weights[f"{name}.{which}.{part}"]) for which in ("gamma", "beta") for part in ("kernel", "bias")
    )


class ArbitraryPainter(Painter):
    """Paints by the transformer: with a mirrored margin that is cropped, and without the lattice of its stride."""

    def __init__(self, network: Network, dtype: str, shifts: int = 1):
        """
        Args:
          network, dtype: see `Painter`.
          shifts: how many shifted passes are averaged, 1 to 4.
        """
        super().__init__(network, dtype)
        self._shifts = SHIFTS[:shifts]

    def paint(self, image: np.ndarray, style: tf.Tensor, band: int | None = None) -> np.ndarray:
        """See `Painter.paint`."""
        passes = [self._shifted(image, style, band, *shift) for shift in self._shifts]
        return sum(passes[1:], start=passes[0]) / np.float32(len(passes))

    def _shifted(self, image: np.ndarray, style: tf.Tensor, band: int | None, down: int, across: int) -> np.ndarray:
        """One pass over the image that many pixels further down and across in its margin."""
        rows, cols = image.shape[:2]
        top, left = MARGIN + down, MARGIN + across
        below, right = (2 * MARGIN - before + -side % grid.PERIOD for before, side in ((top, rows), (left, cols)))
        padded = np.pad(image, [(top, below), (left, right), (0, 0)], "reflect")
        painted = grid.without_grid(super().paint(padded, style, band))
        return painted[top : top + rows, left : left + cols]

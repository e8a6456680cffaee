"""The arbitrary style network (Ghiasi et al. 2017): a picture in the style of any painting, in one pass.

A predictor (MobileNetV2, Sandler et al. 2018) maps a painting to 100 numbers, its style vector. γ and β of each
normalisation of the transformer are affine functions of it. The published weights are those of Magenta's mobile
version, int8. Here they are dequantised, and everything is computed in floating point at the photograph's own size.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from neural_style.feedforward import margins, published
from neural_style.feedforward.architectures import Ghiasi, build_model
from neural_style.feedforward.network import Network
from neural_style.feedforward.painter import Painter

STRIDES = (1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)
"""Strides of the predictor's blocks."""
RELU6 = 6.0


class Predictor:
    """MobileNetV2 with a mean over positions and a 1x1 convolution: maps paintings to style vectors."""

    def __init__(self, weights: Mapping[str, np.ndarray]):
        """
        Args:
          weights: of `published.read`.
        """
        self._tensors = {name: tf.constant(values) for name, values in weights.items() if name.startswith("predictor.")}

    def __call__(self, paintings: tf.Tensor) -> tf.Tensor:
        """Predict style vectors.

        Args:
          paintings: RGB [batch, rows, cols, 3] float32 in 0..1. The network was trained on 256 x 256 pixels; a larger
            painting is averaged over more positions.

        Returns:
          [batch, 100] float32.
        """
        x = _relu6(self._convolve("Conv", paintings, 2))
        for number, stride in enumerate(STRIDES):
            x = self._block(f"expanded_conv_{number}", x, stride)
        x = _relu6(self._convolve("Conv_1", x))
        x = tf.reduce_mean(x, axis=(1, 2), keepdims=True)
        return self._convolve("bottleneck", x)[:, 0, 0]

    def _block(self, name: str, x: tf.Tensor, stride: int) -> tf.Tensor:
        """Apply an inverted residual block; the first has no expansion."""
        expanded = x
        if f"predictor.{name}.expand.kernel" in self._tensors:
            expanded = _relu6(self._convolve(f"{name}.expand", x))
        kernel, bias = self._pair(f"{name}.depthwise")
        filtered = _relu6(tf.nn.depthwise_conv2d(expanded, kernel, [1, stride, stride, 1], "SAME") + bias)
        projected = self._convolve(f"{name}.project", filtered)
        return x + projected if stride == 1 and x.shape[-1] == projected.shape[-1] else projected

    def _convolve(self, name: str, x: tf.Tensor, stride: int = 1) -> tf.Tensor:
        kernel, bias = self._pair(name)
        return tf.nn.conv2d(x, kernel, stride, "SAME") + bias

    def _pair(self, name: str) -> tuple[tf.Tensor, tf.Tensor]:
        return self._tensors[f"predictor.{name}.kernel"], self._tensors[f"predictor.{name}.bias"]


def _relu6(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, 0, RELU6)


class ArbitraryPainter(Painter):
    """The transformer, with style vectors of any paintings from the predictor.

    Call `set_styles` before each picture: until then a painter that is kept has the styles of the picture before.

    Attributes:
      predictor: maps paintings to style vectors.
      normalizations: those of the transformer, in order.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], styles: int, dtype: str):
        """
        Args:
          weights: of `published.read`.
          styles: number of styles that the transformer holds at a time.
          dtype: of the transformer's arithmetic; strips and the predictor are always float32.
        """
        layers = Ghiasi(styles)
        names = tuple(f"style_{number}" for number in range(1, styles + 1))
        super().__init__(Network(layers, build_model(layers, styles), "ghiasi", 1.0, names), dtype)
        self.predictor, self._weights = Predictor(weights), weights
        self.normalizations = [part.normalization for part in layers.parts if part.normalization is not None]
        for name, part in zip(published.CONVOLUTIONS, layers.parts, strict=True):
            kernel = weights[f"transformer.{name}.kernel"]
            part.convolution.kernel.assign(kernel / 255 if name == "contract.conv1" else kernel)  # for images in 0..255
            part.convolution.bias.assign(weights[f"transformer.{name}.bias"])

    @property
    def nbytes(self) -> int:
        """Approximate memory that it keeps, in bytes, with the predictor."""
        return super().nbytes + sum(values.nbytes for values in self._weights.values())

    def style_vector(self, painting: np.ndarray) -> np.ndarray:
        """The style vector [100] of a painting [rows, cols, 3] float32 in 0..255."""
        return self.predictor(tf.constant(painting[np.newaxis] / np.float32(255), tf.float32))[0].numpy()

    def set_styles(self, vectors: Sequence[np.ndarray]) -> None:
        """Set the styles by their vectors: one [100] for each of `styles`, in the order of the weights of `paint`."""
        parameters = published.parameters(self._weights, vectors)
        for normalization, (gamma, beta) in zip(self.normalizations, parameters, strict=True):
            normalization.gamma.assign(gamma)
            normalization.beta.assign(beta)

    def paint(self, image: np.ndarray, style: np.ndarray, strip_rows: int | None = None, shifts: int = 1) -> np.ndarray:
        """Paint with a mirrored margin and without the lattice; see `Painter.paint`.

        Args:
          image, style, strip_rows: see there.
          shifts: number of shifted passes that are averaged, 1 to 4.
        """
        paint = functools.partial(super().paint, strip_rows=strip_rows)
        return margins.mean_of_passes(paint, image, style, shifts)

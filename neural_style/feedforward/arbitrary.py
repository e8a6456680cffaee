"""The arbitrary style network (Ghiasi et al. 2017): a picture in the style of any painting, in one pass.

A predictor (MobileNetV2, Sandler et al. 2018) turns a painting into 100 numbers, its style vector. γ and β of each
normalisation of the transformer are affine functions of it. The published weights are those of Magenta's mobile
version, int8; here they are dequantised and everything is computed in floating point, at the photograph's own size.
"""

import functools
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from neural_style.feedforward import margins, published
from neural_style.feedforward.architectures import Ghiasi, model_of
from neural_style.feedforward.network import Network
from neural_style.feedforward.painter import Painter

STRIDES = (1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)
"""Of the predictor's blocks."""
RELU6 = 6.0
KEPT_VECTORS = 64
"""Style vectors that a painter keeps."""


class Predictor:
    """MobileNetV2 with a mean over positions and a 1x1 convolution: paintings to style vectors of 100 numbers."""

    def __init__(self, weights: Mapping[str, np.ndarray]):
        """
        Args:
          weights: of `published.read`.
        """
        self._tensors = {name: tf.constant(values) for name, values in weights.items() if name.startswith("predictor.")}

    def __call__(self, paintings: tf.Tensor) -> tf.Tensor:
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
        if f"predictor.{name}.expand.kernel" in self._tensors:
            found = tf.clip_by_value(self._convolved(f"{name}.expand", found), 0, RELU6)
        kernel, bias = self._pair(f"{name}.depthwise")
        found = tf.nn.depthwise_conv2d(found, kernel, [1, stride, stride, 1], "SAME") + bias
        found = self._convolved(f"{name}.project", tf.clip_by_value(found, 0, RELU6))
        return x + found if stride == 1 and x.shape[-1] == found.shape[-1] else found

    def _convolved(self, name: str, x: tf.Tensor, stride: int = 1) -> tf.Tensor:
        kernel, bias = self._pair(name)
        return tf.nn.conv2d(x, kernel, stride, "SAME") + bias

    def _pair(self, name: str) -> tuple[tf.Tensor, tf.Tensor]:
        return tuple(self._tensors[f"predictor.{name}.{part}"] for part in ("kernel", "bias"))


class ArbitraryPainter(Painter):
    """The transformer with styles of any paintings, which the predictor finds.

    Attributes:
      predictor: finds style vectors.
      norms: the transformer's normalisations, in order.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], styles: int, dtype: str):
        """
        Args:
          weights: of `published.read`.
          styles: how many styles the transformer holds at a time.
          dtype: of the transformer's arithmetic; bands and the predictor are always float32.
        """
        layers = Ghiasi(styles)
        names = tuple(f"style_{number}" for number in range(1, styles + 1))
        super().__init__(Network(layers, model_of(layers, styles), "ghiasi", 1.0, names), dtype)
        self.predictor, self._weights = Predictor(weights), weights
        self._vectors: dict[bytes, np.ndarray] = {}
        self.norms = [norm for _, norm in layers.parts if norm is not None]
        for name, (convolution, _) in zip(published.CONVOLUTIONS, layers.parts, strict=True):
            kernel = weights[f"transformer.{name}.kernel"]
            convolution.kernel.assign(kernel / 255 if name == "contract.conv1" else kernel)  # images are 0..255 here
            convolution.bias.assign(weights[f"transformer.{name}.bias"])

    @property
    def nbytes(self) -> int:
        """About what it keeps in memory, the predictor included."""
        return super().nbytes + sum(values.nbytes for values in self._weights.values())

    def style_vector(self, painting: np.ndarray) -> np.ndarray:
        """The style vector [100] of a painting [rows, cols, 3] float32 in 0..255; kept for the next frame of a film."""
        key = hashlib.sha256(np.ascontiguousarray(painting)).digest()
        if key not in self._vectors:
            if len(self._vectors) >= KEPT_VECTORS:
                self._vectors.clear()
            batch = tf.constant(painting[np.newaxis] / np.float32(255), tf.float32)
            self._vectors[key] = self.predictor(batch)[0].numpy()
        return self._vectors[key]

    def set_styles(self, vectors: Sequence[np.ndarray]) -> None:
        """Gives the transformer the styles of these vectors, one for each of its styles."""
        for norm, (gamma, beta) in zip(self.norms, published.parameters(self._weights, vectors), strict=True):
            norm.gamma.assign(gamma)
            norm.beta.assign(beta)

    def paint(self, image: np.ndarray, style: np.ndarray, band: int | None = None, shifts: int = 1) -> np.ndarray:
        """See `Painter.paint`; with a mirrored margin and without the lattice.

        Args:
          image, style, band: see there.
          shifts: how many shifted passes are averaged, 1 to 4.
        """
        paint = functools.partial(super().paint, band=band)
        return margins.mean_of_passes(paint, image, style, shifts)

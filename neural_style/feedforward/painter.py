"""Paints with a trained network, whole pictures or in strips of rows."""

import numpy as np
import tensorflow as tf

from neural_style.feedforward import margins
from neural_style.feedforward.network import Network
from neural_style.feedforward.strips import Strips


class Painter:
    """A network ready to paint."""

    def __init__(self, network: Network, dtype: str):
        """
        Args:
          network: the network.
          dtype: of the arithmetic; strips are always computed in float32.
        """
        self.network, self._dtype = network, dtype
        self._paint_traced = tf.function(self._paint_whole, autograph=False, reduce_retracing=True)

    @property
    def traces(self) -> int:
        """How often TensorFlow traced the network."""
        return self._paint_traced.experimental_get_tracing_count()

    @property
    def nbytes(self) -> int:
        """Approximate memory that it keeps, in bytes."""
        return 8 * self.network.model.count_params()

    def paint(self, image: np.ndarray, style: np.ndarray, strip_rows: int | None = None) -> np.ndarray:
        """Paint a picture.

        Args:
          image: RGB [rows, cols, 3] in 0..255.
          style: the weight of each style, see `one_pass.expand_style_weights`.
          strip_rows: of a strip; None paints the picture whole.

        Returns:
          RGB [rows, cols, 3] float32, about 0..255.
        """
        style = tf.constant(style, tf.float32)
        if strip_rows is not None:
            return self.network.layers(image.astype(np.float32)[None], style, Strips(strip_rows))[0]
        return np.asarray(self._paint_traced(tf.constant(image[None], tf.float32), style))[0]

    def _paint_whole(self, image: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.network.layers(tf.cast(image, self._dtype), style), tf.float32)


def paint_sheet(network: Network, image: np.ndarray, count: int | None = None) -> np.ndarray:
    """Paint a photograph [rows, cols, 3] in the first `count` styles, by default all: [rows, styles cols, 3] uint8."""
    painter = Painter(network, "float32")
    paint = margins.with_margin(painter.paint, network.architecture, shifts=1)
    weights = np.eye(len(network.styles), dtype=np.float32)[:count, np.newaxis, np.newaxis, np.newaxis]
    return np.concatenate([paint(image, style) for style in weights], axis=1).clip(0, 255).round().astype(np.uint8)

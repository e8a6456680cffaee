"""A trained network as a painter: pictures whole, or in bands."""

import numpy as np
import tensorflow as tf

from neural_style.feedforward.bands import Bands
from neural_style.feedforward.network import Network


class Painter:
    """A network ready to paint."""

    def __init__(self, network: Network, dtype: str):
        """
        Args:
          network: that paints.
          dtype: of the arithmetic; bands are always taken in float32.
        """
        self.network, self._dtype = network, dtype
        self._whole = tf.function(self._paint, autograph=False, reduce_retracing=True)

    @property
    def traces(self) -> int:
        """How often it was traced."""
        return self._whole.experimental_get_tracing_count()

    @property
    def nbytes(self) -> int:
        """About what it keeps in memory."""
        return 8 * self.network.model.count_params()

    def paint(self, image: np.ndarray, style: np.ndarray, band: int | None = None) -> np.ndarray:
        """Paints a picture.

        Args:
          image: RGB [rows, cols, 3] in 0..255.
          style: of `one_pass.weights_of`.
          band: rows that are taken at once; None takes the picture whole.

        Returns:
          RGB [rows, cols, 3] float32, about 0..255.
        """
        style = tf.constant(style, tf.float32)
        if band is not None:
            return self.network.layers(image.astype(np.float32)[None], style, Bands(band))[0]
        return np.asarray(self._whole(tf.constant(image[None], tf.float32), style))[0]

    def _paint(self, image: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.network.layers(tf.cast(image, self._dtype), style), tf.float32)


def sheet(network: Network, image: np.ndarray) -> np.ndarray:
    """A photograph [rows, cols, 3] in every style side by side, [rows, styles cols, 3] uint8."""
    painter, count = Painter(network, "float32"), len(network.styles)
    each = [painter.paint(image, tf.one_hot([number], count)[:, None, None]) for number in range(count)]
    return np.concatenate(each, axis=1).clip(0, 255).round().astype(np.uint8)

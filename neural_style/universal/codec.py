"""The codec: an image to the features of levels and back, any part of it as if it were taken whole."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.settings.vgg_layers import level_layer
from neural_style.universal.decoder import Decoder, reach
from neural_style.vgg import model
from neural_style.vgg.tiles import Box

IMAGE = tf.TensorSpec((1, None, None, 3), tf.float64)


class Codec:
    """The network as an encoder, and its decoders.

    Boxes are in pixels of the image, multiples of the deepest level's stride. What is around a box is taken along as
    far as it is seen in there, so that tiles fit together without a seam.
    """

    def __init__(self, settings: NetworkSettings, kernels: model.Weights, decoders: Mapping[int, Decoder], dtype: str):
        """
        Args:
          settings: of the network.
          kernels: its weights, at least up to the deepest level.
          decoders: by level.
          dtype: of the arithmetic.
        """
        self._settings, self._kernels, self._dtype = settings, kernels, dtype
        self._kept = "float64" if dtype == "float64" else "float32"
        self._decoders = {level: decoder.cast(dtype) for level, decoder in decoders.items()}
        self._encoder = functools.cache(self._make_encoder)
        self._decoder = functools.cache(self._make_decoder)

    def encode(self, image: np.ndarray, box: Box, levels: Sequence[int]) -> dict[int, tf.Tensor]:
        """The features of a part of an image.

        Args:
          image: RGB [rows, cols, 3] in 0..255.
          box: the part.
          levels: that are wanted.

        Returns:
          By level [rows / stride, cols / stride, channels] float32 (float64 for that dtype).
        """
        deepest = level_layer(max(levels))
        halo = vgg_layers.reach(self._settings.network, [deepest])
        seen = widened(box, halo, image.shape)
        found = self._encoder(tuple(sorted(set(levels))))(_part(image, seen).astype(np.float64)[np.newaxis])
        return {level: _within(found[level][0], seen, box, vgg_layers.stride(level_layer(level))) for level in levels}

    def around(self, box: Box, level: int, shape: Sequence[int]) -> Box:
        """The box whose features `decode` needs for `box`, in an image of `shape`."""
        return widened(box, reach(self._settings.network, level), shape)

    def decode(self, features: tf.Tensor, seen: Box, box: Box, level: int) -> np.ndarray:
        """The image of features.

        Args:
          features: [rows, cols, channels], of `seen`.
          seen: the box `around` the part that is wanted.
          box: the part that is wanted.
          level: of the features.

        Returns:
          RGB [rows, cols, 3] float32, about 0..255.
        """
        return np.asarray(_within(self._decoder(level)(features[tf.newaxis])[0], seen, box, 1))

    @property
    def nbytes(self) -> int:
        """About what it keeps in memory."""
        return 10 * sum(kernel.nbytes for kernel, _ in self._kernels.values())

    def _make_encoder(self, levels: tuple[int, ...]):
        network = model.build(self._settings, self._kernels, [level_layer(level) for level in levels], self._dtype)

        @tf.function(input_signature=[IMAGE], autograph=False)
        def encode(image: tf.Tensor) -> dict:
            found = network(image)
            return {level: tf.cast(found[level_layer(level)], self._kept) for level in levels}

        return encode

    def _make_decoder(self, level: int):
        decoder, channels = self._decoders[level], vgg_layers.channels(level_layer(level))

        @tf.function(input_signature=[tf.TensorSpec((1, None, None, channels), self._kept)], autograph=False)
        def decode(features: tf.Tensor) -> tf.Tensor:
            return tf.cast(decoder(tf.cast(features, self._dtype)), tf.float32)

        return decode


def widened(box: Box, by: int, shape: Sequence[int]) -> Box:
    """A box with `by` pixels more on each side, as far as the image of `shape` goes."""
    top, left, bottom, right = box
    return max(0, top - by), max(0, left - by), min(shape[0], bottom + by), min(shape[1], right + by)


def _part(image: np.ndarray, box: Box) -> np.ndarray:
    top, left, bottom, right = box
    return image[top:bottom, left:right]


def _within(maps: tf.Tensor, seen: Box, box: Box, stride: int) -> tf.Tensor:
    """The part `box` of maps [rows, cols, channels] that cover `seen`, a position every `stride` pixels."""
    top, left, bottom, right = ((edge - seen[axis % 2]) // stride for axis, edge in enumerate(box))
    return maps[top:bottom, left:right]

"""The codec: encodes any part of an image to features of levels, and decodes features, without seams between parts."""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.settings.vgg_layers import level_layer
from neural_style.universal.decoder import Decoder, reach
from neural_style.vgg import model
from neural_style.vgg.tiles import Box, widen

IMAGE = tf.TensorSpec((1, None, None, 3), tf.float64)


class Codec:
    """VGG as an encoder, and its decoders.

    Boxes are in pixels of the image, and multiples of the deepest level's stride. Encoder and decoder also take the
    pixels and features around a box that affect those within, so that tiles fit together without a seam.
    """

    def __init__(self, settings: NetworkSettings, kernels: model.Weights, decoders: Mapping[int, Decoder], dtype: str):
        """
        Args:
          settings: of VGG.
          kernels: VGG's weights, at least up to the deepest level.
          decoders: by level.
          dtype: of the arithmetic.
        """
        self._settings, self._kernels, self._dtype = settings, kernels, dtype
        self._feature_dtype = "float64" if dtype == "float64" else "float32"
        self._decoders = {level: decoder.cast(dtype) for level, decoder in decoders.items()}
        self._encoder = functools.cache(self._make_encoder)
        self._decoder = functools.cache(self._make_decoder)

    def encode(self, image: np.ndarray, box: Box, levels: Sequence[int]) -> dict[int, tf.Tensor]:
        """Encode a part of an image.

        Args:
          image: RGB [rows, cols, 3] in 0..255.
          box: the part.
          levels: the levels whose features are returned.

        Returns:
          Features by level, [rows / stride, cols / stride, channels] float32 (float64 for that dtype).
        """
        halo = vgg_layers.reach(self._settings.network, [level_layer(max(levels))])
        outer = widen(box, halo, *image.shape[:2])
        pixels = _crop(image, outer).astype(np.float64)[np.newaxis]
        features = self._encoder(tuple(sorted(set(levels))))(pixels)
        return {
            level: _crop_features(features[level][0], outer, box, vgg_layers.stride(level_layer(level)))
            for level in levels
        }

    def decoder_box(self, box: Box, level: int, shape: Sequence[int]) -> Box:
        """The box whose features `decode` needs for `box`, in an image of `shape`."""
        return widen(box, reach(self._settings.network, level), *shape[:2])

    def decode(self, features: tf.Tensor, outer: Box, box: Box, level: int) -> np.ndarray:
        """Decode features to a part of an image.

        Args:
          features: [rows, cols, channels], of the box `outer`.
          outer: the `decoder_box` of `box`.
          box: the part.
          level: of the features.

        Returns:
          RGB [rows, cols, 3] float32, about 0..255.
        """
        decoded = self._decoder(level)(features[tf.newaxis])[0]
        return np.asarray(_crop_features(decoded, outer, box, stride=1))

    @property
    def nbytes(self) -> int:
        """Approximate memory that it keeps, in bytes."""
        return 10 * sum(kernel.nbytes for kernel, _ in self._kernels.values())

    def _make_encoder(self, levels: tuple[int, ...]) -> Callable[[np.ndarray], dict[int, tf.Tensor]]:
        layers = [level_layer(level) for level in levels]
        network = model.build(self._settings, self._kernels, layers, self._dtype)

        @tf.function(input_signature=[IMAGE], autograph=False)
        def encode(image: tf.Tensor) -> dict:
            features = network(image)
            return {level: tf.cast(features[level_layer(level)], self._feature_dtype) for level in levels}

        return encode

    def _make_decoder(self, level: int) -> Callable[[tf.Tensor], tf.Tensor]:
        decoder, channels = self._decoders[level], vgg_layers.channels(level_layer(level))

        @tf.function(input_signature=[tf.TensorSpec((1, None, None, channels), self._feature_dtype)], autograph=False)
        def decode(features: tf.Tensor) -> tf.Tensor:
            return tf.cast(decoder(tf.cast(features, self._dtype)), tf.float32)

        return decode


def _crop(image: np.ndarray, box: Box) -> np.ndarray:
    top, left, bottom, right = box
    return image[top:bottom, left:right]


def _crop_features(features: tf.Tensor, outer: Box, box: Box, stride: int) -> tf.Tensor:
    """The part `box` of features [rows, cols, channels] of the box `outer`, with a position every `stride` pixels."""
    top, left, bottom, right = ((edge - outer[axis % 2]) // stride for axis, edge in enumerate(box))
    return features[top:bottom, left:right]

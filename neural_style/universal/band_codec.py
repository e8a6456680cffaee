"""The encoder with Haar pooling and the band decoder, for any part of an image, without seams between parts."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.universal import haar
from neural_style.universal.band_decoder import LEVELS, STRIDES, WIDTHS, BandDecoder, encoder_layers, reach
from neural_style.vgg import model
from neural_style.vgg.tiles import Box, widen

IMAGE = tf.TensorSpec((1, None, None, 3), tf.float64)


@dataclasses.dataclass(frozen=True)
class BandFeatures:
    """The features of a part of an image, each [rows, cols, channels] float32 (float64 for that dtype).

    Attributes:
      lows: by level: relu4_1, and the low bands of the other levels.
      details: by level but the deepest: the three detail bands.
    """

    lows: Mapping[int, tf.Tensor]
    details: Mapping[int, Sequence[tf.Tensor]]

    def subbands(self, level: int) -> list[tf.Tensor]:
        """The low band of a level, then its detail bands; the deepest level has relu4_1 alone."""
        return [self.lows[level], *self.details.get(level, ())]


class BandCodec:
    """VGG with Haar pooling as an encoder, and its band decoder.

    Boxes are in pixels of the image, and multiples of the deepest level's stride.
    """

    def __init__(self, settings: NetworkSettings, kernels: model.Weights, decoder: BandDecoder, dtype: str):
        """
        Args:
          settings: of VGG; its pooling is ignored.
          kernels: VGG's weights, at least up to the deepest level.
          decoder: for these weights.
          dtype: of the arithmetic.
        """
        self._kernels, self._network, self._dtype = kernels, settings.network, dtype
        self._feature_dtype = "float64" if dtype == "float64" else "float32"
        self._decoder = decoder.cast(dtype)
        self._encode = _make_encoder(settings, kernels, dtype, self._feature_dtype)
        self._stages = functools.cache(self._make_stage)

    def encode(self, image: np.ndarray, box: Box) -> BandFeatures:
        """Encode the part `box` of an image, RGB [rows, cols, 3] in 0..255."""
        halo = vgg_layers.reach(self._network, [encoder_layers(self._network)[LEVELS[0]]])
        outer = widen(box, halo, *image.shape[:2])
        top, left, bottom, right = outer
        lows, details = self._encode(image[top:bottom, left:right].astype(np.float64)[np.newaxis])
        return BandFeatures(
            {level: crop(low[0], outer, box, STRIDES[level]) for level, low in lows.items()},
            {level: [crop(band[0], outer, box, STRIDES[level]) for band in bands] for level, bands in details.items()},
        )

    def decoder_box(self, box: Box, shape: Sequence[int]) -> Box:
        """The box whose features decoding needs for `box`, in an image of `shape`."""
        return widen(box, reach(), *shape[:2])

    def decode(self, low: tf.Tensor, details: Sequence[tf.Tensor], level: int) -> tf.Tensor:
        """Decode one level.

        Args:
          low: [rows, cols, channels], of `level`.
          details: the detail bands of the level; empty for the deepest.
          level: 4 to 1.

        Returns:
          The low band of `level - 1`, or for level 1 RGB about 0..255: [rows, cols, channels], twice as many rows and
          columns except for the deepest level.
        """
        return self._stages(level)([band[tf.newaxis] for band in (low, *details)])[0]

    @property
    def nbytes(self) -> int:
        """Approximate memory that it keeps, in bytes."""
        return 10 * sum(kernel.nbytes for kernel, _ in self._kernels.values())

    def _make_stage(self, level: int) -> Callable[[Sequence[tf.Tensor]], tf.Tensor]:
        count = 1 if level == LEVELS[0] else 1 + haar.DETAIL_BANDS
        spec = tf.TensorSpec((1, None, None, WIDTHS[level][0]), self._feature_dtype)

        @tf.function(input_signature=[[spec] * count], autograph=False)
        def decode(subbands: Sequence[tf.Tensor]) -> tf.Tensor:
            low, *details = (tf.cast(band, self._dtype) for band in subbands)
            features = tf.nn.relu(haar.synthesize(low, details)) if details else low
            return tf.cast(self._decoder.stage(features, level), self._feature_dtype)

        return decode


def haar_kernels(kernels: model.Weights) -> model.Weights:
    """The weights with which average pooling gives the features of Haar pooling, whose low band is twice as large."""
    firsts = [vgg_layers.level_layer(level) for level in LEVELS if level > 1]
    return {name: (kernel * 2 if name in firsts else kernel, bias) for name, (kernel, bias) in kernels.items()}


def build_encoder(settings: NetworkSettings, kernels: model.Weights, dtype: str = "float32") -> Callable:
    """Build VGG with Haar pooling: a model from images to features, see `vgg.model.build`."""
    pooled = dataclasses.replace(settings, pooling="avg")
    return model.build(pooled, haar_kernels(kernels), encoder_layers(settings.network).values(), dtype)


def _make_encoder(
    settings: NetworkSettings, kernels: model.Weights, dtype: str, feature_dtype: str
) -> Callable[[np.ndarray], tuple[dict[int, tf.Tensor], dict[int, list[tf.Tensor]]]]:
    """A function from an image [1, rows, cols, 3] to the low bands and the detail bands by level."""
    network = build_encoder(settings, kernels, dtype)

    @tf.function(input_signature=[IMAGE], autograph=False)
    def encode(image: tf.Tensor) -> tuple[dict, dict]:
        features, lows, details = network(image), {}, {}
        for level, layer in encoder_layers(settings.network).items():
            of_layer = tf.cast(features[layer], feature_dtype)
            if level == LEVELS[0]:
                lows[level] = of_layer
            else:
                lows[level], details[level] = haar.analyze(of_layer)
        return lows, details

    return encode


def crop(features: tf.Tensor, outer: Box, box: Box, stride: int) -> tf.Tensor:
    """The part `box` of features [rows, cols, channels] of the box `outer`, with a position every `stride` pixels."""
    top, left, bottom, right = ((edge - outer[axis % 2]) // stride for axis, edge in enumerate(box))
    return features[top:bottom, left:right]

"""The band decoder: one decoder whose unpoolings get the detail bands that the encoder's Haar pooling splits off.

The bottleneck loses what pooling drops, which is where faces and letters go. With Haar pooling nothing is dropped: the
low band goes on to the deeper layers, and the detail bands go to the decoder, past the bottleneck (Yoo et al. 2019).
The decoder's stages invert the encoder's blocks one by one: the stage of level L turns the features of block L into
the low band of level L - 1, so that what it decodes has the statistics of the encoder's features.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from neural_style.core.errors import UserError
from neural_style.pretrained import decoders
from neural_style.settings import vgg_layers
from neural_style.universal import decoder

LEVELS = (4, 3, 2, 1)
"""The levels in the decoder's order. The features of level 4 are relu4_1; those of the others are the low band of the
block's last layer, which the encoder's pooling hands on."""
WIDTHS = {4: (512, 256), 3: (256, 128, 128), 2: (128, 64, 64), 1: (64, 32, 3)}
"""Channels before, between and after the convolutions of each level's stage."""
STRIDES = {4: 8, 3: 8, 2: 4, 1: 2}
"""Pixels from one position of a level's subbands to the next."""
LAST = "stage1_conv2"


def kernel_shapes() -> dict[str, tuple[int, int, int, int]]:
    """The kernel shape (rows, cols, fan in, filters) of each convolution, in the decoder's order."""
    return {
        f"stage{level}_conv{index}": (3, 3, *pair)
        for level, widths in WIDTHS.items()
        for index, pair in enumerate(zip(widths, widths[1:], strict=False), start=1)
    }


def reach() -> int:
    """How far a position of the deepest features affects the decoded image, in pixels; a multiple of its stride."""
    pixels = sum((len(widths) - 1) * 2 ** (level - 1) for level, widths in WIDTHS.items())
    return -(-pixels // STRIDES[LEVELS[0]]) * STRIDES[LEVELS[0]]


def encoder_layers(network: str) -> dict[int, str]:
    """The layer that each stage inverts: relu4_1, and the last one of each block before."""
    deepest = LEVELS[0]
    last = {level: f"block{level}_conv{vgg_layers.BLOCKS[network][level - 1][1]}" for level in LEVELS}
    return {**last, deepest: vgg_layers.level_layer(deepest)}


@dataclasses.dataclass(frozen=True)
class BandDecoder:
    """The band decoder.

    Attributes:
      units: what the features before each stage are divided by: their root mean square over photographs, by level.
      weights: (kernel, bias) of the convolutions by name, in the decoder's order.
    """

    units: Mapping[int, float]
    weights: decoder.Weights

    def stage(self, features: tf.Tensor, level: int) -> tf.Tensor:
        """Apply the convolutions of a level.

        Args:
          features: [batch, rows, cols, channels], as those of `encoder_layers`.
          level: of the stage.

        Returns:
          The low band of `level - 1`, [batch, rows, cols, channels], or RGB about 0..255 for level 1.
        """
        x = features / tf.cast(self.units[level], features.dtype)
        for index in range(1, len(WIDTHS[level])):
            name = f"stage{level}_conv{index}"
            kernel, bias = self.weights[name]
            x = decoder.convolve(x, kernel) + bias
            if name != LAST:
                x = tf.nn.relu(x)
        # A low band is twice a mean of features.
        return x * tf.cast(255 if level == 1 else 2 * self.units[level - 1], features.dtype)

    def cast(self, dtype: str) -> "BandDecoder":
        """The decoder with its weights as tensors of `dtype`; features must then have that dtype."""
        weights = {
            name: (tf.cast(kernel, dtype), tf.cast(bias, dtype)) for name, (kernel, bias) in self.weights.items()
        }
        return dataclasses.replace(self, weights=weights)


def initialize(units: Mapping[int, float], seed: int) -> BandDecoder:
    """Build a decoder before its training: random kernels (He et al. 2015) that decode to about middle grey."""
    rng, weights = np.random.RandomState(seed), {}
    for name, shape in kernel_shapes().items():
        kernel = rng.standard_normal(shape) * np.sqrt(2 / (9 * shape[2]))
        weights[name] = kernel.astype(np.float32), np.zeros(shape[3], np.float32)
    kernel, bias = weights[LAST]
    weights[LAST] = kernel / 8, bias + np.float32(0.5)
    return BandDecoder(units, weights)


def save(path: Path, band_decoder: BandDecoder, metadata: Mapping[str, str]) -> None:
    """Write a decoder, see `decoder.pack`, with metadata for `decoders.find_for` and for people.

    Args:
      path: of a .safetensors file.
      band_decoder: with arrays as weights.
      metadata: `decoders.band_encoder` of its network, and any other metadata.
    """
    units = " ".join(repr(band_decoder.units[level]) for level in LEVELS)
    save_file(decoder.pack(band_decoder.weights), path, {**metadata, "level": str(LEVELS[0]), "units": units})


def load(path: Path) -> BandDecoder:
    """Read a decoder.

    Raises:
      UserError: the file is not a band decoder, or its tensors have other shapes.
    """
    metadata = decoders.metadata_of(path)
    try:
        units = dict(zip(LEVELS, map(float, metadata["units"].split()), strict=True))
        weights = decoder.unpack(load_file(path), kernel_shapes())
        if not all(unit > 0 for unit in units.values()):
            raise ValueError("its units are not positive numbers")
    except (KeyError, ValueError, OSError, SafetensorError) as error:
        raise UserError(f"Expected a band decoder in {str(path)!r}, but it can't be read as one: {error}") from error
    return BandDecoder(units, weights)

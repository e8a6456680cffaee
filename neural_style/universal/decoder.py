"""Decoders: features of a level back to an image, by convolutions that mirror the network's.

A decoder (Li et al. 2017, section 3.1) is the network read backwards: the mirror of each convolution takes as many
channels as that makes, and makes as many as that takes; where the network pools, the decoder doubles each position
(nearest neighbour, so that no checkerboard can come of it), and its borders are padded with their own pixels, as the
encoder's are.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from neural_style.core.errors import UserError
from neural_style.pretrained import decoders
from neural_style.settings import vgg_layers
from neural_style.settings.vgg_layers import level_layer
from neural_style.vgg import model, upsampling


def kernel_shapes(network: str, level: int) -> dict[str, tuple[int, int, int, int]]:
    """The kernel shape (rows, cols, fan in, filters) of each convolution of a decoder, in order, by what it mirrors."""
    shapes = vgg_layers.kernel_shapes(network)
    names = vgg_layers.names_through(network, [level_layer(level)])
    return {name: (*shapes[name][:2], *reversed(shapes[name][2:])) for name in reversed(names)}


def reach(network: str, level: int) -> int:
    """How far, in pixels, a position of the features is seen in the image decoded: a multiple of its stride."""
    found, stride = sum(map(vgg_layers.stride, kernel_shapes(network, level))), vgg_layers.stride(level_layer(level))
    return -(-found // stride) * stride


@dataclasses.dataclass(frozen=True)
class Decoder:
    """A decoder of one level.

    Attributes:
      level: 1 to 5.
      unit: what features are divided by; their root mean square over photographs.
      weights: (kernel, bias) by the name of the convolution that is mirrored, in the decoder's order; arrays, tensors
        or variables.
    """

    level: int
    unit: float
    weights: Mapping[str, tuple[Any, Any]]

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        """Features [batch, rows, cols, channels] to RGB images, 2^(level - 1) times larger, about 0..255."""
        return 255 * through(features / tf.cast(self.unit, features.dtype), self.weights)

    def cast(self, dtype: str) -> "Decoder":
        """The decoder with its weights as tensors of `dtype`, which features are then to have."""
        weights = {name: tuple(tf.cast(part, dtype) for part in pair) for name, pair in self.weights.items()}
        return dataclasses.replace(self, weights=weights)


def through(x: tf.Tensor, weights: Mapping[str, tuple[Any, Any]]) -> tf.Tensor:
    """What the convolutions of a decoder make of `x` [batch, rows, cols, channels]; also of its first ones alone."""
    convolve = convolved
    for name, (kernel, bias) in weights.items():
        x = convolve(x, kernel) + bias
        if name != level_layer(1):
            x = tf.nn.relu(x)
        convolve = upsample_conv if name.endswith("conv1") else convolved
    return x


def convolved(x: tf.Tensor, kernel: Any) -> tf.Tensor:
    """The convolution of `x` [batch, rows, cols, channels], whose border is repeated, as the encoder's is."""
    return tf.nn.conv2d(model.pad(x, "replicate"), kernel, 1, "VALID")


def upsample_conv(x: tf.Tensor, kernel: Any) -> tf.Tensor:
    """`convolved` of `x` with each position twice in rows and in cols, without making that."""
    return upsampling.upsample_conv(model.pad(x, "replicate"), kernel)


def fresh(network: str, level: int, unit: float, seed: int) -> Decoder:
    """A decoder before its training: kernels drawn by chance (He et al. 2015), an image of middle grey."""
    rng, weights = np.random.RandomState(seed), {}
    for name, shape in kernel_shapes(network, level).items():
        kernel = rng.standard_normal(shape) * np.sqrt(2 / (9 * shape[2]))
        weights[name] = kernel.astype(np.float32), np.zeros(shape[3], np.float32)
    kernel, bias = weights[level_layer(1)]
    weights[level_layer(1)] = kernel / 8, bias + np.float32(0.5)
    return Decoder(level, unit, weights)


def save(path: Path, decoder: Decoder, facts: Mapping[str, str]) -> None:
    """Writes a decoder as float16, with what `decoders.find` and people want to know of it.

    Args:
      path: of a .safetensors file.
      decoder: with arrays as weights.
      facts: `decoders.encoder` of its network, and whatever else.
    """
    tensors = {}
    for name, (kernel, bias) in decoder.weights.items():
        tensors |= {f"{name}.kernel": kernel.astype(np.float16), f"{name}.bias": bias.astype(np.float16)}
    save_file(tensors, path, {**facts, "level": str(decoder.level), "unit": repr(decoder.unit)})


def load(path: Path) -> Decoder:
    """Reads a decoder.

    Raises:
      UserError: the file is none, or of another shape than its network asks for.
    """
    facts = decoders.facts_of(path)
    try:
        tensors, level = load_file(path), int(facts["level"])
        shapes, unit = kernel_shapes(facts["network"], level), float(facts["unit"])
        weights = {name: (tensors[f"{name}.kernel"], tensors[f"{name}.bias"]) for name in shapes}
        fits = all(weights[name][0].shape == shape for name, shape in shapes.items())
        finite = all(np.isfinite(part).all() for pair in weights.values() for part in pair)
        if not (fits and finite and unit > 0):
            raise ValueError("it has other shapes than its network, or numbers that are not finite")
    except (KeyError, ValueError, OSError, SafetensorError) as error:
        raise UserError(f"Expected a decoder in {str(path)!r}, but it can't be read as one: {error}") from error
    return Decoder(level, unit, {name: tuple(part.astype(np.float32) for part in weights[name]) for name in weights})

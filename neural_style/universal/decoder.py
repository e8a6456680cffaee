"""Decoders: networks that map features of a level back to an image, with convolutions that mirror VGG's.

A decoder (Li et al. 2017, section 3.1) has VGG's convolutions in reverse order, each with its numbers of input and
output channels exchanged. Where VGG pools, the decoder repeats each position twice in rows and columns (nearest
neighbour), which leaves no checkerboard. Borders are padded with their own pixels, as in the encoder.
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

MIN_SIZE_OF_8_BITS = 2**17
"""Kernels of at least this many numbers are stored in 8 bits, which halves the files; the finest are in float16."""
Weights = Mapping[str, tuple[Any, Any]]
"""(kernel, bias) by the name of the mirrored convolution, in the decoder's order: arrays, tensors or variables."""


def kernel_shapes(network: str, level: int) -> dict[str, tuple[int, int, int, int]]:
    """The kernel shape (rows, cols, fan in, filters) of each convolution of a decoder, by the one it mirrors."""
    shapes = vgg_layers.kernel_shapes(network)
    names = vgg_layers.names_through(network, [level_layer(level)])
    return {name: (*shapes[name][:2], *reversed(shapes[name][2:])) for name in reversed(names)}


def reach(network: str, level: int) -> int:
    """How far a feature's position affects the decoded image, in pixels; a multiple of the level's stride."""
    pixels = sum(vgg_layers.stride(name) for name in kernel_shapes(network, level))
    stride = vgg_layers.stride(level_layer(level))
    return -(-pixels // stride) * stride


@dataclasses.dataclass(frozen=True)
class Decoder:
    """A decoder of one level.

    Attributes:
      level: 1 to 5.
      unit: what features are divided by; their root mean square over photographs.
      weights: of the convolutions.
    """

    level: int
    unit: float
    weights: Weights

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        """Decode features [batch, rows, cols, channels] to RGB images, 2^(level - 1) times larger, about 0..255."""
        return 255 * apply_convolutions(features / tf.cast(self.unit, features.dtype), self.weights)

    def cast(self, dtype: str) -> "Decoder":
        """The decoder with its weights as tensors of `dtype`; features must then have that dtype."""
        weights = {
            name: (tf.cast(kernel, dtype), tf.cast(bias, dtype)) for name, (kernel, bias) in self.weights.items()
        }
        return dataclasses.replace(self, weights=weights)


def apply_convolutions(x: tf.Tensor, weights: Weights) -> tf.Tensor:
    """Apply all convolutions of a decoder, or its first ones alone, to `x` [batch, rows, cols, channels]."""
    convolution = convolve
    for name, (kernel, bias) in weights.items():
        x = convolution(x, kernel) + bias
        if name != level_layer(1):
            x = tf.nn.relu(x)
        convolution = upsample_conv if name.endswith("conv1") else convolve
    return x


def convolve(x: tf.Tensor, kernel: Any) -> tf.Tensor:
    """Convolve `x` [batch, rows, cols, channels]; the border is repeated, as in the encoder."""
    return tf.nn.conv2d(model.pad(x, "replicate"), kernel, 1, "VALID")


def upsample_conv(x: tf.Tensor, kernel: Any) -> tf.Tensor:
    """Equal to `convolve` of `x` enlarged twice by nearest neighbour, without computing the enlarged map."""
    return upsampling.upsample_conv(model.pad(x, "replicate"), kernel)


def initialize(network: str, level: int, unit: float, seed: int) -> Decoder:
    """Build a decoder before its training: random kernels (He et al. 2015) that decode to about middle grey."""
    rng, weights = np.random.RandomState(seed), {}
    for name, shape in kernel_shapes(network, level).items():
        kernel = rng.standard_normal(shape) * np.sqrt(2 / (9 * shape[2]))
        weights[name] = kernel.astype(np.float32), np.zeros(shape[3], np.float32)
    kernel, bias = weights[level_layer(1)]
    weights[level_layer(1)] = kernel / 8, bias + np.float32(0.5)
    return Decoder(level, unit, weights)


def save(path: Path, decoder: Decoder, metadata: Mapping[str, str]) -> None:
    """Write a decoder, see `pack`, with metadata for `decoders.find` and for people.

    Args:
      path: of a .safetensors file.
      decoder: with arrays as weights.
      metadata: `decoders.encoder` of its network, and any other metadata.
    """
    save_file(pack(decoder.weights), path, {**metadata, "level": str(decoder.level), "unit": repr(decoder.unit)})


def pack(weights: Weights) -> dict[str, np.ndarray]:
    """The tensors of a file: float16, and 8 bits with a scale for each filter where a kernel has many numbers."""
    tensors = {}
    for name, (kernel, bias) in weights.items():
        tensors[f"{name}.bias"] = bias.astype(np.float16)
        if kernel.size < MIN_SIZE_OF_8_BITS:
            tensors[f"{name}.kernel"] = kernel.astype(np.float16)
            continue
        scale = np.maximum(np.abs(kernel).max(axis=(0, 1, 2)) / 127, np.finfo(np.float32).tiny)
        tensors[f"{name}.kernel"] = np.rint(kernel / scale).astype(np.int8)
        tensors[f"{name}.scale"] = scale.astype(np.float32)
    return tensors


def unpack(tensors: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """The float32 weights of a file.

    Args:
      tensors: see `pack`.
      shapes: of the kernels by name.

    Raises:
      KeyError: a tensor is missing.
      ValueError: a tensor has another shape, or is not finite.
    """
    return {name: _unpack_pair(tensors, name, shape) for name, shape in shapes.items()}


def load(path: Path) -> Decoder:
    """Read a decoder.

    Raises:
      UserError: the file is not a decoder, or its tensors do not have the shapes of its network.
    """
    metadata = decoders.metadata_of(path)
    try:
        level, unit = int(metadata["level"]), float(metadata["unit"])
        weights = unpack(load_file(path), kernel_shapes(metadata["network"], level))
        if not unit > 0:
            raise ValueError("its unit is not a positive number")
    except (KeyError, ValueError, OSError, SafetensorError) as error:
        raise UserError(f"Expected a decoder in {str(path)!r}, but it can't be read as one: {error}") from error
    return Decoder(level, unit, weights)


def _unpack_pair(tensors: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    kernel, bias = tensors[f"{name}.kernel"], tensors[f"{name}.bias"]
    scale = tensors[f"{name}.scale"] if kernel.dtype == np.int8 else np.float32(1)
    if kernel.shape != shape or bias.shape != shape[-1:] or scale.shape not in ((), bias.shape):
        raise ValueError(f"{name} has a kernel of shape {kernel.shape}, and its network needs {shape}")
    kernel = kernel.astype(np.float32) * scale
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise ValueError(f"{name} holds numbers that are not finite")
    return kernel.astype(np.float32), bias.astype(np.float32)

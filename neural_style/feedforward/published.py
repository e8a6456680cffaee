"""The published weights of the arbitrary style network (Ghiasi et al. 2017), read without TensorFlow."""

from collections.abc import Mapping, Sequence

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

from neural_style.pretrained import style_networks

BLOCKS = 5
"""Residual blocks of the transformer."""
NORMALIZED = (
    *(f"residual{block}.conv{number}" for block in range(1, BLOCKS + 1) for number in (1, 2)),
    *(f"expand.conv{number}" for number in (1, 2, 3)),
)
"""Names in the file of the transformer's convolutions with normalisation, in order."""
CONVOLUTIONS = (*(f"contract.conv{number}" for number in (1, 2, 3)), *NORMALIZED)
"""Names of all its convolutions, in order."""


def read() -> dict[str, np.ndarray]:
    """Read the bundled weights: float32 kernels and biases by their names."""
    return dequantize(load_file(style_networks.ARBITRARY))


def read_affine() -> dict[str, np.ndarray]:
    """Read the weights that `parameters` needs; faster than `read`."""
    layers = [f"transformer.{name}.{parameter}" for name in NORMALIZED for parameter in ("gamma", "beta")]
    names = [f"{layer}.{part}" for layer in layers for part in ("kernel", "scale", "bias")]
    with safe_open(style_networks.ARBITRARY, framework="numpy") as file:
        return dequantize({name: file.get_tensor(name) for name in names})


def dequantize(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert int8 kernels to float32.

    Args:
      tensors: kernels, biases and scales by their names. A kernel has a scale for each filter, a depthwise one [rows,
        cols, channels, 1] for each channel.

    Returns:
      Kernels times their scales, and unchanged biases, by their names.
    """
    weights = {}
    for name, values in tensors.items():
        layer, _, part = name.rpartition(".")
        if part == "kernel":
            scale = tensors[f"{layer}.scale"]
            weights[name] = values * (scale[:, np.newaxis] if layer.endswith("depthwise") else scale)
        elif part == "bias":
            weights[name] = values
    return weights


def parameters(weights: Mapping[str, np.ndarray], vectors: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Compute γ and β [styles, channels] of each normalisation, which are affine functions of style vectors.

    Args:
      weights: of `read` or `read_affine`.
      vectors: the style vectors [100].

    Returns:
      A pair (γ, β) for each of `NORMALIZED`, in order.
    """
    stacked = np.stack(vectors)

    def apply_affine(layer: str) -> np.ndarray:
        return stacked @ weights[f"{layer}.kernel"][0, 0] + weights[f"{layer}.bias"]

    return [
        (apply_affine(f"transformer.{name}.gamma"), apply_affine(f"transformer.{name}.beta")) for name in NORMALIZED
    ]

"""The published weights of the arbitrary style network (Ghiasi et al. 2017), in NumPy: no TensorFlow is needed."""

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
"""The transformer's convolutions whose maps are normalised, by their names in the file, in order."""
CONVOLUTIONS = (*(f"contract.conv{number}" for number in (1, 2, 3)), *NORMALIZED)
"""All of its convolutions, in order."""


def read() -> dict[str, np.ndarray]:
    """The bundled weights in float32: kernels and biases by their names."""
    return dequantized(load_file(style_networks.ARBITRARY))


def read_affine() -> dict[str, np.ndarray]:
    """Those of `read` that `parameters` takes, without the others' work."""
    with safe_open(style_networks.ARBITRARY, framework="numpy") as file:
        layers = [f"transformer.{name}.{which}" for name in NORMALIZED for which in ("gamma", "beta")]
        names = [f"{layer}.{part}" for layer in layers for part in ("kernel", "scale", "bias")]
        return dequantized({name: file.get_tensor(name) for name in names})


def dequantized(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Kernels as int8 times the scale of each filter, in float32; biases as they are.

    A depthwise kernel [rows, cols, channels, 1] has a scale for each channel.
    """
    found = {}
    for name, values in tensors.items():
        layer, _, part = name.rpartition(".")
        if part == "kernel":
            scale = tensors[f"{layer}.scale"]
            found[name] = values * (scale[:, np.newaxis] if layer.endswith("depthwise") else scale)
        elif part == "bias":
            found[name] = values
    return found


def parameters(weights: Mapping[str, np.ndarray], vectors: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """γ and β [styles, channels] of each of `NORMALIZED`, for style vectors [100]: affine functions of these."""
    stacked, found = np.stack(vectors), []
    for name in NORMALIZED:
        pair = []
        for which in ("gamma", "beta"):
            layer = f"transformer.{name}.{which}"
            pair.append(stacked @ weights[f"{layer}.kernel"][0, 0] + weights[f"{layer}.bias"])
        found.append(tuple(pair))
    return found

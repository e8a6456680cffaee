"""VGG weights out of files: Keras 2 and 3, and torchvision's."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neural_style.core.errors import UserError
from neural_style.settings import vgg_layers
from neural_style.settings.network import TORCH_ENDINGS, check_weight_file
from neural_style.vgg import torch_files

Weights = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Layer name to (kernel [3, 3, fan in, filters], bias [filters]), both float32."""
LARGEST = max(filters for filters, _ in vgg_layers.BLOCKS["vgg19"])
"""Filters that a convolution of VGG has at most."""


def from_file(path: str | os.PathLike, network: str) -> dict:
    """Reads VGG weights from a file, with or without the layers after the convolutions.

    Keras 2 (`.h5`), Keras 3 (`.weights.h5`, HED's too) and torchvision (`.pth`, `.pt`, `.safetensors`). Convolutions
    are found by their Keras names (`block1_conv1`) or, where the file has none, by their order.

    Raises:
      UserError: the file is missing, unreadable, or holds another network.
    """
    path = Path(path)
    check_weight_file(path)
    ending = path.suffix.lower()
    if ending == ".safetensors":
        found = _of_safetensors(path)
    else:
        found = (_of_torch if ending in TORCH_ENDINGS else _of_h5)(path)
    shapes = vgg_layers.kernel_shapes(network)
    if set(shapes) & set(found):
        found = {name: found[name] for name in shapes if name in found}
    else:
        found = dict(zip(shapes, found.values(), strict=False)) if len(found) == len(shapes) else {}
    check(found, network, str(path))
    return found


def _of_h5(path: Path) -> dict:
    """Every (kernel, bias) pair of an HDF5 file by the innermost group that names it, in network order."""
    import h5py

    kernels, biases = {}, {}

    def visit(name: str, item: Any):
        if isinstance(item, h5py.Dataset) and _is_of_vgg(item.shape):
            group = name.rsplit("/", 1)[0].removesuffix("/vars")
            layer = next((part for part in name.split("/") if re.fullmatch(r"block\d_conv\d", part)), group)
            (kernels if item.ndim == 4 else biases)[layer] = item[()].astype(np.float32)

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except Exception as error:  # what h5py raises for a broken file depends on where it is broken
        raise UserError(
            f"Expected a Keras weight file (.h5 or .weights.h5), but {str(path)!r} can't be read as one: {error}"
        ) from error

    def in_order(layer: str):
        return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", layer)]

    return {layer: (kernels[layer], biases[layer]) for layer in sorted(kernels, key=in_order) if layer in biases}


def _is_of_vgg(shape: tuple[int, ...]) -> bool:
    """Whether a bias or a 3x3 kernel of VGG's can have this shape; HED's side outputs, and false claims, can't."""
    return (len(shape) == 1 or (len(shape) == 4 and shape[:2] == (3, 3))) and max(shape) <= LARGEST


def _of_safetensors(path: Path) -> dict:
    from safetensors.numpy import load_file

    try:
        return _from_torch_layout(load_file(path))
    except Exception as error:  # SafetensorError derives from Exception alone
        raise UserError(f"Expected a .safetensors file, but {str(path)!r} can't be read as one: {error}") from error


def _of_torch(path: Path) -> dict:
    return _from_torch_layout(torch_files.load(path))


def _from_torch_layout(tensors: dict[str, np.ndarray]) -> dict:
    """Convolutions of a torch state dict ("features.0.weight" [filters, fan in, rows, cols]) in their order."""

    def number(name: str):
        return [int(digits) for digits in re.findall(r"\d+", name)]

    kernels = sorted((name for name, tensor in tensors.items() if tensor.ndim == 4), key=number)
    return {
        name: (tensors[name].transpose(2, 3, 1, 0).astype(np.float32), tensors[bias].astype(np.float32))
        for name in kernels
        if (bias := name.removesuffix("weight") + "bias") in tensors
    }


def check(weights: dict, network: str, origin: str) -> None:
    """Raises a UserError where `weights`, read from `origin`, do not fit `network`, naming the first misfit."""
    for name, shape in vgg_layers.kernel_shapes(network).items():
        if name not in weights:
            raise UserError(
                f"{origin!r} does not hold the {len(vgg_layers.layer_names(network))} convolutions of {network}: "
                f"{name} is missing; choose another file or another --network."
            )
        kernel, bias = weights[name]
        if kernel.shape != shape or bias.shape != shape[-1:]:
            raise UserError(
                f"{origin!r} does not fit {network}: {name} should have a kernel of shape {shape}, "
                f"it has {kernel.shape}; choose another file or another --network."
            )
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise UserError(f"{origin!r} is damaged: {name} holds numbers that are not finite; choose another file.")

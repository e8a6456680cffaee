"""Reading of VGG weights from files of Keras 2, Keras 3 and torchvision."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neural_style.core.errors import UserError
from neural_style.core.hdf5 import check_self_contained
from neural_style.core.names import natural_key
from neural_style.settings import vgg_layers
from neural_style.settings.network import TORCH_ENDINGS, check_weight_file
from neural_style.vgg import torch_files

Weights = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Layer name to (kernel [3, 3, fan in, filters], bias [filters]), both float32."""
MAX_FILTERS = max(filters for filters, _ in vgg_layers.BLOCKS["vgg19"])
"""Of a convolution of VGG."""
MAX_BYTES = 1 << 30
"""Of all kernels and biases in an HDF5 file; VGG19's take 160 MB in float64. Chunked files can claim any size."""
CAFFE_HASHES = ("d01eb7cb", "00b39a1b")
"""First digits of the SHA-256 of jcjohnson/pytorch-vgg's VGG19 and VGG16, converted from Caffe (neural-style-pt)."""


def from_file(path: str | os.PathLike, network: str) -> Weights:
    """Read VGG weights from a file, with or without the layers after the convolutions.

    Supported are Keras 2 (`.h5`), Keras 3 (`.weights.h5`, also HED's) and torchvision (`.pth`, `.pt`, `.safetensors`).
    Convolutions are recognised by their Keras names (`block1_conv1`) or, without these, by their order.

    Args:
      path: of the file.
      network: "vgg16" or "vgg19".

    Raises:
      UserError: the file is missing, unreadable, or holds another network.
    """
    path = Path(path)
    check_weight_file(path)
    weights = _name_layers(_read(path), network)
    check(weights, network, str(path))
    return weights


def is_converted_from_caffe(path: str | os.PathLike) -> bool:
    """Return whether a file is a known conversion from Caffe, by its name or its contents.

    Its tensors have the same names as torchvision's, and its kernels similar magnitudes.
    """
    if any(digits in Path(path).name for digits in CAFFE_HASHES):
        return True
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(CAFFE_HASHES)


def _read(path: Path) -> dict:
    """Every (kernel, bias) pair of a file, in network order."""
    ending = path.suffix.lower()
    if ending == ".safetensors":
        return _read_safetensors(path)
    if ending in TORCH_ENDINGS:
        return _convert_from_torch(torch_files.load(path))
    return _read_h5(path)


def _name_layers(pairs: dict, network: str) -> dict:
    """The pairs that belong to the network's convolutions, by the names of these."""
    names = vgg_layers.layer_names(network)
    if set(names) & set(pairs):
        return {name: pairs[name] for name in names if name in pairs}
    if len(pairs) == len(names):
        return dict(zip(names, pairs.values(), strict=True))
    return {}


def _read_h5(path: Path) -> dict:
    """Every (kernel, bias) pair of an HDF5 file, by its layer or else the group that holds it, in network order."""
    import h5py

    kernels: dict[str, np.ndarray] = {}
    biases: dict[str, np.ndarray] = {}
    sizes: list[int] = []

    def visit(name: str, item: Any) -> None:
        if not (isinstance(item, h5py.Dataset) and _may_be_vgg(item.shape)):
            return
        sizes.append(item.nbytes)
        if sum(sizes) > MAX_BYTES:
            raise ValueError("it claims more numbers than VGG has")
        group = name.rsplit("/", 1)[0].removesuffix("/vars")
        layer = next((part for part in name.split("/") if re.fullmatch(r"block\d_conv\d", part)), group)
        arrays = kernels if item.ndim == 4 else biases
        arrays[layer] = item[()].astype(np.float32)

    try:
        check_self_contained(path)
        with h5py.File(path) as file:
            file.visititems(visit)
    except Exception as error:  # what h5py raises for a damaged file depends on where it is damaged
        raise UserError(
            f"Expected a Keras weight file (.h5 or .weights.h5), but {str(path)!r} can't be read as one: {error}"
        ) from error

    layers = sorted(kernels, key=natural_key)
    return {layer: (kernels[layer], biases[layer]) for layer in layers if layer in biases}


def _may_be_vgg(shape: tuple[int, ...]) -> bool:
    """Whether a bias or kernel of VGG can have this shape; those of HED's side outputs are excluded."""
    if len(shape) == 4:
        return shape[:2] == (3, 3) and max(shape) <= MAX_FILTERS
    return len(shape) == 1 and shape[0] <= MAX_FILTERS


def _read_safetensors(path: Path) -> dict:
    from safetensors.numpy import load_file

    try:
        return _convert_from_torch(load_file(path))
    except Exception as error:  # SafetensorError derives from Exception alone
        raise UserError(f"Expected a .safetensors file, but {str(path)!r} can't be read as one: {error}") from error


def _convert_from_torch(tensors: dict[str, np.ndarray]) -> dict:
    """The (kernel, bias) pairs of a torch state dict ("features.0.weight" [filters, fan in, rows, cols]), in order."""

    def number(name: str):
        return [int(digits) for digits in re.findall(r"\d+", name)]

    kernels = sorted((name for name, tensor in tensors.items() if tensor.ndim == 4), key=number)
    return {
        name: (tensors[name].transpose(2, 3, 1, 0).astype(np.float32), tensors[bias].astype(np.float32))
        for name in kernels
        if (bias := name.removesuffix("weight") + "bias") in tensors
    }


def check(weights: Weights, network: str, origin: str) -> None:
    """Raise a UserError if `weights`, read from `origin`, do not fit `network`; it names the first difference."""
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

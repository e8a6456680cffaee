"""A trained network: its layers, its styles, and its file.

The file is Keras' own (.keras, a zip), which also holds a description of the network and small pictures of its styles.
Reading one runs no code of it: layers are built here by the description, and only numbers are read from its weights.
"""

import dataclasses
import io
import json
import tempfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.hdf5 import check_self_contained
from neural_style.core.version import __version__
from neural_style.feedforward import onnx_files, torch_files
from neural_style.feedforward.architectures import ARCHITECTURES, Dumoulin, Ghiasi, Johnson, Msg, build_model
from neural_style.pretrained import onnx_files as onnx_reader
from neural_style.pretrained import style_networks
from neural_style.vgg import torch_files as torch_reader

PICTURE_SIDE = 256
"""Maximum side of the styles' pictures in the file."""
STYLE_VARIABLES = ("gamma", "beta", "grams")
"""Names of the variables that have a row for each style."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network.

    Attributes:
      layers: its architecture, a function from images to paintings.
      model: the Keras model of [image, style] that shares its layers.
      architecture: its architecture's name, a choice of --architecture or "ghiasi".
      width: share of the published number of channels.
      styles: the styles' names, in the order of its tables.
    """

    layers: Johnson | Msg | Dumoulin | Ghiasi
    model: keras.Model
    architecture: str
    width: float
    styles: tuple[str, ...]


def initialize(architecture: str, width: float, styles: Sequence[str], seed: int) -> Network:
    """Build a network before its training.

    Args:
      architecture, width, styles: see `Network`.
      seed: of the initial kernels.

    Raises:
      UserError: there are no styles.
    """
    if not styles:
        raise UserError("A network is trained for at least one style, received none.")
    layers = ARCHITECTURES[architecture](len(styles), width)
    model = build_model(layers, len(styles))
    rng = np.random.default_rng(seed)
    for variable in model.weights:  # initialised here, so that no global seed matters
        if variable.name == "kernel":
            bound = np.prod(variable.shape[:-1]) ** -0.5
            variable.assign(rng.uniform(-bound, bound, variable.shape))
        elif variable.name == "matrix":
            variable.assign(rng.uniform(0, 0.02, variable.shape))
    return Network(layers, model, architecture, width, tuple(styles))


def with_styles(network: Network, numbers: Sequence[int]) -> Network:
    """A network of the same layers that has only the styles of these numbers, in this order."""
    chosen = initialize(network.architecture, network.width, [network.styles[number] for number in numbers], seed=0)
    for variable, all_styles in zip(chosen.model.weights, network.model.weights, strict=True):
        is_of_styles = variable.name in STYLE_VARIABLES
        variable.assign(all_styles.numpy()[list(numbers)] if is_of_styles else all_styles)
    return chosen


def save(path: Path, network: Network, pictures: Sequence[Image.Image], training: dict[str, Any]) -> None:
    """Write a network.

    Args:
      path: of the file, with any ending.
      network: the network.
      pictures: of its styles, in their order; they are stored small.
      training: how it was trained, in JSON's types.
    """
    metadata = {
        "neural_style": __version__,
        "architecture": network.architecture,
        "width": network.width,
        "styles": list(network.styles),
        "training": training,
    }
    with tempfile.TemporaryDirectory() as folder:
        keras_file = Path(folder) / f"network{style_networks.KERAS}"
        network.model.save(keras_file)
        with zipfile.ZipFile(keras_file, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(style_networks.METADATA, json.dumps(metadata, indent=1))
            for number, picture in enumerate(pictures):
                archive.writestr(f"{style_networks.PICTURES}/{number}.jpg", _small_jpeg(picture))
        path.write_bytes(keras_file.read_bytes())


def _small_jpeg(picture: Image.Image) -> bytes:
    small, file = picture.convert("RGB"), io.BytesIO()
    small.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
    small.save(file, "JPEG", quality=90)
    return file.getvalue()


def load(path: Path) -> Network:
    """Read a network: one of ours, of pytorch/examples' fast_neural_style, or Dumoulin et al.'s in ONNX.

    Raises:
      UserError: the file is not a network, or its weights do not fit its description.
    """
    if path.suffix.lower() == onnx_reader.ENDING:
        return _load_onnx(path)
    metadata = style_networks.metadata_of(path)
    if metadata["architecture"] not in ARCHITECTURES:
        raise UserError(
            f"{str(path)!r} holds a network of the architecture {metadata['architecture']!r}, and this version knows "
            f"{', '.join(ARCHITECTURES)}."
        )
    if path.suffix.lower() in style_networks.TORCH:
        return _fast_neural_style(torch_reader.load(path), path)
    network = initialize(metadata["architecture"], float(metadata["width"]), metadata["styles"], seed=0)
    hdf5 = style_networks.member(path, style_networks.WEIGHTS)
    try:
        _load_weights(network.model, hdf5)
    except Exception as error:  # Keras and h5py raise many kinds for what does not fit
        raise UserError(
            f"{str(path)!r} does not hold the weights of the network that it says it is "
            f"({network.architecture}, width {network.width:g}, {len(network.styles)} styles): "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    return network


def _fast_neural_style(tensors: Mapping[str, np.ndarray], path: Path) -> Network:
    """The network of pytorch/examples with the tensors of a file."""
    network = initialize("johnson", torch_files.network_width(tensors, path), [path.stem], seed=0)
    assert isinstance(network.layers, Johnson)
    torch_files.fill(network.layers, tensors, path)
    return network


def _load_onnx(path: Path) -> Network:
    """The network of an ONNX file: pytorch/examples', or Dumoulin et al.'s."""
    file = onnx_reader.read(path)
    if not file.style_count:
        return _fast_neural_style(onnx_files.as_torch(file), path)
    metadata = onnx_reader.metadata_of(file, path)
    network = initialize(metadata["architecture"], metadata["width"], metadata["styles"], seed=0)
    assert isinstance(network.layers, Dumoulin)
    onnx_files.fill_dumoulin(network.layers, file.tensors, path)
    return network


def _load_weights(model: keras.Model, hdf5: bytes) -> None:
    """Load a model's weights from an HDF5 file's bytes; an exception of any kind where they do not fit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.weights.h5"
        path.write_bytes(hdf5)
        check_self_contained(path, style_networks.LARGEST)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras also warns before it raises an error
            model.load_weights(path)
    if not all(np.isfinite(variable.numpy()).all() for variable in model.weights):
        raise ValueError("some weights are not finite")

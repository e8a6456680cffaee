"""A trained network: its layers, its styles, and the file that holds them.

The file is Keras' own (.keras, a zip), with what we say of it and the styles' pictures beside. Reading one runs nothing
of it: the layers are built here by what the file says of itself, and only numbers are taken out of its weights.
"""

import dataclasses
import io
import json
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from neural_style import __version__
from neural_style.core.errors import UserError
from neural_style.core.hdf5 import check_self_contained
from neural_style.feedforward import torch_files
from neural_style.feedforward.architectures import ARCHITECTURES, Ghiasi, Johnson, Msg, model_of
from neural_style.pretrained import style_networks

PICTURE_SIDE = 256
"""Of the styles' pictures in the file, at most."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network.

    Attributes:
      layers: its architecture, which is the function from images to paintings.
      model: the Keras model of [image, style] that shares its layers.
      architecture: its name, a choice of --architecture or "ghiasi".
      width: share of the channels.
      styles: names, in the order of its tables.
    """

    layers: Johnson | Msg | Ghiasi
    model: keras.Model
    architecture: str
    width: float
    styles: tuple[str, ...]


def fresh(architecture: str, width: float, styles: Sequence[str], seed: int) -> Network:
    """A network before its training.

    Args:
      architecture, width, styles: see `Network`.
      seed: of the first kernels.
    """
    if not styles:
        raise UserError("A network is trained for at least one style, received none.")
    layers = ARCHITECTURES[architecture](len(styles), width)
    model, rng = model_of(layers, len(styles)), np.random.default_rng(seed)
    for variable in model.weights:  # drawn here, so that no global seed matters
        if variable.name == "kernel":
            reach = np.prod(variable.shape[:-1]) ** -0.5
            variable.assign(rng.uniform(-reach, reach, variable.shape))
        elif variable.name == "matrix":
            variable.assign(rng.uniform(0, 0.02, variable.shape))
    return Network(layers, model, architecture, width, tuple(styles))


def save(path: Path, network: Network, pictures: Sequence[Image.Image], training: dict[str, Any]) -> None:
    """Writes a network.

    Args:
      path: of the file, whatever its ending.
      network: what is written.
      pictures: of its styles, in their order; small ones are kept.
      training: how it was trained, in JSON's types.
    """
    said = {
        "neural_style": __version__,
        "architecture": network.architecture,
        "width": network.width,
        "styles": list(network.styles),
        "training": training,
    }
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / f"network{style_networks.KERAS}"
        network.model.save(whole)
        with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as file:
            file.writestr(style_networks.FACTS, json.dumps(said, indent=1))
            for number, picture in enumerate(pictures):
                small, packed = picture.convert("RGB"), io.BytesIO()
                small.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
                small.save(packed, "JPEG", quality=90)
                file.writestr(f"{style_networks.PICTURES}/{number}.jpg", packed.getvalue())
        path.write_bytes(whole.read_bytes())


def load(path: Path) -> Network:
    """Reads a network.

    Raises:
      UserError: the file is none, or holds other layers than it says.
    """
    facts = style_networks.facts(path)
    if facts["architecture"] not in ARCHITECTURES:
        raise UserError(
            f"{str(path)!r} holds a network of the architecture {facts['architecture']!r}, and this version knows "
            f"{', '.join(ARCHITECTURES)}."
        )
    if path.suffix.lower() in style_networks.TORCH:
        tensors = torch_files.read(path)
        network = fresh(facts["architecture"], torch_files.width_of(tensors, path), facts["styles"], 0)
        torch_files.fill(network.layers, tensors, path)
        return network
    network = fresh(facts["architecture"], float(facts["width"]), facts["styles"], 0)
    packed = style_networks.member(path, style_networks.WEIGHTS)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "network.weights.h5"
        weights.write_bytes(packed)
        try:
            check_self_contained(weights, style_networks.LARGEST)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras warns of what it then raises an error for
                network.model.load_weights(weights)
            if not all(np.isfinite(variable.numpy()).all() for variable in network.model.weights):
                raise ValueError("some weights are not finite")
        except Exception as error:  # Keras and h5py raise many kinds for what does not fit
            raise UserError(
                f"{str(path)!r} does not hold the weights of the network that it says it is "
                f"({network.architecture}, width {network.width:g}, {len(network.styles)} styles): "
                f"{' '.join(str(error).split())[:200]}"
            ) from error
    return network

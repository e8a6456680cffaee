"""Settings of VGG, whose features are compared."""

import dataclasses
import os
from pathlib import Path

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.settings import vgg_layers
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, File, WordOr, setting
from neural_style.settings.weight_sources import AUTO, CHOICES, SOURCES, described

TORCH_ENDINGS = (".pth", ".pt", ".safetensors")
"""Endings of weight files in torch's layout, which expect --preprocess=torch by default."""


NORMALIZERS = ("none", "images", "imagenet")
"""The choices of --normalize_weights besides a folder."""


@dataclasses.dataclass(frozen=True)
class NetworkSettings(Checked):
    """The network."""

    network: str = setting("vgg19", Choice(sorted(vgg_layers.BLOCKS, reverse=True)), "The network.")
    weights: str = setting(
        "imagenet",
        WordOr(CHOICES, File()),
        f"{described()}; {AUTO}: the first of these that is available within seconds; or a weight file: .h5 of Keras "
        "2, .weights.h5 of Keras 3, or .pth or .safetensors of torchvision.",
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
        self._check_network()
        allowed = preprocessing(self.weights)
        if self.preprocess == "auto":
            object.__setattr__(self, "preprocess", allowed[0])
        if self.preprocess not in allowed:
            raise UserError(
                f"--weights={self.weights} takes --preprocess={allowed[0]}, which these weights were trained with, "
                f"received {self.preprocess}: leave --preprocess out, or choose weights that expect it"
                f"{' (torchvision files end in .pth or .safetensors)' if self.preprocess == 'torch' else ''}."
            )

    def _check_network(self) -> None:
        """Raise a UserError where the source has no weights for the network."""
        source = SOURCES.get(self.weights)
        if source and self.network not in source.networks:
            raise UserError(
                f"--weights={self.weights} is made for --network={source.networks[0]}, received {self.network}: name "
                "that network, or other weights."
            )

    @property
    def files(self) -> list[str]:
        """The file and the folder that --weights and --normalize_weights name, if any."""
        choices = (self.weights, CHOICES), (self.normalize_weights, NORMALIZERS)
        return [path for path, words in choices if path not in words]

    def check_files(self) -> None:
        """Raise a UserError where a file or folder is missing, or lies at a URL."""
        if self.weights not in CHOICES:
            check_weight_file(self.weights)
        if self.normalize_weights not in NORMALIZERS and not os.path.isdir(self.normalize_weights):
            raise UserError(
                f"--normalize_weights takes {', '.join(NORMALIZERS)} or a folder of images, and "
                f"{self.normalize_weights!r} is not a folder."
            )


def check_weight_file(path: str | os.PathLike) -> None:
    """Raise a UserError where a path is not a file."""
    storage.check_here(path, "a weight file")
    if not os.path.isfile(path):
        raise UserError(f"--weights takes {', '.join(CHOICES)} or a file, and {str(path)!r} is not a file.")


def preprocessing(weights: str) -> tuple[str, ...]:
    """The choices of --preprocess that fit a choice of --weights; --preprocess=auto means the first.

    For --weights=auto they are those of its first source, so all sources with a `reason` must allow the same first one.
    """
    if weights == AUTO:
        return next(source.preprocessing for source in SOURCES.values() if source.reason)
    if weights in SOURCES:
        return SOURCES[weights].preprocessing
    return ("torch", "caffe") if Path(weights).suffix.lower() in TORCH_ENDINGS else ("caffe", "torch")

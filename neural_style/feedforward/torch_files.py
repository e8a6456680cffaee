"""Reads the files of pytorch/examples' fast_neural_style: the architecture *johnson* with one style."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neural_style.core.errors import UserError
from neural_style.feedforward.architectures import Johnson
from neural_style.feedforward.layers import GAIN, GREY
from neural_style.pretrained.style_networks import MAX_WIDTH


def layer_names(blocks: int) -> list[tuple[str, str | None]]:
    """The names of each convolution and its normalisation in these files, in order.

    Args:
      blocks: number of residual blocks.
    """
    down = [(f"conv{n}.conv2d", f"in{n}") for n in (1, 2, 3)]
    residual = [(f"res{b}.conv{n}.conv2d", f"res{b}.in{n}") for b in range(1, blocks + 1) for n in (1, 2)]
    up = [("deconv1.conv2d", "in4"), ("deconv2.conv2d", "in5"), ("deconv3.conv2d", None)]
    return [*down, *residual, *up]


def network_width(tensors: Mapping[str, np.ndarray], path: Path) -> float:
    """The share of the published number of channels that the network of a file has.

    Args:
      tensors: of `vgg.torch_files.load`.
      path: of the file, for messages.

    Raises:
      UserError: the tensors are of another network.
    """
    first = tensors.get(f"{layer_names(0)[0][0]}.bias")
    if first is None or first.ndim != 1:
        raise UserError(_unfit(path, "its first convolution is missing"))
    width = len(first) / 32
    if not 0 < width <= MAX_WIDTH:
        raise UserError(_unfit(path, f"its first convolution has {len(first)} filters"))
    return width


def fill(network: Johnson, tensors: Mapping[str, np.ndarray], path: Path) -> None:
    """Copy the weights of a file into a network of its width with one style.

    The last convolution of these files gives RGB in 0..255; here it is scaled to the input of `layers.ToImage`. The
    running statistics that old versions of torch stored are ignored, as by pytorch/examples' own loader.

    Args:
      network: the network.
      tensors: of `vgg.torch_files.load`.
      path: of the file, for messages.

    Raises:
      UserError: the tensors are of another network.
    """
    try:
        for part, (convolution_name, normalization_name) in zip(
            network.parts, layer_names(network.BLOCKS), strict=True
        ):
            kernel = np.transpose(tensors[f"{convolution_name}.weight"], (2, 3, 1, 0)).astype(np.float32)
            bias = tensors[f"{convolution_name}.bias"].astype(np.float32)
            if part.normalization is None:  # the last convolution
                kernel, bias = kernel / GAIN, (bias - GREY) / GAIN
            else:
                part.normalization.gamma.assign(tensors[f"{normalization_name}.weight"][None].astype(np.float32))
                part.normalization.beta.assign(tensors[f"{normalization_name}.bias"][None].astype(np.float32))
            part.convolution.kernel.assign(kernel)
            part.convolution.bias.assign(bias)
    except (KeyError, ValueError) as error:
        raise UserError(_unfit(path, " ".join(str(error).split())[:200])) from error


def _unfit(path: Path, reason: str) -> str:
    return f"{str(path)!r} does not hold the network of pytorch/examples' fast_neural_style: {reason}"

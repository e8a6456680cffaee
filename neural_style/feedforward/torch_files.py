"""The files of pytorch/examples' fast_neural_style: the same architecture at full width, one style."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neural_style.core.errors import UserError
from neural_style.feedforward.architectures import Johnson
from neural_style.feedforward.layers import GAIN, GREY
from neural_style.vgg import torch_files as torch_reader


def names(blocks: int) -> list[tuple[str, str | None]]:
    """What each convolution and its normalisation are called there, in order."""
    down = [(f"conv{n}.conv2d", f"in{n}") for n in (1, 2, 3)]
    residual = [(f"res{b}.conv{n}.conv2d", f"res{b}.in{n}") for b in range(1, blocks + 1) for n in (1, 2)]
    up = [("deconv1.conv2d", "in4"), ("deconv2.conv2d", "in5"), ("deconv3.conv2d", None)]
    return [*down, *residual, *up]


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file, by their names there.

    Raises:
      UserError: the file is none of torch's.
    """
    return torch_reader.load(path)


def width_of(tensors: Mapping[str, np.ndarray], path: Path) -> float:
    """The share of the published channels that a network of these tensors has.

    Raises:
      UserError: it is another network.
    """
    first = tensors.get(f"{names(0)[0][0]}.bias")
    if first is None or first.ndim != 1:
        raise UserError(_unfit(path, "its first convolution is missing"))
    return len(first) / 32


def fill(network: Johnson, tensors: Mapping[str, np.ndarray], path: Path) -> None:
    """Takes a file's weights into a network of its width with one style.

    Their last convolution gives RGB in 0..255; ours is scaled to what `layers.Shown` makes of it. What old versions of
    torch kept of running statistics is left out, as their own loader does.

    Args:
      network: takes them.
      tensors: of `read`.
      path: of their file, for messages.

    Raises:
      UserError: they are of another network.
    """
    try:
        for (convolution, norm), (kernel, scale) in zip(network.parts, names(network.BLOCKS), strict=True):
            last = norm is None
            weight = np.transpose(tensors[f"{kernel}.weight"], (2, 3, 1, 0)).astype(np.float32)
            bias = tensors[f"{kernel}.bias"].astype(np.float32)
            convolution.kernel.assign(weight / GAIN if last else weight)
            convolution.bias.assign((bias - GREY) / GAIN if last else bias)
            if norm is not None:
                norm.gamma.assign(tensors[f"{scale}.weight"][None].astype(np.float32))
                norm.beta.assign(tensors[f"{scale}.bias"][None].astype(np.float32))
    except (KeyError, ValueError) as error:
        raise UserError(_unfit(path, " ".join(str(error).split())[:200])) from error


def _unfit(path: Path, reason: str) -> str:
    return f"{str(path)!r} does not hold the network of pytorch/examples' fast_neural_style: {reason}"

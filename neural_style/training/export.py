"""Trained networks for other runtimes: TFLite, and TensorFlow's SavedModel.

Both are a function of "image", RGB [1, rows, cols, 3] float32 in 0..255, and "style", the weight of each style
[1, 1, 1, styles]; it gives "painting", like the image.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from neural_style.feedforward.arbitrary import ArbitraryPainter
from neural_style.feedforward.layers import EPSILON, InstanceNormalization, moments
from neural_style.feedforward.network import Network

Function = Callable[..., tf.Tensor]


def save_model(network: Network, folder: Path) -> None:
    """Writes a SavedModel into a folder that is made for it."""
    _save(network.layers.__call__, _signature(len(network.styles)), "painting", folder)


def tflite(network: Network, half: bool = False) -> bytes:
    """A network as TFLite's file.

    Args:
      network: that paints.
      half: whether its weights are kept in float16; it computes in float32 all the same.
    """
    return _tflite(network.layers.__call__, _signature(len(network.styles)), "painting", half)


def arbitrary_predictor(painter: ArbitraryPainter) -> bytes:
    """The predictor as a TFLite file in float16: "painting" [1, rows, cols, 3] in 0..1 to "vector" [1, 100]."""
    return _tflite(painter.predictor, [tf.TensorSpec((1, None, None, 3), tf.float32, "painting")], "vector", half=True)


def arbitrary_transformer(painter: ArbitraryPainter) -> bytes:
    """The transformer as TFLite's file, weights in float16.

    It takes "image", RGB [1, rows, cols, 3] in 0..255, whose sides are multiples of 4, and "parameters" [1, numbers]:
    γ and then β of each normalisation, in order. It gives "painting", like the image.
    """
    channels = [norm.gamma.shape[-1] for norm in painter.norms]

    def paint(image: tf.Tensor, parameters: tf.Tensor) -> tf.Tensor:
        left = iter(tf.split(parameters, [size for size in channels for _ in range(2)], axis=1))

        def apply(layer: keras.layers.Layer, x: tf.Tensor, *inputs: tf.Tensor) -> tf.Tensor:
            if not isinstance(layer, InstanceNormalization):
                return layer.call(x, *inputs)
            gamma, beta = (next(left)[:, tf.newaxis, tf.newaxis] for _ in range(2))
            mean, variance = moments(x)
            found = (x - mean) * (tf.math.rsqrt(variance + EPSILON) * gamma) + beta
            return tf.nn.relu(found) if layer.relu else found

        return painter.network.layers(image, None, apply)

    signature = [
        tf.TensorSpec((1, None, None, 3), tf.float32, "image"),
        tf.TensorSpec((1, 2 * sum(channels)), tf.float32, "parameters"),
    ]
    return _tflite(paint, signature, "painting", half=True)


def _save(function: Function, signature: Sequence[tf.TensorSpec], output: str, folder: Path) -> None:
    """Writes a function of tensors as a SavedModel with its weights as numbers."""
    module, computed = tf.Module(), tf.function(lambda *inputs: function(*inputs), signature, autograph=False)
    # TFLite's converter would leave out the variables of Keras 3.
    frozen = convert_variables_to_constants_v2(computed.get_concrete_function())

    @tf.function(input_signature=signature, autograph=False)
    def served(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        found = frozen(*inputs)
        return {output: found[0] if isinstance(found, list | tuple) else found}

    module.served = served
    tf.saved_model.save(module, str(folder), signatures=served)


def _tflite(function: Function, signature: Sequence[tf.TensorSpec], output: str, half: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _save(function, signature, output, Path(folder))
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

"""Trained networks for other runtimes: TFLite, and TensorFlow's SavedModel.

Both are a function of "image", RGB [1, rows, cols, 3] float32 in 0..255, and "style", the weight of each style
[1, 1, 1, styles]; it gives "painting", like the image.
"""

import tempfile
from pathlib import Path

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from neural_style.feedforward.network import Network


def save_model(network: Network, folder: Path) -> None:
    """Writes a SavedModel into a folder that is made for it."""
    module, signature = tf.Module(), _signature(len(network.styles))
    painted = tf.function(lambda image, style: network.layers(image, style), signature, autograph=False)
    # Weights as numbers: TFLite's converter would leave out the variables of Keras 3.
    frozen = convert_variables_to_constants_v2(painted.get_concrete_function())

    @tf.function(input_signature=signature, autograph=False)
    def paint(image: tf.Tensor, style: tf.Tensor) -> dict[str, tf.Tensor]:
        found = frozen(image, style)
        return {"painting": found[0] if isinstance(found, list | tuple) else found}

    module.paint = paint
    tf.saved_model.save(module, str(folder), signatures=paint)


def tflite(network: Network) -> bytes:
    """A network as TFLite's file."""
    with tempfile.TemporaryDirectory() as folder:
        save_model(network, Path(folder))
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def _signature(styles: int) -> list[tf.TensorSpec]:
    return [
        tf.TensorSpec((1, None, None, 3), tf.float32, "image"),
        tf.TensorSpec((1, 1, 1, styles), tf.float32, "style"),
    ]

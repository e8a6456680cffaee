"""VGG16 and VGG19 as tf.keras models that map an image to a dict of features."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.core.errors import UserError
from neural_style.images.preprocessing import CAFFE_MEAN, TORCH_MEAN, TORCH_STD
from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import border, seams, winograd
from neural_style.vgg.weight_files import Weights

WINOGRAD_FILTERS = 256
"""With fewer, moving the tiles costs about as much as the products that they save."""
RAREST = 1e-3
"""A filter with less mean activation than this part of its layer's is scaled as the layer."""


def preprocess(image: Any, mode: str) -> Any:
    """What the network sees of an RGB image [..., 3] in 0..255 (an array, a tensor or a Keras tensor).

    Args:
      image: never changed in place.
      mode: "caffe" gives blue, green, red minus ImageNet's mean (Keras' VGG weights); "torch" gives
        RGB / 255, normalised by ImageNet's mean and deviation (torchvision's weights).
    """
    dtype = tf.as_dtype(image.dtype).as_numpy_dtype
    if mode == "caffe":
        return keras.ops.flip(image, axis=-1) - np.array(CAFFE_MEAN, dtype)
    return (image / 255.0 - np.array(TORCH_MEAN, dtype)) / np.array(TORCH_STD, dtype)


def build(
    settings: NetworkSettings, weights: Weights, layers: Iterable[str], dtype: str = "float32", tiled: bool = False
) -> keras.Model:
    """Builds VGG up to the deepest of `layers`.

    Average pooling is that of Gatys et al. 2016, section 2; replicated padding, which repeats the border's pixels
    before each convolution so that the border is no edge, departs from the published networks; taps before the ReLU
    are what PyTorch's tutorial measures.

    Args:
      settings: of the network; its precision does not count.
      weights: for at least every convolution up to the deepest of `layers`.
      layers: the convolutions whose output the model returns.
      dtype: of the arithmetic, "float32", "float64" or "bfloat16"; the last is too coarse for Winograd's filtering.
      tiled: whether the model takes one tile of an image at a time, see `seams` and `optimize.tiled_objective`.

    Returns:
      A model from RGB images [batch, rows, cols, 3] float64 in 0..255 to a dict of features
      [batch, rows / stride, cols / stride, filters] by layer, with the images themselves as "image", in float64
      for that `dtype`, else in float32. A tiled one maps a dict of "image", "edges", "above" and "left" to one of
      "features", "below" and "right": what `seams.Seam` takes and hands on, by layer.

    Raises:
      UserError: Keras does not run on TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"Keras was loaded with the backend {keras.backend.backend()!r} before neural_style: import neural_style "
            "first, or set KERAS_BACKEND=tensorflow."
        )
    layers, image = set(layers), keras.Input((None, None, 3), dtype="float64", name="image")
    joints = seams.Seams(dtype) if tiled else None
    features = _features(settings, image, layers, dtype, joints)
    if joints:
        outputs = {"features": features, **joints.outputs}
        model = keras.Model({"image": image, **joints.inputs}, outputs, name=settings.network)
    else:
        model = keras.Model(image, features, name=settings.network)
    for layer in model.layers:
        if layer.name in weights:
            layer.set_weights(weights[layer.name])
    model.trainable = False
    return model


def _features(settings: NetworkSettings, image: Any, layers: set[str], dtype: str, joints: seams.Seams | None) -> dict:
    """The Keras tensors of `layers`, and "image", of a model's input."""

    def seen(x: Any, name: str, kept: int, padding: str):
        """What the layer `name` sees of `x`; a convolution pads with zeros itself."""
        if joints:
            return joints.join(x, name, kept, padding)
        return border.Replicated(dtype=dtype)(x) if padding == "replicate" else x

    edge = "same" if settings.padding == "zeros" and not joints else "valid"
    # The mean goes before the rounding to float32, which is then as fine as in Keras' example.
    x = keras.ops.cast(preprocess(image, settings.preprocess), dtype)
    features, last = {"image": keras.ops.cast(image, "float64" if dtype == "float64" else "float32")}, None
    for name in vgg_layers.names_through(settings.network, layers):
        if last and vgg_layers.block_of(name) != vgg_layers.block_of(last):
            # A tile ends so many positions early; an odd number of them cuts a window of the pooling.
            cut = vgg_layers.reach(settings.network, [last]) // vgg_layers.stride(last) % 2
            x = _pool(settings.pooling, dtype)(seen(x, f"block{vgg_layers.block_of(last)}_pool", cut, "none"))
        filters = vgg_layers.kernel_shapes(settings.network)[name][-1]
        convolution = _convolution(name, filters, edge, settings.convolution, dtype)
        convolved = convolution(seen(x, name, 2, settings.padding))
        x, last = keras.layers.ReLU(name=f"{name}_relu", dtype=dtype)(convolved), name
        if name in layers:
            features[name] = convolved if settings.taps == "before_relu" else x
    return features


def normalize(
    settings: NetworkSettings, weights: Weights, pictures: Iterable[np.ndarray], layers: Iterable[str]
) -> Weights:
    """Scales filters so that mean activations over pictures and positions are what --normalize_weights says.

    Each filter's becomes 1 (Gatys et al. 2016, section 2), or each layer's that of ImageNet's VGG19. The next layer's
    kernel takes that back, so that only the units of the features change: the network is made of convolutions, ReLUs
    and poolings, which all let a channel's factor through. Departs from the paper, which measured a hundred thousand
    images, where a filter sees next to nothing in these few: see `units`.

    Args:
      settings: of the network; features are taken after the ReLU, directly convolved, whatever they say.
      weights: not changed.
      pictures: RGB arrays [rows, cols, 3] in 0..255.
      layers: the deepest of these is the last layer that changes.

    Returns:
      Weights up to the deepest of `layers`.
    """
    names = vgg_layers.names_through(settings.network, layers)
    model = build(dataclasses.replace(settings, taps="after_relu", convolution="direct"), weights, names)
    totals = [
        {name: tf.reduce_mean(maps[name], [0, 1, 2]) for name in names} for maps in (model(p[None]) for p in pictures)
    ]
    changed, before = {}, np.ones(3, np.float32)
    for name in names:
        means = np.mean([total[name] for total in totals], axis=0)
        if settings.normalize_weights == "imagenet":
            unit = np.full_like(means, means.mean() / vgg_layers.imagenet_mean(settings.network, name))
        else:
            unit = units(means)
        kernel, bias = weights[name]
        changed[name] = (kernel * before[:, np.newaxis] / unit).astype(np.float32), (bias / unit).astype(np.float32)
        before = unit
    return changed


def units(means: np.ndarray) -> np.ndarray:
    """What filters are divided by, by their mean activations [filters], so that these become 1.

    A filter that the images hardly show is scaled as its layer, or it would be blown up.
    """
    return np.where(means > RAREST * means.mean(), means, means.mean() or 1)


def _convolution(name: str, filters: int, padding: str, convolution: str, dtype: str) -> keras.layers.Layer:
    known = dict(filters=filters, padding=padding, name=name, dtype=dtype)
    if convolution == "winograd" and dtype != "bfloat16" and filters >= WINOGRAD_FILTERS:
        return winograd.Convolution(**known)
    # The real kernels follow; random ones would cost start-up time.
    return keras.layers.Conv2D(kernel_size=3, kernel_initializer="zeros", data_format="channels_last", **known)


def pad(x: tf.Tensor, padding: str) -> tf.Tensor:
    """`x` with one more pixel on each side, zero or the border's own ("replicate")."""
    return border.replicated(x) if padding == "replicate" else tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])


def _pool(pooling: str, dtype: str) -> keras.layers.Layer:
    layer = keras.layers.MaxPooling2D if pooling == "max" else keras.layers.AveragePooling2D
    return layer(2, dtype=dtype, data_format="channels_last")

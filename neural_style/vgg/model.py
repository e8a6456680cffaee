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
from neural_style.vgg import border, winograd
from neural_style.vgg.tile_borders import TileBorders
from neural_style.vgg.weight_files import Weights

WINOGRAD_MIN_FILTERS = 256
"""With fewer filters, moving the tiles costs about as much as the saved multiplications."""
MIN_ACTIVATION = 1e-3
"""A filter with a smaller share of its layer's mean activation is scaled as the layer."""


def preprocess(image: Any, mode: str) -> Any:
    """Convert an RGB image [..., 3] in 0..255 to the network's input.

    Args:
      image: an array, a tensor or a Keras tensor; not changed.
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
    """Build VGG up to the deepest of `layers`.

    `settings.pooling="avg"` is that of Gatys et al. 2016, section 2. `settings.padding="replicate"` repeats the pixels
    at the border before each convolution, so that the border is not an edge; it departs from the published networks.
    `settings.taps="before_relu"` takes features before the ReLU, as PyTorch's tutorial does.

    Args:
      settings: of the network; its precision is ignored.
      weights: of every convolution up to the deepest of `layers`, or of more.
      layers: the convolutions whose output the model returns.
      dtype: of the arithmetic, "float32", "float64" or "bfloat16"; the last is too coarse for Winograd's filtering.
      tiled: whether the model takes one tile of an image at a time, see `tile_borders` and `optimize.tiled_objective`.

    Returns:
      A model from RGB images [batch, rows, cols, 3] float64 in 0..255 to a dict of features
      [batch, rows / stride, cols / stride, filters] by layer, with the images themselves as "image", in float64
      for that `dtype`, else in float32. A tiled model maps a dict with "image", "at_border", "above" and "left" to a
      dict with "features", "below" and "right": what `tile_borders.TileBorder` takes and hands on, by layer.

    Raises:
      UserError: Keras uses another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"Keras was loaded with the backend {keras.backend.backend()!r} before neural_style: import neural_style "
            "first, or set KERAS_BACKEND=tensorflow."
        )
    image = keras.Input((None, None, 3), dtype="float64", name="image")
    borders = TileBorders(dtype) if tiled else None
    features = _FeatureBuilder(settings, dtype, borders).build(image, set(layers))
    if borders:
        outputs = {"features": features, **borders.outputs}
        model = keras.Model({"image": image, **borders.inputs}, outputs, name=settings.network)
    else:
        model = keras.Model(image, features, name=settings.network)
    for layer in model.layers:
        if layer.name in weights:
            layer.set_weights(weights[layer.name])
    model.trainable = False
    return model


class _FeatureBuilder:
    """Connects the layers of VGG, for whole images or for tiles."""

    def __init__(self, settings: NetworkSettings, dtype: str, borders: TileBorders | None):
        """
        Args:
          settings: of the network.
          dtype: of the arithmetic.
          borders: joins a tile to its neighbours; None for whole images.
        """
        self._settings = settings
        self._dtype = dtype
        self._borders = borders

    def build(self, image: Any, layers: set[str]) -> dict[str, Any]:
        """Return the Keras tensors of `layers`, and of "image", from a model's input."""
        # The mean is subtracted before rounding to float32, which is then as fine as in Keras' example.
        x = keras.ops.cast(preprocess(image, self._settings.preprocess), self._dtype)
        features = {"image": keras.ops.cast(image, "float64" if self._dtype == "float64" else "float32")}
        previous = None
        for name in vgg_layers.names_through(self._settings.network, layers):
            if previous and vgg_layers.block_of(name) != vgg_layers.block_of(previous):
                x = self._pool(x, previous)
            before_relu = self._convolve(x, name)
            x = keras.layers.ReLU(name=f"{name}_relu", dtype=self._dtype)(before_relu)
            if name in layers:
                features[name] = before_relu if self._settings.taps == "before_relu" else x
            previous = name
        return features

    def _convolve(self, x: Any, name: str) -> Any:
        padding = self._settings.padding
        layer_pads = padding == "zeros" and not self._borders
        if self._borders:
            x = self._borders.join(x, name, 2, padding)
        elif padding == "replicate":
            x = border.ReplicatePadding(dtype=self._dtype)(x)
        return self._make_convolution(name, "same" if layer_pads else "valid")(x)

    def _make_convolution(self, name: str, padding: str) -> keras.layers.Layer:
        filters = vgg_layers.kernel_shapes(self._settings.network)[name][-1]
        common: dict[str, Any] = dict(filters=filters, padding=padding, name=name, dtype=self._dtype)
        wants_winograd = self._settings.convolution == "winograd" and self._dtype != "bfloat16"
        if wants_winograd and filters >= WINOGRAD_MIN_FILTERS:
            return winograd.Convolution(**common)
        # Zeros, since the weights are set later and random kernels would slow down the start.
        return keras.layers.Conv2D(kernel_size=3, kernel_initializer="zeros", data_format="channels_last", **common)

    def _pool(self, x: Any, last: str) -> Any:
        """Pool after the block whose last convolution is `last`."""
        if self._borders:
            x = self._borders.join(x, f"block{vgg_layers.block_of(last)}_pool", self._cut_positions(last), "none")
        kind = keras.layers.MaxPooling2D if self._settings.pooling == "max" else keras.layers.AveragePooling2D
        return kind(2, dtype=self._dtype, data_format="channels_last")(x)

    def _cut_positions(self, last: str) -> int:
        """How many rows and columns of a tile don't fill a pooling window: 1 or 0.

        Before its neighbour is known, a tile's features end some positions before its edge, at block1_conv2 two: the
        convolutions so far reach as many. An odd number would cut a pooling window in two, so that one more row and
        column is handed on to the neighbour.
        """
        missing_positions = vgg_layers.reach(self._settings.network, [last]) // vgg_layers.stride(last)
        return missing_positions % 2


def normalize(
    settings: NetworkSettings, weights: Weights, pictures: Iterable[np.ndarray], layers: Iterable[str]
) -> Weights:
    """Scale filters so that their mean activations over pictures and positions are as --normalize_weights says.

    Each filter's mean becomes 1 (Gatys et al. 2016, section 2), or each layer's mean becomes that of ImageNet's VGG19.
    The next layer's kernel compensates, so that only the units of the features change: convolutions, ReLUs and
    poolings all pass on a channel's factor. The paper measured a hundred thousand images; with a few images, filters
    with hardly any activation are scaled otherwise, see `filter_divisors`.

    Args:
      settings: of the network; features are always taken after the ReLU, with direct convolutions.
      weights: not changed.
      pictures: RGB arrays [rows, cols, 3] in 0..255.
      layers: the deepest of these is the last layer that changes.

    Returns:
      Weights up to the deepest of `layers`.
    """
    names = vgg_layers.names_through(settings.network, layers)
    model = build(dataclasses.replace(settings, taps="after_relu", convolution="direct"), weights, names)
    activations = _mean_activations(model, names, pictures)
    normalized = {}
    previous_divisors = np.ones(3, np.float32)
    for name in names:
        means = activations[name]
        if settings.normalize_weights == "imagenet":
            divisors = np.full_like(means, means.mean() / vgg_layers.imagenet_mean(settings.network, name))
        else:
            divisors = filter_divisors(means)
        kernel, bias = weights[name]
        kernel = kernel * previous_divisors[:, np.newaxis] / divisors
        normalized[name] = kernel.astype(np.float32), (bias / divisors).astype(np.float32)
        previous_divisors = divisors
    return normalized


def _mean_activations(
    model: keras.Model, names: Iterable[str], pictures: Iterable[np.ndarray]
) -> dict[str, np.ndarray]:
    """The mean of each filter over the pictures' own means, by layer."""
    picture_means = []
    for picture in pictures:
        features = model(picture[None])
        picture_means.append({name: tf.reduce_mean(features[name], [0, 1, 2]) for name in names})
    return {name: np.mean([means[name] for means in picture_means], axis=0) for name in names}


def filter_divisors(means: np.ndarray) -> np.ndarray:
    """Compute the divisors of filters by which their mean activations [filters] become 1.

    A filter that the images hardly activate is scaled as its layer, to limit its factor.
    """
    return np.where(means > MIN_ACTIVATION * means.mean(), means, means.mean() or 1)


def pad(x: tf.Tensor, padding: str) -> tf.Tensor:
    """Pad `x` by one pixel on each side: with zeros, or with the border's own pixels ("replicate")."""
    return border.pad_replicated(x) if padding == "replicate" else tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])

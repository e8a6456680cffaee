"""VGG16 and VGG19 as tf.keras models that map an image to a dict of features."""

from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from neural_style.vgg import layout, processor, seams, winograd

CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Blue, green and red means of ImageNet, which Keras' VGG weights expect to be removed."""
TORCH_MEAN, TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Red, green and blue means and deviations of ImageNet in 0..1, which torchvision's weights expect."""

WINOGRAD_FILTERS = 256
"""With fewer, moving the tiles costs about as much as the products that they save."""

Weights = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Layer name to (kernel [3, 3, fan in, filters], bias [filters]), both float32."""


def preprocess(image, mode: str):
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


def deprocess(image, mode: str):
    """The RGB image in 0..255 of which `preprocess` makes `image`; its inverse."""
    if mode == "caffe":
        return (image + np.array(CAFFE_MEAN, np.float32))[..., ::-1]
    return (image * np.array(TORCH_STD, np.float32) + np.array(TORCH_MEAN, np.float32)) * 255.0


def build(
    network: str,
    weights: Weights,
    layers: Iterable[str],
    *,
    pooling: str = "max",
    padding: str = "zeros",
    taps: str = "after_relu",
    preprocessing: str = "caffe",
    convolution: str = "direct",
    dtype: str = "float32",
    tiled: bool = False,
) -> keras.Model:
    """Builds VGG up to the deepest of `layers`.

    Args:
      network: "vgg16" or "vgg19".
      weights: for at least every convolution up to the deepest of `layers`.
      layers: the convolutions whose output the model returns.
      pooling: "max" (Simonyan & Zisserman), or "avg" (Gatys et al. 2016, section 2).
      padding: "zeros", or "replicate", which repeats the border's pixels before each convolution, so that the
        border is no edge; it departs from the published networks.
      taps: "after_relu", or "before_relu" (what PyTorch's tutorial measures).
      preprocessing: see `preprocess`.
      convolution: "direct", or "winograd" (Lavin & Gray 2016), which rounds about twice as coarsely, where that is
        faster; bfloat16 is too coarse for it and stays direct.
      dtype: of the arithmetic, "float32", "float64" or "bfloat16".
      tiled: whether the model takes one tile of an image at a time, see `seams` and `tiled_objective`.

    Returns:
      A model from RGB images [batch, rows, cols, 3] float64 in 0..255 to a dict of features
      [batch, rows / stride, cols / stride, filters] by layer, with the images themselves as "image", in float64
      for that `dtype`, else in float32. A tiled one maps a dict of "image", "edges", "above" and "left" to one of
      "features", "below" and "right": what `seams.Seam` takes and hands on, by layer.
    """
    layers = set(layers)
    image = keras.Input((None, None, 3), dtype="float64", name="image")
    joints = seams.Seams(dtype) if tiled else None

    def seen(x, name: str, kept: int, padding: str):
        """What the layer `name` sees of `x`; a convolution pads with zeros itself."""
        if joints:
            return joints.join(x, name, kept, padding)
        return pad(x, padding) if padding == "replicate" else x

    # The mean goes before the rounding to float32, which is then as fine as in Keras' example.
    x = keras.ops.cast(preprocess(image, preprocessing), dtype)
    features, last = {"image": keras.ops.cast(image, "float64" if dtype == "float64" else "float32")}, None
    for name in layout.names_through(network, layers):
        if last and layout.block_of(name) != layout.block_of(last):
            # A tile ends so many positions early; an odd number of them cuts a window of the pooling.
            cut = layout.reach(network, [last]) // layout.stride(last) % 2
            x = _pool(pooling, dtype)(seen(x, f"block{layout.block_of(last)}_pool", cut, "none"))
        filters = layout.kernel_shapes(network)[name][-1]
        border = "same" if padding == "zeros" and not tiled else "valid"
        convolved = _convolution(name, filters, border, convolution, dtype)(seen(x, name, 2, padding))
        x, last = keras.layers.ReLU(name=f"{name}_relu", dtype=dtype)(convolved), name
        if name in layers:
            features[name] = convolved if taps == "before_relu" else x
    if tiled:
        model = keras.Model({"image": image, **joints.inputs}, {"features": features, **joints.outputs}, name=network)
    else:
        model = keras.Model(image, features, name=network)
    for layer in model.layers:
        if layer.name in weights:
            layer.set_weights(weights[layer.name])
    model.trainable = False
    return model


def normalize(
    weights: Weights, network: str, pictures: Iterable[np.ndarray], layers: Iterable[str], **built
) -> Weights:
    """Scales each filter so that its mean activation over pictures and positions is 1 (Gatys et al. 2016, section 2).

    The next layer's kernel takes the scale back, so that only the units of the features change: the network is
    made of convolutions, ReLUs and poolings, which all let a channel's scale through.

    Args:
      weights: of `network`, not changed.
      pictures: RGB arrays [rows, cols, 3] in 0..255.
      layers: the deepest of these is the last layer scaled.
      **built: pooling, padding and preprocessing, see `build`.

    Returns:
      Weights up to the deepest of `layers`.
    """
    names = layout.names_through(network, layers)
    model = build(network, weights, names, **built)
    totals = [
        {name: tf.reduce_mean(maps[name], [0, 1, 2]) for name in names} for maps in (model(p[None]) for p in pictures)
    ]
    scaled, before = {}, np.ones(3, np.float32)
    for name in names:
        mean = np.maximum(np.mean([total[name] for total in totals], axis=0), 1e-6)
        kernel, bias = weights[name]
        scaled[name] = (kernel * before[:, np.newaxis] / mean).astype(np.float32), (bias / mean).astype(np.float32)
        before = mean
    return scaled


def _convolution(name: str, filters: int, padding: str, convolution: str, dtype: str) -> keras.layers.Layer:
    known = dict(filters=filters, padding=padding, name=name, dtype=dtype)
    if convolution == "winograd" and dtype != "bfloat16" and filters >= WINOGRAD_FILTERS:
        return winograd.Convolution(**known)
    # The real kernels follow; random ones would cost start-up time.
    return keras.layers.Conv2D(kernel_size=3, kernel_initializer="zeros", **known)


def pad(x, padding: str):
    """`x` with one more pixel on each side, zero or the border's own ("replicate")."""
    # Mirroring one pixel with the border itself repeats the border.
    return keras.ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="constant" if padding == "zeros" else "symmetric")


def _pool(pooling: str, dtype: str) -> keras.layers.Layer:
    layer = keras.layers.MaxPooling2D if pooling == "max" else keras.layers.AveragePooling2D
    return layer(2, dtype=dtype)


def resolve_precision(precision: str) -> str:
    """The arithmetic that --precision names; "auto" is bfloat16 where the processor or GPU has units for it."""
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "bfloat16" if capability >= (8, 0) else "float32"
    return "bfloat16" if processor.has_any("amx_bf16", "avx512_bf16") else "float32"


def describe_device() -> str:
    """Where TensorFlow places the work: the first GPU's name, or the CPU."""
    for device in tf.config.list_physical_devices("GPU"):
        return f"GPU: {tf.config.experimental.get_device_details(device).get('device_name', device.name)}"
    return "CPU"

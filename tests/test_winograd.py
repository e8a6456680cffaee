"""Winograd's convolution against TensorFlow's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import session

from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import model, winograd


def both(x, kernel, upstream, padding):
    """(output, gradient) of TensorFlow's convolution and of ours."""
    ours = tf.constant(winograd.transform(kernel), x.dtype)
    found = []
    for run in (
        lambda x: tf.nn.conv2d(x, kernel, 1, padding.upper()),
        lambda x: winograd.convolve(x, ours, padding),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = run(x)
        found.append((y, tape.gradient(y, x, upstream)))
    return found


def inputs(rng, batch, rows, cols, padding, dtype, fan_in=3, filters=5):
    x, kernel = rng.standard_normal((batch, rows, cols, fan_in)), rng.standard_normal((3, 3, fan_in, filters))
    less = 0 if padding == "same" else 2
    upstream = rng.standard_normal((batch, rows - less, cols - less, filters))
    return tf.constant(x, dtype), kernel.astype(dtype), tf.constant(upstream, dtype)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("batch", "rows", "cols"), [(1, 8, 12), (2, 13, 22), (3, 3, 7), (1, 5, 4)])
def test_output_and_gradient_equal_those_of_the_direct_convolution(rng, batch, rows, cols, padding):
    for expected, received in zip(*both(*inputs(rng, batch, rows, cols, padding, "float64"), padding), strict=True):
        assert received.shape == expected.shape
        np.testing.assert_allclose(received, expected, rtol=0, atol=1e-12)


def test_rounding_in_float32_is_small(rng):
    """The points 0, 1, -1, 2, -2 would round to 1.4e-6 and 1.7e-6."""
    x, kernel, upstream = inputs(rng, 1, 40, 60, "same", "float32", 64, 64)
    rounded = both(x, kernel, upstream, "same")[1]
    exact = both(tf.cast(x, "float64"), kernel.astype("float64"), tf.cast(upstream, "float64"), "same")[0]
    for expected, received in zip(exact, rounded, strict=True):
        assert tf.norm(tf.cast(received, "float64") - expected) < 1e-6 * tf.norm(expected)


@pytest.mark.parametrize("matrix", [winograd.INPUT, winograd.OUTPUT])
def test_transforms_are_exact_in_float32(matrix):
    pairs = np.kron(matrix, matrix)
    np.testing.assert_array_equal(pairs.astype("float32").astype("float64"), pairs)


def test_one_trace_serves_every_size(rng):
    kernel = rng.standard_normal((3, 3, 3, 5))
    transformed = tf.constant(winograd.transform(kernel))
    traced = tf.function(
        lambda x: winograd.convolve(x, transformed, "same"),
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float64)],
    )
    for shape in ((1, 9, 10, 3), (2, 4, 17, 3)):
        x = tf.constant(rng.standard_normal(shape))
        np.testing.assert_allclose(traced(x), tf.nn.conv2d(x, kernel, 1, "SAME"), rtol=0, atol=1e-12)


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_vgg_with_winograd_equals_vgg(vgg19, rng, padding):
    layers, image = vgg_layers.names_through("vgg19", ["block4_conv2"]), rng.uniform(0, 255, (1, 37, 50, 3))
    direct, tiled = (
        model.build(NetworkSettings(padding=padding, convolution=kind), vgg19, layers, "float64")(image)
        for kind in ("direct", "winograd")
    )
    for name in layers:
        np.testing.assert_allclose(tiled[name], direct[name], rtol=1e-9, atol=1e-9 * np.abs(direct[name]).max())


def test_only_deep_layers_use_winograd_and_none_in_bfloat16(vgg19):
    def convolutions(kind, dtype):
        built = model.build(NetworkSettings(convolution=kind), vgg19, ["block5_conv1"], dtype)
        return {layer.name: type(layer) for layer in built.layers if layer.name in vgg19}

    for name, kind in convolutions("winograd", "float32").items():
        assert kind is (winograd.Convolution if name[:6] in ("block3", "block4", "block5") else keras.layers.Conv2D)
    assert convolutions("winograd", "bfloat16") == convolutions("direct", "float32")


def test_the_flag_reaches_the_network():
    direct, tiled = session("--rows=48"), session("--rows=48", "--convolution=winograd")
    x = direct.scene.content.astype(np.float64).reshape(-1)
    gradients = [run.evaluator.gradient(x) for run in (direct, tiled)]
    assert np.any(gradients[0] != gradients[1])
    np.testing.assert_allclose(gradients[1], gradients[0], atol=1e-4 * np.linalg.norm(gradients[0]))

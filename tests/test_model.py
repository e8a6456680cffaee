import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import pair

from neural_style.images.preprocessing import deprocess
from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import model, weights

LAYERS = ["block1_conv2", "block3_conv1", "block5_conv2"]


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_features_equal_those_of_keras_applications(network):
    kernels = weights.random(network, 1)
    application = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[network]
    theirs = application(weights=None, include_top=False)
    for name, values in kernels.items():
        theirs.get_layer(name).set_weights(values)
    image = pair(40, 56)[0][None]
    expected = keras.Model(theirs.input, [theirs.get_layer(name).output for name in LAYERS])(
        keras.applications.vgg19.preprocess_input(image.copy())
    )
    received = model.build(NetworkSettings(network=network), kernels, LAYERS)(image)
    for name, value in zip(LAYERS, expected, strict=True):
        np.testing.assert_allclose(received[name], value, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(received["image"], image)


def test_nothing_is_built_beyond_the_deepest_layer(vgg19):
    built = model.build(NetworkSettings(), vgg19, ["block2_conv1"])
    assert "block2_conv1" in [layer.name for layer in built.layers]
    assert "block2_conv2" not in [layer.name for layer in built.layers]


def test_taps_before_relu(vgg19):
    image = pair(32, 32)[0][None]
    before, after = (
        model.build(NetworkSettings(taps=taps), vgg19, ["block2_conv1"])(image)["block2_conv1"]
        for taps in ("before_relu", "after_relu")
    )
    assert tf.reduce_min(before) < 0
    np.testing.assert_array_equal(tf.nn.relu(before), after)


def test_average_pooling_by_hand(vgg19):
    image = pair(32, 32)[0][None]
    built = model.build(NetworkSettings(pooling="avg"), vgg19, ["block1_conv2", "block2_conv1"])(image)
    first = built["block1_conv2"].numpy()
    pooled = (first[:, ::2, ::2] + first[:, 1::2, ::2] + first[:, ::2, 1::2] + first[:, 1::2, 1::2]) / 4
    kernel, bias = vgg19["block2_conv1"]
    expected = tf.nn.relu(tf.nn.conv2d(pooled, kernel, 1, "SAME") + bias)
    np.testing.assert_allclose(built["block2_conv1"], expected, rtol=1e-4, atol=1e-3)


def test_replicated_padding_makes_no_edge(vgg19):
    flat = np.full((1, 16, 16, 3), 200, np.float32)
    zeros, replicate = (
        model.build(NetworkSettings(padding=padding), vgg19, ["block2_conv1"])(flat)["block2_conv1"].numpy()
        for padding in ("zeros", "replicate")
    )
    assert replicate.std(axis=(0, 1, 2)).max() < 1e-3
    assert zeros.std(axis=(0, 1, 2)).max() > 1


@pytest.mark.parametrize("mode", ["caffe", "torch"])
def test_preprocessing_is_keras_own_and_deprocessing_its_inverse(mode, rng):
    image = rng.uniform(0, 255, (1, 4, 5, 3)).astype(np.float32)
    kept = image.copy()
    expected = keras.applications.imagenet_utils.preprocess_input(image.copy(), mode=mode)
    np.testing.assert_allclose(model.preprocess(image, mode), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(image, kept)
    np.testing.assert_allclose(deprocess(model.preprocess(image, mode), mode), image, atol=1e-3)


def test_layers_get_imagenets_mean_activations_and_keep_their_filters_proportions(vgg19):
    layers, pictures = vgg_layers.layer_names("vgg19")[:9], pair(32, 48)
    normalized = model.normalize(NetworkSettings(normalize_weights="imagenet"), vgg19, pictures, layers)
    before, after = (model.build(NetworkSettings(), kernels, layers) for kernels in (vgg19, normalized))
    for name in layers:
        found, original = ([network(picture[None])[name] for picture in pictures] for network in (after, before))
        assert np.mean(found) == pytest.approx(vgg_layers.imagenet_mean("vgg19", name), rel=1e-3)
        factor = np.mean(found) / np.mean(original)
        np.testing.assert_allclose(found[0], original[0] * factor, rtol=1e-3, atol=1e-4 * np.max(found[0]))


def test_imagenets_mean_activations_are_published_or_interpolated():
    for network in vgg_layers.BLOCKS:
        means = [vgg_layers.imagenet_mean(network, name) for name in vgg_layers.layer_names(network)]
        published = {name: vgg_layers.imagenet_mean(network, name) for name in vgg_layers.IMAGENET_MEANS}
        assert published == pytest.approx(vgg_layers.IMAGENET_MEANS)
        assert means[-1] == pytest.approx(13.4)
        assert means[4:8] == sorted(means[4:8])


def test_the_factor_of_a_filter_without_activation_is_limited(vgg19):
    kernels, pictures = dict(vgg19), pair(32, 48)
    kernel, bias = kernels["block1_conv1"]
    kernels["block1_conv1"] = kernel * np.where(np.arange(64) == 5, 0, 1), bias - 1e4 * (np.arange(64) == 5)
    settings = NetworkSettings(normalize_weights="images", taps="before_relu")
    normalized = model.normalize(settings, kernels, pictures, ["block2_conv1"])
    found = model.build(settings, normalized, ["block2_conv1"])(pictures[0][None])
    assert np.abs(found["block2_conv1"]).max() < 1e4


@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_normalized_filters_have_mean_activation_one_and_change_only_units(vgg19, pooling):
    layers, pictures = vgg_layers.layer_names("vgg19")[:6], pair(32, 48)
    settings = NetworkSettings(pooling=pooling)
    normalized = model.normalize(settings, vgg19, pictures, layers)
    before, after = (model.build(settings, kernels, layers) for kernels in (vgg19, normalized))
    for name in layers:
        mean, original = (
            np.mean([tf.reduce_mean(network(picture[None])[name], [0, 1, 2]) for picture in pictures], axis=0)
            for network in (after, before)
        )
        divisors = model.filter_divisors(original)  # a filter may have hardly any activation
        np.testing.assert_allclose(mean[divisors == original], 1, rtol=1e-3)
        one = pictures[0][None]
        np.testing.assert_allclose(after(one)[name] * divisors, before(one)[name], rtol=1e-3, atol=2e-2)

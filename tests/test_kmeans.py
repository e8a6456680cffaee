import numpy as np
import pytest
import tensorflow as tf
from conftest import COFFEE, SWIRLS, options, pair, prepared, slow
from PIL import Image

import neural_style
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import kmeans, model

LAYERS = ["block1_conv1", "block2_conv1", "block3_conv1"]
SETTINGS = NetworkSettings(pooling="avg", padding="replicate")


@pytest.fixture(scope="module")
def pictures():
    return pair(48, 72)


@pytest.fixture(scope="module")
def weights(pictures):
    return kmeans.learn(SETTINGS, pictures, 3, LAYERS)


def test_the_same_seed_gives_the_same_weights(pictures, weights):
    again, other = (kmeans.learn(SETTINGS, pictures, seed, LAYERS) for seed in (3, 4))
    for name in weights:
        np.testing.assert_array_equal(again[name][0], weights[name][0])
    assert np.abs(other["block1_conv1"][0] - weights["block1_conv1"][0]).max() > 0


def test_nothing_is_learned_beyond_the_deepest_layer(weights):
    assert list(weights)[-1] == "block3_conv1"
    assert len(weights) == 5


def test_each_filters_mean_activation_is_one(pictures, weights):
    network = model.build(SETTINGS, weights, LAYERS)
    for name in LAYERS:
        activations = [tf.reduce_mean(network(picture[None])[name], axis=[0, 1, 2]) for picture in pictures]
        np.testing.assert_allclose(np.mean(activations, axis=0), 1, rtol=1e-3)


def test_filters_have_mean_zero_except_in_the_first_layer(weights):
    kernel, bias = weights["block2_conv1"]
    np.testing.assert_allclose(kernel.sum(axis=(0, 1, 2)), 0, atol=1e-3 * np.abs(kernel).sum(axis=(0, 1, 2)).max())
    np.testing.assert_array_equal(bias, 0)


def test_a_few_iterations_lower_every_style_term_and_the_loss():
    settings = options("--recipe=offline", "--rows=48", "--iterations=2", "--evaluations_per_iteration=5")
    run = prepared(settings)
    start, *_, end = run.steps()
    assert end.loss < start.loss / 2
    for name, value in end.layers.items():
        if name.startswith("style/"):
            assert value < start.layers[name]


def test_every_term_falls_from_a_noise_start():
    """From noise, with weights of like size, the content term has somewhere to fall too."""
    settings = options(
        "--recipe=offline",
        "--rows=48",
        "--init=noise",
        "--init_blend=0",
        "--iterations=2",
        "--content_weight=10",
        "--style_weight=10",
        "--tv_weight=10",
    )
    run = prepared(settings)
    start, *_, end = run.steps()
    assert all(end.layers[name] < start.layers[name] for name in start.layers)


@pytest.mark.parametrize("color", ["match", slow("none"), slow("luminance")])
def test_pictures_of_one_colour_can_be_painted(color):
    flat, grey = np.full((40, 48, 3), (40, 90, 200), np.uint8), np.asarray(Image.open(COFFEE).convert("L"))
    options = dict(recipe="offline", precision="float32", preserve_color=color, recolor_content=False)
    options |= dict(rows=32, iterations=1)
    for content, style in [(flat, SWIRLS), (flat, flat), (grey, flat)]:
        _, record = neural_style.stylize(content, style, **options)
        assert np.isfinite(record["iterations"][-1]["loss"])
        assert record["iterations"][-1]["loss"] <= record["initial"]["loss"]


def test_flat_and_tiny_pictures_give_finite_weights():
    flat = np.full((16, 16, 3), 128, np.float32)
    for kernel, _ in kmeans.learn(SETTINGS, [flat, flat], 0, LAYERS).values():
        assert np.isfinite(kernel).all()

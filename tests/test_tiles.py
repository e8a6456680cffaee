import numpy as np
import pytest
import tensorflow as tf
from conftest import pair
from test_masks import half
from test_objective import objective, one

from neural_style import features, networks, tiles
from neural_style.errors import UserError
from neural_style.objective import LossSettings, Objective
from neural_style.pictures import Region
from neural_style.tiles import TiledObjective


def assert_same(whole, size, content, regions, image, monkeypatch=None):
    expected, received = whole.bind(content, regions)(image), TiledObjective(whole, size).bind(content, regions)(image)
    assert float(received[0]) == pytest.approx(float(expected[0]), rel=1e-5)
    assert np.linalg.norm(received[1] - expected[1]) <= 1e-4 * np.linalg.norm(expected[1])
    for name, value in expected[2].items():
        assert received[2][name] == pytest.approx(float(value), rel=1e-5, abs=1e-7 * float(expected[0]))


@pytest.mark.parametrize(("size", "frame"), [(16, (48, 64)), (32, (67, 93)), (48, (53, 49)), (64, (64, 128))])
def test_tiles_give_the_whole_images_loss_and_gradient(vgg19, size, frame):
    content, style = pair(*frame)
    assert_same(objective(vgg19), size, content, one([style]), (content + style) / 2)


@pytest.mark.parametrize("normalization", ["gatys", "scale"])
def test_every_normalization(vgg19, normalization):
    content, style = pair(50, 70)
    assert_same(objective(vgg19, normalization=normalization), 32, content, one([style]), (content + style) / 2)


@pytest.mark.parametrize("style_loss", ["linear", "polynomial", "batch_norm"])
def test_every_loss_that_is_a_sum(vgg19, style_loss):
    content, style = pair(50, 70)
    whole = objective(vgg19, style_loss=style_loss, normalization="scale")
    assert_same(whole, 32, content, one([style]), (content + style) / 2)


@pytest.mark.parametrize("style_loss", ["gaussian", "mrf"])
def test_other_losses_say_that_they_can_not_be_tiled(vgg19, style_loss):
    with pytest.raises(UserError, match=f"--style_loss={style_loss} is no sum over positions"):
        TiledObjective(objective(vgg19, style_loss=style_loss, normalization="scale"), 32)


# Slow: three networks to block 5, traced twice each.
# In float32 a tile's convolutions round otherwise than the whole image's, and now and then a near tie of the max
# pooling falls the other way; so the deepest layers, of many positions, are compared in float64 where pooling is max.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("pooling", "padding", "dtype"),
    [("max", "zeros", "float64"), ("avg", "zeros", "float32"), ("avg", "replicate", "float32")],
)
def test_the_deepest_layers(vgg19, pooling, padding, dtype):
    """Keras' layers: the receptive field is wider than the tile, and the frame is odd."""
    layers = [f"block{block}_conv1" for block in range(1, 6)]
    built = dict(pooling=pooling, padding=padding, dtype=dtype)
    network = features.build("vgg19", vgg19, ["block5_conv2", *layers], **built)
    settings = LossSettings(["block5_conv2"], [1.0], 0.025, layers, [0.2] * 5, 1.0, 0.01, 1.25, "gram", "keras")
    content, style = pair(67, 133)
    assert_same(Objective(network, settings), 64, content, one([style]), (content + style) / 2)


def test_winograds_convolution_tile_by_tile(vgg19):
    """The tiles of the image and those of the convolution lie otherwise to each other than in the whole image."""
    layers = ["block2_conv1", "block3_conv2"]
    network = features.build("vgg19", vgg19, layers, pooling="avg", convolution="winograd")
    settings = LossSettings(["block3_conv2"], [1.0], 0.025, layers, [0.5] * 2, 1.0, 0.01, 1.25, "gram", "keras")
    content, style = pair(50, 71)
    assert_same(Objective(network, settings), 36, content, one([style]), (content + style) / 2)


def test_several_styles_and_masks(vgg19):
    content, style = pair(45, 77)
    regions = [
        Region([style, style[:30]], [0.6, 0.4], 0.3, half(45, 77, "left")),
        Region([content[::-1]], [1.0], 0.7, half(45, 77, "right") * 0.5),
    ]
    assert_same(objective(vgg19), 32, content, regions, (content + style) / 2)


def test_content_that_is_not_kept_is_computed_anew(vgg19, monkeypatch):
    monkeypatch.setattr(tiles, "KEPT_BYTES", 0)
    content, style = pair(50, 70)
    assert_same(objective(vgg19), 32, content, one([style]), (content + style) / 2)


@pytest.mark.parametrize("layer", ["block2_conv1", "block3_conv1", "block4_conv1", "block5_conv2"])
def test_the_halo_is_the_receptive_field(vgg19, layer):
    """The rows by which one position's features have a gradient lie within the halo, and reach to its edge."""
    network, stride = features.build("vgg19", vgg19, [layer], pooling="avg", dtype="float64"), networks.stride(layer)
    image = tf.constant(np.random.default_rng(0).uniform(0, 255, (1, 256, 16, 3)))
    with tf.GradientTape() as tape:
        tape.watch(image)
        seen_from = tf.reduce_sum(network(image)[layer][0, 128 // stride])
    rows = np.flatnonzero(np.abs(tape.gradient(seen_from, image)[0]).sum(axis=(1, 2)))
    reach = max(128 - rows.min(), rows.max() - (128 + stride - 1))
    assert reach <= tiles.halo("vgg19", [layer]) <= reach + stride


def test_tiles_cover_each_pixel_once():
    covered = np.zeros((70, 45), int)
    for tile in tiles.tiles(70, 45, 32, 16):
        top, left, bottom, right = tile.own
        covered[top:bottom, left:right] += 1
        assert all(edge % 16 == 0 for edge in tile.crop[:2])
    np.testing.assert_array_equal(covered, 1)

import numpy as np
import pytest
from conftest import pair, slow
from test_masks import half
from test_objective import objective, scene

from neural_style.core.errors import UserError
from neural_style.images.scene import Region, Scene
from neural_style.optimize.tiled_objective import TiledObjective
from neural_style.settings.settings import Settings
from neural_style.vgg import tiles

DEEPEST = dict(
    content_layers=["block5_conv2"],
    style_layers=[f"block{block}_conv1" for block in range(1, 6)],
    style_layer_weights=[0.2] * 5,
)


def assert_same(weights, size, given, image, **changes):
    whole, tiled = objective(weights, **changes), objective(weights, tile=size, **changes)
    expected, received = whole.bind_scene(given)(image), tiled.bind_scene(given)(image)
    assert float(received[0]) == pytest.approx(float(expected[0]), rel=1e-5)
    assert np.linalg.norm(received[1] - expected[1]) <= 1e-4 * np.linalg.norm(expected[1])
    for name, value in expected[2].items():
        assert received[2][name] == pytest.approx(float(value), rel=1e-5, abs=1e-7 * float(expected[0]))


@pytest.mark.parametrize(("size", "frame"), [(32, (67, 93)), (64, (64, 128)), slow(16, (48, 64)), slow(48, (53, 49))])
def test_tiles_give_the_loss_and_gradient_of_the_whole_image(vgg19, size, frame):
    content, style = pair(*frame)
    assert_same(vgg19, size, scene(content, [style]), (content + style) / 2)


@pytest.mark.parametrize("normalization", ["gatys", "scale"])
def test_every_normalization(vgg19, normalization):
    content, style = pair(50, 70)
    assert_same(vgg19, 32, scene(content, [style]), (content + style) / 2, normalization=normalization)


@pytest.mark.parametrize("style_loss", ["linear", "polynomial", "batch_norm", "bures"])
def test_every_additive_style_loss(vgg19, style_loss):
    content, style = pair(50, 70)
    changes = dict(style_loss=style_loss, normalization="scale")
    assert_same(vgg19, 32, scene(content, [style]), (content + style) / 2, **changes)


@pytest.mark.parametrize("style_loss", ["gaussian", "mrf", "sliced_wasserstein", "earth_mover"])
def test_other_style_losses_refuse_tiles(style_loss):
    with pytest.raises(UserError, match=f"--style_loss={style_loss} is no sum over positions"):
        Settings.read(tile=512, style_loss=style_loss, normalization="scale")


# In float32 a tile's convolutions round otherwise than the whole image's, and now and then a near tie of the max
# pooling falls the other way; so the deepest layers, of many positions, are compared in float64 where pooling is max.
# Slow: networks to block 5, traced twice each.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("pooling", "padding", "dtype"),
    [("max", "zeros", "float64"), ("avg", "zeros", "float32"), ("avg", "replicate", "float32")],
)
def test_the_deepest_layers(vgg19, pooling, padding, dtype):
    """Keras' layers; the frame is odd, and its last tiles are smaller than what the deepest layer sees."""
    content, style = pair(131, 245)
    built = dict(pooling=pooling, padding=padding, dtype=dtype)
    assert_same(vgg19, 112, scene(content, [style]), (content + style) / 2, **DEEPEST, **built)


def test_winograds_convolution_with_tiles(vgg19):
    """The tiles of the image and those of the convolution lie otherwise to each other than in the whole image."""
    content, style = pair(50, 71)
    changes = dict(content_layers=["block3_conv2"], pooling="avg", convolution="winograd")
    assert_same(vgg19, 36, scene(content, [style]), (content + style) / 2, **changes)


def test_bfloat16_with_tiles(vgg19):
    """What is rounded differs where sums are added up: by far less than bfloat16 differs from float32."""
    content, style = pair(67, 93)
    whole, tiled = (
        objective(vgg19, tile=tile, dtype="bfloat16").bind_scene(scene(content, [style]))((content + style) / 2)
        for tile in (None, 32)
    )
    assert float(tiled[0]) == pytest.approx(float(whole[0]), rel=1e-3)
    assert np.linalg.norm(tiled[1] - whole[1]) <= 0.01 * np.linalg.norm(whole[1])


def test_several_styles_and_masks(vgg19):
    content, style = pair(45, 77)
    regions = [
        Region([style, style[:30]], [0.6, 0.4], 0.3, half(45, 77, "left")),
        Region([content[::-1]], [1.0], 0.7, half(45, 77, "right") * 0.5),
    ]
    assert_same(vgg19, 32, Scene(content, regions, content), (content + style) / 2)


def test_content_that_is_not_kept_is_computed_again(vgg19):
    content, style = pair(50, 70)
    kept = objective(vgg19, tile=32)
    anew = TiledObjective(kept.network, kept.loss, 32, kept_bytes=0)
    expected, received = (tiled.bind_scene(scene(content, [style]))((content + style) / 2) for tiled in (kept, anew))
    assert received[0] == pytest.approx(expected[0], rel=1e-6)
    np.testing.assert_allclose(received[1], expected[1], atol=1e-6 * np.linalg.norm(expected[1]))


def test_tiles_cover_each_pixel_and_each_position_once():
    image, features = np.zeros((70, 45), int), np.zeros((70 // 4, 45 // 4), int)
    for tile in tiles.tiles(70, 45, 32):
        for maps, (top, left, bottom, right) in ((image, tile.box), (features, tile.at("vgg19", "block3_conv1"))):
            maps[top:bottom, left:right] += 1
    np.testing.assert_array_equal(image, 1)
    np.testing.assert_array_equal(features, 1)

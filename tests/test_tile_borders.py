import itertools

import numpy as np
import pytest
import tensorflow as tf

from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import model, tile_borders, tiles
from neural_style.vgg.tile_borders import TileBorder


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_the_tiles_features_equal_those_of_the_whole_image(vgg19, rng, padding):
    """Every layer's, put together: each position stands in one tile, and is the same there."""
    layers = vgg_layers.names_through("vgg19", ["block4_conv2"])
    settings = NetworkSettings(pooling="avg", padding=padding)
    whole, tiled = (model.build(settings, vgg19, layers, "float64", tiled=kind) for kind in (False, True))
    image = rng.uniform(0, 255, (1, 101, 139, 3))
    expected = whole(image)
    joined = {layer: np.full(expected[layer].shape, np.nan) for layer in layers}
    empty, below, right = tile_borders.make_empty(tiled), {}, {}
    for tile in tiles.tiles(101, 139, vgg_layers.smallest_tile("vgg19", layers)):
        row, col = tile.place
        seen = tiled(
            {
                "image": tf.constant(tiles.cut(image, tile.box)),
                "at_border": tf.constant(tile.at_border),
                "above": below.get((row - 1, col), empty),
                "left": right.get((row, col - 1), empty),
            }
        )
        below[row, col], right[row, col] = seen["below"], seen["right"]
        for layer in layers:
            part = tiles.cut(joined[layer], tile.at("vgg19", layer))
            assert np.isnan(part).all()
            part[...] = seen["features"][layer]
    assert len(below) > 4
    for layer in layers:
        np.testing.assert_allclose(joined[layer], expected[layer], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("kept", "padding"), [(2, "zeros"), (2, "replicate"), (1, "none")])
def test_the_gradient_is_the_adjoint(rng, kept, padding):
    """A border layer is linear: its output for any input is the product with the gradient at another input."""
    border, padded = TileBorder(kept, padding, dtype="float64"), padding != "none"
    for at_border in itertools.product((0, 1), repeat=4):
        top, first, bottom, _ = at_border
        for rows, cols in ((3, 4), (1, 1)):
            above = (1, 0 if top else kept, cols, 2)
            joined = above[1] + rows + padded * (top + bottom)
            shapes = [(1, rows, cols, 2), above, (1, joined, 0 if first else kept, 2)]
            found, other = ([tf.constant(rng.standard_normal(shape)) for shape in shapes] for _ in range(2))
            with tf.GradientTape() as tape:
                tape.watch(found)
                maps = border(*found, tf.constant(at_border))
            weights = [rng.standard_normal(m.shape) for m in maps]
            gradient = tape.gradient(maps, found, weights)
            given = sum(np.sum(m * w) for m, w in zip(border(*other, tf.constant(at_border)), weights, strict=True))
            assert given == pytest.approx(sum(np.sum(x * g) for x, g in zip(other, gradient, strict=True)), abs=1e-9)

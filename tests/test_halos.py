"""Tiles that are computed by themselves, with a halo, add up to the whole image's loss and gradient."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import pair
from test_masks import half
from test_objective import objective

from neural_style.images.scene import Region, Scene
from neural_style.optimize.halos import HaloedTiles, cut_maps, relative_box
from neural_style.settings import vgg_layers
from neural_style.vgg.tiles import cut, tiles, widen


def summed(weights, given, image, size, **changes):
    """What the tiles' sums add up to, and their gradient by slopes of 1, with the same of the whole image as one."""
    whole = objective(weights, **changes)
    layers = {term.layer for term in whole.loss.terms} - {"image"}
    reach, alone = vgg_layers.reach("vgg19", layers), HaloedTiles(whole.network, whole.loss)
    maps = whole.loss.maps(given, tf.float32)

    def added(size):
        total, gradient, (rows, cols) = None, np.zeros((1, *image.shape)), image.shape[:2]
        for tile in tiles(rows, cols, size):
            box, own_maps = widen(tile.box, reach, rows, cols), cut_maps(whole.loss, maps, tile)
            seen, own = cut(image[None].astype(float), box), relative_box(tile.box, box)
            content = cut(given.content[None].astype(float), box)
            own_maps |= alone.measure(content, own, own_maps)[1]
            part = alone.sums(seen, own, own_maps)
            total = part if total is None else tf.nest.map_structure(tf.add, total, part)
            slopes = tf.nest.map_structure(tf.ones_like, part)
            cut(gradient, box)[...] += alone.gradient(seen, own, own_maps, slopes)
        return tf.nest.flatten(total), gradient

    return added(size), added(max(image.shape))


@pytest.mark.parametrize(("size", "frame"), [(16, (48, 64)), (32, (67, 93))])
@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_tiles_with_halos_add_up(vgg19, size, frame, padding):
    content, style = pair(*frame)
    regions = [
        Region([style], [1.0], 0.3, half(*frame, "left")),
        Region([content[::-1]], [1.0], 0.7, half(*frame, "right") * 0.5),
    ]
    given = Scene(content, regions, content)
    (received, slope), (expected, whole) = summed(vgg19, given, (content + style) / 2, size, padding=padding)
    for a, b in zip(received, expected, strict=True):
        assert np.linalg.norm(a - b) <= 1e-5 * np.linalg.norm(b)
    assert np.linalg.norm(slope - whole) <= 1e-4 * np.linalg.norm(whole)

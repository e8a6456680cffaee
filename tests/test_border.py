"""Mirrored padding, against NumPy's."""

import numpy as np
import pytest
import tensorflow as tf

from neural_style.vgg import border


@pytest.mark.parametrize("mode", ["SYMMETRIC", "REFLECT"])
@pytest.mark.parametrize(("rows", "cols"), [((1, 1), (1, 1)), ((4, 0), (2, 3)), ((0, 0), (1, 0))])
def test_mirrored_padding_and_its_gradient(rng, mode, rows, cols):
    x = tf.constant(rng.standard_normal((2, 6, 5, 3)))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        found, theirs = border.pad_mirrored(x, rows, cols, mode), tf.pad(x, [[0, 0], rows, cols, [0, 0]], mode)
        weights = rng.standard_normal(found.shape)
        sums = [tf.reduce_sum(weights * padded) for padded in (found, theirs)]
    np.testing.assert_array_equal(found, np.pad(x, [(0, 0), rows, cols, (0, 0)], mode.lower()))
    np.testing.assert_allclose(*(tape.gradient(total, x) for total in sums), atol=1e-12)


def test_an_image_of_one_row(rng):
    x = tf.constant(rng.standard_normal((1, 1, 1, 3)))
    np.testing.assert_array_equal(border.pad_mirrored(x, (1, 1), (1, 1), "SYMMETRIC"), np.tile(x, (1, 3, 3, 1)))

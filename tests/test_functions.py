import numpy as np
import pytest
import tensorflow as tf

from neural_style.losses import functions, normalization
from neural_style.losses.style import STATISTICS, moments


def features(rng, rows=5, cols=7, channels=4, batch=2):
    return tf.constant(rng.standard_normal((batch, rows, cols, channels)), tf.float32)


def test_gram_matrix_is_the_sum_of_outer_products(rng):
    x = features(rng)
    expected = sum(x.numpy()[:, i, j, :, None] * x.numpy()[:, i, j, None, :] for i in range(5) for j in range(7))
    np.testing.assert_allclose(functions.gram_matrix(x), expected, rtol=1e-5, atol=1e-5)


def test_gram_gradient_is_the_tapes(rng):
    x = features(rng)
    upstream = tf.constant(rng.standard_normal((2, 4, 4)), tf.float32)  # not symmetric
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = tf.reduce_sum(functions.gram_matrix(x) * upstream)
        flat = tf.reshape(x, [2, -1, 4])
        plain = tf.reduce_sum(tf.matmul(flat, flat, transpose_a=True) * upstream)
    np.testing.assert_allclose(tape.gradient(ours, x), tape.gradient(plain, x), rtol=1e-5, atol=1e-5)


def test_squared_distance_keeps_the_batch_and_refuses_other_shapes(rng):
    x, y = features(rng), features(rng)
    np.testing.assert_allclose(
        functions.squared_distance(x, y), ((x.numpy() - y.numpy()) ** 2).sum(axis=(1, 2, 3)), rtol=1e-5
    )
    with pytest.raises(ValueError, match="one shape"):
        functions.squared_distance(x, features(rng, cols=6))


def test_total_variation_pixel_by_pixel(rng):
    image = rng.uniform(0, 255, (1, 4, 5, 3))
    expected = sum(
        ((image[0, i, j, c] - image[0, i + 1, j, c]) ** 2 + (image[0, i, j, c] - image[0, i, j + 1, c]) ** 2) ** 1.25
        for i in range(3)
        for j in range(4)
        for c in range(3)
    )
    np.testing.assert_allclose(functions.total_variation(tf.constant(image, tf.float32)), [expected], rtol=1e-5)


def test_a_flat_image_has_no_variation_and_a_finite_gradient():
    image = tf.fill([1, 4, 4, 3], 100.0)
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = functions.total_variation(image)
    np.testing.assert_array_equal(loss, [0])
    np.testing.assert_array_equal(tape.gradient(loss, image), np.zeros((1, 4, 4, 3)))


def test_the_gram_target_is_rescaled_to_the_contents_positions(rng):
    tile = features(rng, batch=1)
    twice = tf.concat([tile, tile], axis=2)
    gram = STATISTICS["gram"]
    target = gram.target(gram.sums(twice), functions.positions(twice), functions.positions(tile))
    np.testing.assert_allclose(target, functions.gram_matrix(tile), rtol=1e-5, atol=1e-5)


def test_scale_normalization_makes_the_start_one(rng):
    content, style = features(rng, batch=1), features(rng, batch=1)
    gram, count = STATISTICS["gram"], functions.positions(content)
    target = gram.target(gram.sums(style), functions.positions(style), count)
    start = tf.reduce_sum(gram.distance(gram.sums(content), count, target))
    np.testing.assert_allclose(normalization.by_distance(start, start) * start, 1, rtol=1e-5)
    centred = content - tf.reduce_mean(content, axis=[1, 2], keepdims=True)
    energy = functions.energy(moments(content), count)
    np.testing.assert_allclose(energy, tf.reduce_sum(centred**2), rtol=1e-4)


def test_scale_normalization_does_not_divide_by_rounding():
    """A flat image's contrast, or what remains between two images alike, must not set the scale."""
    flat = tf.ones([1, 4, 4, 2])
    count = functions.positions(flat)
    energy = functions.energy(moments(flat), count)
    assert float(functions.reciprocal(energy)) == pytest.approx(1000 / 32)
    assert functions.reciprocal(functions.energy(moments(0 * flat), count)) == 1
    for start, factor in [(1e-9, 1000 / 4), (0, 1000 / 4), (2, 1 / 2)]:
        received = normalization.by_distance(tf.constant(start, tf.float32), tf.constant(4.0))
        assert float(received) == pytest.approx(factor)
    assert normalization.by_distance(tf.zeros([]), tf.zeros([])) == 1

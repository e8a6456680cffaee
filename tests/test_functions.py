import numpy as np
import pytest
import tensorflow as tf

from neural_style.losses import functions, normalization
from neural_style.losses.style import STATISTICS


def features(rng, rows=5, cols=7, channels=4, batch=2):
    return tf.constant(rng.standard_normal((batch, rows, cols, channels)), tf.float32)


def test_gram_matrix_is_the_sum_of_outer_products(rng):
    x = features(rng)
    expected = sum(x.numpy()[:, i, j, :, None] * x.numpy()[:, i, j, None, :] for i in range(5) for j in range(7))
    np.testing.assert_allclose(functions.gram_matrix(x), expected, rtol=1e-5, atol=1e-5)


def test_gram_gradient_equals_automatic_differentiation(rng):
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


@pytest.mark.parametrize(
    ("exponent", "power"),
    [(1.25, lambda s: s**1.25), (0.75, lambda s: (s + 1) ** 0.75 - 1), (0.5, lambda s: (s + 1) ** 0.5 - 1)],
)
def test_total_variation_equals_a_sum_over_pixels(rng, exponent, power):
    image = rng.uniform(0, 255, (1, 4, 5, 3))
    expected = sum(
        power((image[0, i, j, c] - image[0, i + 1, j, c]) ** 2 + (image[0, i, j, c] - image[0, i, j + 1, c]) ** 2)
        for i in range(3)
        for j in range(4)
        for c in range(3)
    )
    found = functions.total_variation(tf.constant(image, tf.float32), exponent)
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


@pytest.mark.parametrize("exponent", [0.5, 0.75, 1, 1.25, 1.5])
def test_the_gradient_of_total_variation(rng, exponent):
    """Beside differences of the loss, in float64."""
    image, towards = rng.uniform(0, 255, (1, 4, 5, 3)), rng.normal(0, 1e-4, (1, 4, 5, 3))
    x = tf.constant(image)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = functions.total_variation(x, exponent)
    after, before = (functions.total_variation(tf.constant(image + sign * towards), exponent) for sign in (1, -1))
    slope = float(tf.reduce_sum(tape.gradient(loss, x) * towards))
    assert slope == pytest.approx(float(after[0] - before[0]) / 2, rel=1e-5)


def test_total_variation_with_exponent_half_keeps_edges():
    """One edge of 100 levels and ten of 10: the same for exponent 0.5, ten times as much for 1."""
    steep, steps = (np.zeros((1, 2, 12, 1), np.float32) for _ in range(2))
    steep[:, :, 6:], steps[0, :, :, 0] = 100, np.clip(np.arange(12) * 10, 0, 100)
    half, whole = (
        [float(functions.total_variation(tf.constant(image), exponent)[0]) for image in (steep, steps)]
        for exponent in (0.5, 1)
    )
    assert half[0] == pytest.approx(half[1], rel=0.1)
    assert whole[0] == pytest.approx(10 * whole[1])


def moving_mean(image, cell):
    """Of [rows, cols], in plain NumPy, without half a cell at the borders."""
    kernel = np.array([0.5, *[1] * (cell - 1), 0.5]) / cell
    for axis in (0, 1):
        image = np.apply_along_axis(np.convolve, axis, image, kernel, "valid")
    return image


def test_checkerboard_equals_a_sum_over_pixels(rng):
    """36 x 68 pixels: 8 x 16 cells of 4 within the border, two windows of 8 x 8."""
    image = rng.normal(128, 20, (36, 68)) + 10 * np.tile(rng.normal(0, 1, (4, 4)), (9, 17))
    wave, windows = image[2:-2, 2:-2] - moving_mean(image, 4), []
    for left in (0, 32):
        cells = [wave[i : i + 4, j : j + 4] for i in range(0, 32, 4) for j in range(left, left + 32, 4)]
        mean, variance = np.mean(cells, axis=0), np.var(cells, axis=0)
        windows.append(max(0, np.mean(mean**2 - variance / 63)))
    found = functions.checkerboard(tf.constant(image[None, :, :, None]), 4, 8)
    np.testing.assert_allclose(found, [np.mean(windows)])


def test_checkerboard_measures_only_the_grid(rng):
    """The pattern's variance, wherever it begins and where it turns into its opposite; hardly of ramps or outlines."""
    pattern = np.tile(rng.normal(0, 5, (4, 4, 3)), (17, 34, 1))
    ramp = np.arange(68.0)[:, None, None] * np.ones((136, 3))
    turned = np.where(np.arange(136)[:, None] < 68, pattern, -pattern)
    board = functions.checkerboard
    for image in (pattern, np.roll(pattern, (1, 3), axis=(0, 1)), pattern + ramp, turned):
        found = board(tf.constant(image[None]), 4, 8)
        np.testing.assert_allclose(found, [pattern[:4, :4].var(axis=(0, 1)).mean()], rtol=0.1)
    edge = np.where(ramp < 33, 0, 100.0)
    noise = rng.normal(0, 20, ramp.shape)
    np.testing.assert_allclose(board(tf.constant(ramp[None]), 4, 8), [0], atol=1e-20)
    assert float(board(tf.constant(edge[None]), 4, 8)[0]) < 0.003 * edge.var()
    assert float(board(tf.constant(noise[None]), 4, 8)[0]) < 0.01 * noise.var()
    assert float(board(tf.constant(turned[None]), 4, 99)[0]) < 0.1 * pattern.var()  # one window sees no grid


@pytest.mark.parametrize("exponent", [0.5, 0.75, 1, 1.25])
def test_a_flat_image_has_no_variation_and_a_finite_gradient(exponent):
    """Within a tf.function, whose rewriting once made it less than nothing."""

    @tf.function
    def computed(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = functions.total_variation(image, exponent)
        return loss, tape.gradient(loss, image)

    loss, gradient = computed(tf.fill([1, 4, 4, 3], 100.0))
    np.testing.assert_array_equal(loss, [0])
    np.testing.assert_array_equal(gradient, np.zeros((1, 4, 4, 3)))


def test_the_gram_target_is_rescaled_to_the_contents_positions(rng):
    tile = features(rng, batch=1)
    twice = tf.concat([tile, tile], axis=2)
    gram = STATISTICS["gram"]
    target = gram.target(gram.sums(twice), functions.positions(twice), functions.positions(tile))
    np.testing.assert_allclose(target, functions.gram_matrix(tile), rtol=1e-5, atol=1e-5)


def test_scale_normalization_makes_the_first_loss_one(rng):
    content, style = features(rng, batch=1), features(rng, batch=1)
    gram, count = STATISTICS["gram"], functions.positions(content)
    target = gram.target(gram.sums(style), functions.positions(style), count)
    start = tf.reduce_sum(gram.distance(gram.sums(content), count, target))
    np.testing.assert_allclose(normalization.distance_factor(start, start) * start, 1, rtol=1e-5)
    centred = content - tf.reduce_mean(content, axis=[1, 2], keepdims=True)
    energy = functions.energy(functions.moments(content), count)
    np.testing.assert_allclose(energy, tf.reduce_sum(centred**2), rtol=1e-4)


def test_scale_normalization_does_not_divide_by_rounding():
    """A flat image's contrast, or what remains between two images alike, must not set the scale."""
    flat = tf.ones([1, 4, 4, 2])
    count = functions.positions(flat)
    energy = functions.energy(functions.moments(flat), count)
    assert float(functions.reciprocal(energy)) == pytest.approx(1000 / 32)
    assert functions.reciprocal(functions.energy(functions.moments(0 * flat), count)) == 1
    for start, factor in [(1e-9, 1000 / 4), (0, 1000 / 4), (2, 1 / 2)]:
        received = normalization.distance_factor(tf.constant(start, tf.float32), tf.constant(4.0))
        assert float(received) == pytest.approx(factor)
    assert normalization.distance_factor(tf.zeros([]), tf.zeros([])) == 1

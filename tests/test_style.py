import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import sqrtm

from neural_style.losses import bures, matching
from neural_style.losses.functions import gram_matrix, positions
from neural_style.losses.style import STATISTICS
from neural_style.settings.loss import STYLE_LOSSES


def features(rng, rows=6, cols=7, channels=4):
    return tf.constant(rng.standard_normal((1, rows, cols, channels)), tf.float32)


def flat(x):
    return x.numpy().reshape(-1, x.shape[-1]).astype(np.float64)


def discrepancy(x, y, kernel):
    """The squared maximum mean discrepancy, pair by pair (Li et al. 2017, eq. 5)."""
    x, y = flat(x), flat(y)
    mean = lambda a, b: np.mean([[kernel(p, q) for q in b] for p in a])  # noqa: E731
    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


def target(name, x, style):
    found = STATISTICS[name]
    return found.merge([found.target(found.sums(style), positions(style), positions(x))], [1.0])


def distance_to(name, x, wanted):
    found = STATISTICS[name]
    return found.distance(found.sums(x), positions(x), wanted)[0]


def distance(name, x, style):
    return float(distance_to(name, x, target(name, x, style)))


def test_settings_know_which_style_losses_are_additive(rng):
    """What the settings know of a loss without TensorFlow is so."""
    assert STATISTICS.keys() == STYLE_LOSSES.keys()
    x = features(rng, rows=8)
    for name, found in STATISTICS.items():
        parts = [found.sums(part) for part in (x[:, :5], x[:, 5:])]
        whole = found.sums(x)
        additive = parts[0].shape == whole.shape and np.allclose(parts[0] + parts[1], whole, rtol=1e-4, atol=1e-4)
        assert additive == STYLE_LOSSES[name].summed


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_a_style_has_no_distance_from_itself(name, rng):
    style = features(rng)
    assert distance(name, style, style) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_distances_are_positive_and_gradients_lower_them(name, rng):
    x, style = features(rng), features(rng) * 2 + 1
    wanted = target(name, x, style)
    with tf.GradientTape() as tape:
        tape.watch(x)
        before = distance_to(name, x, wanted)
    gradient = tape.gradient(before, x)
    assert before > 0
    assert distance_to(name, x - 1e-3 * gradient / tf.norm(gradient), wanted) < before


def test_linear_is_the_discrepancy_of_the_linear_kernel(rng):
    x, style = features(rng), features(rng, rows=3)
    assert distance("linear", x, style) == pytest.approx(discrepancy(x, style, np.dot), rel=1e-4)


def test_polynomial_is_the_discrepancy_of_the_second_order_kernel(rng):
    x, style = features(rng), features(rng, rows=3)
    expected = discrepancy(x, style, lambda p, q: np.dot(p, q) ** 2)
    assert distance("polynomial", x, style) == pytest.approx(expected, rel=1e-4)


def test_gram_is_the_polynomial_discrepancy_times_positions_squared(rng):
    x, style = features(rng), features(rng)
    assert distance("gram", x, style) == pytest.approx(distance("polynomial", x, style) * 42**2, rel=1e-4)


def test_gaussian_is_the_discrepancy_if_every_position_is_sampled(rng):
    x, style = features(rng), features(rng, rows=3) + 1
    sharpness = 1 / np.mean([[np.sum((p - q) ** 2) for q in flat(style)] for p in flat(style)])
    expected = discrepancy(x, style, lambda p, q: np.exp(-sharpness * np.sum((p - q) ** 2)))
    assert distance("gaussian", x, style) == pytest.approx(expected, rel=1e-3)


def test_batch_norm_statistics_by_hand(rng):
    x, style = features(rng), features(rng, rows=3) * 2 + 1
    expected = np.mean((flat(x).mean(0) - flat(style).mean(0)) ** 2 + (flat(x).std(0) - flat(style).std(0)) ** 2)
    assert distance("batch_norm", x, style) == pytest.approx(expected, rel=1e-4)


def test_mrf_matches_a_planted_patch(rng):
    style = features(rng, rows=9, cols=9)
    x = np.zeros((1, 3, 3, 4), np.float32)
    x[0] = style[0, 4:7, 2:5] * 5  # another contrast: matching is by direction
    (match,) = matching.best_matches(matching.patches(tf.constant(x)), matching.patches(style))
    assert int(match) == 4 * 7 + 2
    planted = tf.constant(x / 5)
    assert distance("mrf", planted, style) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("block", [1, 100, 1000, 10**6])
def test_matching_does_not_depend_on_the_block_size(monkeypatch, rng, block):
    queries, keys = (
        tf.constant(rng.standard_normal((37, 9)), tf.float32),
        tf.constant(rng.standard_normal((23, 9)), tf.float32),
    )
    expected = np.argmax(queries.numpy() @ (keys.numpy() / np.linalg.norm(keys, axis=1, keepdims=True)).T, axis=1)
    monkeypatch.setattr(matching, "BLOCK", block)
    np.testing.assert_array_equal(matching.best_matches(queries, keys), expected)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_merging_a_style_with_itself_changes_nothing(name, rng):
    x, style, found = features(rng), features(rng), STATISTICS[name]
    wanted = target(name, x, style)
    part = found.target(found.sums(style), positions(style), positions(x))
    merged = found.merge([part, part], [0.3, 0.7])
    assert float(distance_to(name, x, merged)) == pytest.approx(float(distance_to(name, x, wanted)), rel=1e-4)


def covariance(x):
    return np.cov(flat(x).T, bias=True)


def test_bures_is_the_distance_of_two_normal_distributions(rng):
    """Compared with SciPy's root of a matrix, which does not use eigenvectors of symmetric ones."""
    x, style = (tf.cast(y, tf.float64) for y in (features(rng), features(rng, rows=9) * 2 + 1))
    floor = bures.FLOOR * np.trace(covariance(style)) / 4
    c, d = (covariance(y) + floor * np.eye(4) for y in (x, style))
    d -= floor * np.eye(4)
    means = np.sum((flat(x).mean(0) - flat(style).mean(0)) ** 2)
    root = sqrtm(d + floor * np.eye(4))
    expected = means + np.trace(c) + np.trace(d) + 4 * floor - 2 * np.trace(sqrtm(root @ c @ root)).real
    assert distance("bures", x, style) == pytest.approx(expected / 4, rel=1e-10)


def test_the_gradient_of_bures_is_its_slope(rng):
    x, style = (tf.cast(y, tf.float64) for y in (features(rng), features(rng, rows=9) * 2 + 1))
    wanted, direction = target("bures", x, style), tf.cast(features(rng), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = distance_to("bures", x, wanted)
    slope = tf.reduce_sum(tape.gradient(value, x) * direction)
    up, down = (distance_to("bures", x + sign * 1e-5 * direction, wanted) for sign in (1, -1))
    assert float(slope) == pytest.approx(float(up - down) / 2e-5, rel=1e-6)


def test_bures_tells_apart_what_has_one_gram_matrix():
    """The ambiguity of Gram matrices: mean and variance may be exchanged (Risser et al. 2017)."""
    even = tf.constant(np.full((1, 4, 4, 1), 5.0), tf.float64)
    uneven = tf.constant(np.where(np.arange(16) % 2, np.sqrt(50.0), 0).reshape(1, 4, 4, 1), tf.float64)
    assert distance("gram", even, uneven) == pytest.approx(0, abs=1e-9)
    assert distance("bures", even, uneven) > 1


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32, tf.bfloat16])
def test_second_moments_are_those_of_the_features(rng, dtype):
    """In bfloat16 the covariance is as fine as the features, although their mean is 100 times as large."""
    x = tf.cast(features(rng, rows=40, cols=50) + 100, dtype)
    mean, found = bures.mean_and_covariance(bures.second_moments(x) / 2000.0)
    expected = covariance(tf.cast(x, tf.float64))
    tolerance = {tf.float64: 1e-9, tf.float32: 2e-3, tf.bfloat16: 2e-2}[dtype]
    np.testing.assert_allclose(found[0], expected, atol=tolerance * np.trace(expected) / 4)
    np.testing.assert_allclose(mean[0], flat(tf.cast(x, tf.float64)).mean(0), rtol=1e-5)


def test_second_moments_of_a_region_weigh_each_position(rng):
    x = tf.cast(features(rng), tf.float64)
    weights = tf.constant(rng.uniform(0, 2, (1, 6, 7, 1)))
    found, squares = bures.second_moments(x, weights)[0], flat(weights)[:, 0] ** 2
    np.testing.assert_allclose(found[:-1], (flat(x) * squares[:, None]).T @ flat(x), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found[-1], squares @ flat(x), rtol=1e-10)
    np.testing.assert_allclose(found[:-1], gram_matrix(x * weights)[0], rtol=1e-10, atol=1e-10)


def test_the_gradient_of_second_moments_is_their_slope(rng):
    x, upstream = tf.cast(features(rng), tf.float64), tf.constant(rng.standard_normal((1, 5, 4)))
    weights = tf.constant(rng.uniform(0, 2, (1, 6, 7, 1)))
    value = lambda y: tf.reduce_sum(bures.second_moments(y, weights) * upstream)  # noqa: E731
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = value(x)
    direction = tf.cast(features(rng), tf.float64)
    slope = float(tf.reduce_sum(tape.gradient(total, x) * direction))
    assert slope == pytest.approx(float(value(x + 1e-4 * direction) - value(x - 1e-4 * direction)) / 2e-4, rel=1e-8)


@pytest.mark.parametrize("rows", [6, 12])
def test_sliced_wasserstein_sorts_projections(rng, rows):
    """A style of twice the size holds each position twice: it is the same distribution."""
    x, style = features(rng), features(rng)
    directions = np.random.RandomState(0).standard_normal((4, 32))
    directions /= np.linalg.norm(directions, axis=0)
    projected = [np.sort(flat(y) @ directions, axis=0) for y in (x, style)]
    expected = np.mean((projected[0] - projected[1]) ** 2)
    if rows == 6:
        assert distance("sliced_wasserstein", x, style) == pytest.approx(expected, rel=1e-4)
    else:
        repeated = tf.repeat(style, 2, axis=1)
        assert distance("sliced_wasserstein", x, repeated) == pytest.approx(expected, rel=0.02)


def cosines(x, y):
    x, y = (flat(z) / np.linalg.norm(flat(z), axis=1, keepdims=True) for z in (x, y))
    return 1 - x @ y.T


@pytest.mark.parametrize("narrow", ["image", "style"])
def test_the_relaxed_earth_movers_distance_by_hand(rng, narrow):
    x, style = features(rng), features(rng, rows=4)
    if narrow == "image":  # all of the image is like one of the style, which has more
        x = tf.zeros_like(x) + style[:, :1, :1]
    else:
        style = tf.zeros_like(style) + x[:, :1, :1]
    pairs = cosines(x, style)
    expected = max(pairs.min(axis=1).mean(), pairs.min(axis=0).mean())
    assert distance("earth_mover", x, style) == pytest.approx(expected, rel=1e-4)
    assert expected > 0.01


def test_nearest_features_are_those_of_smallest_centred_angle(rng):
    x, style = features(rng) + 2, features(rng, rows=4) - 1
    found = matching.nearest_features(x, tf.reshape(style, [-1, 4]))
    centred = cosines(x - flat(x).mean(0), style - flat(style).mean(0))
    np.testing.assert_array_equal(flat(found), flat(style)[centred.argmin(axis=1)])


@pytest.mark.parametrize("count", [8, 400])
def test_an_image_that_is_the_style_is_at_the_minimum_of_bures(rng, count):
    """Also where most directions have hardly any variance, or the positions are fewer than the channels."""
    spread = 1 / np.arange(1, 65) ** 2
    style = tf.constant(rng.standard_normal((1, count, 1, 64)) * spread, tf.float32)
    wanted = target("bures", style, style)
    scale = np.trace(covariance(style)) / 64

    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = distance_to("bures", x, wanted)
        return float(value), float(tf.norm(tape.gradient(value, x)))

    value, slope = value_and_gradient(style)
    _, slope_elsewhere = value_and_gradient(style * 1.5)
    assert value == pytest.approx(0, abs=1e-4 * scale)
    assert slope < 1e-2 * slope_elsewhere


def test_masks_in_bfloat16_do_not_change_the_mean(rng):
    """The weights of a third of the positions are the root of 3, which bfloat16 rounds."""
    x = tf.cast(features(rng, rows=30, cols=30) + 10, tf.bfloat16)
    weights = np.zeros((1, 30, 30, 1), np.float32)
    weights[:, :10] = np.sqrt(3)
    mean, found = bures.mean_and_covariance(bures.second_moments(x, tf.constant(weights)) / 900.0)
    inside = tf.cast(x, tf.float64)[:, :10]
    np.testing.assert_allclose(mean[0], flat(inside).mean(0), rtol=1e-4)
    np.testing.assert_allclose(found[0], covariance(inside), atol=0.05)

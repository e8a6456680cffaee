import numpy as np
import pytest
import tensorflow as tf

from neural_style.losses import style as statistics
from neural_style.losses.functions import positions
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
    return found.target(found.sums(style), positions(style), positions(x))


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
    (match,) = statistics.best_matches(statistics.patches(tf.constant(x)), statistics.patches(style))
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
    monkeypatch.setattr(statistics, "BLOCK", block)
    np.testing.assert_array_equal(statistics.best_matches(queries, keys), expected)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_merging_a_style_with_itself_changes_nothing(name, rng):
    x, style = features(rng), features(rng)
    wanted = target(name, x, style)
    merged = STATISTICS[name].merge([wanted, wanted], [0.3, 0.7])
    assert float(distance_to(name, x, merged)) == pytest.approx(float(distance_to(name, x, wanted)), rel=1e-4)

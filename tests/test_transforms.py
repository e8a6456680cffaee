"""Whitening and colouring, and AdaIN, against independent values and by their properties."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import reference

from neural_style.universal.painter import apply_transforms
from neural_style.universal.transforms import TRANSFORMS, MomentAccumulator, adain, interpolate, measure, wct

VALUES = {name: np.array(value) for name, value in reference("universal.json").items()}
CONTENT, STYLE, OTHER = VALUES["content"], VALUES["style"], VALUES["other"]


def moved(features, affine):
    return affine(tf.constant(features)).numpy()


@pytest.mark.parametrize(
    ("name", "content", "transform", "styles", "blend", "alpha"),
    [
        ("wct", CONTENT, wct, [STYLE], [1], 1),
        ("wct_alpha_0.6", CONTENT, wct, [STYLE], [1], 0.6),
        ("wct_blend_0.3_0.7", CONTENT, wct, [STYLE, OTHER], [0.3, 0.7], 1),
        ("wct_4_positions", CONTENT[:4], wct, [STYLE], [1], 1),
        ("adain", CONTENT, adain, [STYLE], [1], 1),
        ("adain_alpha_0.6", CONTENT, adain, [STYLE], [1], 0.6),
    ],
)
def test_transforms_equal_the_papers_formulas(name, content, transform, styles, blend, alpha):
    affine = transform(measure(content), [measure(style) for style in styles], blend)
    np.testing.assert_allclose(moved(content, interpolate(affine, alpha)), VALUES[name], rtol=1e-8, atol=1e-8)


def test_statistics_equal_numpys():
    found = measure(CONTENT)
    np.testing.assert_allclose(found.mean, CONTENT.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(CONTENT.T), rtol=1e-10, atol=1e-12)


def test_sums_of_parts_equal_the_sum_of_the_whole(rng):
    """Also far from zero, where sums of squares would lose their digits, and with weights."""
    features, weights = rng.standard_normal((500, 8)) + 1e6, rng.uniform(0, 1, 500)
    parts, weighted = MomentAccumulator(), MomentAccumulator()
    for part in np.split(np.arange(500), [3, 200]):
        parts.add(features[part])
        weighted.add(features[part], weights[part])
    np.testing.assert_allclose(parts.statistics().covariance, np.cov(features.T), rtol=1e-8, atol=1e-10)
    mean = np.average(features, axis=0, weights=weights)
    centred = features - mean
    covariance = (centred * weights[:, None]).T @ centred / (weights.sum() - 1)
    np.testing.assert_allclose(weighted.statistics().mean, mean, rtol=1e-12)
    np.testing.assert_allclose(weighted.statistics().covariance, covariance, rtol=1e-8, atol=1e-10)


def test_weights_of_0_and_1_select_positions():
    chosen = np.arange(len(CONTENT)) % 3 == 0
    found, wanted = measure(CONTENT, chosen.astype(np.float64)), measure(CONTENT[chosen])
    np.testing.assert_allclose(found.mean, wanted.mean, rtol=1e-12)
    np.testing.assert_allclose(found.covariance, wanted.covariance, rtol=1e-10, atol=1e-12)


def test_coloured_features_have_the_styles_statistics(rng):
    """At a network's size, through the float32 that pictures go through."""
    content = np.maximum(rng.standard_normal((3000, 64)) @ rng.standard_normal((64, 64)), 0).astype(np.float32)
    style = np.maximum(rng.standard_normal((2000, 64)) @ rng.standard_normal((64, 64)) + 1, 0).astype(np.float32)
    wanted = measure(style)
    for name, transform in TRANSFORMS.items():
        affine = transform(measure(content), [wanted], [1])
        found = measure(apply_transforms(content[np.newaxis], [affine], None).numpy()[0])
        scale = wanted.covariance.max()
        np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-4 * np.abs(wanted.mean).max())
        if name == "wct":
            np.testing.assert_allclose(found.covariance, wanted.covariance, atol=1e-4 * scale)
        np.testing.assert_allclose(np.diag(found.covariance), np.diag(wanted.covariance), atol=1e-4 * scale)


def test_fewer_positions_than_channels_are_whitened_in_their_span(rng):
    few = rng.standard_normal((5, 12))
    white = wct(measure(few), [measure(rng.standard_normal((4000, 12)))], [1])
    assert np.isfinite(white.matrix).all()
    assert np.linalg.matrix_rank(white.matrix, tol=1e-6) == 4  # N - 1


@pytest.mark.parametrize("transform", TRANSFORMS.values())
@pytest.mark.parametrize(
    "content",
    [
        np.full((50, 6), 3.0),
        np.zeros((50, 6)),
        CONTENT[:1],
        np.where(np.arange(6) < 3, CONTENT, 0),
        np.full((40, 6), 1e-30),
        CONTENT * 1e15,
    ],
    ids=["flat", "zero", "one position", "dead channels", "tiny", "huge"],
)
def test_degenerate_features_stay_finite_and_get_the_styles_mean(transform, content):
    affine = transform(measure(content), [measure(STYLE)], [1])
    assert np.isfinite(affine.matrix).all()
    np.testing.assert_allclose(moved(content, affine).mean(axis=0), STYLE.mean(axis=0), rtol=1e-6, atol=1e-6)
    back = transform(measure(STYLE), [measure(content)], [1])
    np.testing.assert_allclose(moved(STYLE, back).mean(axis=0), content.mean(axis=0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("transform", TRANSFORMS.values())
def test_a_style_that_is_the_content_changes_nothing(transform):
    affine = transform(measure(CONTENT), [measure(CONTENT)], [1])
    np.testing.assert_allclose(moved(CONTENT, affine), CONTENT, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("transform", TRANSFORMS.values())
def test_alpha_0_is_the_identity_and_units_have_no_effect(transform):
    affine = transform(measure(CONTENT), [measure(STYLE)], [1])
    np.testing.assert_array_equal(moved(CONTENT, interpolate(affine, 0)), CONTENT)
    louder = transform(measure(1e3 * CONTENT), [measure(1e3 * STYLE)], [1])
    np.testing.assert_allclose(louder.matrix, affine.matrix, rtol=1e-6, atol=1e-9)


def test_shares_mix_regions_and_keep_the_rest():
    transforms = [
        transform(measure(CONTENT), [measure(style)], [1]) for transform, style in ((wct, STYLE), (adain, OTHER))
    ]
    shares = np.array([[[1, 0], [0, 1]], [[0, 0], [0.5, 0.25]]])
    features = CONTENT[:4].reshape(2, 2, 6)
    found = apply_transforms(features, transforms, shares).numpy()
    first, second = (moved(features, each) for each in transforms)
    np.testing.assert_allclose(found[0, 0], first[0, 0])
    np.testing.assert_allclose(found[0, 1], second[0, 1])
    np.testing.assert_allclose(found[1, 0], features[1, 0])
    np.testing.assert_allclose(found[1, 1], 0.25 * features[1, 1] + 0.5 * first[1, 1] + 0.25 * second[1, 1])

"""The matching term: features that point where the style's most similar ones do."""

import numpy as np
import pytest
from conftest import pair, session
from test_masks import half
from test_objective import objective, scene

from neural_style.core.errors import UserError
from neural_style.images.scene import Region, Scene
from neural_style.settings.settings import Settings

ALONE = dict(content_weight=0.0, style_weight=0.0, tv_weight=0.0, matching_weight=3.0)


def matching(vgg19, layer="block3_conv1", **changes):
    return objective(vgg19, dtype="float64", matching_layers=[layer], **{**ALONE, **changes})


def features_of(found, image, layer):
    values = found.network(np.asarray(image[None], np.float64))[layer].numpy()
    return values.reshape(-1, values.shape[-1])


def expected_loss(found, content, image, keys, layer="block3_conv1"):
    """The mean cosine distance from the nearest of `keys`, pair by pair."""
    source, painted = (features_of(found, x, layer) for x in (content, image))
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)  # noqa: E731
    nearest = (unit(source - source.mean(0)) @ unit(keys - keys.mean(0)).T).argmax(axis=1)
    return 3 * np.mean(1 - np.sum(unit(painted) * unit(keys[nearest]), axis=1))


def test_the_term_is_the_mean_distance_from_the_nearest_features(vgg19):
    content, style = pair(32, 48)
    found = matching(vgg19)
    loss, _, terms = found.bind_scene(scene(content, [style]))((content + style) / 2)
    expected = expected_loss(found, content, (content + style) / 2, features_of(found, style, "block3_conv1"))
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    assert float(terms["matching/block3_conv1"]) == pytest.approx(expected, rel=1e-6)


def test_layers_share_the_weight(vgg19):
    content, style = pair(32, 48)
    layers = ["block2_conv1", "block3_conv1"]
    both = objective(vgg19, dtype="float64", matching_layers=layers, **ALONE)
    terms = both.bind_scene(scene(content, [style]))(style)[2]
    for layer in layers:
        alone = matching(vgg19, layer).bind_scene(scene(content, [style]))(style)[0]
        assert float(terms[f"matching/{layer}"]) == pytest.approx(float(alone) / 2, rel=1e-9)


def test_a_photograph_that_is_its_own_style_is_at_the_minimum(vgg19):
    content, _ = pair(32, 48)
    loss, gradient, _ = matching(vgg19).bind_scene(scene(content, [content]))(content)
    assert float(loss) == pytest.approx(0, abs=1e-9)
    assert np.abs(gradient).max() < 1e-9


def test_the_gradient_is_the_slope(vgg19, rng):
    content, style = pair(24, 24)
    function = matching(vgg19).bind_scene(scene(content, [style]))
    image, direction = rng.uniform(50, 200, content.shape), rng.standard_normal(content.shape)
    up, down = (float(function(image + sign * 1e-4 * direction)[0]) for sign in (1, -1))
    assert np.sum(function(image)[1] * direction) == pytest.approx((up - down) / 2e-4, rel=1e-5)


def test_each_region_is_matched_to_its_own_style(vgg19):
    content, style = pair(32, 48)
    other = np.ascontiguousarray(style[::-1] // 2)
    regions = [Region([image], [1.0], 1.0, half(32, 48, side)) for image, side in [(style, "left"), (other, "right")]]
    found = matching(vgg19)
    both = found.bind_scene(Scene(content, regions, content))(content)[1]
    for styles, part in [([style], np.s_[:, :10]), ([other], np.s_[:, -10:])]:
        alone = found.bind_scene(scene(content, styles))(content)[1]
        assert np.linalg.norm(both[part] - alone[part]) < 0.2 * np.linalg.norm(alone[part])


def test_tiles_are_refused_and_auto_takes_the_whole_image():
    with pytest.raises(UserError, match="--matching_weight=2 is no sum over positions"):
        Settings.read(tile=512, matching_weight=2)
    assert not Settings.read(matching_weight=2).tileable


def test_unknown_layers_are_told():
    with pytest.raises(UserError, match="--matching_layers takes convolutions of vgg19"):
        Settings.read(matching_layers="conv3_1", matching_weight=1)


def test_matching_alone_is_painted():
    steps = list(
        session(
            *(f"--{name}={value}" for name, value in ALONE.items()), "--rows=48", "--iterations=2", "--optimizer=lbfgs"
        ).steps()
    )
    assert steps[-1].loss < steps[0].loss


def test_shares_decide_where_regions_overlap(vgg19):
    """Of two regions that are everywhere, the one of nearly all the share has nearly all the effect."""
    content, style = pair(32, 48)
    other = np.ascontiguousarray(style[::-1] // 2)
    masks = [np.full((32, 48), share, np.float32) for share in (0.98, 0.02)]
    regions = [Region([image], [1.0], 1.0, mask) for image, mask in zip([style, other], masks, strict=True)]
    found = matching(vgg19)
    both = found.bind_scene(Scene(content, regions, content))(content)[1]
    alone = found.bind_scene(scene(content, [style]))(content)[1]
    assert np.linalg.norm(both - alone) < 0.1 * np.linalg.norm(alone)


def test_what_masks_hardly_cover_is_hardly_matched(vgg19):
    content, style = pair(32, 48)
    faint = Scene(content, [Region([style], [1.0], 1.0, np.full((32, 48), 0.01, np.float32))], content)
    found = matching(vgg19)
    covered = found.bind_scene(scene(content, [style]))(content)[0]
    assert float(found.bind_scene(faint)(content)[0]) == pytest.approx(0.01 * float(covered), rel=1e-3)

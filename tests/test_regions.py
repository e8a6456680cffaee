import dataclasses

import numpy as np
import pytest
from conftest import options, pair
from PIL import Image
from test_objective import objective
from test_tiles import assert_same

import neural_style
from neural_style.core.errors import UserError
from neural_style.engine import start_from
from neural_style.images.inputs import CommonRegion
from neural_style.images.scene import Region, Scene
from neural_style.images.scene_building import build_scene
from neural_style.losses import regions
from neural_style.losses.matching_term import Matching
from neural_style.losses.term import Measurement
from neural_style.optimize import common_regions
from neural_style.planning.plan import prepare
from neural_style.settings.settings import Settings

QUICK = dict(rows=64, weights="random", style_layers=["block1_conv1", "block2_conv1"], content_layers=["block2_conv1"])


def landscape(horizon, sky, ground, rows=96, cols=144, seed=0):
    """An even sky above a ground of coarse grain; `horizon` is the sky's share of the height."""
    rng = np.random.RandomState(seed)
    coarse = rng.uniform(0, 1, (rows // 4, cols // 4, 1)).repeat(4, axis=0).repeat(4, axis=1)
    pixels = np.array(ground) * coarse
    pixels[: round(horizon * rows)] = sky
    return Image.fromarray(pixels.astype(np.uint8))


PHOTOGRAPH = landscape(0.5, (150, 150, 150), (90, 90, 90))
PAINTING = landscape(0.35, (230, 120, 40), (40, 120, 230), seed=1)
GRAIN = Image.fromarray(np.random.RandomState(2).randint(0, 256, (96, 144, 3), np.uint8))


@pytest.fixture(scope="module")
def weights():
    from neural_style.vgg.weights import load_random

    return load_random("vgg19", 0)


def find(weights, photograph=PHOTOGRAPH, paintings=(PAINTING,), **given):
    inputs, plan = prepare(photograph, list(paintings), Settings.read(regions="auto", **{**QUICK, **given}))
    return dataclasses.replace(inputs, common_regions=common_regions.find(inputs, plan.settings, weights)), plan


def covers(mask, top, bottom):
    """Whether a mask is white from `top` to `bottom`, in shares of the height, and black elsewhere, up to its edges."""
    levels = np.asarray(mask.resize((48, 96), Image.Resampling.BILINEAR), float) / 255
    heights = (np.arange(96) + 0.5) / 96
    inside = (heights > top) & (heights < bottom)
    is_edge = (abs(heights - top) < 0.12) | (abs(heights - bottom) < 0.12)
    return levels[inside & ~is_edge].min() > 0.9 and levels[~inside & ~is_edge].max(initial=0) < 0.1


def test_halves_are_found_in_photograph_and_painting(weights):
    inputs, _ = find(weights)
    skies = [region for region in inputs.common_regions if covers(region.mask, 0, 0.5)]
    assert len(skies) == 1
    assert covers(skies[0].style_masks[0], 0, 0.35)


def test_the_regions_of_an_image_add_up_to_all_of_it(weights):
    inputs, _ = find(weights, paintings=(PAINTING, PHOTOGRAPH))
    for number in range(3):
        masks = [[region.mask, *region.style_masks][number] for region in inputs.common_regions]
        assert abs(sum(np.asarray(mask, int) for mask in masks) - 255).max() <= 2


def test_the_same_seed_finds_the_same_regions(weights):
    first, second = (find(weights, seed=3)[0].common_regions for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.mask == other.mask
        assert one.style_masks == other.style_masks


@pytest.mark.parametrize("images", [(GRAIN, [PAINTING]), (PHOTOGRAPH, [GRAIN]), (PHOTOGRAPH, [PAINTING, GRAIN])])
def test_images_without_parts_have_no_regions_in_common(weights, images):
    assert find(weights, *images)[0].common_regions == []


def test_without_common_regions_the_picture_is_the_same():
    given = dict(**QUICK, iterations=1, evaluations_per_iteration=2)
    plain, guided = (neural_style.stylize(PHOTOGRAPH, GRAIN, regions=regions, **given) for regions in ("none", "auto"))
    np.testing.assert_array_equal(np.asarray(plain.image), np.asarray(guided.image))
    assert guided.record["regions"] == []
    assert guided.companions["regions"].height == 256  # the images without colours, so that no older file is left


def test_each_region_gets_the_colours_of_its_counterpart():
    given = dict(
        **QUICK, iterations=2, evaluations_per_iteration=20, content_weight=0, normalization="scale", first_step=10
    )
    plain, guided = (
        neural_style.stylize(PHOTOGRAPH, PAINTING, regions=regions, **given) for regions in ("none", "auto")
    )
    warmth = [np.asarray(each.image, float)[..., 0] - np.asarray(each.image, float)[..., 2] for each in (plain, guided)]
    plain_contrast, guided_contrast = (each[4:28].mean() - each[36:60].mean() for each in warmth)
    assert guided_contrast > 1.5 * abs(plain_contrast)
    assert 0.4 < guided.record["regions"][0] + sum(guided.record["regions"][1:]) <= 1.01
    assert guided.companions["regions"].height == common_regions.ROWS


def test_a_resumed_run_finds_the_same_regions():
    given = dict(**QUICK, scales=[32, 64], iterations=2, evaluations_per_iteration=2, recolor_content=True)
    inputs, plan = prepare(PHOTOGRAPH, [PAINTING], Settings.read(regions="auto", **given))
    engine = neural_style.Engine()
    steps = [(step, step.state()) for step in engine.run(inputs, plan).steps()]
    state = next(state for step, state in steps if (step.scale, step.index) == (1, 1))
    *_, last = engine.run(inputs, plan, {"scale": 1, "session": state}).steps()
    np.testing.assert_array_equal(last.image, steps[-1][0].image)
    assert last.facts["regions"] == steps[-1][0].facts["regions"] != []


@pytest.mark.parametrize("init", ["content", "instant"])
def test_recolouring_moves_each_region_half_of_the_way_to_its_counterpart(weights, init):
    """The content, and the start, whether it is the content or the arbitrary network's picture."""
    inputs, plan = find(weights, recolor_content=True, init=init)
    if init == "instant":
        inputs = start_from(inputs, np.full((*plan.result_size, 3), 128, np.float32))
    plain = build_scene(dataclasses.replace(inputs, common_regions=()), plan.settings, plan.result_size)
    guided = build_scene(inputs, plan.settings, plan.result_size)
    for before, after in ((plain.content, guided.content), (plain.start, guided.start)):
        half_way = (before[4:28].mean(axis=(0, 1)) + (230, 120, 40)) / 2
        np.testing.assert_allclose(after[4:28].mean(axis=(0, 1)), half_way, atol=10)


def test_a_style_is_measured_where_it_has_the_region(vgg19):
    """A region that covers the upper half of a style has the statistics of that half alone, but for the edge."""
    content, style = pair(64, 64)
    upper = np.zeros((128, 64), np.float32)
    upper[:64] = 1
    stacked = np.concatenate([style, content])
    whole = Scene(content, [Region([style], [1.0], 1.0, None)], content)
    part = Scene(content, [Region([stacked], [1.0], 1.0, np.ones((64, 64), np.float32), [upper])], content)
    other = Scene(content, [Region([stacked], [1.0], 1.0, None)], content)
    loss, masked, unmasked = (
        float(objective(vgg19, content_weight=0, tv_weight=0).bind_scene(each)(content)[0])
        for each in (whole, part, other)
    )
    assert masked == pytest.approx(loss, rel=0.1)
    assert abs(unmasked - loss) > 3 * abs(masked - loss)


def test_tiles_measure_styles_by_their_masks_too(vgg19):
    content, style = pair(45, 77)
    mask, style_mask = np.zeros((45, 77), np.float32), np.zeros((45, 77), np.float32)
    mask[:20], style_mask[:, :50] = 1, 1
    areas = [Region([style], [1.0], 0.4, mask, [style_mask]), Region([style], [1.0], 0.6, 1 - mask, [1 - style_mask])]
    assert_same(vgg19, 32, Scene(content, areas, content), (content + style) / 2)


def test_the_same_style_with_other_masks_is_measured_again(vgg19):
    content, style = pair(40, 48)
    masks = np.zeros((2, 40, 48), np.float32)
    masks[0, :20], masks[1, 20:] = 1, 1
    scenes = [Scene(content, [Region([style], [1.0], 1.0, masks[0], [mask])], content) for mask in masks]
    shared = objective(vgg19)
    for scene in scenes:
        assert float(shared.bind_scene(scene)(content)[0]) == float(objective(vgg19).bind_scene(scene)(content)[0])


def test_matching_takes_features_of_the_counterpart_alone():
    import tensorflow as tf

    rng = np.random.RandomState(0)
    features = [tf.constant(rng.uniform(0, 1, (1, 4, 4, 256)), tf.float32) for _ in range(2)]
    masks = np.zeros((2, 16, 16), np.float32)
    masks[0, :8], masks[1, 8:] = 1, 1
    areas = [Region([], [1.0], 0.5, mask, [mask]) for mask in masks]
    areas = [dataclasses.replace(area, styles=[np.zeros((16, 16, 3), np.float32)]) for area in areas]
    scene = Scene(np.zeros((16, 16, 3), np.float32), areas, np.zeros((16, 16, 3), np.float32))
    content, style = (Measurement(each, tf.constant(16.0), 256) for each in features)
    target = Matching("block3_conv1", 1.0).prepare(content, [style, style], scene)["target"][0].numpy()
    directions = tf.math.l2_normalize(features[1], axis=-1)[0].numpy()
    for rows in (slice(0, 2), slice(2, 4)):
        candidates = directions[rows].reshape(-1, 256)
        cosines = target[rows].reshape(-1, 256) @ candidates.T
        np.testing.assert_allclose(cosines.max(axis=1), 1, atol=1e-5)


def test_a_small_region_has_at_least_one_position():
    import tensorflow as tf

    mask = np.zeros((16, 16), np.float32)
    mask[0, 0] = 1
    assert regions.select(tf.ones((1, 4, 4, 8)), mask, "block3_conv1").shape == (1, 8)
    assert regions.select(tf.ones((1, 4, 4, 8)), None, "block3_conv1").shape == (16, 8)


def test_masks_follow_the_size_and_rotation_of_the_style():
    inputs, plan = prepare(
        PHOTOGRAPH,
        [PAINTING],
        Settings.read(**QUICK, style_scale=[0.5, 1], style_rotation=[0, 90], style_frame="aspect"),
    )
    upper = Image.fromarray(np.repeat(np.uint8([[255], [0]]), 2, axis=1)).resize((16, 16), Image.Resampling.NEAREST)
    inputs = dataclasses.replace(inputs, common_regions=[CommonRegion(upper, [upper])])
    region = build_scene(inputs, plan.settings, plan.result_size).regions[0]
    assert [mask.shape for mask in region.style_masks] == [style.shape[:2] for style in region.styles]
    upright, turned = region.style_masks[:2]
    assert upright[:10].mean() > 0.9 > 0.1 > upright[-10:].mean()
    assert turned[:, :10].mean() > 0.9 > 0.1 > turned[:, -10:].mean()
    assert region.weight == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(style_masks=[PHOTOGRAPH]), "--regions=auto finds the regions that --style_masks names: leave out one"),
        (
            dict(style_loss="linear", normalization="scale"),
            "--regions=auto needs --style_loss=gram or bures, received lin",
        ),
        (dict(method="adain"), "--regions is for --method=optimize"),
        (dict(recipe="instant"), "--regions is for --method=optimize"),
    ],
)
def test_what_regions_do_not_go_with(given, message):
    with pytest.raises(UserError, match=message):
        Settings.read(regions="auto", **given)


def test_films_have_no_regions(tmp_path):
    with pytest.raises(UserError, match="regions=auto is for pictures, not films: leave it out"):
        neural_style.stylize_film(str(tmp_path / "film.mp4"), [PAINTING], regions="auto")


def test_the_picture_of_regions_is_named_where_it_is_written():
    assert options("--regions=auto").companions == ("regions",)
    assert options().companions == ()

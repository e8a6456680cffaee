"""The painted margin that is cropped, and a photograph's own frame that is left out."""

import dataclasses

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, options, prepared, session
from PIL import Image

import neural_style
from neural_style.core.errors import UserError
from neural_style.images.reading import load
from neural_style.images.scene import Scene, WarpedFrame
from neural_style.images.trimming import Frame, find_frame, trim
from neural_style.planning.plan import prepare
from neural_style.settings.settings import Settings

SMALL = {"weights": "random", "rows": 32, "iterations": 1, "evaluations_per_iteration": 2}


@pytest.fixture
def noise(rng):
    return rng.uniform(0, 255, (24, 36, 3)).astype(np.float32)


def test_a_margin_is_mirrored_and_cropped(noise):
    mask = noise[..., 0] / 255
    scene = Scene(noise, [], noise + 1, mask, 255 - noise, noise / 2, [WarpedFrame(noise, mask)]).with_margin(5)
    for image in (scene.content, scene.start, scene.background, scene.chroma, scene.warped_frames[0].image):
        assert image.shape == (34, 46, 3)
    assert scene.paint_mask.shape == scene.warped_frames[0].confidence.shape == (34, 46)
    np.testing.assert_array_equal(scene.content[4], scene.content[6])  # mirrored at the first row, which is number 5
    np.testing.assert_array_equal(scene.content[5:-5, 5:-5], noise)
    without = Scene(noise, [], noise + 1, mask, 255 - noise, noise / 2)
    np.testing.assert_array_equal(scene.composite(scene.start), without.composite(without.start))


@pytest.mark.parametrize("margin", [1, 16, 50])
def test_the_result_has_the_photographs_size_with_any_margin(margin):
    painted = neural_style.stylize(COFFEE, SWIRLS, margin=margin, scales=2, **SMALL)
    assert painted.image.size == neural_style.stylize(COFFEE, SWIRLS, **SMALL).image.size


def test_the_loss_is_that_of_a_photograph_with_a_mirrored_border():
    flags = ["--rows=32", "--cols=48", "--init=content"]
    photograph = load(COFFEE).resize((48, 32))
    mirrored = Image.fromarray(np.pad(np.asarray(photograph), [(8, 8), (8, 8), (0, 0)], "reflect"))
    style = load(SWIRLS).resize((48, 32))
    inside = prepared(options(*flags, "--weights=random", "--margin=8"), photograph, [style])
    whole = prepared(options("--rows=48", "--cols=64", "--weights=random"), mirrored, [style.resize((64, 48))])
    x = inside.scene.start.astype(np.float64).reshape(-1)
    np.testing.assert_array_equal(inside.scene.content, whole.scene.content)
    term = "content/block5_conv2"
    noise = np.random.default_rng(0).uniform(-9, 9, x.size)
    assert inside.evaluator.at(x + noise).terms[term] == pytest.approx(whole.evaluator.at(x + noise).terms[term], 1e-9)


def test_tiles_and_the_whole_agree_with_a_margin():
    layers = ["--content_layers=block3_conv1", "--style_layers=block1_conv1,block3_conv1"]
    flags = ["--rows=120", "--margin=12", "--precision=float64", *layers]
    whole, tiled = (session(*flags, f"--tile={tile}") for tile in ("none", 64))
    x = whole.scene.start.astype(np.float64).reshape(-1) + np.random.default_rng(0).uniform(
        -9, 9, whole.scene.start.size
    )
    expected, received = whole.evaluator.at(x), tiled.evaluator.at(x)
    assert received.loss == pytest.approx(expected.loss, 1e-12)
    np.testing.assert_allclose(
        received.gradient, expected.gradient, rtol=1e-7, atol=1e-12 * abs(expected.gradient).max()
    )


def test_what_the_mask_keeps_is_the_photograph_with_a_margin_too():
    mask = np.zeros((32, 48), np.uint8)
    mask[:, 24:] = 255
    painted = neural_style.stylize(COFFEE, SWIRLS, margin=10, content_mask=mask, **SMALL)
    start = neural_style.stylize(COFFEE, SWIRLS, **{**SMALL, "iterations": 0})
    received, photograph = np.asarray(painted.image, int), np.asarray(start.image, int)
    np.testing.assert_array_equal(received[:, :18], photograph[:, :18])
    assert np.abs(received[:, 30:] - photograph[:, 30:]).max() > 0


def test_a_run_with_a_margin_resumes_where_it_was():
    settings = Settings.read(margin=8, scales=2, **{**SMALL, "iterations": 2})
    inputs, plan = prepare(COFFEE, [SWIRLS], settings)
    engine = neural_style.Engine()
    states = [(step, step.state()) for step in engine.run(inputs, plan).steps()]
    stopped_at = next(number for number, (step, _) in enumerate(states) if (step.scale, step.index) == (1, 1))
    resumed = engine.run(inputs, plan, {"scale": 1, "session": states[stopped_at][1]})
    images = [step.image for step in resumed.steps()]
    assert images
    np.testing.assert_array_equal(images[-1], states[-1][0].image)


def test_stacked_batches_refuse_a_margin():
    with pytest.raises(UserError, match="leave out --style_frame=aspect, --style_scale and --margin"):
        Settings.read(margin=8, reuse_constant_rows=False)


def test_other_methods_refuse_a_margin():
    with pytest.raises(UserError, match="--margin is for --method=optimize"):
        Settings.read(recipe="instant", margin=8)


def framed(photograph, frame, level=100):
    """A photograph whose outermost lines are flat."""
    pixels = np.asarray(photograph).copy()
    rows, cols = pixels.shape[:2]
    pixels[: frame.top] = pixels[rows - frame.bottom :] = level
    pixels[:, : frame.left] = pixels[:, cols - frame.right :] = level
    return Image.fromarray(pixels)


@pytest.fixture
def photograph():
    return load(COFFEE).resize((450, 300))


@pytest.mark.parametrize("frame", [Frame(3, 2, 4, 1), Frame(0, 2, 3, 1), Frame(4, 4, 4, 4)])
def test_a_photographs_frame_is_found_with_its_ringing(photograph, frame):
    wider = Frame(*(width and width + 2 for width in dataclasses.astuple(frame)))
    assert find_frame(framed(photograph, frame)) == wider


@pytest.mark.parametrize("frame", [Frame(), Frame(3, 0, 0, 0), Frame(20, 20, 20, 20)])
def test_a_wide_border_or_a_flat_side_is_no_frame(photograph, frame):
    assert find_frame(framed(photograph, frame)).is_empty


@pytest.mark.parametrize("frame", [Frame(3, 0, 0, 0), Frame(0, 3, 0, 3)])
def test_a_flat_side_that_differs_little_is_no_frame(photograph, frame):
    photograph = Image.blend(photograph, Image.new("RGB", photograph.size, (120, 120, 120)), 0.8)
    assert find_frame(framed(photograph, frame, level=100)).is_empty


def test_a_broken_line_along_one_side_is_a_frame(photograph):
    pixels = np.asarray(photograph).copy()
    pixels[-1] = 0
    pixels[-1, ::2] = 255
    assert find_frame(Image.fromarray(pixels)) == Frame(bottom=3)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (15, 15), (5000, 4)])
def test_pictures_without_anything_in_them_have_no_frame(size):
    assert find_frame(Image.new("RGB", size, "grey")).is_empty


def test_a_mask_is_cropped_where_the_photograph_is():
    frame = Frame(3, 2, 4, 1)
    mask = trim(Image.new("L", (900, 600)), frame, (450, 300))
    assert mask.size == (900 - 14, 600 - 6)


def test_a_frame_is_left_out_of_photograph_alpha_and_masks(photograph):
    frame = Frame(4, 4, 4, 4)
    picture = framed(photograph, frame)
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (100, 100, 200, 200))
    picture.putalpha(alpha)
    mask = Image.new("L", picture.size, 255)
    settings = Settings.read(trim_frame=True, weights="random", content_mask=mask)
    inputs, plan = prepare(picture, [SWIRLS], settings)
    assert inputs.content.size == inputs.content.info["alpha"].size == inputs.paint_mask.size == (438, 288)
    kept, _ = prepare(picture, [SWIRLS], dataclasses.replace(settings, picture=Settings.read(weights="random").picture))
    assert kept.content.size == (450, 300)

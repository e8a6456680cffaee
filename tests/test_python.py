import ast
import builtins
import dataclasses
import inspect
import io
import json
import logging
import re
import runpy
import threading
import typing
from pathlib import Path

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, session
from PIL import Image, ImageCms
from safetensors.numpy import save_file

import neural_style
from neural_style.core.errors import UserError
from neural_style.images import geometry, reading
from neural_style.settings.schema import FIELDS
from neural_style.vgg import weights

SMALL = dict(weights="random", rows=32, style_layers=["block1_conv1"], content_layers=["block1_conv2"])
QUICK = dict(SMALL, iterations=2, evaluations_per_iteration=3)
FLAGS = ["--rows=32", "--style_layers=block1_conv1", "--content_layers=block1_conv2", "--iterations=2"]
FLAGS += ["--evaluations_per_iteration=3"]


def test_paths_images_and_arrays_give_the_same_picture_as_the_engine():
    steps = []
    image, record = neural_style.stylize(str(COFFEE), SWIRLS, callback=steps.append, **QUICK)
    *_, last = session(*FLAGS).steps()
    np.testing.assert_array_equal(np.asarray(image), last.image.clip(0, 255).astype(np.uint8))
    assert [step.index for step in steps] == [0, 1, 2]
    assert record["iterations"][-1]["loss"] == last.loss == steps[-1].loss
    assert record["complete"]
    with Image.open(COFFEE) as content, Image.open(SWIRLS) as style:
        again, _ = neural_style.stylize(content, [np.asarray(style)], **QUICK)
    np.testing.assert_array_equal(np.asarray(again), np.asarray(image))


def test_an_exception_in_the_callback_ends_the_run():
    def stop(step):
        if step.index == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        neural_style.stylize(COFFEE, SWIRLS, callback=stop, **QUICK)


@pytest.mark.parametrize(
    ("style", "options", "message"),
    [
        (SWIRLS, {"rows": 0}, "rows takes a whole number from 1"),
        (SWIRLS, {"row": 32}, "Did you mean rows"),
        (SWIRLS, {"recipe": "kreas"}, "recipe takes one of"),
        ([], {}, "at least one style"),
        (np.zeros((4, 4, 7)), {}, "received one of shape"),
    ],
)
def test_wrong_values_raise_errors(style, options, message):
    with pytest.raises(neural_style.UserError, match=message):
        neural_style.stylize(COFFEE, style, **options)


def test_none_restores_the_default_of_a_recipes_setting():
    assert neural_style.Settings.read("vgg16_notebook").picture.cols == 500
    assert neural_style.Settings.read("vgg16_notebook", cols=None).picture.cols is None
    assert neural_style.Settings.read("gatys", tv_weight=None).loss.tv_weight == 1.0


def test_lists_paths_and_masks_of_python_types(rng):
    half = np.zeros((32, 48), bool)
    half[:, 24:] = True
    look = dict(QUICK, content_layers=["block3_conv1"], style_layers=("block1_conv1",), style_blend=[1.0])
    painting = neural_style.stylize(COFFEE, [SWIRLS], content_mask=half, **look)
    photograph = geometry.resize(reading.load(COFFEE), 32, 48)
    np.testing.assert_array_equal(np.asarray(painting.image)[:, :24], photograph[:, :24])
    assert (np.asarray(painting.image)[:, 25:] != photograph[:, 25:]).mean() > 0.5
    assert (painting.array.dtype, painting.array.shape) == (np.float32, (32, 48, 3))
    grey = neural_style.stylize(COFFEE, [SWIRLS], content_mask=Image.fromarray(half.astype(np.uint8) * 255), **look)
    np.testing.assert_array_equal(grey.array, painting.array)


@pytest.mark.parametrize("picture", [[[1, 2]], 3, None, np.full((4, 4, 3), 0.5), np.full((4, 4, 3), np.nan)])
def test_other_objects_than_pictures_raise_errors(picture):
    with pytest.raises(neural_style.UserError, match="Expected an image"):
        neural_style.stylize(COFFEE, picture if picture is not None else [None], **QUICK)


def test_features_use_the_settings_of_the_network():
    look = dict(weights="random", network="vgg16", rows=32)
    features = neural_style.features(COFFEE, "block2_conv1", **look)
    assert features["block2_conv1"].shape == (16, 24, 128)
    assert features["image"].shape == (32, 48, 3)
    coarse = neural_style.features(COFFEE, ["block2_conv1"], precision="bfloat16", **look)
    assert 0 < np.abs(coarse["block2_conv1"] - features["block2_conv1"]).mean() < 0.02 * features["block2_conv1"].mean()
    scaled = neural_style.features(COFFEE, ["block2_conv1"], normalize_weights="images", **look)
    means = scaled["block2_conv1"].mean(axis=(0, 1))
    assert (means.max(), np.median(means)) == pytest.approx(
        (1, 1), rel=1e-3
    )  # of filters that are rarely active it is smaller
    learned = neural_style.features(COFFEE, ["block1_conv1"], weights="learned", rows=32)
    assert learned["block1_conv1"].shape == (32, 48, 64)


def test_an_engine_notices_that_a_weight_file_changed(tmp_path):
    path, engine, losses = tmp_path / "vgg.safetensors", neural_style.Engine(), []
    settings = neural_style.Settings.read(**{**SMALL, "weights": str(safetensors_file(path, 0)), "iterations": 0})
    for seed in (0, 0, 1):
        if seed:
            safetensors_file(path, seed)
        losses.append(next(engine.steps(COFFEE, [SWIRLS], settings)).loss)
    assert losses[0] == losses[1] != losses[2]


def safetensors_file(path, seed):
    tensors = {}
    for number, (kernel, bias) in enumerate(weights.load_random("vgg19", seed).values()):
        tensors[f"features.{number}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        tensors[f"features.{number}.bias"] = bias
    save_file(tensors, path)
    return path


def test_threads_wait_for_each_other():
    engine, settings, losses = neural_style.Engine(), neural_style.Settings.read(**QUICK), []

    def paint():
        losses.append([step.loss for step in engine.steps(COFFEE, [SWIRLS], settings)])

    threads = [threading.Thread(target=paint) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(losses) == 3
    assert losses[0] == losses[1] == losses[2]


def test_images_of_steps_are_read_only():
    steps = neural_style.Engine().steps(COFFEE, [SWIRLS], neural_style.Settings.read(**QUICK))
    with pytest.raises(ValueError, match="read-only"):
        next(steps).image[:] = 0


def test_a_painting_is_saved_with_the_metadata_of_the_photograph(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0110] = "camera"
    Image.open(COFFEE).convert("RGB").save(tmp_path / "photo.jpg", exif=exif, icc_profile=profile)
    painting = neural_style.stylize(tmp_path / "photo.jpg", SWIRLS, **SMALL, iterations=0)
    for ending in ("jpg", "png", "webp", "tif"):
        painting.save(tmp_path / f"out.{ending}")
        saved = Image.open(tmp_path / f"out.{ending}")
        assert saved.getexif()[0x0110] == "camera"
        assert saved.info["icc_profile"] == profile
    with pytest.raises(UserError, match=r"Expected a path that ends in .png"):
        painting.save(tmp_path / "out.bmp")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"recipe": ["paint"]}, "recipe takes one of"),
        ({"callback": 5}, "Expected a function of a Step as callback, received a int"),
        ({"content_weight": 0, "style_weight": 0, "tv_weight": 0}, "are all 0: nothing would be painted"),
    ],
)
def test_arguments_of_wrong_types_raise_errors(wrong, message):
    with pytest.raises(UserError, match=message):
        neural_style.stylize(COFFEE, SWIRLS, **wrong)


def test_a_single_style_without_a_list_and_settings_of_a_wrong_type(engine):
    settings = neural_style.Settings.read(**SMALL, iterations=0)
    assert len(list(engine.steps(COFFEE, SWIRLS, settings))) == 1
    with pytest.raises(UserError, match="Expected Settings, such as"):
        engine.steps(COFFEE, [SWIRLS], {"rows": 32})


def test_features_that_do_not_fit_into_memory_raise_an_error():
    with pytest.raises(UserError, match="The features of 60000 x 90000 pixels would need about"):
        neural_style.features(COFFEE, ["block5_conv4"], weights="random", rows=60000, largest_image=1)


def test_a_painting_shows_itself():
    painting = neural_style.stylize(COFFEE, SWIRLS, **QUICK)
    assert re.fullmatch(r"Painting\(32 x 48, loss \S+\)", repr(painting))
    with Image.open(io.BytesIO(painting._repr_png_())) as shown:
        assert (shown.format, shown.size) == ("PNG", (48, 32))
    assert painting.is_complete
    assert painting.record["total_seconds"] > 0
    assert painting.record["peak_memory_mb"] > 10


def test_a_bar_moves_with_each_evaluation(capsys):
    neural_style.stylize(COFFEE, SWIRLS, progress=True, **QUICK)
    assert re.search(r"painting: 100%\|.*loss=", capsys.readouterr().err)
    neural_style.stylize(COFFEE, SWIRLS, **QUICK)
    assert capsys.readouterr().err == ""


def test_an_interrupted_cell_gets_the_best_picture(monkeypatch):
    def interrupt(step):
        if step.index == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # in a program
        neural_style.stylize(COFFEE, SWIRLS, callback=interrupt, **{**QUICK, "iterations": 5})
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    painting = neural_style.stylize(COFFEE, SWIRLS, callback=interrupt, **{**QUICK, "iterations": 5})
    assert not painting.is_complete
    assert repr(painting).endswith(", interrupted)")
    assert painting.record["broken_off"] == "KeyboardInterrupt"
    assert len(painting.record["iterations"]) == 2


def test_settings_are_made_by_name():
    made = neural_style.Settings(rows=300, recipe="paint")
    assert made == neural_style.Settings.read("paint", rows=300)
    assert neural_style.Settings() == neural_style.Settings.read()
    assert dataclasses.replace(made, recipe=None).picture.rows == 300
    with pytest.raises(UserError, match="row"):
        neural_style.Settings(row=300)


def test_errors_name_keywords():
    with pytest.raises(UserError, match=r"^rows takes .*, received 'x'"):
        neural_style.stylize(COFFEE, SWIRLS, rows="x")
    with pytest.raises(UserError, match="recipe=instant has no loss"):
        neural_style.compare(COFFEE, SWIRLS, [COFFEE], recipe="instant")


def test_keywords_are_those_of_the_settings():
    generator = runpy.run_path(str(Path(__file__).parent.parent / "scripts" / "generate_keywords.py"))
    written = generator["TARGET"].read_text()
    assert ast.dump(ast.parse(generator["generate"]())) == ast.dump(ast.parse(written)), (
        "run scripts/generate_keywords.py"
    )
    hints = inspect.signature(neural_style.stylize).parameters["settings"].annotation
    assert set(typing.get_args(hints)[0].__annotations__) == set(FIELDS)


def test_recipes_are_listed():
    listed = neural_style.recipes()
    assert list(listed)[:3] == ["instant", "paint", "best"]
    assert "Start here" in listed["paint"].summary


def test_methods_are_listed():
    listed = neural_style.methods()
    assert "minimises a loss" in listed["optimize"]
    assert [neural_style.Settings(method=name).picture.method for name in listed] == list(listed)


def test_a_step_and_the_record_have_the_same_keys(engine):
    steps = []
    record = neural_style.stylize(COFFEE, SWIRLS, engine=engine, callback=steps.append, **QUICK).record
    recorded = [record["initial"], *record["iterations"]]
    for step, entry in zip(steps, recorded, strict=True):
        same = {name: getattr(step, name) for name in entry if name != "seconds"}
        assert json.loads(json.dumps(same)) == {name: value for name, value in entry.items() if name != "seconds"}


def test_tensorflow_gives_no_advice_on_traces_that_are_meant(caplog):
    caplog.set_level(logging.WARNING, "tensorflow")  # a command in this process may have raised it
    advice = "5 out of the last 5 calls to <function %s at 0x7f> triggered tf.function retracing."
    neural_style.Engine()
    heard = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    tensorflow = logging.getLogger("tensorflow")
    tensorflow.addHandler(handler)
    try:
        for name in ("Objective._measure", "Codec._make_encoder.<locals>.encode", "mine"):
            tensorflow.warning(advice, name)
    finally:
        tensorflow.removeHandler(handler)
    assert heard == [advice % "mine"]

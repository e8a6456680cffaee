import threading

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, session
from PIL import Image, ImageCms
from safetensors.numpy import save_file

import neural_style
from neural_style.core.errors import UserError
from neural_style.images import geometry, reading
from neural_style.vgg import weights

QUICK = dict(weights="random", rows=32, iterations=2, evaluations_per_iteration=3)


def test_paths_images_and_arrays_give_what_the_engine_gives():
    steps = []
    image, record = neural_style.stylize(str(COFFEE), SWIRLS, callback=steps.append, **QUICK)
    *_, last = session("--rows=32", "--iterations=2", "--evaluations_per_iteration=3").steps()
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
        (SWIRLS, {"rows": 0}, "--rows takes a whole number from 1"),
        (SWIRLS, {"row": 32}, "Did you mean rows"),
        (SWIRLS, {"recipe": "kreas"}, "--recipe takes one of"),
        ([], {}, "at least one style"),
        (np.zeros((4, 4, 7)), {}, "received one of shape"),
    ],
)
def test_what_is_wrong_is_told(style, options, message):
    with pytest.raises(neural_style.UserError, match=message):
        neural_style.stylize(COFFEE, style, **options)


def test_none_undoes_what_a_recipe_sets():
    assert neural_style.Settings.read("vgg16_notebook").picture.cols == 500
    assert neural_style.Settings.read("vgg16_notebook", cols=None).picture.cols is None
    assert neural_style.Settings.read("gatys", tv_weight=None).loss.tv_weight == 1.0


def test_lists_paths_and_masks_as_python_has_them(rng):
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
def test_what_is_no_picture_is_told(picture):
    with pytest.raises(neural_style.UserError, match="Expected an image"):
        neural_style.stylize(COFFEE, picture if picture is not None else [None], **QUICK)


def test_features_take_the_networks_settings():
    look = dict(weights="random", network="vgg16", rows=32)
    found = neural_style.features(COFFEE, "block2_conv1", **look)
    assert found["block2_conv1"].shape == (16, 24, 128)
    assert found["image"].shape == (32, 48, 3)
    coarse = neural_style.features(COFFEE, ["block2_conv1"], precision="bfloat16", **look)
    assert 0 < np.abs(coarse["block2_conv1"] - found["block2_conv1"]).mean() < 0.02 * found["block2_conv1"].mean()
    scaled = neural_style.features(COFFEE, ["block2_conv1"], normalize_weights="images", **look)
    means = scaled["block2_conv1"].mean(axis=(0, 1))
    assert (means.max(), np.median(means)) == pytest.approx((1, 1), rel=1e-3)  # a rare filter's is less
    learned = neural_style.features(COFFEE, ["block1_conv1"], weights="learned", rows=32)
    assert learned["block1_conv1"].shape == (32, 48, 64)


def test_an_engine_notices_that_a_weight_file_changed(tmp_path):
    path, engine, losses = tmp_path / "vgg.safetensors", neural_style.Engine(), []
    settings = neural_style.Settings.read(weights=str(safetensors_file(path, 0)), rows=32, iterations=0)
    for seed in (0, 0, 1):
        if seed:
            safetensors_file(path, seed)
        losses.append(next(engine.steps(COFFEE, [SWIRLS], settings)).loss)
    assert losses[0] == losses[1] != losses[2]


def safetensors_file(path, seed):
    tensors = {}
    for number, (kernel, bias) in enumerate(weights.random("vgg19", seed).values()):
        tensors[f"features.{number}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        tensors[f"features.{number}.bias"] = bias
    save_file(tensors, path)
    return path


def test_threads_take_turns():
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


def test_a_step_keeps_what_the_run_goes_on_from():
    steps = neural_style.Engine().steps(COFFEE, [SWIRLS], neural_style.Settings.read(**QUICK))
    with pytest.raises(ValueError, match="read-only"):
        next(steps).image[:] = 0


def test_a_painting_is_saved_with_what_the_photograph_carried(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0110] = "camera"
    Image.open(COFFEE).convert("RGB").save(tmp_path / "photo.jpg", exif=exif, icc_profile=profile)
    look = dict(weights="random", rows=32, iterations=0)
    painting = neural_style.stylize(tmp_path / "photo.jpg", SWIRLS, **look)
    for ending in ("jpg", "png", "webp", "tif"):
        painting.save(tmp_path / f"out.{ending}")
        found = Image.open(tmp_path / f"out.{ending}")
        assert found.getexif()[0x0110] == "camera"
        assert found.info["icc_profile"] == profile
    with pytest.raises(UserError, match=r"Expected a path that ends in .png"):
        painting.save(tmp_path / "out.bmp")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"recipe": ["paint"]}, "--recipe takes one of"),
        ({"callback": 5}, "Expected a function of a Step as callback, received a int"),
        ({"content_weight": 0, "style_weight": 0, "tv_weight": 0}, "are all 0: nothing would be painted"),
    ],
)
def test_wrong_kinds_of_arguments_are_told(wrong, message):
    with pytest.raises(UserError, match=message):
        neural_style.stylize(COFFEE, SWIRLS, **wrong)


def test_one_style_need_not_be_in_a_list_and_settings_are_settings(engine):
    settings = neural_style.Settings.read(weights="random", rows=32, iterations=0)
    assert len(list(engine.steps(COFFEE, SWIRLS, settings))) == 1
    with pytest.raises(UserError, match="Expected Settings, such as"):
        engine.steps(COFFEE, [SWIRLS], {"rows": 32})


def test_features_that_do_not_fit_into_memory_are_told():
    with pytest.raises(UserError, match="The features of 60000 x 90000 pixels would need about"):
        neural_style.features(COFFEE, ["block5_conv4"], weights="random", rows=60000, largest_image=1)

"""The training of decoders: it learns, goes on where it stood, and leaves a decoder that paints."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image

import neural_style
from neural_style.cache import Cache
from neural_style.command import train
from neural_style.errors import UserError
from neural_style.settings import decoders
from neural_style.settings.network import NetworkSettings
from neural_style.settings.universal import TrainingSettings
from neural_style.universal import decoder, training

NETWORK = NetworkSettings(network="vgg16", weights="random", padding="replicate")
PICTURES = [Image.open(path).convert("RGB") for path in (COFFEE, SWIRLS)]


def begun(**given):
    settings = TrainingSettings(**{"decoder": 2, "steps": 40, "crop": 32, "batch": 2, **given})
    return settings, training.begun(settings, NETWORK, PICTURES, Cache(1e9))


def test_errors_fall_and_a_training_goes_on_to_the_same_decoder():
    settings, whole = begun()
    progress = list(whole.steps(PICTURES, settings))
    assert [each.step for each in progress] == list(range(1, 41))
    for error in ("pixels", "features"):
        errors = [getattr(each, error) for each in progress]
        assert np.mean(errors[-5:]) < 0.7 * np.mean(errors[:5])
    _, first = begun()
    for each in first.steps(PICTURES, settings):
        if each.step == 25:
            break
    _, second = begun()
    second.restore(first.state())
    assert len(list(second.steps(PICTURES, settings))) == 15
    for one, other in zip(second.decoder().weights.values(), whole.decoder().weights.values(), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=1e-4)


def test_crops_are_of_the_seed_wherever_they_begin():
    taken = {
        (seed, first): next(iter(training.crops(PICTURES, 40, 3, seed, first))).numpy()
        for seed in (0, 1)
        for first in (0, 1)
    }
    batches = iter(training.crops(PICTURES, 40, 3, 0))
    np.testing.assert_array_equal(next(batches), taken[0, 0])
    np.testing.assert_array_equal(next(batches), taken[0, 1])
    assert taken[0, 0].shape == (3, 40, 40, 3)
    assert 0 <= taken[0, 0].min() < taken[0, 0].max() <= 255
    assert np.abs(taken[1, 0] - taken[0, 0]).mean() > 5


def test_a_lower_decoder_is_begun_with(tmp_path):
    low = decoder.fresh("vgg16", 2, 100.0, 5)
    decoder.save(tmp_path / "2.safetensors", low, decoders.encoder(NETWORK, 0))
    settings, higher = begun(decoder=3, begin=str(tmp_path / "2.safetensors"))
    kernel = low.weights["block2_conv1"][0]
    np.testing.assert_allclose(higher.decoder().weights["block2_conv1"][0], kernel, atol=1e-3)  # float16
    found = list(higher.steps(PICTURES, settings))
    assert [each.pixels is None for each in found] == [True] * 20 + [False] * 20
    assert found[19].features < 0.7 * found[0].features
    with pytest.raises(UserError, match="--begin takes a decoder of a level up to 1"):
        begun(decoder=1, begin=str(tmp_path / "2.safetensors"))


def test_a_decoder_is_trained_on(tmp_path):
    settings, first = begun(steps=5)
    list(first.steps(PICTURES, settings))
    decoder.save(tmp_path / "2.safetensors", first.decoder(), decoders.encoder(NETWORK, 0))
    _, again = begun(begin=str(tmp_path / "2.safetensors"), seed=1)
    assert again.decoder().unit == pytest.approx(first.decoder().unit)
    for one, other in zip(again.decoder().weights.values(), first.decoder().weights.values(), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=1e-3)  # float16


def test_psnr_of_a_known_error():
    images = np.full((1, 2, 2, 3), 100.0)
    assert training.psnr(images, images + 25.5) == pytest.approx(20)


def test_the_command_trains_a_decoder_that_paints(tmp_path):
    (tmp_path / "photos").mkdir()
    for path in (COFFEE, SWIRLS):
        (tmp_path / "photos" / path.name).write_bytes(path.read_bytes())
    words = ["--decoder=1", "--photos=photos", "one.safetensors", "--weights=random", "--steps=3", "--crop=32"]
    done = command(tmp_path, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Wrote one.safetensors: level 1; crops come back at" in done.stdout
    assert sorted(os.listdir(tmp_path)) == ["one.safetensors", "photos"]
    look = dict(method="wct", levels=1, weights="random", rows=32, decoders=str(tmp_path))
    assert neural_style.stylize(COFFEE, SWIRLS, **look).image.size == (48, 32)
    again = command(tmp_path, *words)
    assert (again.returncode, "is there already: choose another name" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Expected neural-style train --decoder=LEVEL"),
        (["--decoder=2", "--photos=photos", "out.h5"], "received out.h5 as OUT"),
        (["--decoder=6", "--photos=photos", "out.safetensors"], "a whole number from 1 to 5, received '6'"),
        (["--decoder=2", "--photos=nowhere", "out.safetensors"], "--photos takes a folder of images"),
        (["--decoder=2", "--photos=photos", "out.safetensors"], "holds none"),
        (["--decoder=2", "--photos=photos", "out.safetensors", "--weights=learned"], "depends on the picture"),
        (["--decoder=2", "--photos=photos", "out.safetensors", "--rows=9"], "rows"),
    ],
)
def test_what_is_wrong_is_told_before_tensorflow_is_loaded(words, message, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "engine_maker", lambda: pytest.fail("TensorFlow is loaded"))
    with pytest.raises(UserError) as told:
        train.run(words)
    assert message in str(told.value)


def test_a_state_of_other_flags_is_told(tmp_path):
    settings, some = begun(decoder=1)
    decoder.write_state(tmp_path / "state", some.state(), {"training": "these"})
    some.restore(decoder.read_state(tmp_path / "state", {"training": "these"}))
    with pytest.raises(UserError, match="a training with other flags"):
        decoder.read_state(tmp_path / "state", {"training": "others"})
    (tmp_path / "state").write_text("nothing")
    with pytest.raises(UserError, match="is no state of a training"):
        decoder.read_state(tmp_path / "state", {})


def test_help_names_every_flag(capsys):
    assert train.run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"--{name}" in said for name in ("decoder", "photos", "begin", "steps", "weights", "pooling"))


def command(folder, *words):
    line = [sys.executable, "-m", "neural_style", "train", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)

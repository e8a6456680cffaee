"""Training of decoders and of networks that paint: crops, losses, steps, states, and the command."""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from conftest import COFFEE, DATA, SWIRLS, pair, slow
from PIL import Image
from safetensors import safe_open

import neural_style
from neural_style.cli import train
from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.feedforward import network
from neural_style.images.scene import Region, Scene
from neural_style.losses import functions
from neural_style.losses.loss import make_loss
from neural_style.optimize.objective import Objective
from neural_style.pretrained import decoders, style_networks
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.training import band_training, decoder_training, network_job, network_setup, state_files
from neural_style.training.crops import Crops, numbered_batches
from neural_style.universal import band_decoder, decoder
from neural_style.vgg import model, weights

NETWORK = NetworkSettings(network="vgg16", weights="random", padding="replicate")
PATHS = [COFFEE, SWIRLS]
LOSS = LossSettings(
    content_layers=("block2_conv2",),
    style_layers=("block1_conv1", "block2_conv1"),
    normalization="scale",
    content_weight=1.0,
    style_weight=4.0,
    tv_weight=1.0,
)


def start_decoder(**given):
    settings = TrainingSettings(**{"decoder": 2, "steps": 40, "crop": 32, "batch": 2, **given})
    crops = Crops(PATHS, settings.crop, settings.batch, settings.seed)
    return settings, crops, decoder_training.start_training(settings, NETWORK, crops, Cache(1e9))


def assert_errors_fall(progress, count, share):
    """The mean errors of the last steps are less than a share of those of the first."""
    for error in ("pixels", "features"):
        errors = [getattr(step, error) for step in progress]
        assert np.mean(errors[-count:]) < share * np.mean(errors[:count])


def assert_resumes(start, last_step, whole):
    """A training that is interrupted after a step and resumed ends with the decoder of one without a break."""
    settings, crops, first = start()
    for progress in first.steps(crops, settings.steps):
        if progress.step == last_step:
            break
    _, _, second = start()
    second.restore(first.state())
    assert len(list(second.steps(crops, settings.steps))) == settings.steps - last_step
    for one, other in zip(second.decoder().weights.values(), whole.decoder().weights.values(), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=1e-4)


def test_a_decoders_errors_fall_and_a_resumed_training_gives_the_same_decoder():
    settings, crops, whole = start_decoder()
    progress = list(whole.steps(crops, settings.steps))
    assert [each.step for each in progress] == list(range(1, 41))
    assert_errors_fall(progress, count=5, share=0.7)
    assert_resumes(start_decoder, 25, whole)


def start_band_decoder(**given):
    settings = TrainingSettings(**{"band_decoder": True, "steps": 16, "crop": 32, "batch": 2, **given})
    crops = Crops(PATHS, settings.crop, settings.batch, settings.seed)
    return settings, crops, band_training.start_training(settings, NETWORK, crops, Cache(1e9))


@pytest.mark.slow
def test_a_band_decoders_errors_fall_and_a_resumed_training_gives_the_same_decoder(tmp_path):
    settings, crops, whole = start_band_decoder()
    progress = list(whole.steps(crops, settings.steps))
    assert_errors_fall(progress, count=4, share=0.8)
    assert_resumes(start_band_decoder, 10, whole)
    path = tmp_path / "bands.safetensors"
    band_decoder.save(path, whole.decoder(), decoders.band_encoder(NETWORK, 0))
    _, _, again = start_band_decoder(init_from=str(path))
    for one, other in zip(again.decoder().weights.values(), whole.decoder().weights.values(), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=4e-3)  # float16 and 8 bits
    assert again.decoder().units == whole.decoder().units


def test_crops_depend_only_on_the_seed_and_their_number():
    found = {
        (seed, first): next(iter(Crops(PATHS, 40, 3, seed).batches(first))).numpy()
        for seed in (0, 1)
        for first in (0, 1)
    }
    batches = iter(Crops(PATHS, 40, 3, 0).batches())
    np.testing.assert_array_equal(next(batches), found[0, 0])
    np.testing.assert_array_equal(next(batches), found[0, 1])
    assert found[0, 0].shape == (3, 40, 40, 3)
    assert 0 <= found[0, 0].min() < found[0, 0].max() <= 255
    assert np.abs(found[1, 0] - found[0, 0]).mean() > 5


def test_photographs_that_vanish_are_an_error(tmp_path):
    photograph = tmp_path / "photo.png"
    Image.open(COFFEE).save(photograph)
    crops = Crops([photograph], 32, 2, 0)
    photograph.unlink()
    with pytest.raises(UserError, match=r"^--photos holds no image that can be read any more: put them back"):
        list(numbered_batches(crops, 0, 2))


def test_unreadable_photographs_are_reported_once_and_skipped(tmp_path, capsys):
    shutil.copy(COFFEE, tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    whole = COFFEE.read_bytes()
    (tmp_path / "c.png").write_bytes(whole[: len(whole) // 2])  # its header tells a size that the rest does not hold
    Image.new("RGB", (20, 300)).save(tmp_path / "d.png")
    crops = Crops(sorted(tmp_path.iterdir()), 32, 4, 0)
    batches = [images.numpy() for _, images in numbered_batches(crops, 0, 6)]
    said = capsys.readouterr().err
    assert (said.count("b.png"), said.count("c.png"), said.count("d.png")) == (1, 1, 0)
    alone = Crops([tmp_path / "a.png"], 32, 4, 0)
    assert all(np.isfinite(batch).all() and batch.std() > 1 for batch in batches)
    assert alone.batch(0).shape == batches[0].shape
    with pytest.raises(UserError, match="no image of at least 32 rows"):
        Crops([tmp_path / "b.png", tmp_path / "d.png"], 32, 4, 0)


def test_a_decoder_starts_from_a_lower_one(tmp_path):
    low = decoder.initialize("vgg16", 2, 100.0, 5)
    decoder.save(tmp_path / "2.safetensors", low, decoders.encoder(NETWORK, 0))
    settings, crops, higher = start_decoder(decoder=3, init_from=str(tmp_path / "2.safetensors"))
    kernel = low.weights["block2_conv1"][0]
    np.testing.assert_allclose(higher.decoder().weights["block2_conv1"][0], kernel, atol=1e-3)  # float16
    found = list(higher.steps(crops, settings.steps))
    assert [each.pixels is None for each in found] == [True] * 20 + [False] * 20
    assert found[19].features < 0.7 * found[0].features
    with pytest.raises(UserError, match="--init_from takes a decoder of a level up to 1"):
        start_decoder(decoder=1, init_from=str(tmp_path / "2.safetensors"))
    other = dataclasses.replace(NETWORK, network="vgg19")
    decoder.save(tmp_path / "4.safetensors", decoder.initialize("vgg19", 4, 100.0, 5), decoders.encoder(other, 0))
    with pytest.raises(UserError, match="of vgg16, and .* is one of another network"):
        start_decoder(decoder=4, init_from=str(tmp_path / "4.safetensors"))


def test_a_decoder_starts_from_one_of_its_level(tmp_path):
    settings, crops, first = start_decoder(steps=5)
    list(first.steps(crops, settings.steps))
    decoder.save(tmp_path / "2.safetensors", first.decoder(), decoders.encoder(NETWORK, 0))
    _, _, again = start_decoder(init_from=str(tmp_path / "2.safetensors"), seed=1)
    for one, other in zip(again.decoder().weights.values(), first.decoder().weights.values(), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=1e-3)  # float16


def test_psnr_of_a_known_error():
    images = np.full((1, 2, 2, 3), 100.0)
    assert decoder_training.psnr(images, images + 25.5) == pytest.approx(20)


def two_styles():
    """Two styles of different sizes."""
    return [pair(48, 64)[1], pair(40, 44)[0]]


def start_network(names=("waves", "cups"), loss=LOSS, **given):
    """A network's training before its first step."""
    kinds = {field: cls for cls in (TrainingSettings, StylesSettings) for field in cls.__dataclass_fields__}
    of = {cls: {name: value for name, value in given.items() if kinds[name] is cls} for cls in set(kinds.values())}
    settings = TrainingSettings(**{"steps": 30, "crop": 32, "batch": 4, **of[TrainingSettings]})
    how = StylesSettings(**{"width": 0.125, "content_energy": "crop", **of[StylesSettings]})
    return settings, network_setup.start_training(
        settings, how, loss, NETWORK, names, two_styles()[: len(names)], Cache(1e9)
    )


def test_losses_equal_those_of_optimisation():
    """Before the first step: each crop is the content, each style the style, the painting the combination."""
    _, (made, trainer) = start_network()
    crops, which = Crops(PATHS, 32, 4, 3).batch(0), np.array([0, 1, 1, 0])
    found = trainer.losses(tf.constant(crops), which)
    layers = sorted({*LOSS.content_layers, *LOSS.style_layers})
    objective = Objective(model.build(NETWORK, weights.load_random("vgg16", 0), layers), make_loss(LOSS))
    for number, (crop, style) in enumerate(zip(crops, which, strict=True)):
        painted = made.layers(tf.constant(crop[None], tf.float32), tf.one_hot([style], 2)[:, None, None]).numpy()[0]
        scene = Scene(crop, [Region([two_styles()[style]], [1.0], 1.0, None)], crop)
        _, _, expected = objective.bind_scene(scene)(painted.astype(np.float64))
        for name, value in expected.items():
            assert found[name][number] == pytest.approx(float(value), rel=1e-5), name
        board = float(functions.checkerboard(painted[None].astype(np.float64), 4, 8)[0])
        assert found["checkerboard"][number] == pytest.approx(0.1 * board, rel=1e-4)
        assert found.keys() == {*expected, "checkerboard"}


def test_no_checkerboard_term_without_a_weight():
    crops, which = tf.constant(Crops(PATHS, 32, 4, 3).batch(0)), np.array([0, 1, 1, 0])
    assert "checkerboard" not in start_network(checkerboard_weight=0.0)[1][1].losses(crops, which)


def test_content_is_divided_by_the_energy_of_styles():
    """The same losses, but that content is divided by the variance of both styles' features instead of the crop's."""
    crops, which = tf.constant(Crops(PATHS, 32, 4, 3).batch(0)), np.array([0, 1, 1, 0])
    own, shared = (start_network(content_energy=energy)[1][1].losses(crops, which) for energy in ("crop", "styles"))
    encoder = model.build(NETWORK, weights.load_random("vgg16", 0), LOSS.content_layers)
    styles = [encoder(style[None])[LOSS.content_layers[0]].numpy() for style in two_styles()]
    variance = np.concatenate([style.reshape(-1, style.shape[-1]) for style in styles]).var(axis=0).sum()
    for name in own:
        found = encoder(crops)[LOSS.content_layers[0]].numpy()
        factor = found.var(axis=(1, 2)).sum(axis=-1) / variance if name.startswith("content") else np.ones(4)
        np.testing.assert_allclose(shared[name], own[name] * factor, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("architecture", ["johnson", slow("deep"), slow("msg")])
def test_every_term_falls(architecture):
    settings, (_, trainer) = start_network(architecture=architecture, steps=80, rate=4e-3)
    crops = Crops(PATHS, settings.crop, settings.batch, 0)
    fixed, which = tf.constant(crops.batch(1000)), np.array([0, 1, 0, 1])
    before = {name: values.mean() for name, values in trainer.losses(fixed, which).items()}
    progress = [trainer.run(images) for _, images in numbered_batches(crops, 0, settings.steps)]
    after = {name: values.mean() for name, values in trainer.losses(fixed, which).items()}
    assert [each.step for each in progress] == list(range(1, 81))
    for name in before:
        if name.startswith("style"):
            assert after[name] < 0.7 * before[name], name
    assert sum(after.values()) < 0.7 * sum(before.values())
    assert progress[0].loss == pytest.approx(sum(progress[0].terms.values()))


def test_styles_take_turns():
    _, (_, trainer) = start_network()
    drawn = [tuple(trainer.style_numbers(step, 3)) for step in range(4)]
    assert drawn == [(0, 1, 0), (1, 0, 1), (0, 1, 0), (1, 0, 1)]


def test_a_loss_that_is_not_finite_keeps_the_weights():
    _, (made, trainer) = start_network()
    before = [variable.numpy() for variable in made.model.weights]
    with pytest.raises(UserError, match="At step 1 the loss or its gradient is not finite"):
        trainer.run(tf.fill((4, 32, 32, 3), tf.constant(np.nan, tf.float64)))
    for variable, value in zip(made.model.weights, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert trainer.step == 0


@pytest.mark.slow
def test_msg_stores_its_styles_gram_matrices():
    settings, (made, trainer) = start_network(architecture="msg", steps=2)
    for _, images in numbered_batches(Crops(PATHS, settings.crop, settings.batch, 0), 0, 2):
        trainer.run(images)
    trainer.finish()
    style, image = tf.one_hot([0], 2)[:, None, None], tf.constant(pair(48, 64)[1][None], tf.float32)
    np.testing.assert_allclose(made.layers.match.grams[0], made.layers.gram(image, style)[0], rtol=1e-4, atol=1e-7)
    both = [made.layers(image, tf.one_hot([number], 2)[:, None, None]).numpy() for number in (0, 1)]
    assert np.abs(both[0] - both[1]).max() > 0


SHARED = """
import sys, json
import numpy as np, tensorflow as tf
sys.path.insert(0, {folder!r})
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * {devices})
import test_training as t
from neural_style.training import network_setup
network_setup.STRATEGIES["mirrored"] = lambda: tf.distribute.MirroredStrategy([f"CPU:{{n}}" for n in range({devices})])
settings, (made, trained) = t.start_network(strategy={strategy!r}, steps=4, architecture="johnson")
crops = t.Crops(t.PATHS, settings.crop, settings.batch, 0)
print(json.dumps([trained.run(images).terms for _, images in t.numbered_batches(crops, 0, 4)]))
"""


def _shared(strategy, devices=1, **environment):
    code = SHARED.format(folder=os.path.dirname(__file__), strategy=strategy, devices=devices)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def _losses(process):
    import json

    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-2000:]
    return json.loads(out.strip().splitlines()[-1])


@pytest.mark.slow
def test_two_workers_give_the_losses_of_one(tmp_path):
    """Two devices of one machine, and two machines (here processes) that TF_CONFIG names."""
    import json
    import socket

    expected = _losses(_shared("none"))
    found = [_losses(_shared("mirrored", devices=2))]
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    workers = [
        _shared("multi_worker", TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}))
        for index in (0, 1)
    ]
    found += [_losses(worker) for worker in workers]
    for losses in found:
        for step, (one, other) in enumerate(zip(losses, expected, strict=True)):
            # Adam's first move is by the gradients' signs, and a later one makes a rounding a hundred times as large.
            exact = 1e-5 if step < 2 else 1e-3
            for name, value in other.items():
                assert one[name] == pytest.approx(value, rel=exact), (step, name)


def command(folder, *words):
    line = [sys.executable, "-m", "neural_style", "train", *map(str, words)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def photos(tmp_path, tmp_path_factory, monkeypatch):
    """A folder with a folder of photographs; exports go into a cache folder of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    (tmp_path / "photos").mkdir()
    for path in PATHS:
        shutil.copy(path, tmp_path / "photos")
    return tmp_path


def test_the_command_trains_a_decoder_that_paints(photos):
    words = ["--decoder=1", "--photos=photos", "one.safetensors", "--weights=random", "--steps=3", "--crop=32"]
    done = command(photos, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Wrote one.safetensors: level 1; crops are decoded at" in done.stdout
    assert sorted(os.listdir(photos)) == ["one.safetensors", "photos"]
    look = dict(method="wct", bands=False, levels=1, weights="random", rows=32, decoders=str(photos))
    assert neural_style.stylize(COFFEE, SWIRLS, **look).image.size == (48, 32)
    again = command(photos, *words)
    assert (again.returncode, "exists already: choose another name" in again.stderr) == (1, True)


def test_the_command_trains_a_band_decoder_that_paints(photos):
    words = ["--band_decoder", "--photos=photos", "all.safetensors", "--weights=random", "--steps=2", "--crop=32"]
    done = command(photos, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Wrote all.safetensors: bands; crops are decoded at" in done.stdout
    look = dict(method="adain", bands=True, levels=(4, 3, 2, 1), weights="random", rows=32, decoders=str(photos))
    assert neural_style.stylize(COFFEE, SWIRLS, **look).image.size == (48, 32)


PAINTERS = style_networks.by_name()["painters"]
TORCH = DATA / "johnson.pth"
DEEP = "--architecture=deep"
"""Asks for the training of a whole network."""
SMALL = [
    "--weights=random",
    "--architecture=johnson",
    "--crop=32",
    "--width=0.125",
    "--style_size=48",
    "--photos=photos",
    "--precision=float32",
    "--noexport",
]


@pytest.mark.slow
def test_the_command_trains_a_network_that_paints(photos):
    words = [SWIRLS, DATA / "chelsea.jpg", "two.keras", "--steps=100", f"--shows={COFFEE}", "--shows_every=60"]
    words += ["--content_layers=block2_conv1", "--style_layers=block1_conv1,block2_conv1", "--tensorboard=board"]
    done = command(photos, *words, *SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "step 100 of 100: loss" in done.stdout
    assert "Wrote two.keras: swirls, chelsea; loss" in done.stdout
    assert sorted(os.listdir(photos)) == ["board", "photos", "two.keras", "two_at_step_60.png", "two_losses.png"]
    with Image.open(photos / "two_at_step_60.png") as shown:
        assert shown.size == (2 * 384, 256)
    (events,) = (photos / "board").iterdir()
    assert b"loss" in events.read_bytes()
    metadata = style_networks.metadata_of(photos / "two.keras")
    assert metadata["styles"] == ["swirls", "chelsea"]
    assert metadata["training"]["flags"]["style_layers"] == "block1_conv1,block2_conv1"
    assert metadata["training"]["losses"][-1]["step"] == 100
    kept = [word for word in SMALL if not word.startswith(("--architecture", "--width", "--noexport"))]
    assert command(photos, SWIRLS, "more.keras", "--steps=1", "--init_from=two.keras", *kept).returncode == 0
    more = style_networks.metadata_of(photos / "more.keras")["training"]
    assert more["before"] == metadata["training"]
    assert (more["flags"]["architecture"], more["flags"]["width"]) == ("johnson", "0.125")
    found = neural_style.stylize(COFFEE, photos / "two.keras", style="chelsea", rows=40)
    assert found.image.size == (60, 40)
    assert "runtime" not in found.record  # it was not exported
    quick = neural_style.stylize(COFFEE, photos / "more.keras", rows=40)
    exact = neural_style.stylize(COFFEE, photos / "more.keras", rows=40, precision="float32")
    assert quick.record["runtime"].startswith("LiteRT")
    assert np.abs(quick.array - exact.array).mean() < 1


@pytest.mark.slow
def test_an_interrupted_training_is_not_overwritten_and_resumes_at_another_rate(photos):
    words = [SWIRLS, "one.keras", *SMALL, "--content_layers=block1_conv2", "--style_layers=block1_conv1"]
    line = [sys.executable, "-m", "neural_style", "train", *map(str, words), "--steps=5000"]
    with subprocess.Popen(line, cwd=photos, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline().startswith("step 100 of 5000")
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    before = (photos / "one.keras.state").read_bytes()
    again = command(photos, *words, "--steps=5000")
    assert again.returncode == 1
    assert "'one.keras.state' of an interrupted training exists: continue with --resume" in again.stderr
    assert (photos / "one.keras.state").read_bytes() == before
    other = command(photos, *words, "--steps=5000", "--width=0.25", "--resume")
    assert "is the state of a training with other flags (--width was 0.125, and is 0.25)" in other.stderr
    state = photos / "one.keras.state"
    with safe_open(state, "np") as file:
        identity = file.metadata()
    kept = state_files.read(state, identity)
    for name, instead in [("0", {}), ("0", {"0": np.zeros(7, np.float32)})]:
        state_files.write(state, {key: value for key, value in kept.items() if key != name} | instead, identity)
        damaged = command(photos, *words, "--steps=5000", "--resume")
        assert damaged.returncode == 1
        assert "is not the state of this training: remove it to start anew" in damaged.stderr
    state.write_bytes(before)
    with subprocess.Popen([*line, "--resume", "--rate=1e-4"], cwd=photos, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("Resuming at step 1")
        process.kill()


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights(photos):
    words = [*SMALL, "--steps=180", "--batch=1", "--content_layers=block1_conv2", "--style_layers=block1_conv1"]
    assert command(photos, SWIRLS, "whole.keras", *words).returncode == 0
    line = [sys.executable, "-m", "neural_style", "train", str(SWIRLS), "killed.keras", *words]
    with subprocess.Popen(line, cwd=photos, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        state = photos / "killed.keras.state"
        while not state.exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    done = command(photos, SWIRLS, "killed.keras", *words, "--resume")
    assert done.returncode == 0, done.stderr
    assert re.search(r"Resuming at step (25|50|75|100|125|150|175) of 180\.", done.stdout)
    one, other = (network.load(photos / f"{name}.keras").model.weights for name in ("whole", "killed"))
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert not state.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "received no path where OUT.keras belongs"),
        (["--decoder=2", "out.safetensors"], "--photos=FOLDER is missing"),
        (["--decoder=2", "--photos=photos", "out.h5"], "received out.h5 where OUT.safetensors belongs"),
        (["--decoder=6", "--photos=photos", "out.safetensors"], "a whole number from 1 to 5, received '6'"),
        (["--decoder=2", "--photos=nowhere", "out.safetensors"], "--photos takes a folder of images"),
        (["--decoder=2", "--photos=photos", "out.safetensors"], "holds none"),
        (["--decoder=2", "--photos=full", "out.safetensors", "--weights=learned"], "depends on the picture"),
        (["--decoder=2", "--photos=photos", "out.safetensors", "--rows=9"], "rows"),
        (["--decoder=2", "--photos=full", "out.safetensors", "--width=1"], "--width is of networks"),
        (["--decoder=2", "--photos=full", "a.png", "out.safetensors"], "--decoder takes no styles"),
        (["--band_decoder", "--photos=full", "a.png", "out.safetensors"], "--band_decoder takes no styles"),
        (["--band_decoder", "--decoder=2", "--photos=full", "out.safetensors"], "leave one out"),
        (["--band_decoder", "--photos=full", "out.safetensors", "--width=1"], "--width is of networks"),
        (["--photos=full", "out.keras"], "Expected at least one PAINTING"),
        (["full/a.png", "full/b.png", "out.png", "--photos=full"], "received out.png where OUT.keras belongs"),
        (["full/a.png", "full/a.png", "out.keras", "--photos=full"], "two are called 'a': rename one"),
        (["nowhere.png", "out.keras", "--photos=full"], "'nowhere.png' does not exist"),
        (
            ["full/a.png", "out.keras", "--photos=full", "--init_from=x.keras"],
            "--init_from takes a file or painters, received 'x.keras'",
        ),
        (["full/a.png", "out.keras", "--photos=full", "--init_from=painters", "--width=0.5"], "has 1: leave it out"),
        (["full/a.png", "out.keras", "--photos=full", "--only_styles", DEEP], "--only_styles adds styles to a network"),
        (["full/a.png", "out.keras", "--width=0.5"], "--width=1 --photos=FOLDER, and --photos"),
        (["full/a.png", "out.keras", "--photos=full", f"--init_from={PAINTERS}", "--width=0.5"], "has 1: leave it out"),
        (
            ["full/a.png", "out.keras", "--photos=full", f"--init_from={TORCH}", "--width=1"],
            "has its own: leave it out",
        ),
        (["full/a,b.png", "out.keras", "--photos=full"], "--style separates names by commas: rename 'a,b'"),
        (
            ["full/a.png", "out.keras", "--photos=full", "--shows=long.png"],
            "and the picture of --shows would have 256 rows",
        ),
        (
            ["long.png", "out.keras", "--photos=full", "--crop=32", "--style_size=32"],
            "'long' would have 370 rows and 3",
        ),
        (
            [
                "full/a.png",
                "out.keras",
                "--photos=full",
                "--crop=32",
                DEEP,
                "--style_loss=mrf",
                "--style_layers=block5_conv1",
            ],
            "and a crop would have 32 rows",
        ),
        (
            ["full/a.png", "out.keras", "--photos=full", "--content_energy=crop", "--normalization=none", DEEP],
            "--content_energy is of --normalization=scale, and that is none: leave it out.",
        ),
        (["full/a.png", "out.keras", "--photos=full", "--crop=128", DEEP], "no image of at least 128 rows"),
        (["--decoder=2", "--photos=full", "out.safetensors", "--crop=128"], "no image of at least 128 rows"),
        (["full/a.png", "nowhere/out.keras", "--photos=full"], "The output folder 'nowhere' does not exist"),
        (["full/a.png", "out.keras", "--photos=full", "--style_layers=block9"], "--style_layers takes convolutions"),
    ],
)
def test_mistakes_are_reported_before_tensorflow_is_loaded(words, message, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "full").mkdir()
    for name, size in [("full/a", (64, 64)), ("full/a,b", (64, 64)), ("long", (3, 400))]:
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)

    monkeypatch.setattr(train, "load_tensorflow", lambda: pytest.fail("TensorFlow is loaded"))
    with pytest.raises(UserError) as told:
        train.run(words)
    assert message in str(told.value)


def test_a_state_of_another_training_is_refused(tmp_path):
    _, _, some = start_decoder(decoder=1)
    state_files.write(tmp_path / "state", some.state(), {"training": "these"})
    some.restore(state_files.read(tmp_path / "state", {"training": "these"}))
    for identity, message in [
        (
            {"training": "others"},
            "other flags \\(--training was these, and is others\\): use the same flags, or remove",
        ),
        ({"training": ""}, "--training was these, and is not given"),
        ({"training": "these", "more": "of it"}, "another set of flags \\(more\\), and can't resume: remove it"),
        ({"files": "those", "training": "others", "more": "of it"}, "another set of flags \\(files\\)"),
    ]:
        with pytest.raises(UserError, match=message):
            state_files.read(tmp_path / "state", identity)
    state_files.write(tmp_path / "state", some.state(), {"files": "those"})
    with pytest.raises(UserError, match="other photographs, styles or networks, or in another order: name"):
        state_files.read(tmp_path / "state", {"files": "these"})
    state_files.write(tmp_path / "state", some.state(), {})
    with pytest.raises(UserError, match="is not the state of a training: remove it"):
        state_files.read(tmp_path / "state", {"training": "these"})
    (tmp_path / "state").write_text("nothing")
    with pytest.raises(UserError, match="is not the state of a training"):
        state_files.read(tmp_path / "state", {})


def test_a_state_with_the_former_name_of_a_flag_is_read(tmp_path):
    state = {"0": np.ones(2, np.float32)}
    state_files.write(tmp_path / "state", state, {"begin": "painters", "files": "these"})
    read = state_files.read(tmp_path / "state", {"init_from": "painters", "files": "these"})
    np.testing.assert_array_equal(read["0"], state["0"])
    with pytest.raises(UserError, match="--init_from was painters, and is not given"):
        state_files.read(tmp_path / "state", {"init_from": "", "files": "these"})


@pytest.mark.parametrize("former", ["--begin=painters", "--flagfile=begin.flags"])
def test_the_former_name_of_a_flag_works_and_is_not_shown(former, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save("photos/a.png")
    (tmp_path / "begin.flags").write_text("--begin=painters\n")
    jobs = []
    monkeypatch.setattr(network_job, "run", lambda job, make_cache: jobs.append(job))
    for flag in (former, "--init_from=painters"):
        assert train.run(["photos/a.png", "out.keras", "--photos=photos", "--crop=32", flag]) == 0
    assert jobs[0] == jobs[1]
    assert jobs[0].training.init_from == str(PAINTERS)
    assert train.run(["--help"]) == 0
    assert "begin" not in capsys.readouterr().out


def test_help_names_every_flag(capsys):
    assert train.run(["--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    flags = ("decoder", "photos", "init_from", "steps", "weights", "pooling", "architecture", "style_size", "resume")
    assert all(name in said for name in flags)
    assert re.search(r"--tv_exponent.*?default: 0\.5\)", said, re.DOTALL)  # the recipe's, not Keras' example's

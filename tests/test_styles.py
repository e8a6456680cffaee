"""Styles that are added to a network, the published styles of Dumoulin et al., and networks in ONNX files."""

import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import tensorflow as tf
from conftest import COFFEE, DATA, SWIRLS
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import neural_style
from neural_style.cli import train
from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.feedforward import network, torch_files
from neural_style.images import color
from neural_style.pretrained import onnx_files as onnx_reader
from neural_style.pretrained import style_networks
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.training import network_setup, style_job
from neural_style.training.crops import Crops
from neural_style.training.style_training import StyleObjective
from neural_style.vgg import model, weights

PAINTERS = style_networks.by_name()["painters"]
PUBLISHED = np.load(DATA / "published_styles.npz")
VGG = NetworkSettings(network="vgg16", weights="random", padding="replicate")
LOSS = LossSettings(
    content_layers=("block2_conv2",),
    style_layers=("block1_conv1", "block2_conv1"),
    content_weight=1.0,
    style_weight=8.0,
    tv_weight=0.5,
)


def one_hot(shares, names):
    style = np.zeros((1, 1, 1, len(names)), np.float32)
    for name, share in shares.items():
        style[..., names.index(name)] = share
    return style


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), np.float32)


@pytest.fixture(scope="module")
def painters():
    return network.load(PAINTERS)


@pytest.mark.parametrize(
    ("key", "shares"),
    [
        ("style0", {"published_1": 1}),
        ("style7", {"published_8": 1}),
        ("style19", {"published_20": 1}),
        ("blend_3_12", {"published_4": 0.5, "published_13": 0.5}),
    ],
)
def test_the_published_styles_equal_onnxruntimes(painters, key, shares):
    photo = pixels(DATA / "photo_96x144.png")[None]
    found = painters.layers(photo, one_hot(shares, painters.styles)).numpy()[0] / 255
    assert np.abs(found - PUBLISHED[key].astype(np.float32)).max() < 1e-3


NAMES, STYLES = ["swirls", "coffee"], [pixels(SWIRLS)[:64, :96], pixels(COFFEE)[:64, :64]]


@pytest.fixture
def started():
    """Crops, and a network with two new styles and its training before the first step."""
    settings = TrainingSettings(steps=20, crop=48, batch=2, rate=0.03)
    styles_settings = StylesSettings(add_to=str(PAINTERS), checkerboard_weight=0.03)
    crops = Crops([DATA / "chelsea.jpg", COFFEE], settings.crop, settings.batch, settings.seed, of_one_photograph=True)
    return crops, *network_setup.start_style_training(
        settings, styles_settings, LOSS, VGG, NAMES, STYLES, crops, Cache(1e9)
    )


def test_training_changes_the_new_styles_alone_and_lowers_their_loss(painters, started):
    crops, made, trainer = started
    assert made.styles == (*NAMES, *painters.styles)
    before = [variable.numpy() for variable in made.model.weights]
    images = tf.constant(crops.batch(5))
    first = [trainer.losses(images, np.full(2, number)) for number in (0, 1)]
    progress = list(trainer.steps(crops, 20))
    assert len(progress) == 20
    for variable, old, trunk in zip(made.model.weights, before, painters.model.weights, strict=True):
        if variable.name in ("gamma", "beta"):
            np.testing.assert_array_equal(variable.numpy()[2:], trunk.numpy())
            assert np.abs(variable.numpy()[:2] - old[:2]).max(axis=1).min() > 0
        else:
            np.testing.assert_array_equal(variable.numpy(), trunk.numpy())
    for number, terms in zip((0, 1), first, strict=True):
        later = trainer.losses(images, np.full(2, number))
        assert sum(value.mean() for value in later.values()) < 0.9 * sum(value.mean() for value in terms.values())


def test_a_style_begins_as_the_nearest_of_the_network_and_learns_in_its_colours(painters, started):
    crops, made, trainer = started
    _, kernels, _ = weights.load_cached(VGG, 0, Cache(1e9))
    encoder = model.build(VGG, kernels, LOSS.style_layers, "float32")
    target = {name: gram(maps) for name, maps in encoder(STYLES[0][None].astype(np.float64)).items()}
    images, distances = crops.batch(0).astype(np.float32), []
    for name in painters.styles:
        painted = painters.layers(images, np.repeat(one_hot({name: 1}, painters.styles), 2, axis=0))
        found = encoder(tf.cast(painted, tf.float64))
        distances.append(np.mean([relative(gram(found[layer]), target[layer]) for layer in LOSS.style_layers]))
    nearest = int(np.argmin(distances))
    for variable, trunk in zip(made.model.weights, painters.model.weights, strict=True):
        if variable.name in ("gamma", "beta"):
            np.testing.assert_array_equal(variable.numpy()[0], trunk.numpy()[nearest])
    recolored = color.palette_of(trainer.contents(tf.constant(images), np.ones(2, int)))
    wanted = color.palette_of([STYLES[1]])
    np.testing.assert_allclose(recolored.mean, wanted.mean, atol=0.03)
    np.testing.assert_allclose(recolored.covariance, wanted.covariance, atol=0.01)


def gram(features):
    flat = np.asarray(features, np.float64).reshape(-1, features.shape[-1])
    return flat.T @ flat / len(flat)


def relative(found, target):
    return np.sum((found - target) ** 2) / np.sum(target**2)


def test_the_terms_equal_an_independent_computation():
    _, kernels, _ = weights.load_cached(VGG, 0, Cache(1e9))
    encoder = model.build(VGG, kernels, LOSS.layers, "float64")
    style, contents = pixels(SWIRLS)[:64, :96], pixels(COFFEE)[None, :48, :48].astype(np.float64).repeat(2, axis=0)
    contents[1] = contents[1][::-1]
    painted = contents * 0.7 + 20 + np.random.default_rng(0).normal(0, 5, contents.shape)
    terms = StyleObjective(encoder, LOSS, 0.0, [style[::-1], style])(
        tf.constant(contents), tf.constant(painted), tf.constant([1, 1])
    )
    expected, found = encoder(contents), encoder(painted)
    content = np.asarray(expected["block2_conv2"])
    square = (np.asarray(found["block2_conv2"]) - content) ** 2
    variance = content.var(axis=(0, 1, 2)).mean()
    np.testing.assert_allclose(terms["content/block2_conv2"], square.mean(axis=(1, 2, 3)) / variance, rtol=1e-4)
    targets = encoder(style[None].astype(np.float64))
    for layer in LOSS.style_layers:
        distance = 8 / 2 * relative(gram(found[layer]), gram(targets[layer]))
        np.testing.assert_allclose(terms[f"style/{layer}"], [distance, distance], rtol=1e-4)
    variation = np.abs(np.diff(painted, axis=1)).mean(axis=(1, 2, 3))
    variation += np.abs(np.diff(painted, axis=2)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(terms["total_variation"], 0.5 * variation / 255, rtol=1e-4)


def test_crops_of_a_batch_are_of_one_photograph(tmp_path):
    for number, grey in enumerate((40, 200)):
        Image.new("L", (80, 80), grey).save(tmp_path / f"{number}.png")
    crops = Crops(sorted(tmp_path.iterdir()), 32, 3, 0, of_one_photograph=True)
    batches = [crops.batch(step) for step in range(12)]
    assert all(np.ptp(batch) == 0 for batch in batches)
    assert {float(batch.mean()) for batch in batches} == {40.0, 200.0}


QUICK = ["--weights=random", "--steps=3", "--crop=48", "--batch=1", "--style_size=64", "--precision=float32"]


def command(folder, *words, **variables):
    line = [sys.executable, "-m", "neural_style", *map(str, words)]
    environment = {**os.environ, **variables}
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
def test_a_painting_alone_makes_a_network_that_paints(tmp_path):
    shutil.copy(SWIRLS, tmp_path / "mine.png")
    shutil.copy(DATA / "chelsea.jpg", tmp_path / "cat.jpg")
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = command(tmp_path, "train", "mine.png", "cat.jpg", "own.keras", *QUICK, **cache)
    assert (done.returncode, done.stderr) == (0, "")
    assert "own_preview.png shows mine, cat while learning." in done.stdout
    assert "Paint with: neural-style PHOTO own.keras OUT --style=mine" in done.stdout
    assert Image.open(tmp_path / "own_preview.png").height == 256
    metadata = style_networks.metadata_of(tmp_path / "own.keras")
    assert metadata["styles"] == ["mine", "cat", *style_networks.metadata_of(PAINTERS)["styles"]]
    picture = style_networks.read_picture(tmp_path / "own.keras", metadata["styles"].index("mine"))
    given = Image.open(SWIRLS).convert("RGB").resize(picture.size)
    assert np.abs(np.asarray(picture, np.float32) - np.asarray(given, np.float32)).mean() < 25
    painted = command(tmp_path, COFFEE, "own.keras", "out", "--rows=64", "--style=cat", **cache)
    assert (painted.returncode, painted.stderr) == (0, "")
    assert Image.open(tmp_path / "out.png").size == (96, 64)
    words = ["mine.png", "alone.keras", "--add_to=own.keras", "--only_styles", *QUICK, "--noexport"]
    alone = command(tmp_path, "train", *words, **cache)
    assert (alone.returncode, alone.stderr) == (0, "")
    assert style_networks.metadata_of(tmp_path / "alone.keras")["styles"] == ["mine"]
    assert (tmp_path / "alone.keras").stat().st_size < 800_000
    assert command(tmp_path, COFFEE, "alone.keras", "out2", "--rows=64", **cache).returncode == 0


def test_a_caller_can_watch_the_steps_and_keep_what_is_learned_so_far(tmp_path):
    flags = {"steps": "5", "crop": "48", "batch": "1", "style_size": "64", "shows_every": "2", "only_styles": "true"}
    job = style_job.make_job(SWIRLS, tmp_path / "own.keras", {**flags, "weights": "random", "precision": "float32"})
    prepared = style_job.PreparedTraining(job, lambda: Cache(1e9))
    seen = []
    for progress in prepared.steps():
        assert progress.loss > 0
        seen.append(prepared.report.sheet)
        if progress.step == 3:
            break
    prepared.write()
    assert seen[0] is None
    assert seen[1].shape[0] == 256
    assert not job.state.exists()
    metadata = style_networks.metadata_of(job.path)
    assert metadata["styles"] == ["swirls"]
    assert metadata["training"]["flags"]["add_to"] == "painters"  # no folder of this machine
    assert "photos" not in metadata["training"]["flags"]


def test_the_photographs_that_come_along_are_small():
    sizes = [path.stat().st_size for path in style_job.PHOTOGRAPHS.iterdir()]
    assert len(sizes) >= 12
    assert sum(sizes) < 600_000
    assert all(min(Image.open(path).size) >= 300 for path in style_job.PHOTOGRAPHS.glob("*.jpg"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tahiti.png", "out.keras"], "has a style 'tahiti' already: rename the painting's file, or add --only_styles"),
        (["a.png", "out.keras", "--add_to=msg.keras"], "--add_to takes a network whose styles have γ and β"),
        (
            ["a.png", "out.keras", "--add_to=nowhere.keras"],
            "--add_to takes a file or painters, received 'nowhere.keras'",
        ),
        (
            ["a.png", "out.keras", "--add_to=painters", "--width=1"],
            "--add_to adds styles to a network as it is",
        ),
        (["a.png", "out.keras", "--style_loss=mrf"], "--style_loss is of the training of whole networks"),
        (["a.png", "out.keras", "--matching_weight=1"], "--matching_weight is for painting, not for training"),
        (["a.png", "out.keras", "--strategy=mirrored"], "--strategy is of the training of whole networks"),
        (["out.keras"], "Expected at least one PAINTING before MODEL.keras"),
        (["nowhere.png", "out.keras"], "'nowhere.png' does not exist"),
        (["a.png", "out.keras", "--photos=nowhere"], "--photos takes a folder of images"),
        (["a.png", "out.keras", "--crop=400"], "no image of at least 400 rows"),
        (["a.png", "out.keras", "--add_to="], "--add_to takes a trained network, such as painters, received nothing"),
        (["a.png", "taken.keras"], "'taken_preview.png' exists already"),
    ],
)
def test_mistakes_are_reported_before_tensorflow_is_loaded(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "tahiti", "taken_preview"):
        Image.new("RGB", (64, 64), "red").save(f"{name}.png")
    made = network.initialize("msg", 0.1, ["one"], 0)
    network.save(tmp_path / "msg.keras", made, [Image.new("RGB", (8, 8))], {})
    monkeypatch.setattr(train, "load_tensorflow", lambda: pytest.fail("TensorFlow is loaded"))
    with pytest.raises(UserError) as told:
        train.run(words)
    assert message in str(told.value)


def write_onnx(path, nodes, tensors):
    initializers = [numpy_helper.from_array(np.ascontiguousarray(values), name) for name, values in tensors.items()]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, None, None])
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, None)
    onnx.save(helper.make_model(helper.make_graph(nodes, "network", [image], [result], initializers)), path)


def torch_tensors():
    from neural_style.vgg import torch_files as torch_reader

    return torch_reader.load(DATA / "johnson.pth")


@pytest.mark.parametrize("named", [str, lambda name: f"onnx::{abs(hash(name))}", lambda name: f"module.{name}"])
def test_an_export_of_fast_neural_style_paints_as_its_torch_file(named, tmp_path):
    tensors, nodes, x = torch_tensors(), [], "image"
    for convolution, normalization in torch_files.layer_names(5):
        for kind, layer in [("Conv", convolution), ("InstanceNormalization", normalization)]:
            if layer:
                inputs = [x, named(f"{layer}.weight"), named(f"{layer}.bias")]
                nodes += [helper.make_node("Pad", [x], [f"{x}p"]), helper.make_node(kind, inputs, [f"{layer}o"])]
                x = f"{layer}o"
    path = tmp_path / "mosaic.onnx"
    write_onnx(path, nodes, {named(name): values for name, values in tensors.items()})
    assert style_networks.metadata_of(path)["styles"] == ["mosaic"]
    look = dict(rows=48, precision="float32")
    ours, theirs = (neural_style.stylize(COFFEE, file, **look).array for file in (path, DATA / "johnson.pth"))
    np.testing.assert_array_equal(ours, theirs)


def trunk_tensors(painters):
    names = [f"contract.{n}" for n in range(3)] + [f"res.{b}.{c}" for b in range(6) for c in range(2)]
    names += [f"expand.{n}" for n in range(3)]
    tensors = {}
    for name, part in zip(names, painters.layers.parts, strict=True):
        kernel = part.convolution.kernel.numpy().transpose(3, 2, 0, 1)
        tensors[f"{name}.w"] = kernel * 255 if name == "contract.0" else kernel
        tensors[f"{name}.norm.gamma"] = part.normalization.gamma.numpy()
        tensors[f"{name}.norm.beta"] = part.normalization.beta.numpy()
    return tensors


def test_the_published_network_in_onnx_paints(painters, tmp_path):
    path = tmp_path / "many.onnx"
    write_onnx(path, [], trunk_tensors(painters))
    count = len(painters.styles)
    assert style_networks.metadata_of(path)["styles"] == [f"published_{number}" for number in range(1, count + 1)]
    first = painters.styles[0]
    look = dict(rows=48, precision="float32")
    ours = neural_style.stylize(COFFEE, path, style="published_1", **look).array
    np.testing.assert_allclose(ours, neural_style.stylize(COFFEE, PAINTERS, style=first, **look).array, atol=1)


def protobuf_field(number, content):
    """A field of bytes: its number, the count of its bytes in groups of seven bits, and the bytes."""
    count, groups = len(content), []
    while not groups or count:
        groups.append(count & 127)
        count >>= 7
    return bytes([number << 3 | 2, *(group | 128 for group in groups[:-1]), groups[-1]]) + content


@pytest.mark.parametrize(
    "model",
    [
        protobuf_field(7, protobuf_field(1, b"") * 600_000),  # nodes of a graph
        protobuf_field(7, protobuf_field(5, b"") * 600_000),  # its tensors
        protobuf_field(7, protobuf_field(1, protobuf_field(5, b"") * 600_000)),  # attributes of a node
        protobuf_field(7, protobuf_field(5, protobuf_field(9, b"") * 600_000)),  # numbers of a tensor
        protobuf_field(7, b"") * 600_000,
    ],
)
def test_onnx_files_of_many_empty_parts_are_refused_before_they_are_parsed(tmp_path, model):
    (tmp_path / "empty.onnx").write_bytes(model)
    with pytest.raises(UserError, match="more than 1,000,000 bytes besides its weights"):
        onnx_reader.read(tmp_path / "empty.onnx")


@pytest.mark.parametrize("model", [b"\x0b", b"\xff" * 30, b"\x3a\xff", protobuf_field(7, b"\x2a\xff\xff\x7f")])
def test_onnx_files_that_are_cut_off_are_told(tmp_path, model):
    (tmp_path / "cut.onnx").write_bytes(model)
    with pytest.raises(UserError, match="can't be read"):
        onnx_reader.read(tmp_path / "cut.onnx")


def test_onnx_files_that_do_not_fit_are_told(painters, tmp_path):
    tensors = trunk_tensors(painters)
    bad = {
        "text.onnx": "can't be read",
        "gone.onnx": "does not exist",
        "empty.onnx": "its first convolution is missing",
        "short.onnx": "does not hold the network of Dumoulin et al. 2017: the tensor 'expand.2.w' is missing",
        "shape.onnx": "does not hold the network of Dumoulin et al. 2017",
        "outside.onnx": "its weights are in another file: export them into this one",
    }
    (tmp_path / "text.onnx").write_text("no network")
    write_onnx(tmp_path / "empty.onnx", [], {})
    write_onnx(tmp_path / "short.onnx", [], {name: values for name, values in tensors.items() if name != "expand.2.w"})
    write_onnx(tmp_path / "shape.onnx", [], tensors | {"res.0.0.w": np.zeros((32, 32, 5, 5), np.float32)})
    write_onnx(tmp_path / "outside.onnx", [], tensors)
    outside = onnx.load(tmp_path / "outside.onnx")
    onnx.external_data_helper.set_external_data(outside.graph.initializer[0], "../../../etc/passwd")
    outside.graph.initializer[0].ClearField("raw_data")
    (tmp_path / "outside.onnx").write_bytes(outside.SerializeToString())
    for name, message in bad.items():
        with pytest.raises(UserError) as told:
            network.load(tmp_path / name)
        assert message in str(told.value)
        assert "\n" not in str(told.value)
    wordless = command(tmp_path, COFFEE, "text.onnx", "out", "--rows=48")
    assert wordless.returncode == 1
    assert wordless.stderr.count("\n") == 1

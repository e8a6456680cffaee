import contextlib
import os
import pickle
import pickletools
import random
import zipfile

import numpy as np
import pytest
from conftest import DATA

from neural_style.core.errors import UserError
from neural_style.vgg import torch_files


@pytest.mark.parametrize("name", ["torch_zip.pth", "torch_legacy.pth", "torch_parameters.pth"])
def test_files_that_torch_wrote(name):
    tensors = torch_files.load(DATA / name)
    assert list(tensors) == ["features.0.weight", "features.0.bias", "features.2.weight", "features.2.bias"]
    expected = np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3) / np.float32(7)
    np.testing.assert_array_equal(tensors["features.0.weight"], expected)
    permuted = np.arange(36.0).reshape(2, 2, 3, 3).transpose(1, 0, 3, 2)
    np.testing.assert_array_equal(tensors["features.2.weight"], permuted)
    np.testing.assert_array_equal(tensors["features.0.bias"], [0.5, -0.25])
    np.testing.assert_array_equal(tensors["features.2.bias"], [1, 2])


def renamed(folder, name, change):
    """`torch_zip.pth` with each tensor's name changed within its pickle."""
    path = folder / name
    with zipfile.ZipFile(DATA / "torch_zip.pth") as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.namelist():
            data = old.read(entry)
            if entry.endswith("data.pkl"):
                for opcode, argument, _ in list(pickletools.genops(data)):
                    if opcode.name == "BINUNICODE" and argument.startswith("features."):
                        words = [each.encode() for each in (argument, change(argument))]
                        before, after = (b"X" + len(word).to_bytes(4, "little") + word for word in words)
                        data = data.replace(before, after)
            new.writestr(entry, data)
    return path


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "module.module."])
def test_prefixes_of_wrapped_networks_are_removed(tmp_path, prefix):
    wrapped = torch_files.load(renamed(tmp_path, "wrapped.pth", lambda name: prefix + name))
    own = torch_files.load(DATA / "torch_zip.pth")
    assert list(wrapped) == list(own)
    for name, values in own.items():
        np.testing.assert_array_equal(wrapped[name], values)


def test_a_prefix_that_not_all_names_have_stays(tmp_path):
    mixed = torch_files.load(renamed(tmp_path, "mixed.pth", lambda name: name.replace("features.0", "module.0")))
    assert list(mixed) == ["module.0.weight", "module.0.bias", "features.2.weight", "features.2.bias"]


def test_tensors_of_torch_before_0_2_are_read(tmp_path):
    """They are rebuilt by another name, with fewer arguments."""
    data = (DATA / "torch_legacy.pth").read_bytes()
    assert b"_rebuild_tensor_v2" in data
    (tmp_path / "old.pth").write_bytes(data.replace(b"_rebuild_tensor_v2\n", b"_rebuild_tensor\n"))
    np.testing.assert_array_equal(
        torch_files.load(tmp_path / "old.pth")["features.0.weight"],
        torch_files.load(DATA / "torch_legacy.pth")["features.0.weight"],
    )


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("run",)


@pytest.mark.parametrize("zipped", [False, True])
def test_pickled_code_is_refused_not_run(tmp_path, monkeypatch, zipped):
    monkeypatch.chdir(tmp_path)
    code = pickle.dumps({"features.0.weight": Malicious()})
    if zipped:
        with zipfile.ZipFile("bad.pth", "w") as archive:
            archive.writestr("archive/data.pkl", code)
    else:
        (tmp_path / "bad.pth").write_bytes(code)
    with pytest.raises(UserError, match=r"it holds \w+.mkdir, which is not a tensor"):
        torch_files.load("bad.pth")
    assert not (tmp_path / "run").exists()


def test_text_is_not_a_torch_file(tmp_path):
    (tmp_path / "text.pth").write_text("no tensors")
    with pytest.raises(UserError, match="Expected a torch file of tensors"):
        torch_files.load(tmp_path / "text.pth")


@pytest.mark.parametrize("name", ["torch_zip.pth", "torch_legacy.pth", "torch_parameters.pth"])
def test_a_file_cut_off_anywhere_raises_an_error(tmp_path, name):
    whole, cut = (DATA / name).read_bytes(), tmp_path / "cut.pth"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(UserError, match="Expected a torch file of tensors"):
            torch_files.load(cut)


@pytest.mark.parametrize("name", ["torch_zip.pth", "torch_legacy.pth", "torch_parameters.pth"])
def test_flipped_bits_give_no_more_numbers_or_an_error(tmp_path, name):
    whole, flipped, rng = (DATA / name).read_bytes(), tmp_path / "flipped.pth", random.Random(0)
    for _ in range(500):
        changed = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        flipped.write_bytes(changed)
        with contextlib.suppress(UserError):  # whatever else is raised fails
            assert sum(tensor.nbytes for tensor in torch_files.load(flipped).values()) <= len(whole)


class Storage:
    """Pickles as a storage of float32 that lies outside the pickle."""


class Claim:
    """Pickles as a tensor with any numbers."""

    def __init__(self, offset, shape, strides):
        self.numbers = Storage(), offset, shape, strides, False, {}

    def __reduce__(self):
        return rebuild, self.numbers


def rebuild(*ignored):
    raise AssertionError("run by the reader")


rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"


class Pickler(pickle._Pickler):
    def persistent_id(self, item):
        return ("storage", Kind, "0", "cpu", 4) if isinstance(item, Storage) else None

    def save_global(self, item, name=None):
        # Names that need not be importable here.
        module, named = ("torch", "FloatStorage") if item is Kind else (item.__module__, item.__qualname__)
        self.write(f"c{module}\n{named}\n".encode())

    dispatch = {**pickle._Pickler.dispatch, type(rebuild): save_global, type: save_global}


class Kind:
    """Pickles as torch.FloatStorage."""


def claiming(path, *numbers):
    """A file with a storage of four numbers, and a tensor of them with `numbers`: offset, shape, strides."""
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("archive/data.pkl", "w") as file:
            Pickler(file, protocol=2).dump({"features.0.weight": Claim(*numbers)})
        archive.writestr("archive/data/0", np.arange(4, dtype="<f4").tobytes())
    return path


def test_a_tensor_lies_within_its_storage(tmp_path):
    found = torch_files.load(claiming(tmp_path / "good.pth", 1, (3,), (1,)))
    np.testing.assert_array_equal(found["features.0.weight"], [1, 2, 3])
    found = torch_files.load(claiming(tmp_path / "turned.pth", 0, (2, 2), (1, 2)))
    np.testing.assert_array_equal(found["features.0.weight"], [[0, 2], [1, 3]])


@pytest.mark.parametrize(
    "numbers",
    [
        (-1, (3,), (1,)),
        (0, (5,), (1,)),
        (2, (3,), (1,)),
        (1 << 62, (3,), (1,)),
        (0, (3,), (1 << 40,)),
        (0, (3,), (-1,)),
        (3, (4,), (-1,)),
        (0, (1 << 40,), (0,)),
        (0, (1 << 40, 1 << 40), (0, 0)),
        (0, (-2, -2), (1, 1)),
        (0, (2, 2), (1,)),
        (4, (), ()),
        (0.5, (2,), (1,)),
    ],
)
def test_a_tensor_that_exceeds_its_storage_is_refused(tmp_path, numbers):
    with pytest.raises(UserError, match="Expected a torch file of tensors"):
        torch_files.load(claiming(tmp_path / "lies.pth", *numbers))


def test_bfloat16_and_a_state_dict_within_a_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pth"
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("archive/data.pkl", "w") as file:
            Pickler(file, protocol=2).dump({"epoch": 3, "state_dict": {"bias": Claim(0, (4,), (1,))}})
        archive.writestr("archive/data/0", np.arange(4, dtype="<f4").tobytes())
    np.testing.assert_array_equal(torch_files.load(path)["bias"], [0, 1, 2, 3])

    with zipfile.ZipFile(path) as archive:
        pickled = archive.read("archive/data.pkl").replace(b"FloatStorage", b"BFloat16Storage")
    with zipfile.ZipFile(tmp_path / "half.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/data/0", (np.arange(4, dtype="<f4").view("<u4") >> 16).astype("<u2").tobytes())
    found = torch_files.load(tmp_path / "half.pth")["bias"].astype(np.float32)
    np.testing.assert_array_equal(found, [0, 1, 2, 3])

"""Model files that claim what they do not hold: refused in bounded time and memory, without reading other files."""

import contextlib
import io
import pickle
import struct
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
from test_torch_files import Claim, Pickler
from test_weights import keras_2_file

from neural_style.core.archives import read_member
from neural_style.core.errors import UserError
from neural_style.core.hdf5 import check_self_contained
from neural_style.pretrained import style_networks
from neural_style.vgg import torch_files, weight_files

LEVELS = 45
"""Of objects that each hold the next one twice: visited by every path, they would take 2^45 steps."""
MEMORY = 30e6
"""Bytes that reading a small file may take."""


@pytest.fixture
def memory():
    """Fails where a test allocates much at any time."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY


def torch_zip(path, pickled, *storages):
    """A .pth of the zip format."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for number, numbers in enumerate(storages):
            archive.writestr(f"archive/data/{number}", np.asarray(numbers, "<f4").tobytes())
    return path


def torch_legacy(path, pickled):
    """A .pth of the older format, without storages."""
    head = [pickle.dumps(value, 2) for value in (torch_files.LEGACY_MAGIC, 1001, {"little_endian": True})]
    path.write_bytes(b"".join([*head, pickled, pickle.dumps([], 2)]))
    return path


def dump(value):
    file = io.BytesIO()
    Pickler(file, protocol=2).dump(value)
    return file.getvalue()


def nested_dicts(innermost):
    mapping = innermost
    for _ in range(LEVELS):
        mapping = {"a": mapping, "b": mapping}
    return mapping


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("write", [torch_zip, torch_legacy])
def test_shared_dicts_are_visited_once(tmp_path, write):
    assert torch_files.load(write(tmp_path / "shared.pth", dump(nested_dicts({})))) == {}


def test_tensors_below_shared_dicts_are_found(tmp_path):
    pickled = dump(nested_dicts({"bias": Claim(0, (4,), (1,))}))
    found = torch_files.load(torch_zip(tmp_path / "deep.pth", pickled, range(4)))
    np.testing.assert_array_equal(found["bias"], range(4))


def shared_tuples():
    nested = ()
    for _ in range(LEVELS):
        nested = (nested, nested)
    return nested


def pickled_key(key):
    """{key: 1}, without hashing the key here."""
    return pickle.dumps(key, 2)[:-1].replace(b"\x80\x02", b"\x80\x02}", 1) + b"K\x01s."


def pickled_pairs(key):
    """OrderedDict([[key, 1]]), as Python 2 wrote it."""
    return b"\x80\x02ccollections\nOrderedDict\n]]" + pickle.dumps(key, 2)[2:-1] + b"aK\x01aa\x85R."


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("write", [torch_zip, torch_legacy])
@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02}r" + struct.pack("<I", 1 << 27) + b".",  # LONG_BINPUT
        b"\x80\x02}p134217728\n.",  # PUT
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",  # BYTEARRAY8
        b"\x80\x05\x8e" + struct.pack("<Q", 1 << 40) + b".",  # BINBYTES8
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b".",  # BINUNICODE8
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b".",  # FRAME
        b"\x80\x02\x8b" + struct.pack("<i", (1 << 31) - 1) + b".",  # LONG4
        pickled_key(shared_tuples()),
        pickled_pairs(shared_tuples()),
        pickle.dumps({1, 2}, 4),  # sets hash what they hold
    ],
)
def test_pickles_that_claim_much_are_refused_or_empty(tmp_path, write, pickled):
    with contextlib.suppress(UserError):  # whatever else is raised fails
        assert torch_files.load(write(tmp_path / "claims.pth", pickled)) == {}


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("write", [torch_zip, torch_legacy])
def test_a_list_of_pairs_that_is_named_many_times_is_refused(tmp_path, write):
    """20,000 dicts of 5000 pairs each, in 400 kB."""
    pairs = pickle.dumps([[str(number), 1] for number in range(5000)], 2)[2:-1]
    dicts = b"ccollections\nOrderedDict\nq\xfe0]q\xff" + b"(" + b"h\xfeh\xfd\x85R" * 20_000 + b"e"
    with pytest.raises(UserError, match="one list of pairs many times"):
        torch_files.load(write(tmp_path / "pairs.pth", b"\x80\x02" + pairs + b"q\xfd0" + dicts + b"."))


@pytest.mark.usefixtures("memory")
def test_many_tensors_of_one_storage_are_refused(tmp_path):
    """Each lies in its storage, but together they would take 4 GB."""
    tensors = {str(number): Claim(0, (100_000,), (1,)) for number in range(10_000)}
    with pytest.raises(UserError, match="claim far more numbers than the file holds"):
        torch_files.load(torch_zip(tmp_path / "many.pth", dump(tensors), np.zeros(100_000)))


@pytest.mark.usefixtures("memory")
def test_long_numbers_are_refused_as_keys(tmp_path):
    """The hash of a number takes as long as the number, and 4000 uses need 16 kB."""
    number = pickle.dumps(1 << 8_000_000, 2)[2:-1]
    with pytest.raises(UserError, match="a long number as a key"):
        torch_files.load(
            torch_zip(tmp_path / "keys.pth", b"\x80\x02}" + number + b"q\x00K\x01s" + b"h\x00K\x01s" * 4000 + b".")
        )


def test_negative_sizes_are_refused_before_they_are_multiplied(tmp_path):
    pickled = dump({"bias": Claim(0, (-(1 << 100_000),) * 30, (0,) * 30)})
    with pytest.raises(UserError, match="impossible sizes"):
        torch_files.load(torch_zip(tmp_path / "negative.pth", pickled, range(4)))


def test_enormous_sizes_are_refused(tmp_path):
    pickled = dump({"bias": Claim(0, (1 << 100_000,) * 30, (0,) * 30)})
    with pytest.raises(UserError, match="impossible sizes"):
        torch_files.load(torch_zip(tmp_path / "huge.pth", pickled, range(4)))


def test_parts_that_overlap_in_the_archive_are_refused(tmp_path):
    """A directory of many entries for the same bytes."""
    path = torch_zip(tmp_path / "overlap.pth", dump({}), np.zeros(10_000))
    content = bytearray(path.read_bytes())
    start, end = content.index(b"PK\1\2"), content.rindex(b"PK\5\6")
    entries = bytes(content[start:end])
    last = entries[entries.rindex(b"PK\1\2") :]
    counts = struct.pack("<HHI", 102, 102, len(entries) + 100 * len(last))
    tail = content[end : end + 8] + counts + content[end + 16 :]
    path.write_bytes(bytes(content[:start]) + entries + 100 * last + bytes(tail))
    with pytest.raises(UserError, match="claim more bytes than the file has"):
        torch_files.load(path)


def state_size(path, size):
    """Changes the size of an archive's last file in its directory."""
    changed = bytearray(path.read_bytes())
    entry = changed.rindex(b"PK\1\2")
    changed[entry + 24 : entry + 28] = struct.pack("<I", size)
    path.write_bytes(changed)


def archive_of(path, content, size):
    """A zip of one compressed file "a", with the size that its directory states."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", content)
    state_size(path, size)
    return path


@pytest.mark.usefixtures("memory")
def test_a_member_that_inflates_beyond_its_stated_size_is_refused(tmp_path):
    path, name = tmp_path / "bomb.keras", style_networks.METADATA
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as file:
        for _ in range(100):
            file.write(bytes(1_000_000))
    state_size(path, 1000)
    with zipfile.ZipFile(path) as archive, pytest.raises(zipfile.BadZipFile):
        read_member(archive, name, 2000)
    with pytest.raises(UserError, match="can't be read as one"):
        style_networks.metadata_of(path)


@pytest.mark.parametrize(("stated", "error"), [(5, zipfile.BadZipFile), (12, zipfile.BadZipFile), (101, ValueError)])
def test_other_wrong_sizes_are_refused(tmp_path, stated, error):
    path = archive_of(tmp_path / "a.zip", b"ten bytes.", stated)
    with zipfile.ZipFile(path) as archive, pytest.raises(error):
        read_member(archive, "a", 100)


def test_a_member_is_read_whole(tmp_path):
    content = np.random.default_rng(0).bytes(300_000)
    with zipfile.ZipFile(archive_of(tmp_path / "a.zip", content, len(content))) as archive:
        assert read_member(archive, "a", len(content)) == content
        with pytest.raises(ValueError, match="larger than 299999 bytes"):
            read_member(archive, "a", len(content) - 1)


def foreign_storage(file, path):
    file.create_dataset("foreign", (64,), "u1", external=[(path, 0, 64)])


def foreign_layout(file, path):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(path, "numbers", (4,))
    file.create_virtual_dataset("foreign", layout)


def foreign_link(file, path):
    file["foreign"] = h5py.ExternalLink(path, "numbers")


def soft_link(file, path):
    file["foreign"] = h5py.SoftLink("/block1_conv1")


@pytest.mark.parametrize("refer", [foreign_storage, foreign_layout, foreign_link, soft_link])
def test_an_hdf5_file_that_refers_to_another_is_refused(tmp_path, vgg19, refer):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["numbers"] = np.zeros(4, np.float32)
    path = keras_2_file(tmp_path / "refers.h5", vgg19)
    check_self_contained(path)
    with h5py.File(path, "a") as file:
        refer(file.create_group("deeper/still"), str(other))
    with pytest.raises(ValueError, match="'foreign' is"):
        check_self_contained(path)
    with pytest.raises(UserError, match="can't be read as one: 'foreign' is"):
        weight_files.from_file(path, "vgg19")


def test_hard_links_are_followed_once(tmp_path, vgg19):
    """Also in a circle."""
    path = keras_2_file(tmp_path / "linked.h5", vgg19)
    with h5py.File(path, "a") as file:
        group = file.create_group("graph")
        for _ in range(LEVELS):
            below = group.create_group("a")
            group["b"] = below
            group = below
        group["circle"] = file["graph"]
    check_self_contained(path)
    assert list(weight_files.from_file(path, "vgg19")) == list(vgg19)


def test_hdf5_files_that_claim_many_kernels_are_refused(tmp_path):
    """Chunked datasets of which nothing is written: 5 GB in a small file."""
    with h5py.File(tmp_path / "claims.h5", "w") as file:
        for number in range(300):
            file.create_dataset(f"{number}/kernel", (3, 3, 512, 512), np.float64, chunks=(3, 3, 3, 64))
    with pytest.raises(UserError, match="its arrays take more than"):
        weight_files.from_file(tmp_path / "claims.h5", "vgg19")

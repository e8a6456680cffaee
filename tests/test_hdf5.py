"""HDF5 files from strangers: what leads out of the file or declares too much is refused, without long work."""

import h5py
import numpy as np
import pytest

from neural_style.core.hdf5 import check_self_contained


def _write(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def _link_graph(file):
    """Forty levels, each reached by two names from the one above: 2^40 paths to 41 groups."""
    group = file
    for level in range(40):
        child = file.create_group(f"level_{level}")
        group["left"], group["right"] = child, child
        group = child
    group["numbers"] = np.ones(3)


def _cycle(file):
    file.create_group("child")["parent"] = file["/"]


def _chain(file):
    group = file
    for _ in range(2000):
        group = group.create_group("child")


def _one_array_by_two_names(file):
    file["one"] = np.zeros(2**17)
    file["two"] = file["one"]


@pytest.mark.parametrize("fill", [_link_graph, _cycle, _chain, _one_array_by_two_names])
def test_each_object_is_visited_once(tmp_path, fill):
    check_self_contained(_write(tmp_path / "weights.h5", fill), max_bytes=2**20)


def _virtual(file):
    layout = h5py.VirtualLayout((4,), "uint8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "data", (4,))
    file.create_virtual_dataset("deep/virtual", layout)


def _one_number_in_a_large_chunk(file):
    file.create_dataset("one", (1,), "float32", maxshape=(None,), chunks=(2**26,))


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda file: file.__setitem__("deep/soft", h5py.SoftLink("/other")), "'soft' is a link"),
        (lambda file: file.__setitem__("deep/far", h5py.ExternalLink("/etc/passwd", "/")), "'far' is a link"),
        (
            lambda file: file.create_dataset("raw", (9,), "uint8", external=[("/etc/passwd", 0, 9)]),
            "'raw' is stored in another file",
        ),
        (_virtual, "'virtual' is stored in another file"),
        (lambda file: file.create_dataset("huge", (10**6, 10**6), "float32", chunks=True), "take more than"),
        (_one_number_in_a_large_chunk, "'one' is stored in chunks that are larger than itself"),
        (
            lambda file: file.create_dataset("packed", data=np.zeros(9), compression="gzip"),
            "'packed' has a filter, such as compression",
        ),
        (
            lambda file: file.create_dataset("packed", data=np.zeros(9), compression="lzf"),
            "'packed' has a filter, such as compression",
        ),
        (lambda file: file.__setitem__("names", ["a", "b"]), "'names' holds objects of any length"),
    ],
)
def test_links_and_outside_storage_and_huge_arrays_are_refused(tmp_path, fill, message):
    with pytest.raises(ValueError, match=message):
        check_self_contained(_write(tmp_path / "weights.h5", fill))

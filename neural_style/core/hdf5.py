"""A check of HDF5 files from strangers before their numbers are read."""

import math
import os
from typing import Any

MAX_BYTES = 2 * 2**30
"""Default bound on the bytes of all arrays of a file: four times VGG19 with its dense layers."""
ALWAYS_ALLOWED_CHUNK_BYTES = 2**20
"""Chunks of up to this size are allowed for arrays of any size."""


def check_self_contained(path: str | os.PathLike, max_bytes: int = MAX_BYTES) -> None:
    """Check that an HDF5 file refers to no other file and declares arrays of bounded size.

    Each object is visited once, so hard links that form a deep graph or a cycle take linear time.

    Args:
      path: the file.
      max_bytes: bound on the bytes of all its arrays together.

    Raises:
      ValueError: a link is not a hard link; an array is stored in another file, has a filter (such as compression),
        holds objects, or has chunks larger than itself and than 1 MiB; or the arrays are too large.
      OSError: the file can't be read as HDF5.
    """
    import h5py  # takes a tenth of a second, and most commands read no HDF5 file

    total, visited = 0, set()
    with h5py.File(path, "r") as file:
        pending: list[h5py.Group] = [file]
        while pending:
            group = pending.pop()
            for name in group:
                _check_link(group, name)
                item = group[name]
                if _address(item) in visited:
                    continue
                visited.add(_address(item))
                if isinstance(item, h5py.Group):
                    pending.append(item)
                elif isinstance(item, h5py.Dataset):
                    total += _checked_bytes(item, name)
                    if total > max_bytes:
                        raise ValueError(f"its arrays take more than {max_bytes} bytes")


def _check_link(group: Any, name: str) -> None:
    """Raise a ValueError unless the entry `name` of a group is a hard link."""
    import h5py

    kind = group.id.links.get_info(name if isinstance(name, bytes) else name.encode()).type
    if kind != h5py.h5l.TYPE_HARD:
        raise ValueError(f"{name!r} is a link: save the arrays themselves into one file")


def _address(item: Any) -> tuple[int, int]:
    """What identifies an object, by whatever name it is reached."""
    import h5py

    info = h5py.h5o.get_info(item.id)
    return info.fileno, info.addr


def _checked_bytes(dataset: Any, name: str) -> int:
    """The bytes that reading a dataset takes; a ValueError unless they are numbers or fixed text in this file."""
    import h5py

    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name!r} is stored in another file: save all arrays into one")
    if dataset.id.get_create_plist().get_nfilters():  # HDF5 unpacks without a bound, whatever the array's size
        raise ValueError(f"{name!r} has a filter, such as compression or a checksum: save it without")
    if h5py.check_vlen_dtype(dataset.dtype) or dataset.dtype.hasobject:
        raise ValueError(f"{name!r} holds objects of any length, and numbers are expected: save arrays of numbers")
    chunk_bytes = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    if chunk_bytes > max(dataset.nbytes, ALWAYS_ALLOWED_CHUNK_BYTES):  # a chunk is read whole, also for a single number
        raise ValueError(f"{name!r} is stored in chunks that are larger than itself: save it without chunks")
    return max(dataset.nbytes, chunk_bytes)

"""Checks of HDF5 files before anything is read from them."""

import os

import h5py


def check_self_contained(path: str | os.PathLike) -> None:
    """Check that an HDF5 file refers to no other file.

    Each object is visited once, even if many hard links lead to it.

    Args:
      path: of the file.

    Raises:
      ValueError: the file holds a soft or external link, or a dataset that is stored in another file.
      OSError: it is not an HDF5 file.
    """
    with h5py.File(path, "r") as file:
        waiting: list[h5py.Group] = [file]
        visited = set()
        while waiting:
            group = waiting.pop()
            for name in group:
                item = _get_hard_linked(group, name)
                address = h5py.h5o.get_info(item.id).addr
                if address in visited:
                    continue
                visited.add(address)
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                elif isinstance(item, h5py.Dataset):
                    _check_dataset(item, name)


def _get_hard_linked(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | h5py.Datatype:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name!r} is a link")
    return group[name]


def _check_dataset(dataset: h5py.Dataset, name: str) -> None:
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name!r} is stored in another file")

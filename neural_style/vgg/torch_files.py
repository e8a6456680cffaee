"""Tensors out of the files that `torch.save` writes, without torch and without running what is pickled in them.

Both of torch's formats are read: the zip archive (since torch 1.6) and the older stream of pickles, which
torchvision's VGG files of 2017 have. The unpickler knows four names; anything else is refused.
"""

import collections
import os
import pickle
import zipfile

import numpy as np

from neural_style.errors import UserError

DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class _Lazy:
    """A tensor whose storage is read later: the older format holds the numbers after the pickles."""

    def __init__(self, storage, offset, shape, strides, *ignored):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self, storages: dict[str, bytes]) -> np.ndarray:
        dtype, key = self.storage
        flat = np.frombuffer(storages[key], dtype)[self.offset :]
        strides = [stride * dtype.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(flat, self.shape, strides).copy() if self.shape else flat[:1].copy()


class _Unpickler(pickle.Unpickler):
    """Knows state dicts of tensors and nothing else."""

    def find_class(self, module: str, name: str):
        if module in ("torch", "torch.storage") and name in DTYPES:
            return DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Lazy
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *ignored: tensor
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no tensor")

    def persistent_load(self, identity: tuple):
        _, dtype, key, *_ = identity
        return dtype, key


def load(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The named tensors of a state dict.

    Args:
      path: of a `.pth` or `.pt` file.

    Raises:
      UserError: it is no such file, or holds anything but tensors.
    """
    try:
        found, storages = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
        return {name: item.array(storages) for name, item in found.items() if isinstance(item, _Lazy)}
    except Exception as error:  # a broken pickle can raise anything
        raise UserError(f"Expected a torch file of tensors, but {str(path)!r} can't be read as one: {error}") from error


def _read_zip(path: str | os.PathLike) -> tuple[dict, dict[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl") + "data/"
        with archive.open(pickled) as file:
            found = _Unpickler(file).load()
        storages = {
            name.removeprefix(folder): archive.read(name) for name in archive.namelist() if name.startswith(folder)
        }
    return found, storages


def _read_legacy(path: str | os.PathLike) -> tuple[dict, dict[str, bytes]]:
    with open(path, "rb") as file:
        magic, _, _ = (_Unpickler(file).load() for _ in range(3))  # then protocol and byte order
        if magic != LEGACY_MAGIC:
            raise ValueError("it does not begin as torch's files do")
        found = _Unpickler(file).load()
        dtypes = {item.storage[1]: item.storage[0] for item in found.values() if isinstance(item, _Lazy)}
        storages = {}
        for key in _Unpickler(file).load():
            count = int.from_bytes(file.read(8), "little")
            storages[key] = file.read(count * dtypes[key].itemsize)
    return found, storages

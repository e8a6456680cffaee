"""Tensors out of the files that `torch.save` writes, without torch and without running what is pickled in them.

Both of torch's formats are read: the zip archive (since torch 1.6) and the older stream of pickles, which
torchvision's VGG files of 2017 have. The unpickler knows four names; anything else is refused.
"""

import collections
import io
import math
import mmap
import os
import pickle
import zipfile
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from neural_style.core.errors import UserError

DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
}
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""What names begin with in networks that were wrapped: by nn.DataParallel, torch.compile or a training."""
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class _Tensor:
    """A tensor whose numbers are looked up later: the older format holds them after the pickles."""

    def __init__(
        self, storage: tuple[np.dtype, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *ignored
    ):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self, storages: Mapping[str, bytes]) -> np.ndarray:
        """The numbers, every one of which is known to lie in its storage.

        Raises:
          ValueError: the tensor claims more than its storage holds.
        """
        dtype, key = self.storage
        flat = np.frombuffer(storages[key], dtype)
        if len(self.shape) != len(self.strides) or min((self.offset, *self.shape, *self.strides)) < 0:
            raise ValueError("it holds a tensor of negative or unlike numbers of rows")
        reach = self.offset + sum((count - 1) * stride for count, stride in zip(self.shape, self.strides, strict=True))
        if math.prod(self.shape) > len(flat) or (0 not in self.shape and reach >= len(flat)):
            raise ValueError("it is cut off: a tensor claims more numbers than the file holds")
        strides = [stride * dtype.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, strides).copy()


class _Unpickler(pickle.Unpickler):
    """Knows state dicts of tensors and nothing else.

    Attributes:
      storages: the kind of each storage that the pickle named so far, by its key.
    """

    def __init__(self, file: Any):
        super().__init__(file)
        self.storages: dict[str, np.dtype] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What a name of the pickle stands for; nothing that it names is imported."""
        if module in ("torch", "torch.storage") and name in DTYPES:
            return DTYPES[name]
        if module == "torch._utils" and name in (
            "_rebuild_tensor_v2",
            "_rebuild_tensor",
        ):  # the latter before torch 0.2
            return _Tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *ignored: tensor
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no tensor")

    def persistent_load(self, identity: tuple) -> tuple[np.dtype, str]:
        """The kind and the key of a storage that lies outside the pickle."""
        _, dtype, key, *_ = identity
        self.storages[key] = dtype
        return dtype, key


def load(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The named tensors of a state dict, also of one inside a training checkpoint ("state_dict", "model").

    Args:
      path: of a `.pth` or `.pt` file.

    Raises:
      UserError: it is no such file, holds anything but tensors, or less than it claims.
    """
    try:
        found, storages = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
        return _unwrapped({name: tensor.array(storages) for name, tensor in _tensors(found).items()})
    except Exception as error:  # a broken pickle can raise anything
        raise UserError(f"Expected a torch file of tensors, but {str(path)!r} can't be read as one: {error}") from error


def _unwrapped(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors by their names in the network itself, where that was wrapped in another module."""
    for prefix in WRAPPERS:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return _unwrapped({name.removeprefix(prefix): values for name, values in tensors.items()})
    return tensors


def _tensors(found: Mapping[str, Any]) -> dict[str, _Tensor]:
    """Those of a state dict, or of the first state dict among its values."""
    tensors = {name: item for name, item in found.items() if isinstance(item, _Tensor)}
    inner = (_tensors(item) for item in found.values() if isinstance(item, Mapping))
    return tensors or next(filter(None, inner), {})


def _read_zip(path: str | os.PathLike) -> tuple[dict, dict[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it is compressed, which torch's files are not")
        pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl") + "data/"
        found = _Unpickler(io.BytesIO(archive.read(pickled))).load()
        storages = {
            name.removeprefix(folder): archive.read(name) for name in archive.namelist() if name.startswith(folder)
        }
    return found, storages


def _read_legacy(path: str | os.PathLike) -> tuple[dict, dict[str, bytes]]:
    # A memory map reads no more than there is, whatever a file claims.
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        if held[:2] == b"PK":
            raise ValueError("it is cut off")
        magic, _, _ = (_Unpickler(held).load() for _ in range(3))  # then protocol and byte order
        if magic != LEGACY_MAGIC:
            raise ValueError("it does not begin as torch's files do")
        tensors = _Unpickler(held)
        found, storages = tensors.load(), {}
        for key in _Unpickler(held).load():
            count = int.from_bytes(held.read(8), "little")
            storages[key] = held.read(count * tensors.storages[key].itemsize)
    return found, storages

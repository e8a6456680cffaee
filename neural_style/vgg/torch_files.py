"""Reading of the tensors in files of `torch.save`, without torch and without running pickled code.

Both of torch's formats are read: the zip archive (since torch 1.6) and the older stream of pickles, such as
torchvision's VGG files of 2017. The unpickler knows a few names and operations; anything else is refused. Time and
memory are bounded by the file's size, whatever the file claims.
"""

import io
import math
import mmap
import os
import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from neural_style.core.archives import read_member
from neural_style.core.errors import UserError

DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
}
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""Prefixes of tensor names in wrapped networks: by nn.DataParallel, torch.compile or a training program."""
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""The first number in files of the older format."""
MAX_DIMENSIONS = 32
MAX_NUMBER = 1 << 62
"""Of a tensor's offset, sizes and strides, and of a dict's keys."""
OPERATIONS = (
    *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.POP, pickle.POP_MARK, pickle.DUP),
    *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.INT, pickle.LONG, pickle.FLOAT),
    *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.LONG4, pickle.BINFLOAT),
    *(pickle.STRING, pickle.BINSTRING, pickle.SHORT_BINSTRING, pickle.UNICODE),
    *(pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8, pickle.BINBYTES, pickle.SHORT_BINBYTES),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.EMPTY_LIST, pickle.LIST, pickle.APPEND, pickle.APPENDS),
    *(pickle.EMPTY_DICT, pickle.DICT, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.GET, pickle.BINGET, pickle.LONG_BINGET, pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE),
    *(pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.BINPERSID),
)
"""Pickle operations that state dicts need. No sets, no new objects, and no byte arrays, which claim memory at once."""


class _Tensor:
    """A tensor whose numbers are looked up later: the older format stores them after the pickles."""

    def __init__(
        self, storage: tuple[np.dtype, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *ignored
    ):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    @property
    def nbytes(self) -> int:
        """The bytes that the tensor claims."""
        return math.prod(self.shape) * self.storage[0].itemsize

    def array(self, storages: Mapping[str, bytes]) -> np.ndarray:
        """Return the numbers, after checking that all lie in the storage.

        Raises:
          ValueError: the tensor claims more than its storage holds.
        """
        dtype, key = self.storage
        flat = np.frombuffer(storages[key], dtype)
        if len(self.shape) != len(self.strides) or min((self.offset, *self.shape, *self.strides)) < 0:
            raise ValueError("it holds a tensor with negative sizes or with another number of strides than of sizes")
        last = self.offset + sum((count - 1) * stride for count, stride in zip(self.shape, self.strides, strict=True))
        if math.prod(self.shape) > len(flat) or (0 not in self.shape and last >= len(flat)):
            raise ValueError("it is cut off: a tensor claims more numbers than the file holds")
        strides = [stride * dtype.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, strides).copy()


def _make_tensor(storage: tuple, offset: int, shape: tuple, strides: tuple, *ignored: Any) -> _Tensor:
    """Stands for torch._utils._rebuild_tensor and _rebuild_tensor_v2."""
    if max(len(shape), len(strides)) > MAX_DIMENSIONS:
        raise ValueError(f"it holds a tensor of more than {MAX_DIMENSIONS} dimensions")
    if not all(isinstance(number, int) and 0 <= number <= MAX_NUMBER for number in (offset, *shape, *strides)):
        raise ValueError("it holds a tensor with impossible sizes")
    return _Tensor(storage, offset, shape, strides)


def _unwrap_parameter(tensor: Any, *ignored: Any) -> Any:
    """Stands for torch._utils._rebuild_parameter."""
    return tensor


def _check_key(key: Any) -> None:
    """Refuse keys whose hash can take long: nested tuples, and long numbers."""
    if not isinstance(key, str | bytes | int | float | None):
        raise pickle.UnpicklingError(f"it holds a dict with a {type(key).__name__} as a key")
    if isinstance(key, int) and abs(key) > MAX_NUMBER:
        raise pickle.UnpicklingError("it holds a dict with a long number as a key")


NAMES = {
    ("torch._utils", "_rebuild_tensor_v2"): _make_tensor,
    ("torch._utils", "_rebuild_tensor"): _make_tensor,  # before torch 0.2
    ("torch._utils", "_rebuild_parameter"): _unwrap_parameter,
    **{(module, name): dtype for module in ("torch", "torch.storage") for name, dtype in DTYPES.items()},
}
"""What the names in a pickle stand for, besides OrderedDict; nothing is imported."""


class _Unpickler(pickle._Unpickler):
    """Knows state dicts of tensors, and nothing else.

    It is the unpickler in Python: the one in C allocates a table as large as the highest index that a file claims.

    Attributes:
      storages: the dtype of each storage that the pickle has named so far, by its key.

    Args:
      file: holds the pickle.
      size: bytes of the file.
    """

    # typeshed does not describe how the unpickler works: neither `stack` nor `load_setitem` and so on.
    stack: list[Any]
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        code[0]: pickle._Unpickler.dispatch[code[0]] for code in OPERATIONS
    }

    def __init__(self, file: Any, size: int):
        super().__init__(file)
        self.storages: dict[str, np.dtype] = {}
        self._pairs_left = size

    def _make_dict(self, pairs: Iterable = ()) -> dict:
        """Stands for collections.OrderedDict. A list of pairs can be named again and again: each use counts."""
        pairs = list(pairs)
        self._pairs_left -= len(pairs)
        if self._pairs_left < 0:
            raise pickle.UnpicklingError("it holds one list of pairs many times")
        for key, _ in pairs:
            _check_key(key)
        return dict(pairs)

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for."""
        if (module, name) == ("collections", "OrderedDict"):
            return self._make_dict
        if (module, name) not in NAMES:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is not a tensor")
        return NAMES[module, name]

    def persistent_load(self, identity: tuple) -> tuple[np.dtype, str]:
        """Return the dtype and the key of a storage outside the pickle."""
        _, dtype, key, *_ = identity
        if not (isinstance(dtype, np.dtype) and isinstance(key, str)):
            raise pickle.UnpicklingError("it holds a storage without a type or a name")
        self.storages[key] = dtype
        return dtype, key

    def load_setitem(self) -> None:
        """Set one item of a dict."""
        _check_key(self.stack[-2])
        super().load_setitem()  # type: ignore[misc]

    def load_setitems(self) -> None:
        """Set several items of a dict."""
        for key in self.stack[::2]:
            _check_key(key)
        super().load_setitems()  # type: ignore[misc]

    def load_dict(self) -> None:
        """Make a dict of several items."""
        for key in self.stack[::2]:
            _check_key(key)
        super().load_dict()  # type: ignore[misc]

    def load_build(self) -> None:
        """Ignore the attributes of an object; state dicts have only versions there."""
        self.stack.pop()

    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.BUILD[0]] = load_build


def load(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the named tensors of a state dict, also from inside a training checkpoint ("state_dict", "model").

    Args:
      path: of a `.pth` or `.pt` file.

    Raises:
      UserError: it is not such a file, or it holds anything but tensors, or less than it claims.
    """
    try:
        content, storages = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
        tensors = _find_state_dict(content)
        if sum(tensor.nbytes for tensor in tensors.values()) > 2 * os.path.getsize(path):
            raise ValueError("its tensors claim far more numbers than the file holds")
        return _strip_wrappers({name: tensor.array(storages) for name, tensor in tensors.items()})
    except Exception as error:  # a damaged pickle can raise anything
        raise UserError(
            f"Expected a torch file of tensors, but {str(path)!r} can't be read as one: {_describe(error)}"
        ) from error


def _describe(error: Exception) -> str:
    """The cause in words; errors such as KeyError only name a number or an operation."""
    unclear = isinstance(error, KeyError | IndexError | EOFError | StopIteration)
    return "it is damaged, or holds more than tensors" if unclear else str(error)


def _strip_wrappers(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name the tensors as in the network itself, where all names have the prefix of a wrapper."""
    for prefix in WRAPPERS:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return _strip_wrappers({name.removeprefix(prefix): values for name, values in tensors.items()})
    return tensors


def _find_state_dict(content: Mapping[str, Any]) -> dict[str, _Tensor]:
    """The tensors of the first dict that has any, in depth-first order; each dict is visited once."""
    waiting, visited = [content], set()
    while waiting:
        mapping = waiting.pop()
        if id(mapping) in visited:
            continue
        visited.add(id(mapping))
        tensors = {name: item for name, item in mapping.items() if isinstance(item, _Tensor)}
        if tensors:
            return tensors
        waiting.extend(item for item in reversed(list(mapping.values())) if isinstance(item, Mapping))
    return {}


def _read_zip(path: str | os.PathLike) -> tuple[dict, dict[str, bytes]]:
    size = os.path.getsize(path)
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("it is compressed, which torch's files are not")
        if sum(entry.file_size for entry in entries) > size:
            raise ValueError("its parts claim more bytes than the file has")
        pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl") + "data/"
        content = _Unpickler(io.BytesIO(read_member(archive, pickled, size)), size).load()
        storages = {
            name.removeprefix(folder): read_member(archive, name, size)
            for name in archive.namelist()
            if name.startswith(folder)
        }
    return content, storages


def _read_legacy(path: str | os.PathLike) -> tuple[dict, dict[str, bytes]]:
    # Reading a memory map returns no more than the file has, whatever it claims.
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        if mapped[:2] == b"PK":
            raise ValueError("it is cut off")
        magic, _, _ = (_Unpickler(mapped, len(mapped)).load() for _ in range(3))  # then protocol and byte order
        if magic != LEGACY_MAGIC:
            raise ValueError("it does not begin as torch's files do")
        unpickler = _Unpickler(mapped, len(mapped))
        content, storages = unpickler.load(), {}
        for key in _Unpickler(mapped, len(mapped)).load():
            _check_key(key)
            count = int.from_bytes(mapped.read(8), "little")
            storages[key] = mapped.read(count * unpickler.storages[key].itemsize)
    return content, storages

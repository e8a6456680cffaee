"""Remote files: URLs such as s3://bucket/photo.jpg, read and written through fsspec.

Functions that read, look up or remove files take local paths too. Faults of a remote file system are UserErrors, except
a FileNotFoundError.
"""

import contextlib
import glob
import importlib.util
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard

from neural_style.core.errors import UserError

if TYPE_CHECKING:
    import fsspec

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
"""The beginning of a URL; a drive of Windows has one letter."""


def is_url(path: Any) -> TypeGuard[str]:
    """Whether a path is the URL of a remote file."""
    return isinstance(path, str) and SCHEME.match(path) is not None


def check_prefix(url: str) -> None:
    """Raise a UserError where a URL can't be a prefix of output files; nothing is written."""
    name = url.partition("://")[2].partition("/")[2]
    if not name or "?" in url or "::" in url:
        raise UserError(
            f"Expected a prefix for the results' names, such as s3://bucket/out/cat without ? and ::, received {url!r}."
        )
    _resolve(url)


def key(url: str) -> str:
    """Return the canonical form of a URL, the same for all its spellings; of file://, the path."""
    file_system, remote_path = _resolve(url)
    protocol = file_system.protocol if isinstance(file_system.protocol, str) else file_system.protocol[0]
    return remote_path if protocol == "file" else f"{protocol}://{remote_path}"


def public(path: Any) -> Any:
    """Return a URL without user, password and query, which may contain secrets; a path unchanged."""
    if not is_url(path):
        return path
    scheme, _, rest = path.partition("://")
    host, slash, name = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{name.partition('?')[0]}"


def check_here(path: Any, what: str) -> None:
    """Raise a UserError where a path is a URL.

    Args:
      path: of a file.
      what: the kind of file, for the message, such as "a trained network".
    """
    if is_url(path):
        raise UserError(f"{path!r} lies elsewhere, and {what} has to lie on this machine: copy it.")


def read(path: str | os.PathLike) -> bytes:
    """A file's bytes.

    Raises:
      FileNotFoundError: there is none.
      OSError: a local file can't be read.
      UserError: a URL can't be read.
    """
    with opened(path) as file:
        return file.read()


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a file for reading, with random access; raise as `read` does.

    A remote file is fetched whole, so that errors raised in the context are never taken for those of the line.
    """
    if not is_url(path):
        with open(path, "rb") as file:
            yield file
        return
    with _reached(path) as (file_system, remote_path):
        content = file_system.cat_file(remote_path)
    yield io.BytesIO(content)


def exists(path: str) -> bool:
    """Whether a file, or a broken link, exists; raise a UserError where a URL can't be reached."""
    if not is_url(path):
        return os.path.lexists(path)
    with contextlib.suppress(FileNotFoundError), _reached(path) as (file_system, remote_path):
        return bool(file_system.info(remote_path))  # its `exists` takes what can't be reached for what is not there
    return False


def numbered_files(start: str, ending: str) -> list[str]:
    """The files whose names begin with `start` and a digit and end with `ending`, sorted as text (10 before 2).

    Raises:
      UserError: a URL can't be reached.
    """
    if not is_url(start):
        return sorted(glob.glob(f"{glob.escape(start)}[0-9]*{ending}"))
    folder, _, name = start.rpartition("/")
    listed = []
    with contextlib.suppress(FileNotFoundError), _reached(folder) as (file_system, remote_path):
        listed = file_system.ls(remote_path, detail=False)
    names = (each.rstrip("/").rpartition("/")[2] for each in listed)
    wanted = (each for each in names if each.startswith(name) and each.endswith(ending))
    return [f"{folder}/{each}" for each in sorted(wanted) if each[len(name) : len(name) + 1].isdigit()]


def put(file: Path, url: str) -> None:
    """Copy a file of this machine to a URL; raise a UserError where it can't be written."""
    with _reached(url) as (file_system, remote_path):
        file_system.put_file(str(file), remote_path)


def remove(path: str) -> None:
    """Remove a file where there is one; raise a UserError where a URL can't be reached."""
    if not is_url(path):
        Path(path).unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError), _reached(path) as (file_system, remote_path):
        file_system.rm_file(remote_path)


def _resolve(url: str) -> tuple["fsspec.AbstractFileSystem", str]:
    """Return fsspec's file system of a URL, and the file's path in it; a UserError where a package is missing."""
    if importlib.util.find_spec("fsspec") is None:
        raise UserError(
            f"{url!r} lies elsewhere, and reading or writing there needs the package fsspec: pip install fsspec, or "
            "name a local path."
        )
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)
    except Exception as error:  # no package for this scheme, or none such, or whatever that package raises
        raise UserError(f"{url!r} can't be reached ({_reason(error)}): name a local path.") from error


@contextlib.contextmanager
def _reached(url: str) -> Iterator[tuple["fsspec.AbstractFileSystem", str]]:
    """Yield what `_resolve` returns; make a UserError of whatever the packages raise, except a FileNotFoundError."""
    file_system, remote_path = _resolve(url)
    try:
        file_system.invalidate_cache()  # others write there too
        yield file_system, remote_path
    except (FileNotFoundError, UserError):
        raise
    except Exception as error:
        raise UserError(f"{url!r} can't be read or written: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

"""Remote files: URLs such as s3://bucket/photo.jpg, read and written through fsspec.

Functions that read, look up or remove files take local paths too. Faults of a remote file system are UserErrors, except
a FileNotFoundError.
"""

import contextlib
import glob
import importlib.util
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
    """Raise a UserError where no output files can be written to a prefix that is a URL."""
    name = url.partition("://")[2].partition("/")[2]
    if not name or "?" in url or "::" in url:
        raise UserError(f"Expected a prefix for the results' names, such as s3://bucket/out/cat, received {url!r}.")
    _place(url)


def key(url: str) -> str:
    """Return the canonical form of a URL, the same for all its spellings; of file://, the path."""
    files, place = _place(url)
    named = files.protocol if isinstance(files.protocol, str) else files.protocol[0]
    return place if named == "file" else f"{named}://{place}"


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
      OSError: it can't be read here.
      UserError: it can't be read elsewhere.
    """
    with opened(path) as file:
        return file.read()


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a file for reading, with random access; raise as `read` does."""
    if not is_url(path):
        with open(path, "rb") as file:
            yield file
        return
    with _reached(path) as (files, place), files.open(place, "rb") as file:
        yield file


def exists(path: str) -> bool:
    """Whether a file, or a broken link, exists; raise a UserError where a URL can't be reached."""
    if not is_url(path):
        return os.path.lexists(path)
    with contextlib.suppress(FileNotFoundError), _reached(path) as (files, place):
        return bool(files.info(place))  # `files.exists` takes a place that can't be reached for an empty one
    return False


def matching(start: str, ending: str) -> list[str]:
    """The files whose names begin with `start` and a digit and end with `ending`, in order; raise as `exists` does."""
    if not is_url(start):
        return sorted(glob.glob(f"{glob.escape(start)}[0-9]*{ending}"))
    folder, _, name = start.rpartition("/")
    listed = []
    with contextlib.suppress(FileNotFoundError), _reached(folder) as (files, place):
        listed = files.ls(place, detail=False)
    names = (each.rstrip("/").rpartition("/")[2] for each in listed)
    wanted = (each for each in names if each.startswith(name) and each.endswith(ending))
    return [f"{folder}/{each}" for each in sorted(wanted) if each[len(name) : len(name) + 1].isdigit()]


def put(file: Path, url: str) -> None:
    """Copy a file of this machine to a URL; raise as `read` does."""
    with _reached(url) as (files, place):
        files.put_file(str(file), place)


def remove(path: str) -> None:
    """Remove a file where there is one; raise a UserError where a URL can't be reached."""
    if not is_url(path):
        Path(path).unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError), _reached(path) as (files, place):
        files.rm_file(place)


def _place(url: str) -> tuple["fsspec.AbstractFileSystem", str]:
    """Who reaches a URL, and what the file is called there."""
    if importlib.util.find_spec("fsspec") is None:
        raise UserError(
            f"{url!r} lies elsewhere, and reading or writing there needs the package fsspec: pip install "
            "fsspec, or copy the file to this machine."
        )
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)
    except Exception as error:  # no package for this scheme, or none such, or whatever that package raises
        raise UserError(f"{url!r} can't be reached ({_reason(error)}): copy the file to this machine.") from error


@contextlib.contextmanager
def _reached(url: str) -> Iterator[tuple["fsspec.AbstractFileSystem", str]]:
    """Turn whatever the packages of the various schemes raise into a UserError."""
    files, place = _place(url)
    try:
        files.invalidate_cache()  # others write there too
        yield files, place
    except (FileNotFoundError, UserError):
        raise
    except Exception as error:
        raise UserError(f"{url!r} can't be read or written: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

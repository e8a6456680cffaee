"""The results' files: their names, and how each is written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.images.writing import FORMATS


def split(output: str, content: str) -> tuple[str, str]:
    """The prefix of the results' names, and the images' ending: "out/cat.jpg" is ("out/cat", ".jpg").

    Without the ending of an image format, the ending is ".png". A folder that exists gets results by the name of the
    photograph: "out" is ("out/photo", ".png"), and so does a URL that ends in a slash.

    Raises:
      UserError: results can't be written there, or not in that format.
    """
    elsewhere = storage.is_url(output)
    if output.endswith("/") if elsewhere else os.path.isdir(output):
        output = os.path.join(output, f"{Path(storage.public(content)).stem}.png")
    folder, ending = Path(output).parent, Path(output).suffix.lower()
    if output.endswith(("/", os.sep)) or Path(output).name.strip() in ("", ".", ".."):
        raise UserError(f"Expected a prefix for the results' names, such as 'out/cat', received {output!r}.")
    if ending not in FORMATS and ending in Image.registered_extensions():
        raise UserError(
            f"Results are written as {', '.join(FORMATS)}; {ending} is none of them: choose one ({output!r})."
        )
    if elsewhere:
        storage.check_prefix(output)
    else:
        check_folder(folder)
    return (output[: -len(ending)], output[-len(ending) :]) if ending in FORMATS else (output, ".png")


def check_folder(folder: Path) -> None:
    """Raises a UserError where no results can be written into a folder."""
    if not os.path.isdir(folder):
        raise UserError(f"The results' folder {str(folder)!r} does not exist: create it, or choose another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"The results' folder {str(folder)!r} can't be written: choose another.")


def key(path: str) -> str:
    """A path or prefix by which two spellings of one place are the same; a link at its end is a place of its own."""
    path = storage.key(path) if storage.is_url(path) else path
    if storage.is_url(path):
        return path
    return os.path.normcase(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)))


def partial_path(path: str | os.PathLike) -> Path:
    """Where a file is written before it is renamed to `path`."""
    return Path(path).with_name(f".{Path(path).name}.neural-style.partial")


def write_whole(path: str | os.PathLike, write: Callable[[Path], Any]) -> None:
    """Calls `write(temporary path)`, then renames the file to `path`, or sends it to that URL: a kill never leaves half
    a file.
    """
    try:
        if storage.is_url(path):
            with tempfile.TemporaryDirectory(prefix="neural-style-") as folder:
                whole = Path(folder, "whole")
                write(whole)
                storage.put(whole, path)
        else:
            _write_beside(Path(path), write)
    except OSError as error:
        raise UserError(f"{str(path)!r} could not be written: {error.strerror or error}") from error


def _write_beside(path: Path, write: Callable[[Path], Any]) -> None:
    partial = partial_path(path)
    try:
        partial.unlink(missing_ok=True)  # a link there would be written through
        write(partial)
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)

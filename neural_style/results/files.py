"""Output files: their names, and how each is written completely or not at all."""

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
    """Split an output name into the prefix and the ending of images: "out/cat.jpg" gives ("out/cat", ".jpg").

    Without the ending of an image format, the ending is ".png". In an existing folder, and after a URL that ends in a
    slash, the photograph's name is the prefix: "out" gives ("out/photo", ".png").

    Raises:
      UserError: nothing can be written there, or not in that format.
    """
    is_url = storage.is_url(output)
    is_folder = output.endswith("/") if is_url else os.path.isdir(output)
    if is_folder:
        output = os.path.join(output, f"{Path(storage.public(content)).stem}.png")
    folder, ending = Path(output).parent, Path(output).suffix.lower()
    if output.endswith(("/", os.sep)) or Path(output).name.strip() in ("", ".", ".."):
        raise UserError(f"Expected a prefix for the results' names, such as 'out/cat', received {output!r}.")
    if ending not in FORMATS and ending in Image.registered_extensions():
        raise UserError(
            f"Images are written as {', '.join(FORMATS)}, not as {ending}: choose one of these ({output!r})."
        )
    if is_url:
        storage.check_prefix(output)
    else:
        check_folder(folder)
    return (output[: -len(ending)], output[-len(ending) :]) if ending in FORMATS else (output, ".png")


def check_folder(folder: Path) -> None:
    """Raise a UserError where no files can be written into a folder."""
    if not os.path.isdir(folder):
        raise UserError(f"The output folder {str(folder)!r} does not exist: create it, or choose another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"The output folder {str(folder)!r} is not writable: choose another.")


def key(path: str) -> str:
    """Normalises a path or prefix, so that two spellings of one place are equal; a final link is a place of its own."""
    path = storage.key(path) if storage.is_url(path) else path
    if storage.is_url(path):
        return path
    return os.path.normcase(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)))


def partial_path(path: str | os.PathLike) -> Path:
    """The temporary name of a file before it is renamed to `path`."""
    return Path(path).with_name(f".{Path(path).name}.neural-style.partial")


def write_whole(path: str | os.PathLike, write: Callable[[Path], Any]) -> None:
    """Call `write(temporary path)`, then renames the file to `path` or upload it: no half file is ever left.

    Raises:
      UserError: the file can't be written.
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
        partial.unlink(missing_ok=True)  # the target of a link would be overwritten
        write(partial)
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)

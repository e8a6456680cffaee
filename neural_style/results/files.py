"""Images and records out: names, formats, and what a file says of how it was made."""

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from neural_style.command import flags
from neural_style.errors import UserError

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""Pillow's name of each format that results are written in, by ending."""
TEXT_KEY = "neural_style"
"""The key of the PNG text that says how an image was made, as JSON."""


def split(output: str) -> tuple[str, str]:
    """The prefix of the results' names, and the images' ending: "out/cat.jpg" is ("out/cat", ".jpg").

    Without the ending of an image format, the ending is ".png".

    Raises:
      UserError: results can't be written there, or not in that format.
    """
    folder, ending = Path(output).parent, Path(output).suffix.lower()
    if output.endswith(("/", os.sep)) or Path(output).name in ("", ".", ".."):
        raise UserError(f"Expected a prefix for the results' names, such as 'out/cat', received {output!r}.")
    if ending not in FORMATS and ending in Image.registered_extensions():
        raise UserError(
            f"Results are written as {', '.join(FORMATS)}; {ending} is none of them: choose one ({output!r})."
        )
    if not folder.is_dir():
        raise UserError(f"The results' folder {str(folder)!r} does not exist: create it, or choose another prefix.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"The results' folder {str(folder)!r} can't be written: choose another prefix.")
    return (output[: -len(ending)], output[-len(ending) :]) if ending in FORMATS else (output, ".png")


def save(path: str, image: Image.Image, quality: int, like: Image.Image, made: dict[str, Any]) -> None:
    """Writes `image` in the format of the path's ending, whole or not at all.

    Args:
      path: with one of the endings of `FORMATS`.
      image: 8-bit RGB.
      quality: 1..100, of JPEG and WebP.
      like: the photograph, whose EXIF (without orientation) and ICC profile the file carries on.
      made: how the image was made; PNG holds it as text, for `--show`.
    """
    kind = FORMATS[Path(path).suffix.lower()]
    extra = {key: like.info[key] for key in ("exif", "icc_profile") if like.info.get(key)}
    if kind == "PNG":
        extra["pnginfo"] = PngInfo()
        extra["pnginfo"].add_itxt(TEXT_KEY, json.dumps(made))
    elif kind == "TIFF":
        extra["compression"] = "tiff_deflate"
    else:
        extra["quality"] = quality
    write_whole(path, lambda partial: image.save(partial, format=kind, **extra))


def partial_path(path: str | os.PathLike) -> Path:
    """Where a file is written before it is renamed to `path`."""
    return Path(path).with_name(f".{Path(path).name}.partial")


def write_whole(path: str | os.PathLike, write: Callable[[Path], Any]) -> None:
    """Calls `write(temporary path)`, then renames the file to `path`: a kill never leaves half a file."""
    partial = partial_path(path)
    try:
        write(partial)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"{str(path)!r} could not be written: {error}") from error


def show(path: str) -> str:
    """How an image was made: the command that makes it again, from a PNG's text or a record (.json).

    Raises:
      UserError: the file is none of the two, or says nothing.
    """
    try:
        if Path(path).suffix.lower() == ".json":
            made = json.loads(Path(path).read_text())
        else:
            with Image.open(path) as image:
                made = json.loads(image.info.get(TEXT_KEY, "null"))
        words = [made["content"], *made["styles"], made["prefix"] + made["ending"].removesuffix(".png")]
        recipe = [f"--recipe={made['flags']['recipe']}"] if made["flags"]["recipe"] else []
        defaults = vars(flags.parse(recipe)[1])
        words += recipe
        words += [f"--{k}={flags.as_text(v)}" for k, v in made["flags"].items() if v != defaults.get(k)]
        version = made["versions"]["neural_style"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"--show takes a PNG or a record (.json) that neural-style wrote, and {path!r} says nothing of how it was "
            "made."
        ) from error
    return f"# neural-style {version}\nneural-style {shlex.join(words)}"

"""Images out: 8 bits, a format by the name's ending, and what a file says besides its pixels."""

import itertools
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from neural_style.core.errors import UserError

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""Pillow's name of each format that results are written in, by ending."""
MOST_SIDE = {"JPEG": 65500, "WEBP": 16383}
"""Rows and columns that a format takes at most."""
TEXT_KEY = "neural_style"
"""The key of the PNG text that says how an image was made."""


def to_image(image: np.ndarray, denoise: int = 0) -> Image.Image:
    """An RGB array as 8 bits: clipped to 0..255 and truncated, as Keras' example does (it does not round).

    Args:
      image: [rows, cols, 3].
      denoise: width of a median filter over each channel, in pixels; 0 filters nothing.
    """
    if denoise:
        from scipy.ndimage import median_filter  # takes long to import, and few runs need it

        image = median_filter(image, size=(denoise, denoise, 1))
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def save(path: str | os.PathLike, kind: str, image: Image.Image, quality: int, carried: Mapping[str, Any]) -> list[str]:
    """Writes an image. What can't be carried along is left out: the picture itself is what counts.

    Args:
      path: of the file.
      kind: one of the values of `FORMATS`.
      image: 8-bit RGB.
      quality: 1..100, of JPEG and WebP.
      carried: by name: "exif" and "icc_profile" (bytes), "text" (for PNG, see `TEXT_KEY`).

    Returns:
      What could not be carried along, by name.

    Raises:
      OSError: the file could not be written.
    """
    carried = {name: value for name, value in carried.items() if value}
    tries = [kept for count in range(len(carried), -1, -1) for kept in itertools.combinations(carried, count)]
    for kept in tries:
        try:
            image.save(path, format=kind, **_options(kind, quality, {name: carried[name] for name in kept}))
        except Exception:  # Pillow raises many kinds for metadata that does not fit a format
            if not kept:
                raise
        else:
            return [name for name in carried if name not in kept]
    raise AssertionError("the last try carries nothing")


def _options(kind: str, quality: int, carried: Mapping[str, Any]) -> dict[str, Any]:
    """What Pillow's `save` takes."""
    options = {name: carried[name] for name in ("exif", "icc_profile") if name in carried}
    if kind == "PNG":
        options["compress_level"] = 4  # a thousandth larger than by Pillow's 6, in half the time
        if "text" in carried:
            options["pnginfo"] = PngInfo()
            options["pnginfo"].add_itxt(TEXT_KEY, carried["text"])
    elif kind == "TIFF" and "exif" not in carried:
        options["compression"] = "tiff_deflate"  # by libtiff, which can't write EXIF's inner folders
    elif kind in ("JPEG", "WEBP"):
        options["quality"] = quality
    return options


def check_size(ending: str, rows: int, cols: int) -> None:
    """Raises a UserError where the format that an ending says takes no image of `rows` x `cols`."""
    most = MOST_SIDE.get(kind_of(ending), math.inf)
    if max(rows, cols) > most:
        raise UserError(
            f"{ending} takes at most {most} rows and columns, and the result would have {rows} x {cols}: choose .png, "
            "or fewer rows."
        )


def kind_of(path: str | os.PathLike) -> str:
    """Pillow's name of the format that a path's ending, or the ending alone, says."""
    return FORMATS[os.path.splitext("x" + os.fspath(path))[1].lower()]

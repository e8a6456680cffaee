"""Writes images: 8 bits, the format by the name's ending, and what a file says besides its pixels."""

import itertools
import math
import os
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from neural_style.core.errors import UserError

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
"""Pillow's name of each format that results are written in, by ending."""
MAX_SIDE = {"JPEG": 65500, "WEBP": 16383}
"""The largest number of rows or columns that a format takes."""
METADATA = ("exif", "icc_profile", "dpi", "text")
WITH_ALPHA = ("PNG", "WEBP", "TIFF")
"""Formats that keep transparency."""
INCHES = 2
"""EXIF's number of the unit of densities in dots per inch."""
TEXT_KEY = "neural_style"
"""The key of the PNG text that says how an image was made."""


def to_image(image: np.ndarray, denoise: int = 0) -> Image.Image:
    """Convert an RGB array to 8 bits: clipped to 0..255 and truncated, as Keras' example does (it does not round).

    Args:
      image: [rows, cols, 3].
      denoise: width of a median filter over each channel, in pixels; 0 filters nothing.
    """
    if denoise:
        from scipy.ndimage import median_filter  # takes long to import, and few runs need it

        image = median_filter(image, size=(denoise, denoise, 1))
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def save(path: str | os.PathLike, kind: str, image: Image.Image, quality: int, carried: Mapping[Any, Any]) -> list[str]:
    """Write an image. Metadata that can't be written are left out: the picture itself is what counts.

    Args:
      path: of the file.
      kind: one of the values of `FORMATS`.
      image: 8-bit RGB. The formats in `WITH_ALPHA` take its transparency, `info["alpha"]`: mode "L", of any size.
      quality: 1..100, for JPEG and WebP.
      carried: by name: "exif" and "icc_profile" (bytes), "dpi" (dots per inch, across and down), "text" (for PNG, see
        `TEXT_KEY`); other names are ignored.

    Returns:
      The names of what could not be written.

    Raises:
      OSError: the file could not be written.
    """
    if image.info.get("alpha") is not None and kind in WITH_ALPHA:
        image = add_alpha(image, image.info["alpha"])
    metadata = {name: carried[name] for name in METADATA if carried.get(name)}
    attempts = [names for count in range(len(metadata), -1, -1) for names in itertools.combinations(metadata, count)]
    for names in attempts:
        try:
            image.save(path, format=kind, **_options(kind, quality, {name: metadata[name] for name in names}))
        except Exception:  # Pillow raises many kinds for metadata that does not fit a format
            if not names:
                raise
        else:
            return [name for name in metadata if name not in names]
    raise AssertionError("the last attempt has no metadata")


def add_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """Add an alpha channel of any size to an RGB image; return RGBA."""
    image = image.copy()
    image.putalpha(alpha if alpha.size == image.size else alpha.resize(image.size, Image.Resampling.LANCZOS))
    return image


def _options(kind: str, quality: int, carried: Mapping[Any, Any]) -> dict[str, Any]:
    """The options of Pillow's `save`."""
    options = {name: carried[name] for name in ("exif", "icc_profile", "dpi") if name in carried}
    if kind == "PNG":
        # Half the time of zlib's default strategy; a painted picture is as small, a photograph 4 % larger.
        options |= {"compress_level": 4, "compress_type": zlib.Z_RLE}
        if "text" in carried:
            options["pnginfo"] = PngInfo()
            options["pnginfo"].add_itxt(TEXT_KEY, carried["text"])
    elif kind == "TIFF" and "exif" not in carried:
        options["compression"] = "tiff_deflate"  # by libtiff, which can't write EXIF's inner folders
    elif kind in ("JPEG", "WEBP"):
        options["quality"] = quality
    if kind == "WEBP" and "dpi" in options:  # which has no other place for it
        dpi, exif = options.pop("dpi"), options.get("exif")
        options["exif"] = exif if exif and _has_density(exif) else with_density(exif, dpi)
    return options


def with_density(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """EXIF data that state a density, in dots per inch across and down, instead of their own."""
    tags = Image.Exif()
    if exif:
        tags.load(exif)
    tags[ExifTags.Base.XResolution], tags[ExifTags.Base.YResolution] = dpi
    tags[ExifTags.Base.ResolutionUnit] = INCHES
    return tags.tobytes()


def _has_density(exif: bytes) -> bool:
    tags = Image.Exif()
    tags.load(exif)
    return ExifTags.Base.XResolution in tags


def check_size(ending: str, rows: int, cols: int) -> None:
    """Raise a UserError where an ending's format does not take an image of `rows` x `cols`."""
    max_side = MAX_SIDE.get(kind_of(ending), math.inf)
    if max(rows, cols) > max_side:
        raise UserError(
            f"{ending} takes at most {max_side} rows and columns, and the result would have {rows} x {cols}: choose "
            ".png, or fewer rows."
        )


def kind_of(path: str | os.PathLike) -> str:
    """Pillow's name of the format of a path, or of an ending alone."""
    return FORMATS[os.path.splitext("x" + os.fspath(path))[1].lower()]

"""Reads uploaded files as pictures, and as nothing else."""

import os
import threading

from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.images import reading
from neural_style.settings.web import WebSettings

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
"""Formats that are decoded. Pillow would pass others, such as EPS, to programs of the system."""
MAX_METADATA_BYTES = 100_000
"""EXIF data, or a colour profile, that is copied to a result. JPEG files have at most 64 KB of EXIF data."""
MEGA = 10**6
START_OF_SCAN = b"\xff\xda"
MAX_SCANS = 100
"""Of a JPEG file; progressive ones have about ten."""

_DECODING = threading.Lock()
"""One picture at a time, since many large ones would fill the memory."""


def check_size(path: str, description: str, bounds: WebSettings) -> None:
    """Check the size of an uploaded file.

    Args:
      path: path of the file.
      description: what the file is, for the message, as "the photograph".
      bounds: settings of the page.

    Raises:
      UserError: the file is too large.
    """
    size = os.path.getsize(path)
    if size > bounds.max_upload * MEGA:
        raise UserError(
            f"Expected at most {bounds.max_upload} MB, and {description} has {size / MEGA:.1f} MB: save it smaller."
        )


def read(path: str, description: str, bounds: WebSettings) -> Image.Image:
    """Read a visitor's picture, in 8-bit RGB and upright (see `reading.load`).

    Args:
      path: path of the uploaded file.
      description: what it should be, for the message, as "the photograph".
      bounds: settings of the page.

    Raises:
      UserError: the file is not a picture, or is too large. The message names no path.
    """
    try:
        check_size(path, description, bounds)
        with _DECODING, Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > bounds.max_decoded * MEGA:
                raise UserError(
                    f"Expected at most {bounds.max_decoded} million pixels, and {description} has {image.width} x "
                    f"{image.height}: save it smaller."
                )
            _check_scans(path)
            image.load()
            return reading.load(image)
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds
        log_unreadable(path, error)
        raise UserError(describe_unreadable(description, bounds)) from error


def _check_scans(path: str) -> None:
    """Raise a ValueError for a JPEG file of very many scans, each of which costs as much time as a whole picture."""
    with open(path, "rb") as file:
        is_jpeg = file.read(2) == b"\xff\xd8"
        if is_jpeg and file.read().count(START_OF_SCAN) > MAX_SCANS:  # within a scan's data the marker can't occur
            raise ValueError("too many scans")


def log_unreadable(path: str, error: Exception) -> None:
    """Log a visitor's file that can't be read, in one line. Its name is a safe one, see `uploads.make_safe_name`."""
    logger.warning(f"A visitor's file can't be read: {os.path.basename(path)} ({type(error).__name__}).")


def describe_unreadable(description: str, bounds: WebSettings) -> str:
    """Return the message for a file that is not a picture."""
    return (
        f"Expected {description} as a picture ({', '.join(FORMATS)}) of at most {bounds.max_decoded} million pixels, "
        "and this file can't be read as one: choose another."
    )


def short_metadata(data: bytes | None) -> bytes | None:
    """Return metadata that a result may hold; None for larger ones."""
    return data if data and len(data) <= MAX_METADATA_BYTES else None

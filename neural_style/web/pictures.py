"""Files of visitors, read as pictures and as nothing else."""

import os
import threading

from PIL import Image

from neural_style.core.errors import UserError
from neural_style.images import reading
from neural_style.settings.web import WebSettings

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
"""What is decoded: Pillow would hand others, such as EPS, to programs of the system."""
MEGA = 10**6

_DECODING = threading.Lock()
"""Many large pictures at the same time would fill the memory."""


def check_size(path: str, what: str, bounds: WebSettings) -> None:
    """Raises a UserError where a file is larger than files of visitors may be.

    Args:
      path: of the file.
      what: it is, for the sentence, as "the photograph".
      bounds: of the page.
    """
    size = os.path.getsize(path)
    if size > bounds.most_upload * MEGA:
        raise UserError(
            f"Expected at most {bounds.most_upload} MB, and {what} has {size / MEGA:.1f} MB: save it smaller."
        )


def read(path: str, what: str, bounds: WebSettings) -> Image.Image:
    """A visitor's picture, in 8-bit RGB and upright, see `reading.load`.

    Args:
      path: of the file, as it was uploaded.
      what: it is to be, for the sentence, as "the photograph".
      bounds: of the page.

    Raises:
      UserError: the file is none, or too large; the sentence names no path.
    """
    try:
        check_size(path, what, bounds)
        with _DECODING, Image.open(path, formats=FORMATS) as image:
            pixels = image.width * image.height
            if pixels > bounds.most_decoded * MEGA:
                raise UserError(
                    f"Expected at most {bounds.most_decoded} million pixels, and {what} has {image.width} x "
                    f"{image.height}: save it smaller."
                )
            image.load()
            return reading.load(image)
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds
        raise UserError(unreadable(what, bounds)) from error


def unreadable(what: str, bounds: WebSettings) -> str:
    """The sentence on a file that is no picture."""
    return (
        f"Expected {what} as a picture ({', '.join(FORMATS)}) of at most {bounds.most_decoded} million pixels, and "
        "this file can't be read as one: choose another."
    )

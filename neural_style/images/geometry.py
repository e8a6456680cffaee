"""Resizing and rotating images."""

import math

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.settings.picture import MAX_SIDE

STRIP_ASPECT, MAX_STRIP_SIDE = 8, 10_000
"""An image that is wider than so many times its height is not enlarged beyond so many columns by --rows alone."""
RGB = np.ndarray
"""[rows, cols, 3] float32, red, green, blue in 0..255."""


def size_of(image: Image.Image, rows: int, cols: int | None = None) -> tuple[int, int]:
    """The size (rows, cols) of a result: by default `cols` follows the image's aspect, truncated as in Keras' example.

    Raises:
      UserError: the result would have more columns than the maximum, or a panorama would be enlarged to a huge strip.
    """
    if cols:
        return rows, cols
    cols = int(image.width * rows / image.height)
    strip = f"An image of {image.width} x {image.height} pixels at {rows} rows would have {cols} columns"
    hint = f"choose fewer --rows, --rows=original or --longest={image.width}"
    if cols > MAX_SIDE:
        raise UserError(f"{strip}, and the maximum is {MAX_SIDE}: {hint}.")
    if cols > max(MAX_STRIP_SIDE, STRIP_ASPECT * rows, image.width):
        raise UserError(f"{strip}: {hint}; --cols={cols} enlarges it all the same.")
    return rows, cols


def resize(image: Image.Image, rows: int, cols: int, resample: str = "nearest") -> RGB:
    """Stretches `image` to (rows, cols).

    Args:
      image: 8-bit RGB or grey.
      rows, cols: the size of the result.
      resample: "nearest", as in `keras.utils.load_img`, or "lanczos", which leaves no jagged edges.

    Returns:
      [rows, cols, 3] float32 in 0..255.
    """
    return np.asarray(image.resize((cols, rows), Image.Resampling[resample.upper()]), np.float32)


def enlarge(image: RGB, rows: int, cols: int) -> RGB:
    """Stretches `image` to (rows, cols), bicubically and without rounding to 8 bits."""
    channels = [Image.fromarray(np.ascontiguousarray(image[..., channel])) for channel in range(3)]
    return np.stack([np.asarray(c.resize((cols, rows), Image.Resampling.BICUBIC)) for c in channels], axis=-1)


def rotate(image: Image.Image, degrees: float) -> Image.Image:
    """Rotates `image` counter-clockwise, and crops it to the largest frame of its aspect without empty corners."""
    if degrees == 0:
        return image
    return image.rotate(degrees, Image.Resampling.BICUBIC).crop(frame_turned(image, degrees))


def frame_turned(image: Image.Image, degrees: float) -> tuple[int, int, int, int]:
    """The largest frame (left, top, right, bottom) of `image`'s aspect without empty corners after a rotation.

    Raises:
      UserError: no pixel is left.
    """
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    longer = max(image.width / image.height, image.height / image.width)
    scale = 1 / (cosine + longer * sine)
    left, top = image.width * (1 - scale) / 2, image.height * (1 - scale) / 2
    frame = math.ceil(left), math.ceil(top), int(image.width - left), int(image.height - top)
    if frame[0] >= frame[2] or frame[1] >= frame[3]:
        raise UserError(
            f"An image of {image.width} x {image.height} pixels rotated by {degrees:g} degrees has no frame of its "
            "aspect: crop it, or choose a smaller --style_rotation."
        )
    return frame

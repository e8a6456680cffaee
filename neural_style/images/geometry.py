"""Images in other sizes and turned: what stands between a photograph and the size that is worked at."""

import math

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.settings.picture import MAX_SIDE

RGB = np.ndarray
"""[rows, cols, 3] float32, red, green, blue in 0..255."""


def size_of(image: Image.Image, rows: int, cols: int | None = None) -> tuple[int, int]:
    """The (rows, cols) to work at: `cols` follows the image's aspect, truncated as in Keras' example.

    Raises:
      UserError: the picture would be wider than any may be.
    """
    cols = cols or int(image.width * rows / image.height)
    if cols > MAX_SIDE:
        raise UserError(
            f"An image of {image.width} x {image.height} pixels at {rows} rows would have {cols} columns, and "
            f"{MAX_SIDE} is the maximum: choose fewer --rows, or --cols."
        )
    return rows, cols


def resize(image: Image.Image, rows: int, cols: int, resample: str = "nearest") -> RGB:
    """`image` stretched to (rows, cols).

    Args:
      image: 8-bit RGB.
      rows, cols: of the result.
      resample: "nearest", as `keras.utils.load_img` does, or "lanczos", which leaves no jagged edges.

    Returns:
      [rows, cols, 3] float32 in 0..255.
    """
    return np.asarray(image.resize((cols, rows), Image.Resampling[resample.upper()]), np.float32)


def enlarge(image: RGB, rows: int, cols: int) -> RGB:
    """`image` stretched to (rows, cols), bicubic, without rounding to 8 bits."""
    channels = [Image.fromarray(np.ascontiguousarray(image[..., channel])) for channel in range(3)]
    return np.stack([np.asarray(c.resize((cols, rows), Image.Resampling.BICUBIC)) for c in channels], axis=-1)


def rotate(image: Image.Image, degrees: float) -> Image.Image:
    """`image` turned counter-clockwise, cropped to the largest frame of its own aspect without empty corners."""
    if degrees == 0:
        return image
    return image.rotate(degrees, Image.Resampling.BICUBIC).crop(frame_turned(image, degrees))


def frame_turned(image: Image.Image, degrees: float) -> tuple[int, int, int, int]:
    """The largest frame (left, top, right, bottom) of `image`'s own aspect without empty corners once it is turned.

    Raises:
      UserError: nothing is left.
    """
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    longer = max(image.width / image.height, image.height / image.width)
    kept = 1 / (cosine + longer * sine)
    across, down = image.width * (1 - kept) / 2, image.height * (1 - kept) / 2
    frame = math.ceil(across), math.ceil(down), int(image.width - across), int(image.height - down)
    if frame[0] >= frame[2] or frame[1] >= frame[3]:
        raise UserError(
            f"An image of {image.width} x {image.height} pixels turned by {degrees:g} degrees has no frame of its own "
            "aspect: crop it, or turn it less (--style_rotation)."
        )
    return frame

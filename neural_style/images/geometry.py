"""Images in other sizes and turned: what stands between a photograph and the size that is worked at."""

import math

import numpy as np
from PIL import Image

RGB = np.ndarray
"""[rows, cols, 3] float32, red, green, blue in 0..255."""


def size_of(image: Image.Image, rows: int, cols: int | None = None) -> tuple[int, int]:
    """The (rows, cols) to work at: `cols` follows the image's aspect, truncated as in Keras' example."""
    return rows, cols or int(image.width * rows / image.height)


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
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    longer = max(image.width / image.height, image.height / image.width)
    share = 1 / (cosine + longer * sine)
    margins = image.width * (1 - share) / 2, image.height * (1 - share) / 2
    turned = image.rotate(degrees, Image.Resampling.BICUBIC)
    return turned.crop((*map(math.ceil, margins), *(int(s - m) for s, m in zip(image.size, margins, strict=True))))

"""Image files in, image files out: everything between a path and an RGB array in 0..255."""

import math
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy.ndimage import median_filter

from neural_style.errors import UserError

RGB = np.ndarray
"""[rows, cols, 3] float32, red, green, blue in 0..255."""


def load(path: str | os.PathLike) -> Image.Image:
    """Reads any image file that Pillow reads, upright and in 8-bit RGB.

    The EXIF orientation is applied; grey, palette, CMYK and 16-bit images are converted; transparent
    pixels are laid on white (Keras' `load_img` shows whatever colour hides beneath them).

    Raises:
      UserError: the path is missing, a folder, or no image.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"Expected an image file, but {str(path)!r} does not exist.")
    if path.is_dir():
        raise UserError(f"Expected an image file, but {str(path)!r} is a folder.")
    try:
        with Image.open(path) as image:
            image.load()
            return to_rgb(image)
    except Image.DecompressionBombError as error:
        raise UserError(f"{str(path)!r} is too large an image: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(
            f"Expected an image file (PNG, JPEG, WebP, TIFF …), but {str(path)!r} can't be read as one: {error}"
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """`image`, of any mode, upright in 8-bit RGB."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float32)
        # 16-bit greys; Pillow hands them over in several modes and converts them by clipping.
        full_scale = 65535.0 if image.mode != "F" else max(1.0, float(values.max()))
        image = Image.fromarray((np.clip(values / full_scale, 0, 1) * 255).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def frame(image: Image.Image, rows: int, cols: int | None = None) -> tuple[int, int]:
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


def to_uint8(image: RGB) -> np.ndarray:
    """`image` clipped to 0..255 and truncated, as Keras' example does (it does not round)."""
    return np.clip(image, 0, 255).astype(np.uint8)


def denoise(image: RGB, width: int) -> RGB:
    """The median of each channel over `width` x `width` pixels; 0 changes nothing."""
    return median_filter(image, size=(width, width, 1)) if width else image


def save(path: str | os.PathLike, image: RGB) -> None:
    """Writes `image`, RGB in 0..255, whole or not at all."""
    write_whole(path, lambda partial: Image.fromarray(to_uint8(image)).save(partial, format="PNG"))


def write_whole(path: str | os.PathLike, write) -> None:
    """Calls `write(temporary path)`, then renames the file to `path`: a kill never leaves half a file."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial)
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"{str(path)!r} could not be written: {error}") from error


def check_prefix(prefix: str) -> None:
    """Raises a UserError where files named `prefix`… can't be written."""
    folder = Path(prefix).parent
    if prefix.endswith(("/", os.sep)) or Path(prefix).name in ("", ".", ".."):
        raise UserError(f"Expected a prefix for the results' names, such as 'out/cat', received {prefix!r}.")
    if not folder.is_dir():
        raise UserError(f"The results' folder {str(folder)!r} does not exist: create it, or choose another prefix.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"The results' folder {str(folder)!r} can't be written: choose another prefix.")

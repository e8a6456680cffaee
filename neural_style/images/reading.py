"""Reads images: any file, Pillow image or array becomes 8-bit RGB."""

import contextlib
import importlib.util
import io
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageCms

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.images import metadata
from neural_style.settings.picture import LARGEST_IMAGE

Picture = str | os.PathLike | Image.Image | np.ndarray
"""What an image may be passed as."""
Pictures = Picture | Sequence[Picture]
"""What one image or several may be passed as."""
RAW_ENDINGS = (".cr2", ".nef", ".arw", ".dng")
HEIF_ENDINGS = (".heic", ".heif")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
"""Bytes 8 to 12 of a HEIF file, after `ftyp`; phones' files keep them when they are renamed to .jpg."""
RAW_HINT = " (it is a camera's raw file: save it as TIFF or JPEG first)"
HEIF_HINT = " (it is HEIC, which Pillow alone does not read: pip install pillow-heif, or save it as JPEG first)"
_OPENING = threading.Lock()


def as_list(pictures: Pictures) -> list[Picture]:
    """One image or several, as a list."""
    if isinstance(pictures, Sequence) and not isinstance(pictures, str | bytes):
        return list(pictures)
    return [pictures]


def load(picture: Picture, max_megapixels: int = LARGEST_IMAGE, beneath: str = "white") -> Image.Image:
    """Read any image as 8-bit RGB, upright.

    The EXIF orientation is applied. Grey, palette, CMYK, 16-bit and float images are converted. Transparent pixels are
    laid on white (Keras' `load_img` shows the colour that hides beneath them).

    Args:
      picture: the path or URL of a file that Pillow reads, a Pillow image, or an array [rows, cols],
        [rows, cols, 1 to 4] in 0..255.
      max_megapixels: millions of pixels that a file may hold; one that holds more is not decoded.
      beneath: the colour that transparent pixels are laid on.

    Returns:
      An image whose `info` holds, where the picture has them: "exif" (bytes, without the orientation), "icc_profile"
      (bytes, by which its colours are meant), "alpha" (a Pillow image of mode "L", where any pixel is transparent),
      "dpi" (dots per inch, across and down), and "unreadable", the names of what is broken and was left out.

    Raises:
      UserError: the path is missing, a folder, not an image, or too large an image; the array is not an image.
    """
    with open_image(picture, max_megapixels) as image:
        return to_rgb(image, beneath)


@contextlib.contextmanager
def open_image(picture: Picture, max_megapixels: int = LARGEST_IMAGE) -> Iterator[Image.Image]:
    """Open a picture as a decoded Pillow image of whatever mode it has; see `load`, whose errors it raises."""
    if isinstance(picture, np.ndarray):
        yield _from_array(picture)
    elif isinstance(picture, Image.Image):
        with _explained("the Pillow image given", ""):
            picture.load()
            yield picture
    elif isinstance(picture, str | os.PathLike):
        with _open_file(os.fspath(picture), max_megapixels) as image:
            yield image
    else:
        raise UserError(f"Expected an image: a path, a Pillow image or an array, received a {type(picture).__name__}.")


@contextlib.contextmanager
def _open_file(path: str, max_megapixels: int) -> Iterator[Image.Image]:
    file = _openable(path)
    hint = _hint(path, file)
    with _explained(repr(path), hint), _any_size(), Image.open(file) as image:
        if image.width * image.height > max_megapixels * 10**6:
            raise UserError(
                f"{path!r} holds {image.width} x {image.height} pixels, and --largest_image={max_megapixels} takes "
                f"{max_megapixels} million: shrink it, or raise --largest_image."
            )
        metadata.preload_exif(image)
        image.load()
        yield image


def _hint(path: str, file: str | io.BytesIO) -> str:
    """What helps where Pillow can't read a file; HEIF's reader is registered where it is installed."""
    if path.lower().endswith(RAW_ENDINGS):
        return RAW_HINT
    if not (_has_heif_brand(file) or path.lower().endswith(HEIF_ENDINGS)):
        return ""
    if importlib.util.find_spec("pillow_heif") is None:
        return HEIF_HINT
    import pillow_heif

    pillow_heif.register_heif_opener()
    return ""


def _has_heif_brand(file: str | io.BytesIO) -> bool:
    if isinstance(file, io.BytesIO):
        head = file.getvalue()[:12]
    else:
        with open(file, "rb") as opened:
            head = opened.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS


def images_in(folder: str, flag: str) -> list[Path]:
    """The paths of the images in a folder and its subfolders, sorted; images are known by their endings.

    Args:
      folder: the path.
      flag: the command-line flag that names the folder.

    Raises:
      UserError: the folder holds no images.
    """
    endings = Image.registered_extensions()
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in endings and path.is_file())
    if not paths:
        raise UserError(f"--{flag} takes a folder of images, and {folder!r} holds none.")
    return paths


def _openable(path: str) -> str | io.BytesIO:
    """What Pillow can open of a path or URL; a UserError where it is not a file that can be read."""
    try:
        if storage.is_url(path):
            return io.BytesIO(storage.read(path))
        _check_file(path)
        return path
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"Expected an image file, but {path!r} does not exist.") from None
    except (OSError, ValueError) as error:  # a name that is too long, or forbidden, or holds a null byte
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"Expected an image file, but {path!r} can't be opened: {reason}.") from error


def _check_file(path: str) -> None:
    """Raise an error where a path is not a file that may be read; pipes and devices are not opened."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise UserError(f"Expected an image file, but {path!r} is a folder.")
    if not stat.S_ISREG(mode):
        raise UserError(f"Expected an image file, but {path!r} is a pipe or device: save it as a file first.")
    open(path, "rb").close()


@contextlib.contextmanager
def _explained(name: str, hint: str) -> Iterator[None]:
    """Turn what Pillow raises for an image that it can't decode into a UserError, and silences its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds
        reason = re.sub(r"<_io\.BytesIO object at \w+>", name, str(error))
        raise UserError(
            f"Expected an image file (PNG, JPEG, WebP, TIFF …), but {name} can't be read as one{hint}: {reason}"
        ) from error


@contextlib.contextmanager
def _any_size() -> Iterator[None]:
    """Lets Pillow open photographs of today's phones; `load` checks the size itself, before it decodes anything."""
    with _OPENING:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _from_array(array: np.ndarray) -> Image.Image:
    """An array in 0..255 as a Pillow image; booleans are a mask."""
    levels = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
    if not (levels.ndim == 2 or (levels.ndim == 3 and levels.shape[-1] in (2, 3, 4))) or levels.size == 0:
        raise UserError(f"Expected an image array [rows, cols, 3] in 0..255, received one of shape {array.shape}.")
    if levels.dtype.kind not in "buif":
        raise UserError(f"Expected an image array of numbers in 0..255, received one of {array.dtype}.")
    if levels.dtype == bool:
        levels = levels * np.uint8(255)
    _check_levels(levels)
    return Image.fromarray(levels.round().astype(np.uint8))


def _check_levels(levels: np.ndarray) -> None:
    """Raise a UserError where numbers are not the levels of an image in 0..255."""
    if 0 < levels.max() < 2:
        raise UserError(
            "Expected an image array in 0..255, received one in 0..1: multiply it by 255 (a mask may be of booleans)."
        )
    if not np.isfinite(levels).all() or levels.min() < 0 or levels.max() > 255:
        raise UserError(f"Expected an image array in 0..255, received values in {levels.min()}..{levels.max()}.")


def to_rgb(image: Image.Image, beneath: str = "white") -> Image.Image:
    """Convert an image of any mode to 8-bit RGB, upright; see `load`."""
    image, exif, unreadable = metadata.upright_with_exif(image)
    profile, dpi = image.info.get("icc_profile"), metadata.read_dpi(image)
    opaque, alpha = _lay_on(to_8_bits(image), beneath)
    rgb, profile = _to_rgb_colors(opaque, profile)
    info = {"exif": exif, "icc_profile": profile, "alpha": alpha, "dpi": dpi, "unreadable": unreadable}
    rgb.info = {name: value for name, value in info.items() if value}
    return rgb


def _to_rgb_colors(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """An opaque image as RGB, and the profile of these colours; profiles of CMYK and grey are left behind."""
    space = _color_space(profile) if profile else ""
    if image.mode == "CMYK" and space == "CMYK":
        image = _convert(image, profile, None)
    return image.convert("RGB"), profile if space == "RGB" else None


def _lay_on(image: Image.Image, beneath: str) -> tuple[Image.Image, Image.Image | None]:
    """An image without transparency, on a colour, and its alpha (mode "L"); None where no pixel is transparent."""
    if not image.has_transparency_data:
        return image, None
    layers = to_rgba(image)
    alpha = layers.getchannel("A")
    opaque = Image.alpha_composite(Image.new("RGBA", layers.size, beneath), layers)
    smallest, _ = cast(tuple[int, int], alpha.getextrema())  # of one band
    return opaque, alpha if smallest < 255 else None


def to_rgba(image: Image.Image) -> Image.Image:
    """An 8-bit image as RGBA."""
    transparent = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(transparent, tuple) and max(transparent) > 255:
        image = image.copy()  # Pillow reads 16-bit colours as 8 bits, but leaves the transparent one as it is
        image.info["transparency"] = tuple(level >> 8 for level in transparent)
    return image.convert("RGBA")


def to_8_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, or of floats, as 8 bits; other images as they are.

    White is the smallest of 1, 255 and 65535 that holds all levels. 16-bit modes always count to 65535, 32-bit ones not
    to 1. A level that the file calls transparent becomes alpha (mode "LA").

    Raises:
      UserError: the levels are not finite, or larger.
    """
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    levels = np.asarray(image, np.float32)
    whites = [65535] if image.mode.startswith("I;16") else [255, 65535] if image.mode == "I" else [1, 255, 65535]
    white = next((white for white in whites if levels.max() <= white), None)
    if white is None or not np.isfinite(levels).all():
        raise UserError(
            f"Expected grey levels in 0..{', 0..'.join(map(str, whites))}, received {levels.min():g}..{levels.max():g} "
            f"in an image of mode {image.mode}: save it as 8 or 16 bits."
        )
    grey = Image.fromarray((np.clip(levels / white, 0, 1) * 255).round().astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(levels == transparent, 0, 255).astype(np.uint8)))
    return grey


def in_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert the colours of 8-bit RGB `image` to an ICC `profile`; None is sRGB."""
    current = image.info.get("icc_profile")
    if current == profile or (_is_srgb(current) and _is_srgb(profile)):
        return image
    return _convert(image, current, profile)


def _convert(image: Image.Image, current: bytes | None, profile: bytes | None) -> Image.Image:
    """`image` from one profile to another by LittleCMS, in RGB; None is sRGB. Unchanged where a profile is broken."""
    source, target = (io.BytesIO(data) if data else ImageCms.createProfile("sRGB") for data in (current, profile))
    try:
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        return cast(Image.Image, converted)  # it is None only with inPlace=True
    except ImageCms.PyCMSError:
        return image


def _color_space(profile: bytes) -> str:
    """The colours that an ICC profile is for ("RGB", "CMYK", "GRAY"), or "" where it can't be read."""
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()
    except (OSError, ImageCms.PyCMSError):
        return ""


def _is_srgb(profile: bytes | None) -> bool:
    if profile is None:
        return True
    try:
        return "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (OSError, ImageCms.PyCMSError):
        return False

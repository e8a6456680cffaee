"""Images in: everything between a file, a Pillow image or an array and an RGB array in 0..255."""

import contextlib
import io
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.settings.picture import LARGEST_IMAGE

Picture = str | os.PathLike | Image.Image | np.ndarray
"""What an image may be given as."""
HINTS = {
    (".heic", ".heif"): " (Pillow does not read it: save it as JPEG first)",
    (".cr2", ".nef", ".arw", ".dng"): " (it is a camera's raw file: save it as TIFF or JPEG first)",
}
"""What helps with files that people take for images, by ending."""

_OPENING = threading.Lock()


def load(picture: Picture, most: int = LARGEST_IMAGE, beneath: str = "white") -> Image.Image:
    """Any image as 8-bit RGB, upright.

    The EXIF orientation is applied; grey, palette, CMYK, 16-bit and float images are converted; transparent
    pixels are laid on white (Keras' `load_img` shows whatever colour hides beneath them).

    Args:
      picture: the path or URL of a file that Pillow reads, a Pillow image, or an array [rows, cols],
        [rows, cols, 1 to 4] in 0..255.
      most: millions of pixels that a file may hold; one that holds more is not decoded.
      beneath: the colour that transparent pixels are laid on.

    Returns:
      An image whose `info` holds, where there are any, "exif" (without the orientation), the ICC profile that its
      colours are meant by as "icc_profile", and as "unreadable" the names of what of them is broken and was left out.

    Raises:
      UserError: the path is missing, a folder, or no image, or too large a one; the array is none.
    """
    if isinstance(picture, np.ndarray):
        return to_rgb(_from_array(picture), beneath)
    if isinstance(picture, Image.Image):
        with _told("the Pillow image given", ""):
            picture.load()
            return to_rgb(picture, beneath)
    if not isinstance(picture, str | os.PathLike):
        raise UserError(f"Expected an image: a path, a Pillow image or an array, received a {type(picture).__name__}.")
    path = os.fspath(picture)
    file = _file(path)
    hint = next((hint for ends, hint in HINTS.items() if path.lower().endswith(ends)), "")
    with _told(repr(path), hint), _any_size(), Image.open(file) as image:
        if image.width * image.height > most * 10**6:
            raise UserError(
                f"{path!r} holds {image.width} x {image.height} pixels, and --largest_image={most} takes {most} "
                "million: shrink it, or raise --largest_image."
            )
        image.load()
        return to_rgb(image, beneath)


def images_in(folder: str, flag: str) -> list[Path]:
    """The images in a folder and the folders within, by name; what they are is known by their endings.

    Args:
      folder: the path.
      flag: that names the folder.

    Raises:
      UserError: the folder holds none.
    """
    endings = Image.registered_extensions()
    found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in endings and path.is_file())
    if not found:
        raise UserError(f"--{flag} takes a folder of images, and {folder!r} holds none.")
    return found


def _file(path: str) -> str | io.BytesIO:
    """What Pillow opens; a UserError where a path or URL is no file that can be read."""
    try:
        if storage.is_url(path):
            return io.BytesIO(storage.read(path))
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            open(path, "rb").close()
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"Expected an image file, but {path!r} does not exist.") from None
    except (OSError, ValueError) as error:  # a name that is too long, or forbidden, or holds a null byte
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"Expected an image file, but {path!r} can't be opened: {reason}.") from error
    if stat.S_ISDIR(mode):
        raise UserError(f"Expected an image file, but {path!r} is a folder.")
    if not stat.S_ISREG(mode):
        raise UserError(f"Expected an image file, but {path!r} is a pipe or device: save it as a file first.")
    return path


@contextlib.contextmanager
def _told(named: str, hint: str) -> Iterator[None]:
    """Turns what Pillow raises for an image that it can't decode into a UserError, and keeps its warnings to itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds
        reason = re.sub(r"<_io\.BytesIO object at \w+>", named, str(error))
        raise UserError(
            f"Expected an image file (PNG, JPEG, WebP, TIFF …), but {named} can't be read as one{hint}: {reason}"
        ) from error


@contextlib.contextmanager
def _any_size() -> Iterator[None]:
    """Lets Pillow open what a phone of today takes; `load` has a bound of its own, before anything is decoded."""
    with _OPENING:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _from_array(array: np.ndarray) -> Image.Image:
    shown = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
    if not (shown.ndim == 2 or (shown.ndim == 3 and shown.shape[-1] in (2, 3, 4))) or shown.size == 0:
        raise UserError(f"Expected an image array [rows, cols, 3] in 0..255, received one of shape {array.shape}.")
    if shown.dtype.kind not in "buif":
        raise UserError(f"Expected an image array of numbers in 0..255, received one of {array.dtype}.")
    if shown.dtype == bool:  # a mask
        shown = shown * np.uint8(255)
    if 0 < shown.max() < 2:
        raise UserError(
            "Expected an image array in 0..255, received one in 0..1: multiply it by 255 (a mask may be of booleans)."
        )
    if not np.isfinite(shown).all() or shown.min() < 0 or shown.max() > 255:
        raise UserError(f"Expected an image array in 0..255, received values in {shown.min()}..{shown.max()}.")
    return Image.fromarray(shown.round().astype(np.uint8))


def to_rgb(image: Image.Image, beneath: str = "white") -> Image.Image:
    """`image`, of any mode, upright in 8-bit RGB; see `load`."""
    image, exif, unreadable = _upright(image)
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        image = _of_numbers(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, beneath), image)
    if profile and _color_space(profile) != image.mode:  # RGB passes as RGB; CMYK and grey are left behind
        if image.mode == "CMYK" and _color_space(profile) == "CMYK":
            image = _convert(image, profile, None)
        profile = profile if _color_space(profile) == "RGB" else None
    image = image.convert("RGB")
    kept = {"exif": exif, "icc_profile": profile, "unreadable": unreadable}
    image.info = {name: value for name, value in kept.items() if value}
    return image


def _upright(image: Image.Image) -> tuple[Image.Image, bytes, tuple[str, ...]]:
    """`image` turned as its EXIF data say, those data without the turn, and the name of what of it is broken."""
    try:
        turned = ImageOps.exif_transpose(image)
        exif = turned.getexif()
        return turned, exif.tobytes() if exif else b"", ()
    except Exception:  # what Pillow raises for a broken tag depends on the tag
        bare = image.copy()
        for name in ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"):
            bare.info.pop(name, None)
        return bare, b"", ("exif",)


def _of_numbers(image: Image.Image) -> Image.Image:
    """Whole numbers of 16 or 32 bits, or floats, as 8-bit grey; white is the least of 1, 255 and 65535 that holds them.

    16-bit modes always count to 65535, 32-bit ones not to 1.

    Raises:
      UserError: the numbers are not finite, or larger.
    """
    values = np.asarray(image, np.float32)
    whites = [65535] if image.mode.startswith("I;16") else [255, 65535] if image.mode == "I" else [1, 255, 65535]
    white = next((white for white in whites if values.max() <= white), None)
    if white is None or not np.isfinite(values).all():
        raise UserError(
            f"Expected grey levels in 0..{', 0..'.join(map(str, whites))}, received {values.min():g}..{values.max():g} "
            f"in an image of mode {image.mode}: save it as 8 or 16 bits."
        )
    return Image.fromarray((np.clip(values / white, 0, 1) * 255).round().astype(np.uint8))


def in_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """8-bit RGB `image`, with its colours as numbers of the ICC `profile`; None is sRGB."""
    own = image.info.get("icc_profile")
    return image if own == profile or (_is_srgb(own) and _is_srgb(profile)) else _convert(image, own, profile)


def _convert(image: Image.Image, own: bytes | None, wanted: bytes | None) -> Image.Image:
    """`image` from one profile to another by LittleCMS, in RGB; None is sRGB. As it is where a profile is broken."""
    profiles = [io.BytesIO(p) if p else ImageCms.createProfile("sRGB") for p in (own, wanted)]
    try:
        return ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
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

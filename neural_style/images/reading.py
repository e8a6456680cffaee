"""Images in: everything between a file, a Pillow image or an array and an RGB array in 0..255."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from neural_style.errors import UserError

Picture = str | os.PathLike | Image.Image | np.ndarray
"""What an image may be given as."""


def load(picture: Picture) -> Image.Image:
    """Any image as 8-bit RGB, upright.

    The EXIF orientation is applied; grey, palette, CMYK and 16-bit images are converted; transparent
    pixels are laid on white (Keras' `load_img` shows whatever colour hides beneath them).

    Args:
      picture: the path of a file that Pillow reads, a Pillow image, or an array [rows, cols], [rows, cols, 1 to 4]
        in 0..255.

    Returns:
      An image whose `info` holds, where there are any, "exif" (without the orientation) and the ICC profile that its
      colours are meant by as "icc_profile".

    Raises:
      UserError: the path is missing, a folder, or no image; the array has another shape.
    """
    if isinstance(picture, Image.Image):
        return to_rgb(picture)
    if isinstance(picture, np.ndarray):
        return to_rgb(_from_array(picture))
    if not isinstance(picture, str | os.PathLike):
        raise UserError(f"Expected an image: a path, a Pillow image or an array, received a {type(picture).__name__}.")
    path = Path(picture)
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


def _from_array(array: np.ndarray) -> Image.Image:
    shown = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
    if not (shown.ndim == 2 or (shown.ndim == 3 and shown.shape[-1] in (2, 3, 4))) or shown.size == 0:
        raise UserError(f"Expected an image array [rows, cols, 3] in 0..255, received one of shape {array.shape}.")
    if shown.dtype == bool:  # a mask
        shown = shown * np.uint8(255)
    if shown.dtype.kind == "f" and 0 < shown.max() <= 1:
        raise UserError(
            "Expected an image array in 0..255, received one in 0..1: multiply it by 255 (a mask may be of booleans)."
        )
    if not np.isfinite(shown).all() or shown.min() < 0 or shown.max() > 255:
        raise UserError(f"Expected an image array in 0..255, received values in {shown.min()}..{shown.max()}.")
    return Image.fromarray(shown.round().astype(np.uint8))


def to_rgb(image: Image.Image) -> Image.Image:
    """`image`, of any mode, upright in 8-bit RGB; see `load`."""
    image = ImageOps.exif_transpose(image)
    exif, profile = image.getexif(), image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float32)
        # 16-bit greys; Pillow hands them over in several modes and converts them by clipping.
        full_scale = 65535.0 if image.mode != "F" else max(1.0, float(values.max()))
        image = Image.fromarray((np.clip(values / full_scale, 0, 1) * 255).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    if profile and _color_space(profile) != image.mode:  # RGB passes as RGB; CMYK and grey are left behind
        if image.mode == "CMYK" and _color_space(profile) == "CMYK":
            image = _convert(image, profile, None)
        profile = profile if _color_space(profile) == "RGB" else None
    image = image.convert("RGB")
    kept = {"exif": exif.tobytes() if exif else b"", "icc_profile": profile}
    image.info = {name: value for name, value in kept.items() if value}
    return image


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
    return profile is None or "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))

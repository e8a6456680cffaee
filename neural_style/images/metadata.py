"""What an image file says besides its pixels: EXIF data, orientation and density."""

import contextlib
import math

from PIL import ExifTags, Image, ImageOps

EXIF_BLOCKS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
TIFF_EXIF_TAGS = (
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.XResolution),
    *(ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit, ExifTags.Base.Software, ExifTags.Base.DateTime),
    *(ExifTags.Base.Artist, ExifTags.Base.HostComputer, ExifTags.Base.Copyright, ExifTags.Base.Rating),
    *(ExifTags.Base.XPTitle, ExifTags.Base.XPComment, ExifTags.Base.XPAuthor, ExifTags.Base.XPKeywords),
)
"""The tags of a TIFF that describe the photograph; the others describe how the file is laid out."""
MIN_DPI, MAX_DPI = 2, 100_000
"""What is less or more is no density: Pillow reads 1 from a TIFF that has none."""
EXIF_CENTIMETRES = 3
"""EXIF's number of the unit of densities in dots per centimetre."""


def preload_exif(image: Image.Image) -> None:
    """Read a TIFF's blocks of EXIF data, whose file Pillow closes once the pixels are read."""
    if image.format == "TIFF":
        with contextlib.suppress(Exception):  # what Pillow raises for a broken tag depends on the tag
            for block in EXIF_BLOCKS:
                image.getexif().get_ifd(block)


def upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF data say, in its own mode."""
    return upright_with_exif(image)[0]


def upright_with_exif(image: Image.Image) -> tuple[Image.Image, bytes, tuple[str, ...]]:
    """The image turned as its EXIF data say, these data without the orientation, and the name of what is broken."""
    try:
        if image.format == "TIFF":  # whose tags stay behind when an image is copied, and which Pillow has turned
            exif = _describing_tags(image.getexif())
            return ImageOps.exif_transpose(image), exif.tobytes() if exif else b"", ()
        turned = ImageOps.exif_transpose(image)
        exif = turned.getexif()
        return turned, exif.tobytes() if exif else b"", ()
    except Exception:  # what Pillow raises for a broken tag depends on the tag
        bare = image.copy()
        for name in ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"):
            bare.info.pop(name, None)
        return bare, b"", ("exif",)


def _describing_tags(exif: Image.Exif) -> Image.Exif:
    """A TIFF's tags that describe the photograph."""
    kept = Image.Exif()
    kept.update({tag: exif[tag] for tag in TIFF_EXIF_TAGS if tag in exif})
    for block in EXIF_BLOCKS:
        if tags := exif.get_ifd(block):
            kept.get_ifd(block).update(tags)
    return kept


def read_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Dots per inch, across and down; None where the image does not say, or nothing sensible."""
    try:
        across, down = map(float, image.info.get("dpi") or _exif_dpi(image.getexif()))
    except Exception:  # what Pillow raises for a broken tag depends on the tag
        return None
    if not all(math.isfinite(density) and MIN_DPI <= density <= MAX_DPI for density in (across, down)):
        return None
    return round(across, 2), round(down, 2)


def _exif_dpi(exif: Image.Exif) -> tuple[float, float]:
    """Dots per inch by EXIF's tags, of formats that say it nowhere else; raises a KeyError where there are none."""
    units = 2.54 if exif.get(ExifTags.Base.ResolutionUnit) == EXIF_CENTIMETRES else 1.0
    return float(exif[ExifTags.Base.XResolution]) * units, float(exif[ExifTags.Base.YResolution]) * units

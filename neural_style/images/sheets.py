"""Sheets: pictures side by side, each above its name."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
GAP = 6
"""White pixels between pictures."""
FONT_SIZES = range(16, 8, -1)
"""Sizes of the names, the first choice first; a smaller one is taken where a name is wider than its picture."""
CAPTION_ROWS = 24
INDENT = 2
"""Pixels from the left of a picture to its name."""


def make_sheet(pictures: Sequence[Image.Image], names: Sequence[str], columns: int | None = None) -> Image.Image:
    """Place pictures on white, row by row.

    Args:
      pictures: one or more, in any sizes; each cell is as large as the largest of them.
      names: of the pictures.
      columns: pictures in a row; by default about as many as rows.

    Raises:
      ValueError: there are not as many names as pictures.
    """
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    cell_cols = max(picture.width for picture in pictures) + GAP
    cell_rows = max(picture.height for picture in pictures) + CAPTION_ROWS
    sheet = Image.new("RGB", (columns * cell_cols, math.ceil(len(pictures) / columns) * cell_rows), "white")
    caption_cols = cell_cols - GAP - INDENT
    font = _choose_font(names, caption_cols)
    draw = ImageDraw.Draw(sheet)
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        left, top = number % columns * cell_cols, number // columns * cell_rows
        sheet.paste(picture, (left, top))
        draw.text((left + INDENT, top + picture.height + 2), _shorten(name, font, caption_cols), "black", font)
    return sheet


def _choose_font(names: Sequence[str], cols: int) -> Font:
    """Return the largest font in which all names fit into `cols` pixels; the smallest where none does."""
    fonts = [ImageFont.load_default(size) for size in FONT_SIZES]
    fitting = (font for font in fonts if max(map(font.getlength, names)) <= cols)
    return next(fitting, fonts[-1])


def _shorten(name: str, font: Font, cols: int) -> str:
    """Cut a name off where it would be wider than its picture."""
    while len(name) > 1 and font.getlength(name) > cols:
        name = name.removesuffix("…")[:-1] + "…"
    return name

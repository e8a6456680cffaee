"""Sheets of pictures, which the galleries share."""

from pathlib import Path

import numpy as np
from PIL import Image

GAP = 4
"""White pixels between pictures."""


def load(path: str | Path) -> np.ndarray:
    """Read an RGB image [rows, cols, 3] in 0..255."""
    return np.asarray(Image.open(path).convert("RGB"))


def make_sheet(columns: list[list[np.ndarray]], rows: int) -> Image.Image:
    """Place pictures in columns on white.

    Args:
      columns: the pictures, RGB [rows, cols, 3]; all columns have the same number.
      rows: the height of each picture on the sheet. A column is as wide as its widest picture.
    """
    resized = [[resize_to_height(picture, rows) for picture in column] for column in columns]
    widths = [max(picture.width for picture in column) + GAP for column in resized]
    sheet = Image.new("RGB", (sum(widths), (rows + GAP) * len(columns[0])), "white")
    left = 0
    for column, width in zip(resized, widths, strict=True):
        for index, picture in enumerate(column):
            sheet.paste(picture, (left, index * (rows + GAP)))
        left += width
    return sheet


def resize_to_height(picture: np.ndarray, rows: int) -> Image.Image:
    """Resize a picture [rows, cols, 3] to a height."""
    image = Image.fromarray(picture)
    return image.resize((round(image.width * rows / image.height), rows), Image.Resampling.LANCZOS)

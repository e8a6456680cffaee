"""Paints by passes with mirrored margins and without the lattice, and as the mean of shifted passes."""

import functools
from collections.abc import Callable

import numpy as np

from neural_style.feedforward import lattice

MARGIN = 32
"""Pixels that are mirrored around a picture, and cropped after painting; without them its border is too light."""
SHIFTS = ((0, 0), (2, 2), (1, 3), (3, 1))
"""Rows and columns by which the passes are shifted, each to another place in the lattice."""

WITH_MARGIN = ("dumoulin",)
"""Architectures of trained networks that always paint with a margin."""

Paint = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A network: RGB [rows, cols, 3] in 0..255 and weights [1, rows or 1, cols or 1, styles] to RGB."""


def with_margin(paint: Paint, architecture: str, shifts: int) -> Paint:
    """Return how a trained network paints: with a margin where its architecture or several passes need one.

    Args:
      paint: the network.
      architecture: its architecture's name.
      shifts: see `mean_of_passes`.
    """
    if architecture not in WITH_MARGIN and shifts == 1:
        return paint
    return functools.partial(mean_of_passes, paint, shifts=shifts)


def mean_of_passes(paint: Paint, image: np.ndarray, style: np.ndarray, shifts: int) -> np.ndarray:
    """Paint a picture as the mean of several shifted passes.

    Args:
      paint: the network; it receives rows and columns that are multiples of the lattice's period.
      image: RGB [rows, cols, 3] in 0..255.
      style: the weight of each style, [1, 1, 1, styles], or by pixel [1, rows, cols, styles].
      shifts: number of passes, 1 to 4.

    Returns:
      RGB [rows, cols, 3] float32.
    """
    total = np.zeros(image.shape, np.float32)
    for down, right in SHIFTS[:shifts]:
        total += _paint_shifted(paint, image, style, down, right)
    return total / np.float32(shifts)


def _paint_shifted(paint: Paint, image: np.ndarray, style: np.ndarray, down: int, right: int) -> np.ndarray:
    """Paint one pass of the image shifted by `down` rows and `right` columns within its margin."""
    rows, cols = image.shape[:2]
    top, left = MARGIN + down, MARGIN + right
    padding = [(top, _end_margin(rows, top)), (left, _end_margin(cols, left)), (0, 0)]
    if style.shape[1] > 1:
        style = np.pad(style, [(0, 0), *padding], "reflect")
    painted = paint(np.pad(image, padding, "reflect"), style)
    return lattice.remove_lattice(painted)[top : top + rows, left : left + cols]


def _end_margin(side: int, start_margin: int) -> int:
    """The margin below or right: both margins are 64 pixels, and more up to a multiple of the lattice's period."""
    return 2 * MARGIN - start_margin + -side % lattice.PERIOD

"""From passes of the arbitrary style network to a picture: mirrored margin, no lattice, mean of shifted passes."""

from collections.abc import Callable

import numpy as np

from neural_style.feedforward import lattice

MARGIN = 32
"""Pixels that are mirrored around a picture, painted and cropped: without them a pale line runs along its border."""
SHIFTS = ((0, 0), (2, 2), (1, 3), (3, 1))
"""Rows and columns by which the passes are shifted: each has its own place in the lattice."""


Paint = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""The network: RGB [rows, cols, 3] in 0..255 and weights [1, rows or 1, cols or 1, styles] to RGB."""


def mean_of_passes(paint: Paint, image: np.ndarray, style: np.ndarray, shifts: int) -> np.ndarray:
    """A picture as the mean of so many shifted passes.

    Args:
      paint: the network; it is given rows and columns that are multiples of the lattice's period.
      image: RGB [rows, cols, 3] in 0..255.
      style: the weight of each style, [1, 1, 1, styles], or by pixel [1, rows, cols, styles].
      shifts: passes, 1 to 4.

    Returns:
      RGB [rows, cols, 3] float32.
    """
    mean = np.zeros(image.shape, np.float32)
    for shift in SHIFTS[:shifts]:
        mean += _pass(paint, image, style, *shift)
    return mean / np.float32(shifts)


def _pass(paint: Paint, image: np.ndarray, style: np.ndarray, down: int, across: int) -> np.ndarray:
    """One pass over the image that many pixels further down and across in its margin."""
    rows, cols = image.shape[:2]
    top, left = MARGIN + down, MARGIN + across
    below, right = (2 * MARGIN - before + -side % lattice.PERIOD for before, side in ((top, rows), (left, cols)))
    margin = [(top, below), (left, right), (0, 0)]
    if style.shape[1] > 1:
        style = np.pad(style, [(0, 0), *margin], "reflect")
    painted = paint(np.pad(image, margin, "reflect"), style)
    return lattice.without_lattice(painted)[top : top + rows, left : left + cols]

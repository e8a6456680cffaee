"""Takes the lattice of a network's stride off a picture.

A network that works at a quarter of the size leaves a faint pattern that repeats every four pixels, most visible in
flat parts. Not of a paper.
"""

import numpy as np

PERIOD = 4
"""Pixels after which the pattern repeats: the network's stride."""
LIMIT = 15.0
"""Grey levels that a pixel counts at most, so that outlines are not taken for a pattern."""


BAND = 512
"""Rows that are taken at once, so that a large picture needs little memory beside its own."""
REACH = 12
"""Rows on either side of a band that its pattern is measured with: two cells and two pixels, in whole cells."""


def without_lattice(image: np.ndarray) -> np.ndarray:
    """A picture less the pattern that neighbouring cells of 4 x 4 pixels have in common.

    The pattern is what a mean over one period leaves of the picture, averaged over about five cells in each direction.

    Args:
      image: RGB [rows, cols, 3] float32; rows and columns are multiples of `PERIOD`.

    Returns:
      [rows, cols, 3] float32.
    """
    rows, found = image.shape[0], np.empty_like(image)
    for first in range(0, rows, BAND):
        end = min(first + BAND, rows)
        above, below = max(0, first - REACH), min(rows, end + REACH)
        found[first:end] = image[first:end] - _pattern(image[above:below])[first - above : end - above]
    return found


def _pattern(image: np.ndarray) -> np.ndarray:
    """What the cells around each have in common, beyond the mean over one period."""
    rows, cols, channels = image.shape
    fine = np.subtract(image, _smoothed(_smoothed(image, 0), 1))
    np.clip(fine, -LIMIT, LIMIT, out=fine)
    cells = fine.reshape(rows // PERIOD, PERIOD, cols // PERIOD, PERIOD, channels)
    return _smoothed(_smoothed(cells, 0), 2).reshape(image.shape)


def _smoothed(x: np.ndarray, axis: int) -> np.ndarray:
    """`x` convolved with [1, 2, 2, 2, 1] / 8 along an axis: the mean over four positions, centred; the border is
    repeated."""
    widths = [(2, 2) if each == axis else (0, 0) for each in range(x.ndim)]
    found = np.pad(x, widths, "edge")
    for apart in (1, 2, 1):  # [1, 1] * [1, 0, 1] * [1, 1]
        found = _part(found, axis, slice(apart, None)) + _part(found, axis, slice(None, -apart))
    found *= np.float32(0.125)
    return found


def _part(x: np.ndarray, axis: int, wanted: slice) -> np.ndarray:
    return x[tuple(wanted if each == axis else slice(None) for each in range(x.ndim))]

"""Removes the lattice that a network's stride leaves in a picture.

A network that works at a quarter of the size leaves a faint pattern that repeats every four pixels, most visible in
flat parts. Not from a paper.
"""

import numpy as np

PERIOD = 4
"""Pixels after which the pattern repeats: the network's stride."""
LIMIT = 15.0
"""Maximum amplitude of the pattern in grey levels, so that outlines are not taken for it."""
STRIP_ROWS = 512
"""Rows that are processed at a time, to limit memory."""
HALO = 12
"""Rows on each side of a strip that affect its pattern: two cells and two pixels, rounded up to whole cells."""


def remove_lattice(image: np.ndarray) -> np.ndarray:
    """Subtract the pattern that neighbouring cells of 4 x 4 pixels have in common.

    The pattern is the picture minus its mean over one period, averaged over about five cells in each direction.

    Args:
      image: RGB [rows, cols, 3] float32; rows and columns are multiples of `PERIOD`.

    Returns:
      [rows, cols, 3] float32.
    """
    rows, result = image.shape[0], np.empty_like(image)
    for first in range(0, rows, STRIP_ROWS):
        end = min(first + STRIP_ROWS, rows)
        top, bottom = max(0, first - HALO), min(rows, end + HALO)
        result[first:end] = image[first:end] - _pattern(image[top:bottom])[first - top : end - top]
    return result


def _pattern(image: np.ndarray) -> np.ndarray:
    """What neighbouring cells have in common, beyond the mean over one period."""
    rows, cols, channels = image.shape
    detail = np.subtract(image, _smooth(_smooth(image, 0), 1))
    np.clip(detail, -LIMIT, LIMIT, out=detail)
    cells = detail.reshape(rows // PERIOD, PERIOD, cols // PERIOD, PERIOD, channels)
    return _smooth(_smooth(cells, 0), 2).reshape(image.shape)


def _smooth(x: np.ndarray, axis: int) -> np.ndarray:
    """Convolve `x` along an axis with [1, 2, 2, 2, 1] / 8, a centred mean over four positions, border repeated."""
    padding = [(0, 0)] * x.ndim
    padding[axis] = (2, 2)
    smoothed = np.pad(x, padding, "edge")
    for offset in (1, 2, 1):  # [1, 2, 2, 2, 1] is [1, 1] * [1, 0, 1] * [1, 1]
        smoothed = _slice(smoothed, axis, offset, None) + _slice(smoothed, axis, None, -offset)
    smoothed *= np.float32(0.125)
    return smoothed


def _slice(x: np.ndarray, axis: int, start: int | None, stop: int | None) -> np.ndarray:
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, stop)
    return x[tuple(index)]

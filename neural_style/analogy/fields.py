"""What is done with a field: it is begun, enlarged, and other maps are seen through it."""

from collections.abc import Sequence

import numpy as np


def scaled_identity(shape: tuple[int, int], other: tuple[int, int]) -> np.ndarray:
    """The field [*shape, 2] of a map to another of (rows, cols) `other` that pairs what lies at the same place."""
    places = np.indices(shape).transpose(1, 2, 0)
    return ((2 * places + 1) * other // (2 * np.array(shape))).astype(np.int32)


def overlap(by: Sequence[int], shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where in an array of `shape` there is another position `by` away along each axis; and those others."""
    at, others = [], []
    for d, size in zip(by, shape, strict=True):
        length = max(0, size - abs(d))
        at.append(slice(max(0, -d), max(0, -d) + length))
        others.append(slice(max(0, d), max(0, d) + length))
    return tuple(at), tuple(others)


def enlarge(field: np.ndarray, factor: int, shape: tuple[int, int], other: tuple[int, int]) -> np.ndarray:
    """A field of maps that are `factor` times finer: each position keeps its place within the coarser one.

    Args:
      field: of the coarser maps.
      factor: between the two.
      shape: (rows, cols) of the finer map, at least `factor` times those of `field`.
      other: (rows, cols) of the finer map that the field points into.

    Returns:
      [*shape, 2] int32.
    """
    places = np.indices(shape).transpose(1, 2, 0)
    coarse = np.minimum(places // factor, np.array(field.shape[:2]) - 1)
    found = factor * (field[coarse[..., 0], coarse[..., 1]] - coarse) + places
    return np.clip(found, 0, np.array(other) - 1).astype(np.int32)


def vote(maps: np.ndarray, field: np.ndarray, patch_size: int) -> np.ndarray:
    """Another image's maps seen through a field: the mean over all patches that overlap at a position.

    Args:
      maps: [rows, cols, channels], what the field points into.
      field: [*shape, 2].
      patch_size: rows and columns of a patch, odd.

    Returns:
      [*shape, channels] float32.
    """
    total, count = (np.zeros((*field.shape[:2], channels), np.float32) for channels in (maps.shape[-1], 1))
    for offset in np.ndindex(patch_size, patch_size):
        offset = np.array(offset) - patch_size // 2
        # The patch around p reaches p + offset, and so does its match.
        of, to = overlap(offset, field.shape[:2])
        matched = field[of] + offset
        inside = ((matched >= 0) & (matched < maps.shape[:2])).all(-1)[..., np.newaxis]
        seen = np.clip(matched, 0, np.array(maps.shape[:2]) - 1)
        total[to] += inside * maps[seen[..., 0], seen[..., 1]]
        count[to] += inside
    return total / count


def colors(field: np.ndarray, other: tuple[int, int]) -> np.ndarray:
    """A field in colours: red grows with the row that is pointed at, green with the column, blue falls with both.

    Args:
      field: [*shape, 2].
      other: (rows, cols) of what it points into.

    Returns:
      RGB [*shape, 3] float32 in 0..255.
    """
    down, right = np.moveaxis(field / np.maximum(np.array(other) - 1, 1), -1, 0)
    return (255 * np.stack([down, right, 1 - (down + right) / 2], axis=-1)).astype(np.float32)


def sheet(field: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """What a field says, side by side: the other image's places as colours, these as pointed at, and its pixels there.

    Args:
      field: [rows, cols, 2].
      pixels: RGB [rows, cols, 3] of what it points into.

    Returns:
      RGB [rows, width, 3] float32 in 0..255.
    """
    rows, other = field.shape[0], pixels.shape[:2]
    key = scaled_identity((rows, max(1, round(other[1] * rows / other[0]))), other)
    gap = np.full((rows, 8, 3), 255, np.float32)
    reconstruction = pixels[field[..., 0], field[..., 1]]
    return np.concatenate([colors(key, other), gap, colors(field, other), gap, reconstruction], axis=1)

"""Fields of correspondence: making, enlarging, applying and showing them.

A field [rows, cols, 2] int32 holds for each position of one map the row and column of a position in another.
"""

from collections.abc import Sequence

import numpy as np


def scaled_identity(shape: tuple[int, int], other: tuple[int, int]) -> np.ndarray:
    """Make the field that pairs equal relative positions.

    Args:
      shape: (rows, cols) of the map whose positions the field has.
      other: (rows, cols) of the map that it points into.

    Returns:
      [*shape, 2] int32.
    """
    positions = np.indices(shape).transpose(1, 2, 0)
    return ((2 * positions + 1) * other // (2 * np.array(shape))).astype(np.int32)


def shifted_slices(shift: Sequence[int], shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return slices of the positions in an array that have another one `shift` away, and of those others.

    Args:
      shift: along each axis.
      shape: of the array.
    """
    positions, shifted = [], []
    for distance, size in zip(shift, shape, strict=True):
        length = max(0, size - abs(distance))
        positions.append(slice(max(0, -distance), max(0, -distance) + length))
        shifted.append(slice(max(0, distance), max(0, distance) + length))
    return tuple(positions), tuple(shifted)


def enlarge(field: np.ndarray, factor: int, shape: tuple[int, int], other: tuple[int, int]) -> np.ndarray:
    """Enlarge a field to maps that are `factor` times finer; each position keeps its place within the coarser one.

    Args:
      field: of the coarser maps.
      factor: of the sizes.
      shape: (rows, cols) of the finer map, at least `factor` times those of `field`.
      other: (rows, cols) of the finer map that the field points into.

    Returns:
      [*shape, 2] int32.
    """
    positions = np.indices(shape).transpose(1, 2, 0)
    coarse = np.minimum(positions // factor, np.array(field.shape[:2]) - 1)
    finer = factor * (field[coarse[..., 0], coarse[..., 1]] - coarse) + positions
    return np.clip(finer, 0, np.array(other) - 1).astype(np.int32)


def vote(maps: np.ndarray, field: np.ndarray, patch_size: int) -> np.ndarray:
    """Arrange another image's maps by a field: the mean over all patches that overlap at a position.

    Args:
      maps: [rows, cols, channels], which the field points into.
      field: [*shape, 2].
      patch_size: rows and columns of a patch, odd.

    Returns:
      [*shape, channels] float32.
    """
    total, count = (np.zeros((*field.shape[:2], channels), np.float32) for channels in (maps.shape[-1], 1))
    for offset in np.ndindex(patch_size, patch_size):
        offset = np.array(offset) - patch_size // 2
        # The patch around a position covers position + offset, which corresponds to its match + offset.
        centers, covered = shifted_slices(offset, field.shape[:2])
        matched = field[centers] + offset
        inside = ((matched >= 0) & (matched < maps.shape[:2])).all(-1)[..., np.newaxis]
        clipped = np.clip(matched, 0, np.array(maps.shape[:2]) - 1)
        total[covered] += inside * maps[clipped[..., 0], clipped[..., 1]]
        count[covered] += inside
    return total / count


def colors(field: np.ndarray, other: tuple[int, int]) -> np.ndarray:
    """Show a field as colours: red grows with the row pointed at, green with the column, blue falls with both.

    Args:
      field: [*shape, 2].
      other: (rows, cols) of the image that it points into.

    Returns:
      RGB [*shape, 3] float32 in 0..255.
    """
    down, right = np.moveaxis(field / np.maximum(np.array(other) - 1, 1), -1, 0)
    return (255 * np.stack([down, right, 1 - (down + right) / 2], axis=-1)).astype(np.float32)


def sheet(field: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Show a field in three panels: the other image's positions as colours, the field, and the pixels it points at.

    Args:
      field: [rows, cols, 2].
      pixels: RGB [rows, cols, 3] of the image that it points into.

    Returns:
      RGB [rows, width, 3] float32 in 0..255.
    """
    rows, other = field.shape[0], pixels.shape[:2]
    key = scaled_identity((rows, max(1, round(other[1] * rows / other[0]))), other)
    gap = np.full((rows, 8, 3), 255, np.float32)
    reconstruction = pixels[field[..., 0], field[..., 1]]
    return np.concatenate([colors(key, other), gap, colors(field, other), gap, reconstruction], axis=1)

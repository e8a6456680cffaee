"""Fields of correspondence: making, enlarging, applying and showing them.

A field [rows, cols, 2] int32 holds for each position of one image, its source, the row and column of a position in
another, its target. Both are images or features of one level.
"""

from collections.abc import Iterable, Sequence

import numpy as np


def scaled_identity(shape: tuple[int, int], target_shape: tuple[int, int]) -> np.ndarray:
    """Make the field that pairs equal relative positions.

    Args:
      shape: (rows, cols) of the source.
      target_shape: (rows, cols) of the target.

    Returns:
      [*shape, 2] int32.
    """
    positions = np.indices(shape).transpose(1, 2, 0)
    return ((2 * positions + 1) * target_shape // (2 * np.array(shape))).astype(np.int32)


def shifted_slices(shift: Iterable[int], shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return slices of the positions p of an array for which p + shift is inside too, and of these p + shift.

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


def enlarge(field: np.ndarray, factor: int, shape: tuple[int, int], target_shape: tuple[int, int]) -> np.ndarray:
    """Enlarge a field to a level that is `factor` times finer; each position keeps its place within the coarser one.

    Args:
      field: of the coarser level.
      factor: finer size / coarser size.
      shape: (rows, cols) of the source at the finer level, at least `factor` times those of `field`.
      target_shape: (rows, cols) of the target at the finer level.

    Returns:
      [*shape, 2] int32.
    """
    positions = np.indices(shape).transpose(1, 2, 0)
    coarse = np.minimum(positions // factor, np.array(field.shape[:2]) - 1)
    finer = factor * (field[coarse[..., 0], coarse[..., 1]] - coarse) + positions
    return np.clip(finer, 0, np.array(target_shape) - 1).astype(np.int32)


def vote(target: np.ndarray, field: np.ndarray, patch_size: int) -> np.ndarray:
    """Arrange the target by a field: the mean over all patches that overlap at a position.

    Args:
      target: pixels or features [rows, cols, channels].
      field: [*shape, 2].
      patch_size: rows and columns of a patch, odd.

    Returns:
      [*shape, channels] float32.
    """
    total, count = (np.zeros((*field.shape[:2], channels), np.float32) for channels in (target.shape[-1], 1))
    for corner in np.ndindex(patch_size, patch_size):
        offset = np.array(corner) - patch_size // 2
        # The patch around a position covers position + offset, which corresponds to its match + offset.
        centers, covered = shifted_slices(offset, field.shape[:2])
        matched = field[centers] + offset
        inside = np.all((matched >= 0) & (matched < target.shape[:2]), axis=-1)[..., np.newaxis]
        clipped = np.clip(matched, 0, np.array(target.shape[:2]) - 1)
        total[covered] += inside * target[clipped[..., 0], clipped[..., 1]]
        count[covered] += inside
    return total / count


def colors(field: np.ndarray, target_shape: tuple[int, int]) -> np.ndarray:
    """Show a field as colours: red grows with the row pointed at, green with the column, blue falls with both.

    Args:
      field: [*shape, 2].
      target_shape: (rows, cols) of the target.

    Returns:
      RGB [*shape, 3] float32 in 0..255.
    """
    down, right = np.moveaxis(field / np.maximum(np.array(target_shape) - 1, 1), -1, 0)
    return (255 * np.stack([down, right, 1 - (down + right) / 2], axis=-1)).astype(np.float32)


def sheet(field: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Show a field in three panels: the target's positions as colours, the field, and the pixels it points at.

    Args:
      field: [rows, cols, 2].
      pixels: RGB [rows, cols, 3] of the target.

    Returns:
      RGB [rows, width, 3] float32 in 0..255.
    """
    rows, (target_rows, target_cols) = field.shape[0], pixels.shape[:2]
    target_shape = target_rows, target_cols
    key = scaled_identity((rows, max(1, round(target_cols * rows / target_rows))), target_shape)
    gap = np.full((rows, 8, 3), 255, np.float32)
    arranged = pixels[field[..., 0], field[..., 1]]
    return np.concatenate([colors(key, target_shape), gap, colors(field, target_shape), gap, arranged], axis=1)

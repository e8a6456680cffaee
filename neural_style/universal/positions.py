"""Positions of features in an image: padding, tiles, and the shares and weights that each position has."""

from collections.abc import Sequence

import numpy as np

from neural_style.vgg.tiles import Box, tiles


def pad(image: np.ndarray, multiple: int) -> np.ndarray:
    """Pad an image [rows, cols, channels] below and right to multiples of a number, by repeating its border."""
    below, right = (-side % multiple for side in image.shape[:2])
    return np.pad(image, [(0, below), (0, right), (0, 0)], "edge") if below or right else image


def boxes(shape: Sequence[int], tile: int | None) -> list[Box]:
    """The tiles of a padded image of `shape`, in pixels; one for None."""
    rows, cols = shape[:2]
    return [part.box for part in tiles(rows, cols, tile or max(rows, cols))]


def weights(
    shares: np.ndarray | None, shape: Sequence[int], multiple: int, stride: int, margin: int = 0
) -> np.ndarray | None:
    """The weight of each position in each region's statistics; what `pad` added and the margin weigh nothing.

    Args:
      shares: of each region at each position [rows, cols, regions]; None is one region everywhere.
      shape: of the image before it was padded.
      multiple: to which it was padded.
      stride: pixels from one position to the next.
      margin: pixels on each side of `shape`.

    Returns:
      [rows, cols, regions]; None where all weigh the same.
    """
    padding = [(margin, margin + -side % multiple) for side in shape[:2]]
    if not np.any(padding):
        return shares
    rows, cols = (side - 2 * margin for side in shape[:2])
    inside = np.pad(np.ones((rows, cols, 1), np.float32), [*padding, (0, 0)])
    inside = block_means(inside, stride)
    return inside if shares is None else shares * inside


def block_means(shares: np.ndarray, side: int) -> np.ndarray:
    """The means of shares [rows, cols, regions] over blocks of `side` x `side` pixels."""
    rows, cols, regions = shares.shape
    return shares.reshape(rows // side, side, cols // side, side, regions).mean(axis=(1, 3))


def crop(shares: np.ndarray | None, box: Box, stride: int) -> np.ndarray | None:
    """The part `box`, in pixels, of shares at positions of `stride` pixels."""
    if shares is None:
        return None
    top, left, bottom, right = (edge // stride for edge in box)
    return shares[top:bottom, left:right]

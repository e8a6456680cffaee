"""The colours of drawn pictures: maps of regions and classes, also with soft edges or JPEG's noise."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

BLACK = 16
"""A colour whose channels are all at most this is black."""
GREY_SPREAD = 16
"""Channels that differ by no more are grey; JPEG's noise is less."""
MERGED_DISTANCE = 48
"""Colours nearer to one another, in levels, count as one, but in a picture of few colours."""
FLAT_DISTANCE, FLAT_SHARE = 16, 0.9
"""Levels from its main colours, and the share of pixels that lie within, of a picture of flat colours."""
MAX_COLORS = 64
SAMPLE_PIXELS = 500_000
"""Pixels, at most, from which colours are taken."""


class FlatColor(NamedTuple):
    """A colour (red, green, blue in 0..255) that many pixels have, and their share."""

    color: tuple[int, int, int]
    share: float

    @property
    def is_black(self) -> bool:
        """Whether it is black, or nearly."""
        return max(self.color) <= BLACK

    def __str__(self) -> str:
        return "#{:02x}{:02x}{:02x}".format(*self.color)


def is_grey(pixels: np.ndarray) -> bool:
    """Whether all colours [..., 3] are grey, or nearly."""
    return bool((pixels.max(axis=-1).astype(int) - pixels.min(axis=-1) <= GREY_SPREAD).all())


def flat_colors(pixels: np.ndarray) -> list[FlatColor]:
    """The colours of a picture of flat colours, the most frequent first; none of a photograph.

    Args:
      pixels: [pixels, 3] in 0..255.
    """
    exact = exact_colors(pixels)
    noisy = any(_distance(a.color, b.color) <= FLAT_DISTANCE for a, b in itertools.combinations(exact, 2))
    return exact if exact and not noisy else main_colors(pixels)


def exact_colors(pixels: np.ndarray) -> list[FlatColor]:
    """The colours of pixels [pixels, 3] as they are, the most frequent first; none where they are too many."""
    pixels = _sample(pixels)
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    if len(colors) > MAX_COLORS:
        return []
    return [FlatColor(tuple(colors[i].tolist()), float(counts[i] / len(pixels))) for i in np.argsort(-counts)]


def main_colors(pixels: np.ndarray) -> list[FlatColor]:
    """The colours near which most pixels [pixels, 3] lie, the most frequent first; none where few do."""
    pixels = _sample(pixels)
    bins = (pixels >> 4).astype(np.int32) @ np.array([256, 16, 1])
    codes, counts = np.unique(bins, return_counts=True)
    centers: list[np.ndarray] = []
    for code in codes[np.argsort(-counts)][: 4 * MAX_COLORS]:
        center = np.median(pixels[bins == code], axis=0)
        if all(np.linalg.norm(center - other) >= MERGED_DISTANCE for other in centers):
            centers.append(center)
    if len(centers) > MAX_COLORS:
        return []
    nearest, distances = nearest_color(pixels, centers)
    if np.mean(distances <= FLAT_DISTANCE) < FLAT_SHARE:
        return []
    shares = np.bincount(nearest, minlength=len(centers)) / len(pixels)
    return [FlatColor(tuple(centers[i].astype(int).tolist()), float(shares[i])) for i in np.argsort(-shares)]


def nearest_color(pixels: np.ndarray, colors: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The number of the nearest of some colours to each pixel [..., 3], and its distance in levels, both [...]."""
    nearest = np.zeros(pixels.shape[:-1], np.int32)
    distances = np.full(pixels.shape[:-1], np.inf, np.float32)
    for number, color in enumerate(colors):
        distance = np.abs(pixels - np.float32(color)).max(axis=-1)
        nearest[distance < distances] = number
        distances = np.minimum(distances, distance)
    return nearest, distances


def _sample(pixels: np.ndarray) -> np.ndarray:
    """Evenly spaced pixels, at most about `SAMPLE_PIXELS`."""
    return pixels[:: max(1, len(pixels) // SAMPLE_PIXELS)]


def _distance(color: Sequence[int], other: Sequence[int]) -> int:
    """The largest difference of a channel."""
    return max(abs(a - b) for a, b in zip(color, other, strict=True))

"""Figures of results: how near they are to the painting and to the photograph, and how clean they are."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError

STYLE_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")
CONTENT_LAYERS = ("block3_conv3", "block4_conv3")
DIRECTIONS, QUANTILES = 128, 2048
"""Of the sliced Wasserstein distance."""
GRID = (24, 32)
"""Positions at which self-similarity is measured, rows x columns."""
MIN_SIDE = 32
"""Pixels of a side of a result."""
BORDER = 6
"""Pixels of the border."""
FLAT_SHARE = 0.25
"""The share of the pixels that count as flat: those where the photograph has the least gradient."""
FLAT_SHRINK = 4
"""How much the photograph is shrunk before its gradient is measured, so that its own grain does not count."""


@dataclasses.dataclass(frozen=True)
class Figures:
    """Figures of one result. None of them says whether a person likes the picture.

    Attributes:
      loss: of the recipe.
      terms: the loss by kind of term.
      style_distance: sliced Wasserstein distance from the painting, relative to the photograph's: 0 for the painting
        itself, 1 for the photograph.
      content_distance: mean difference of the self-similarity of positions (Kolkin et al. 2019) from the photograph's,
        0..2: 0 for the photograph itself.
      grain: deviation from the mean of 3x3 pixels in flat parts, in grey levels.
      border: deviation from the mean of 3x3 pixels within 6 pixels of the border, relative to that of the inside.
    """

    loss: float
    terms: Mapping[str, float]
    style_distance: float
    content_distance: float
    grain: float
    border: float


@dataclasses.dataclass(frozen=True)
class Profile:
    """What is compared of an image, computed once.

    Attributes:
      quantiles: of the features' projections by style layer, [quantiles, directions].
      similarities: see `_self_similarity`, by content layer.
    """

    quantiles: Mapping[str, np.ndarray]
    similarities: Mapping[str, np.ndarray]


def make_profile(features: Mapping[str, np.ndarray]) -> Profile:
    """Make the profile of an image.

    Args:
      features: [rows, cols, channels] by layer, of `STYLE_LAYERS` and `CONTENT_LAYERS`.
    """
    return Profile(
        {layer: _quantiles(features[layer]) for layer in STYLE_LAYERS},
        {layer: _self_similarity(features[layer]) for layer in CONTENT_LAYERS},
    )


def style_distance(result: Profile, photograph: Profile, painting: Profile) -> float:
    """Return `Figures.style_distance`, the mean over `STYLE_LAYERS` (sliced Wasserstein distance: Bonneel et al. 2015).

    Raises:
      UserError: photograph and painting are the same.
    """
    ratios = []
    for layer in STYLE_LAYERS:
        wanted = painting.quantiles[layer]
        from_photograph = np.mean((photograph.quantiles[layer] - wanted) ** 2)
        if not from_photograph:
            raise UserError("Expected a photograph and a painting that differ: the two are the same picture.")
        ratios.append(np.mean((result.quantiles[layer] - wanted) ** 2) / from_photograph)
    return float(np.mean(ratios))


def content_distance(one: Profile, other: Profile) -> float:
    """Return `Figures.content_distance`, the mean over `CONTENT_LAYERS`."""
    differences = [np.abs(one.similarities[layer] - other.similarities[layer]) for layer in CONTENT_LAYERS]
    return float(np.mean([difference.sum(axis=0).mean() for difference in differences]))


def _quantiles(maps: np.ndarray) -> np.ndarray:
    """Return quantiles of features [rows, cols, channels] along fixed random directions: [quantiles, directions]."""
    directions = np.random.default_rng(0).standard_normal((maps.shape[-1], DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return np.quantile(maps.reshape(-1, maps.shape[-1]) @ directions, levels, axis=0)


def _self_similarity(maps: np.ndarray) -> np.ndarray:
    """Return the cosine distances of the features at a grid of positions; each column adds up to 1."""
    rows, cols = (np.linspace(0, maps.shape[axis] - 1, GRID[axis]).round().astype(int) for axis in (0, 1))
    samples = maps[np.ix_(rows, cols)].reshape(-1, maps.shape[-1]).astype(np.float64)
    samples /= np.maximum(np.linalg.norm(samples, axis=1, keepdims=True), 1e-12)
    distances = np.maximum(1 - samples @ samples.T, 0)
    return distances / np.maximum(distances.sum(axis=0), 1e-12)


def check_size(picture: Image.Image) -> None:
    """Raise a UserError where a result is too small to be measured."""
    if min(picture.size) < MIN_SIDE:
        raise UserError(f"Expected results of at least {MIN_SIDE} x {MIN_SIDE} pixels, received {picture.size}.")


def grain_and_border(picture: Image.Image, photograph: Image.Image) -> tuple[float, float]:
    """Return `Figures.grain` and `Figures.border` of a picture, in its own size."""
    pixels = np.asarray(picture.convert("RGB"), np.float64)
    is_inside = np.zeros(pixels.shape[:2], bool)
    is_inside[BORDER:-BORDER, BORDER:-BORDER] = True
    deviations = ((pixels - _local_mean(pixels)) ** 2).mean(axis=-1)
    is_flat = _flat_parts(photograph, pixels.shape[0], pixels.shape[1])
    grain = np.sqrt(deviations[is_flat & is_inside].mean())
    border = np.sqrt(deviations[~is_inside].mean() / max(deviations[is_inside].mean(), 1e-12))
    return float(grain), float(border)


def _local_mean(pixels: np.ndarray) -> np.ndarray:
    """Return the mean of 3x3 pixels around each; beyond the border pixels are repeated."""
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return windows.mean(axis=(-2, -1))


def _flat_parts(photograph: Image.Image, rows: int, cols: int) -> np.ndarray:
    """Return where the photograph has least gradient, bool [rows, cols]."""
    small = photograph.convert("L").resize(
        (max(2, cols // FLAT_SHRINK), max(2, rows // FLAT_SHRINK)), Image.Resampling.LANCZOS
    )
    down, across = np.gradient(np.asarray(small, np.float64))
    image = Image.fromarray(np.hypot(down, across).astype(np.float32))
    gradient = np.asarray(image.resize((cols, rows), Image.Resampling.BILINEAR), np.float64)
    return gradient <= np.quantile(gradient, FLAT_SHARE)

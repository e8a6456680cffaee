"""Colour: images recoloured to the mean and covariance of another, and luminance alone (Gatys et al. 2016b)."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

RIDGE = 1e-5
"""Added to the covariances' diagonals (RGB in 0..1), so that grey and single-colour images have roots."""
STRETCH = 10
"""The largest factor by which differences of colour are enlarged. Photographs and paintings need up to 10; without the
limit the grain of an even photograph would be enlarged by a hundred."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""The luminance of red, green and blue (YIQ's Y, as in Gatys et al. 2016b, section 4.1)."""


class Palette(NamedTuple):
    """The colours of an image, or of a film, in RGB of 0..1.

    Attributes:
      mean: [3].
      covariance: [3, 3], with `RIDGE`.
    """

    mean: np.ndarray
    covariance: np.ndarray


def mean(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Compute the mean colour [3] of an image [rows, cols, 3] under a mask [rows, cols], which is not 0 everywhere."""
    return np.tensordot(mask, image, axes=2).astype(np.float32) / np.float32(mask.sum())


def palette_of(images: Iterable[np.ndarray]) -> Palette:
    """The palette of all pixels of `images`, RGB [rows, cols, 3] in 0..255."""
    count, total, products = 0, np.zeros(3), np.zeros((3, 3))
    for image in images:
        pixels = image.reshape(-1, 3).astype(np.float64) / 255
        count, total, products = count + len(pixels), total + pixels.sum(axis=0), products + pixels.T @ pixels
    mean = total / count
    return Palette(mean, products / count - np.outer(mean, mean) + RIDGE * np.eye(3))


def match(image: np.ndarray, reference: np.ndarray, method: str, palette: Palette | None = None) -> np.ndarray:
    """Give `image` the mean colour and covariance of `reference` (Gatys et al. 2016b, section 4.2).

    The map is x' = A (x - mean) + mean'. With the covariances C and C' of both images, A is
    "pca": C'^1/2 C^-1/2, the authors' choice; "cholesky": L' L^-1, with L L^T = C; or
    "symmetric": C^-1/2 (C^1/2 C' C^1/2)^1/2 C^-1/2, which moves colours least (Monge's linear transport).
    It departs from the paper where `image` is nearly flat in a direction of colour: see `STRETCH`.

    Args:
      image, reference: RGB [rows, cols, 3] in 0..255.
      method: "pca", "cholesky" or "symmetric".
      palette: the palette from which colours are mapped; by default that of `image`.

    Returns:
      [rows, cols, 3] float32, not clipped.
    """
    return map_colors(image, palette or palette_of([image]), palette_of([reference]), method)


def map_colors(image: np.ndarray, source: Palette, target: Palette, method: str) -> np.ndarray:
    """Map `image` from one palette to another; see `match`."""
    left, stretches, right = np.linalg.svd(TRANSFORMS[method](source.covariance, target.covariance))
    transform = (left * np.minimum(stretches, STRETCH)) @ right
    matched = (image.reshape(-1, 3) / 255.0 - source.mean) @ transform.T + target.mean
    return (matched.reshape(image.shape) * 255.0).astype(np.float32)


def match_shares(
    image: np.ndarray, references: Sequence[np.ndarray], shares: np.ndarray, method: str, palette: Palette | None = None
) -> np.ndarray:
    """Recolours `image` to a mixture of references.

    Args:
      image, references, method, palette: see `match`.
      shares: the share of each reference in 0..1, [references], or for each pixel [rows, cols, references]. Where they
        add up to less than 1, `image` keeps its colours for the rest.

    Returns:
      [rows, cols, 3] float32 in 0..255.
    """
    change = np.zeros_like(image)
    for number, reference in enumerate(references):
        recolored = match(image, reference, method, palette).clip(0, 255)
        change += shares[..., number, np.newaxis] * (recolored - image)
    return (image + change).clip(0, 255)


def grey(image: np.ndarray) -> np.ndarray:
    """The luminance of RGB [rows, cols, 3], as an RGB image of the same shape."""
    return np.repeat((image @ LUMA)[..., np.newaxis], 3, axis=-1)


def match_luminance(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Convert `image` to grey with `reference`'s mean and deviation of luminance (Gatys et al. 2016b, section 4.1).

    Args:
      image, reference: RGB [rows, cols, 3] in 0..255; only their luminance is used.

    Returns:
      [rows, cols, 3] float32, not clipped.
    """
    source, target = grey(image), grey(reference)
    # The limit keeps a flat image flat, which has no deviation to scale.
    scaled = (source - source.mean()) * (target.std() / max(source.std(), 255 * RIDGE))
    return (scaled + target.mean()).astype(np.float32)


def wrap_objective_in_grey(objective: Callable) -> Callable:
    """Make the gradient of `objective` grey, so that an image that is optimised stays grey."""

    def objective_of_grey(painted: np.ndarray):
        loss, gradient, terms = objective(painted)
        return loss, np.repeat(np.mean(gradient, axis=-1, keepdims=True), 3, axis=-1), terms

    return objective_of_grey


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A symmetric positive matrix to the power of `exponent`."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, np.finfo(float).tiny) ** exponent) @ vectors.T


def _pca(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return _power(target, 0.5) @ _power(source, -0.5)


def _cholesky(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.linalg.cholesky(target) @ np.linalg.inv(np.linalg.cholesky(source))


def _symmetric(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


TRANSFORMS = {"pca": _pca, "cholesky": _cholesky, "symmetric": _symmetric}

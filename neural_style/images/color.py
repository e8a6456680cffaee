"""Colour: one image recoloured to another's mean and covariance, and luminance alone (Gatys et al. 2016b)."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

RIDGE = 1e-5
"""Added to the covariances' diagonals (RGB in 0..1), so that grey and single-colour images have roots."""
STRETCH = 10
"""Differences of colour are enlarged by no more: photographs and paintings ask for up to 10, an even photograph's grain
for a hundred."""
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


def palette_of(images: Iterable[np.ndarray]) -> Palette:
    """The palette of all pixels of `images`, RGB [rows, cols, 3] in 0..255."""
    count, total, products = 0, np.zeros(3), np.zeros((3, 3))
    for image in images:
        pixels = image.reshape(-1, 3).astype(np.float64) / 255
        count, total, products = count + len(pixels), total + pixels.sum(axis=0), products + pixels.T @ pixels
    mean = total / count
    return Palette(mean, products / count - np.outer(mean, mean) + RIDGE * np.eye(3))


def match(image: np.ndarray, reference: np.ndarray, method: str, own: Palette | None = None) -> np.ndarray:
    """Recolours `image` so that its mean colour and covariance are `reference`'s (Gatys et al. 2016b, section 4.2).

    The map is x' = A (x - mean) + mean', where with the covariances C and C' of both images A is
    "pca": C'^1/2 C^-1/2, the authors' choice; "cholesky": L' L^-1, with L L^T = C; or
    "symmetric": C^-1/2 (C^1/2 C' C^1/2)^1/2 C^-1/2, which moves colours least (Monge's linear transport).
    Departs from the paper where `image` is nearly flat in a direction of colour: see `STRETCH`.

    Args:
      image, reference: RGB [rows, cols, 3] in 0..255.
      method: "pca", "cholesky" or "symmetric".
      own: the palette that `image` is taken to have; None is its own.

    Returns:
      [rows, cols, 3] float32, not clipped.
    """
    own, wanted = own or palette_of([image]), palette_of([reference])
    left, stretches, right = np.linalg.svd(TRANSFORMS[method](own.covariance, wanted.covariance))
    transform = (left * np.minimum(stretches, STRETCH)) @ right
    matched = (image.reshape(-1, 3) / 255.0 - own.mean) @ transform.T + wanted.mean
    return (matched.reshape(image.shape) * 255.0).astype(np.float32)


def match_shares(
    image: np.ndarray, references: Sequence[np.ndarray], shares: np.ndarray, method: str, own: Palette | None = None
) -> np.ndarray:
    """Recolours `image` to several, each with its share.

    Args:
      image, references, method, own: see `match`.
      shares: [references], or of each pixel [rows, cols, references], in 0..1; where they add up to less than 1,
        `image` keeps its own colours for the rest.

    Returns:
      [rows, cols, 3] float32 in 0..255.
    """
    moved = np.zeros_like(image)
    for number, reference in enumerate(references):
        moved += shares[..., number, np.newaxis] * (match(image, reference, method, own).clip(0, 255) - image)
    return (image + moved).clip(0, 255)


def grey(image: np.ndarray) -> np.ndarray:
    """The luminance of RGB [rows, cols, 3], as an RGB image of the same shape."""
    return np.repeat((image @ LUMA)[..., np.newaxis], 3, axis=-1)


def match_luminance(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Grey `image` with the mean and deviation of the luminance of `reference` (Gatys et al. 2016b, section 4.1).

    Args:
      image, reference: RGB [rows, cols, 3] in 0..255; of both only the luminance counts.

    Returns:
      [rows, cols, 3] float32, not clipped.
    """
    own, wanted = grey(image), grey(reference)
    # A flat image has no deviation to scale.
    scaled = (own - own.mean()) * (wanted.std() / max(own.std(), 255 * RIDGE))
    return (scaled + wanted.mean()).astype(np.float32)


def wrap_objective_in_grey(objective: Callable) -> Callable:
    """`objective` of a grey image, whose gradient is kept grey, so that what it moves stays grey."""

    def of_grey(painted: np.ndarray):
        loss, gradient, terms = objective(painted)
        return loss, np.repeat(np.mean(gradient, axis=-1, keepdims=True), 3, axis=-1), terms

    return of_grey


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A symmetric positive matrix to the power of `exponent`."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, np.finfo(float).tiny) ** exponent) @ vectors.T


def _pca(own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return _power(wanted, 0.5) @ _power(own, -0.5)


def _cholesky(own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.linalg.cholesky(wanted) @ np.linalg.inv(np.linalg.cholesky(own))


def _symmetric(own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    root, inverse = _power(own, 0.5), _power(own, -0.5)
    return inverse @ _power(root @ wanted @ root, 0.5) @ inverse


TRANSFORMS = {"pca": _pca, "cholesky": _cholesky, "symmetric": _symmetric}

"""Colour statistics: one image recoloured to another's mean and covariance (Gatys et al. 2016b, section 4)."""

import numpy as np

RIDGE = 1e-5
"""Added to the covariances' diagonals (RGB in 0..1), so that grey and single-colour images have roots."""


def match(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Recolours `image` so that its mean colour and covariance are `reference`'s.

    The map is the symmetric one, x' = A (x - mean) + mean' with
    A = C^-1/2 (C^1/2 C' C^1/2)^1/2 C^-1/2, which moves colours least (Monge's linear transport).

    Args:
      image, reference: RGB [rows, cols, 3] in 0..255.

    Returns:
      [rows, cols, 3] float32, not clipped.
    """
    pixels, wanted = image.reshape(-1, 3) / 255.0, reference.reshape(-1, 3) / 255.0
    covariance, target = _covariance(pixels), _covariance(wanted)
    root, inverse = _power(covariance, 0.5), _power(covariance, -0.5)
    transform = inverse @ _power(root @ target @ root, 0.5) @ inverse
    matched = (pixels - pixels.mean(axis=0)) @ transform.T + wanted.mean(axis=0)
    return (matched.reshape(image.shape) * 255.0).astype(np.float32)


def _covariance(pixels: np.ndarray) -> np.ndarray:
    return np.cov(pixels.T, bias=True) + RIDGE * np.eye(3)


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A symmetric positive matrix to the power of `exponent`."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, np.finfo(float).tiny) ** exponent) @ vectors.T

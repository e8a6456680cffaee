"""Keeps nearly flat pictures nearly flat: instance normalisation would amplify their noise to a full pattern.

A black or single-coloured picture has no contrast but rounding, which instance normalisation divides by its own tiny
deviation. The pattern is faded out around the network, so that every way of computing it behaves alike: float32,
bfloat16, strips and LiteRT. Not from a paper.
"""

import numpy as np

from neural_style.feedforward.margins import Paint

FLAT, VARIED = 1.0, 3.0
"""Standard deviations in grey levels: a picture is painted flat up to the first, and unchanged from the second on."""


def keep_flat(paint: Paint) -> Paint:
    """Wrap a network so that it paints nearly flat pictures in the painting's mean colour.

    Args:
      paint: the network.

    Returns:
      A function like it; for pictures that deviate by at least `VARIED` it returns the network's own result.
    """

    def paint_flat(image: np.ndarray, style: np.ndarray) -> np.ndarray:
        painted, contrast = paint(image, style), _contrast(image)
        if contrast == 1:
            return painted
        mean = _mean_colors(painted, style[0])
        return mean + contrast * (painted - mean)

    return paint_flat


def _contrast(image: np.ndarray) -> np.float32:
    """0 for a flat picture, 1 for one with enough contrast, and a smooth step between."""
    deviation = max(image[..., channel].std() for channel in range(3))  # faster than along two axes
    position = np.clip((deviation - FLAT) / (VARIED - FLAT), 0, 1)
    return np.float32(position**2 * (3 - 2 * position))


def _mean_colors(painted: np.ndarray, style: np.ndarray) -> np.ndarray:
    """The mean colour of each style's part of a picture, mixed by the styles' weights.

    Args:
      painted: RGB [rows, cols, 3].
      style: the weight of each style [rows or 1, cols or 1, styles].

    Returns:
      RGB, [rows, cols, 3] or [1, 1, 3] float32.
    """
    weights = np.broadcast_to(style, (*painted.shape[:2], style.shape[-1]))
    totals = weights.sum(axis=(0, 1), dtype=np.float64)
    colors = np.tensordot(weights, painted, axes=([0, 1], [0, 1])) / np.maximum(totals, 1e-12)[:, np.newaxis]
    return (style @ colors).astype(np.float32)

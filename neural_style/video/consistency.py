"""Where motion can be trusted, and what it carries along (Ruder, Dosovitskiy & Brox 2016, section 3; Sundaram 2010).

A flow is [rows, cols, 2]: how many pixels to the right and down each pixel's content lies in another frame.
"""

import numpy as np
from scipy import ndimage

SMOOTHING, SMOOTHING_RADIUS = 0.8, 2
"""Of the weights' Gaussian, in pixels."""


def warp(maps: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """`maps` at where `flow` points to, bilinearly; beyond the border what lies at it.

    Args:
      maps: [rows, cols, channels].
      flow: [rows, cols, 2], from the result's pixels to those of `maps`.

    Returns:
      [rows, cols, channels] float32. Where the flow is 0, `maps` to the bit.
    """
    rows, cols = np.indices(flow.shape[:2], dtype=np.float64)
    at = [rows + flow[..., 1], cols + flow[..., 0]]
    channels = (ndimage.map_coordinates(maps[..., i], at, order=1, mode="nearest") for i in range(maps.shape[-1]))
    return np.stack(list(channels), axis=-1).astype(np.float32)


def valid_mask(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Which pixels come from somewhere that can be told, 1 or 0.

    Not trusted is what is disoccluded (equation 3), what lies at a motion boundary (equation 4), and what comes from
    beyond the border.

    Args:
      flow: [rows, cols, 2], from this frame to the other.
      back: [rows, cols, 2], from the other frame to this one.

    Returns:
      [rows, cols] float32.
    """
    return (_marks(flow, back) > 0).astype(np.float32)


def weights(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """How far each pixel is trusted: as `trusted`, with smooth edges, and holes that grow outward.

    Args:
      flow, back: see `trusted`.

    Returns:
      [rows, cols] float32 in 0..1.
    """
    smooth = ndimage.gaussian_filter(
        _marks(flow, back), SMOOTHING, radius=SMOOTHING_RADIUS, mode="reflect", output=np.float64
    )
    return smooth.clip(0, 1).astype(np.float32)


def left_over(nearest_first: list[np.ndarray]) -> list[np.ndarray]:
    """Long-term weights: of each earlier frame what no nearer one has (equation 9).

    Args:
      nearest_first: the weights [rows, cols] of each frame, from the nearest to the farthest.
    """
    found, taken = [], 0.0
    for each in nearest_first:
        found.append(np.maximum(each - taken, 0))
        taken = taken + each
    return found


def error(now: np.ndarray, before: np.ndarray, flow: np.ndarray, trusted: np.ndarray) -> float:
    """The warping error (Lai et al. 2018): the mean squared difference of two frames where the motion is trusted.

    Args:
      now, before: RGB [rows, cols, 3] in 0..255.
      flow: from `now` to `before`.
      trusted: of the flow, 1 or 0.

    Returns:
      Of values in 0..1; 0 where nothing is trusted.
    """
    squares = np.square((now - warp(before, flow)) / 255).mean(axis=-1)
    return float((squares * trusted).sum() / max(trusted.sum(), 1))


def _marks(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """1 for what is trusted, 0 for motion boundaries and what comes from beyond the border, -1 for disoccluded pixels.

    Disoccluded: |a + b|^2 >= 0.01 (|a|^2 + |b|^2) + 0.5 with b the opposite flow at where a points to. Boundaries:
    |grad a|^2 > 0.01 |a|^2 + 0.002. Their program never trusts the last row and column, since it wants a second pixel
    to interpolate with where there is nothing to interpolate; here these count as any other.
    """
    rows, cols = flow.shape[:2]
    opposite, size = warp(back, flow), _square(flow)
    moved = np.indices((rows, cols))[::-1].transpose(1, 2, 0) + flow
    inside = ((moved >= 0) & (moved <= [cols - 1, rows - 1])).all(axis=-1)
    disoccluded = _square(flow + opposite) >= 0.01 * (size + _square(opposite)) + 0.5
    boundary = _square(_slope(flow, 0)) + _square(_slope(flow, 1)) > 0.01 * size + 0.002
    return np.where(inside & disoccluded, -1.0, np.where(inside & ~boundary, 1.0, 0.0))


def _square(flow: np.ndarray) -> np.ndarray:
    return np.square(flow, dtype=np.float64).sum(axis=-1)


def _slope(flow: np.ndarray, axis: int) -> np.ndarray:
    """Central differences, with the border's pixels repeated."""
    return ndimage.correlate1d(flow.astype(np.float64), [-0.5, 0, 0.5], axis=axis, mode="nearest")

"""Where motion can be trusted, and images warped by it (Ruder, Dosovitskiy & Brox 2016, section 3; Sundaram 2010).

A flow is [rows, cols, 2]: how many pixels to the right and down each pixel's content lies in another frame.
"""

import numpy as np
from scipy import ndimage

SMOOTHING, SMOOTHING_RADIUS = 0.8, 2
"""The deviation and radius of the confidence's Gaussian, in pixels."""


def warp(maps: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Samples `maps` where `flow` points to, bilinearly; beyond the border the nearest pixel.

    Args:
      maps: [rows, cols, channels].
      flow: [rows, cols, 2], from the result's pixels to those of `maps`.

    Returns:
      [rows, cols, channels] float32. Where the flow is 0, exactly `maps`.
    """
    rows, cols = np.indices(flow.shape[:2], dtype=np.float64)
    positions = [rows + flow[..., 1], cols + flow[..., 0]]
    channels = (
        ndimage.map_coordinates(maps[..., i], positions, order=1, mode="nearest") for i in range(maps.shape[-1])
    )
    return np.stack(list(channels), axis=-1).astype(np.float32)


def trusted_mask(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Mark the pixels whose motion can be trusted with 1, others with 0.

    Others are disoccluded (equation 3), lie at a motion boundary (equation 4), or come from beyond the border.

    Args:
      flow: [rows, cols, 2], from this frame to the other.
      back: [rows, cols, 2], from the other frame to this one.

    Returns:
      [rows, cols] float32.
    """
    return (_marks(flow, back) > 0).astype(np.float32)


def confidence(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """How far the motion of each pixel can be trusted: `trusted_mask` with smooth edges, and holes that grow outward.

    The Gaussian mirrors what lies at the border, as the authors' program does.

    Args:
      flow, back: see `trusted_mask`.

    Returns:
      [rows, cols] float32 in 0..1.
    """
    smooth = ndimage.gaussian_filter(
        _marks(flow, back), SMOOTHING, radius=SMOOTHING_RADIUS, mode="reflect", output=np.float64
    )
    return smooth.clip(0, 1).astype(np.float32)


def long_term_confidence(nearest_first: list[np.ndarray]) -> list[np.ndarray]:
    """The confidence in earlier frames, each less those of all nearer ones (equation 9).

    Args:
      nearest_first: the confidence [rows, cols] in each frame, from the nearest to the farthest.
    """
    remaining = []
    nearer: np.ndarray | float = 0.0
    for confidence_in_frame in nearest_first:
        remaining.append(np.maximum(confidence_in_frame - nearer, 0))
        nearer = nearer + confidence_in_frame
    return remaining


def warping_error(now: np.ndarray, before: np.ndarray, flow: np.ndarray, trusted: np.ndarray) -> float:
    """The warping error (Lai et al. 2018): the mean squared difference of two frames where the motion is trusted.

    Args:
      now, before: RGB [rows, cols, 3] in 0..255.
      flow: [rows, cols, 2], from `now` to `before`.
      trusted: [rows, cols], 1 or 0.

    Returns:
      The error for values in 0..1; 0 where nothing is trusted.
    """
    squares = np.square((now - warp(before, flow)) / 255).mean(axis=-1)
    return float((squares * trusted).sum() / max(trusted.sum(), 1))


def _marks(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """1 for trusted pixels, 0 at motion boundaries and for what comes from beyond the border, -1 for disoccluded ones.

    Disoccluded: |a + b|^2 >= 0.01 (|a|^2 + |b|^2) + 0.5 with b the opposite flow where a points to. Boundaries:
    |grad a|^2 > 0.01 |a|^2 + 0.002. The authors' program never trusts the last row and column, since it needs a second
    pixel to interpolate with; here they count as any other.
    """
    rows, cols = flow.shape[:2]
    opposite, size = warp(back, flow), _squared_length(flow)
    targets = np.indices((rows, cols))[::-1].transpose(1, 2, 0) + flow
    inside = ((targets >= 0) & (targets <= [cols - 1, rows - 1])).all(axis=-1)
    disoccluded = _squared_length(flow + opposite) >= 0.01 * (size + _squared_length(opposite)) + 0.5
    slopes = _squared_length(_slope(flow, 0)) + _squared_length(_slope(flow, 1))
    boundary = slopes > 0.01 * size + 0.002
    return np.where(inside & disoccluded, -1.0, np.where(inside & ~boundary, 1.0, 0.0))


def _squared_length(flow: np.ndarray) -> np.ndarray:
    return np.square(flow, dtype=np.float64).sum(axis=-1)


def _slope(flow: np.ndarray, axis: int) -> np.ndarray:
    """Central differences, with the border's pixels repeated."""
    return ndimage.correlate1d(flow.astype(np.float64), [-0.5, 0, 0.5], axis=axis, mode="nearest")

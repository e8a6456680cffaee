"""A decoded frame as 8-bit sRGB, whatever matrix, transfer function and primaries its film has.

FFmpeg's scaler undoes the matrix. It has no tone mapping without zscale or libplacebo, which PyAV's builds lack, so
transfer functions and primaries are undone here.
"""

import functools
from typing import Any

import numpy as np
from PIL import Image

from neural_style.images.reading import to_rgb

HD_ROWS = 720
"""Rows from which a film without a tag is in BT.709 rather than BT.601, as players assume."""
BT709, BT601, BT2020 = 1, 5, 9
"""The matrices, by FFmpeg's numbers (ITU-T H.273, which also numbers primaries and transfer functions)."""
UNTAGGED_MATRICES = (0, 2, 3)
PQ, HLG = 16, 18
"""The transfer functions of HDR films: SMPTE ST 2084 and ARIB STD-B67."""
REFERENCE_WHITE = 203.0
"""The luminance of white in candela per square metre (ITU-R BT.2408); what is brighter is a highlight."""
HLG_WHITE = 0.2646
"""The same white in HLG's scene light, which is the signal at 75 %."""
KNEE = 0.9
"""Linear light above which highlights are compressed; white itself becomes 0.95, level 249."""
FROM_BT2020 = np.linalg.inv(
    np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]], np.float32)
)
FROM_P3 = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]], np.float32)
WIDE_GAMUTS: dict[int, np.ndarray] = {9: FROM_BT2020, 11: FROM_P3, 12: FROM_P3}
"""Matrices from linear RGB of wide primaries (BT.2020, DCI-P3, Display P3) to BT.709's."""


def to_image(frame: Any) -> Image.Image:
    """A PyAV frame as 8-bit sRGB; where it is transparent, `info` holds "alpha" as `reading.to_rgb` says."""
    if any(component.is_alpha for component in frame.format.components):
        return to_rgb(Image.fromarray(frame.to_ndarray(format="rgba", src_colorspace=matrix(frame))))
    from_wide = _wide_primaries(frame)
    if from_wide is None:
        return frame.to_image(src_colorspace=matrix(frame))
    deep = frame.to_ndarray(format="rgb48le", src_colorspace=matrix(frame))
    return Image.fromarray(to_standard(deep, frame.color_trc, from_wide))


def matrix(frame: Any) -> int:
    """The matrix of a frame's YCbCr; a guess by its transfer function or size where the film has no tag."""
    if frame.colorspace not in UNTAGGED_MATRICES:
        return frame.colorspace
    if frame.color_trc in (PQ, HLG):
        return BT2020
    return BT709 if frame.height >= HD_ROWS else BT601


def to_standard(deep: np.ndarray, transfer: int, to_bt709: np.ndarray) -> np.ndarray:
    """Convert HDR or wide-gamut colours to sRGB.

    Args:
      deep: [rows, cols, 3] of 16 bits.
      transfer: the number of the transfer function; all but `PQ` and `HLG` are taken as sRGB's.
      to_bt709: [3, 3], from linear RGB to that of BT.709.

    Returns:
      [rows, cols, 3] of 8 bits.
    """
    light = _light(transfer)[deep] @ to_bt709.T
    light = np.maximum(light, 0, out=light)
    if transfer in (PQ, HLG):
        light = compress_highlights(light)
    return (encode_srgb(np.minimum(light, 1)) * 255).round().astype(np.uint8)


def compress_highlights(light: np.ndarray) -> np.ndarray:
    """Linear RGB whose largest channel is below 1: above `KNEE` it nears 1 with a slope that falls from 1 to 0.

    All channels are scaled alike, which keeps the hue.
    """
    brightest = light.max(axis=-1, keepdims=True)
    excess = np.maximum(brightest - KNEE, 0) / (1 - KNEE)
    compressed = KNEE + (1 - KNEE) * excess / (1 + excess)
    return light * np.where(excess > 0, compressed / np.maximum(brightest, KNEE), 1)


def encode_srgb(light: np.ndarray) -> np.ndarray:
    """Linear light in 0..1 as sRGB's signal in 0..1 (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def _wide_primaries(frame: Any) -> np.ndarray | None:
    """The matrix from a frame's primaries to BT.709's; None where its colours can be shown as they are."""
    if frame.color_trc in (PQ, HLG):
        return WIDE_GAMUTS.get(frame.color_primaries, FROM_BT2020 if frame.color_primaries == 2 else np.eye(3))
    return WIDE_GAMUTS.get(frame.color_primaries)


@functools.cache
def _light(transfer: int) -> np.ndarray:
    """The linear light of each 16-bit level [65536] float32; reference white is 1."""
    signal = np.arange(65536) / 65535
    decode = {PQ: _decode_pq, HLG: _decode_hlg}.get(transfer, _decode_srgb)
    return decode(signal).astype(np.float32)


def _decode_pq(signal: np.ndarray) -> np.ndarray:
    """The inverse of SMPTE ST 2084's curve."""
    root = signal ** (1 / 78.84375)
    return (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125) * (
        10000 / REFERENCE_WHITE
    )


def _decode_hlg(signal: np.ndarray) -> np.ndarray:
    """The inverse of ARIB STD-B67's curve, to scene light."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12) / HLG_WHITE


def _decode_srgb(signal: np.ndarray) -> np.ndarray:
    return np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)

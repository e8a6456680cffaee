"""Finds and removes the narrow frame that scanners leave around photographs."""

import dataclasses

import numpy as np
from PIL import Image

MAX_SHARE, MIN_LIMIT = 0.015, 4
"""A frame is at most so wide, as a share of the shorter side; narrow pictures may have one of `MIN_LIMIT` pixels."""
FLATNESS = 10.0
"""The largest standard deviation of grey levels along a line of a frame."""
MIN_CONTRAST = 12.0
"""The smallest mean difference of grey levels between a frame's last line and the first line of the photograph."""
RINGING = 2
"""How many lines inside a frame are left out too: sharpening makes them brighter or darker than the photograph."""
MIN_SIDES = 3
"""On how many sides a flat frame must be found: a flat line at one side alone may be a sky or a wall."""
EXAMINED_LIMITS = 8
"""Lines are examined to so many times the largest width of a frame."""
MIN_STEP, MIN_RATIO = 30.0, 5.0
"""A step in grey this large, and as many times larger than the steps inside, is a frame's, flat or not, on any side."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """The width of a frame on each side, in pixels."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no frame."""
        return not any(dataclasses.astuple(self))


def find_frame(photograph: Image.Image) -> Frame:
    """Find the frame of a few flat pixels around a photograph, as scans have it.

    On each side the frame ends at the innermost step in grey that has only flat lines outside it, or at a step much
    larger than those inside. `RINGING` lines inside it count as the frame's. Flat lines count where at least three
    sides have them. Pictures with a side under four times the limit are not examined.

    Args:
      photograph: RGB.
    """
    grey = np.asarray(photograph.convert("L"))
    limit = max(MIN_LIMIT, round(MAX_SHARE * min(grey.shape)))
    if min(grey.shape) < 4 * limit:
        return Frame()
    examined = EXAMINED_LIMITS * limit
    sides = [_widths(lines[:examined], limit) for lines in (grey.T, grey, grey.T[::-1], grey[::-1])]
    count_flat = sum(flat_width > 0 for flat_width, _ in sides) >= MIN_SIDES
    widths = [max(step_width, flat_width if count_flat else 0) for flat_width, step_width in sides]
    return Frame(*(width and width + RINGING for width in widths))


def trim(image: Image.Image, frame: Frame, photograph_size: tuple[int, int]) -> Image.Image:
    """Crop a frame.

    Args:
      image: the photograph, or a mask of any size that covers it.
      frame: of the photograph.
      photograph_size: columns and rows of the photograph.
    """
    if frame.is_empty:
        return image
    across, down = image.width / photograph_size[0], image.height / photograph_size[1]
    left, right = round(frame.left * across), image.width - round(frame.right * across)
    top, bottom = round(frame.top * down), image.height - round(frame.bottom * down)
    cropped = image.crop((left, top, right, bottom))
    if image.info.get("alpha") is not None:
        cropped.info["alpha"] = image.info["alpha"].crop((left, top, right, bottom))
    return cropped


def _widths(lines: np.ndarray, limit: int) -> tuple[int, int]:
    """Measure the frame on one side of a picture, in two ways.

    Args:
      lines: grey levels [lines, pixels], from the side inwards.
      limit: the largest width of a frame.

    Returns:
      How many lines lie outside the innermost clear step that has only flat lines outside it, and how many outside a
      step that is much larger than those further inside; 0 where there is no such step.
    """
    lines = lines.astype(np.float32)
    steps = np.abs(np.diff(lines, axis=0)).mean(axis=1)
    outer = steps[:limit]
    is_flat = np.logical_and.accumulate(lines[:limit].std(axis=1) <= FLATNESS)
    usual = np.percentile(steps[limit:], 90)
    is_large = (outer > MIN_STEP) & (outer > MIN_RATIO * usual)
    return _last_true(is_flat & (outer > MIN_CONTRAST)), _last_true(is_large)


def _last_true(values: np.ndarray) -> int:
    """The number of values up to the last true one; 0 where none is true."""
    return int(np.max(np.nonzero(values)[0], initial=-1)) + 1

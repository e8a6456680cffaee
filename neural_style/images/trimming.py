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
"""On how many sides a frame must be found: a flat line at one side alone may be a sky or a wall."""


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

    On each side the frame ends at the innermost step in grey that has only flat lines outside it; `RINGING` lines
    inside it count as the frame's. Pictures with a side under four times the limit are not examined.

    Args:
      photograph: RGB.

    Returns:
      The frame; an empty one unless at least three sides have one.
    """
    grey = np.asarray(photograph.convert("L"), np.float32)
    limit = max(MIN_LIMIT, round(MAX_SHARE * min(grey.shape)))
    if min(grey.shape) < 4 * limit:
        return Frame()
    left, top, right, bottom = (_width(lines[: limit + 1]) for lines in (grey.T, grey, grey.T[::-1], grey[::-1]))
    frame = Frame(left, top, right, bottom)
    sides = sum(width > 0 for width in dataclasses.astuple(frame))
    return frame if sides >= MIN_SIDES else Frame()


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


def _width(lines: np.ndarray) -> int:
    """The number of frame lines, with ringing, of the outermost `lines` [lines, pixels], from the border inwards."""
    width = 0
    for number in range(1, len(lines)):
        if lines[number - 1].std() > FLATNESS:
            break
        if np.abs(lines[number] - lines[number - 1]).mean() > MIN_CONTRAST:
            width = number
    return width and width + RINGING

"""Optical flow: by OpenCV, or of .flo files."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neural_style.core.errors import UserError
from neural_style.settings.video import FLOWS

MIN_SIDE = 12
"""Pixels below which DIS finds nothing; there everything is taken to stand still."""
TAG = np.float32(202021.25).tobytes()
"""What a .flo file begins with."""

Pair = tuple[np.ndarray, np.ndarray]
"""The flow [rows, cols, 2] from a frame to another one, and back."""
Finder = Callable[[int, np.ndarray, int, np.ndarray], Pair]
"""Number and image [rows, cols, 3] of a frame, then of another one → the flows between them."""


def finder(kind: str) -> Finder:
    """What finds the motion between two frames.

    Args:
      kind: "dis", "farneback", or a folder of .flo files.
    """
    if kind not in FLOWS:
        return functools.partial(_of_files, Path(kind))
    between = _dis if kind == "dis" else _farneback

    def find(number: int, frame: np.ndarray, other: int, other_frame: np.ndarray) -> Pair:
        now, then = _grey(frame), _grey(other_frame)
        if min(now.shape) < MIN_SIDE:
            return np.zeros((*now.shape, 2), np.float32), np.zeros((*now.shape, 2), np.float32)
        return between(now, then), between(then, now)

    return find


def read(path: Path) -> np.ndarray:
    """A .flo file (Middlebury's format): [rows, cols, 2] float32, to the right and down.

    Raises:
      UserError: the file is missing or none.
    """
    try:
        raw = path.read_bytes()
        cols, rows = np.frombuffer(raw[4:12].ljust(8, b"\0"), "<i4")
        if raw[:4] != TAG or min(rows, cols) < 1 or len(raw) < 12 + 8 * int(rows) * int(cols):
            raise ValueError("no flow of the size that it claims")
    except (OSError, ValueError) as error:
        raise UserError(f"--flow takes a folder of .flo files, and {str(path)!r} is none of them: {error}.") from error
    found = np.frombuffer(raw, "<f4", 2 * int(rows) * int(cols), offset=12).reshape(rows, cols, 2)
    if not np.isfinite(found).all():
        raise UserError(f"--flow takes finite numbers, and {str(path)!r} holds others.")
    return found


def _of_files(folder: Path, number: int, frame: np.ndarray, other: int, _: np.ndarray) -> Pair:
    def named(start: int, end: int) -> np.ndarray:
        path = folder / f"{'forward' if start < end else 'backward'}_{start}_{end}.flo"
        return _fitted(read(path), frame.shape[:2])

    return named(number, other), named(other, number)


def _fitted(flow: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A flow in another size: its vectors grow with it."""
    import cv2

    if flow.shape[:2] == size:
        return flow
    rows, cols = size
    scale = np.float32([cols / flow.shape[1], rows / flow.shape[0]])
    return cv2.resize(flow, (cols, rows), interpolation=cv2.INTER_LINEAR) * scale


def _grey(frame: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(frame.clip(0, 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY)


def _dis(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Dense inverse search (Kroeger et al. 2016)."""
    import cv2

    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(now, then, None)


def _farneback(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Polynomial expansion (Farnebäck 2003)."""
    import cv2

    return cv2.calcOpticalFlowFarneback(now, then, None, 0.5, 5, 15, 3, 5, 1.2, 0)

"""Optical flow: estimated by OpenCV, or read from .flo files."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neural_style.core.errors import UserError
from neural_style.settings.video import FLOWS

MIN_SIDE = 12
"""DIS needs as many rows and columns; in smaller frames everything is taken to stand still."""
TAG = np.float32(202021.25).tobytes()
"""The first bytes of a .flo file."""

Pair = tuple[np.ndarray, np.ndarray]
"""The flow [rows, cols, 2] from a frame to another one, and back."""
Finder = Callable[[int, np.ndarray, int, np.ndarray], Pair]
"""A function of a frame's number and image [rows, cols, 3] and of another frame's, which returns both flows."""


def finder(kind: str) -> Finder:
    """The function that finds the motion between two frames.

    Args:
      kind: "dis", "farneback", or a folder of .flo files.
    """
    if kind not in FLOWS:
        return functools.partial(_read_pair, Path(kind))
    estimate = _dis if kind == "dis" else _farneback

    def find_flow(number: int, frame: np.ndarray, other_number: int, other: np.ndarray) -> Pair:
        now, then = _grey(frame), _grey(other)
        if min(now.shape) < MIN_SIDE:
            return np.zeros((*now.shape, 2), np.float32), np.zeros((*now.shape, 2), np.float32)
        return estimate(now, then), estimate(then, now)

    return find_flow


def read(path: Path) -> np.ndarray:
    """Read a .flo file (Middlebury's format): [rows, cols, 2] float32, to the right and down.

    Raises:
      UserError: the file is missing, or is not such a file.
    """
    try:
        raw = path.read_bytes()
        cols, rows = np.frombuffer(raw[4:12].ljust(8, b"\0"), "<i4")
        if raw[:4] != TAG or min(rows, cols) < 1 or len(raw) < 12 + 8 * int(rows) * int(cols):
            raise ValueError("it is shorter than its header says")
    except (OSError, ValueError) as error:
        raise UserError(
            f"--flow takes a folder of .flo files, and {str(path)!r} is not one of them: {error}."
        ) from error
    flow = np.frombuffer(raw, "<f4", 2 * int(rows) * int(cols), offset=12).reshape(rows, cols, 2)
    if not np.isfinite(flow).all():
        raise UserError(f"--flow takes finite numbers, and {str(path)!r} holds others.")
    return flow


def _read_pair(folder: Path, number: int, frame: np.ndarray, other_number: int, _: np.ndarray) -> Pair:
    """The flows between two frames from the files of a folder."""

    def read_flow(start: int, end: int) -> np.ndarray:
        path = folder / f"{'forward' if start < end else 'backward'}_{start}_{end}.flo"
        return _resize(read(path), frame.shape[:2])

    return read_flow(number, other_number), read_flow(other_number, number)


def _resize(flow: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A flow in another size (rows, cols); its vectors are scaled with it."""
    import cv2

    if flow.shape[:2] == size:
        return flow
    rows, cols = size
    scale = np.array([cols / flow.shape[1], rows / flow.shape[0]], np.float32)
    return cv2.resize(flow, (cols, rows), interpolation=cv2.INTER_LINEAR) * scale


def _grey(frame: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(frame.clip(0, 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY)


def _dis(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Dense inverse search (Kroeger et al. 2016)."""
    import cv2

    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(now, then, None)  # type: ignore[attr-defined]  # a gap in OpenCV's stubs


def _farneback(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Polynomial expansion (Farnebäck 2003)."""
    import cv2

    # None: into a new array. OpenCV's stubs do not know that.
    return cv2.calcOpticalFlowFarneback(now, then, None, 0.5, 5, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]

"""The motion between a film's frames, estimated for the next frame while one is painted."""

import collections
import dataclasses
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from neural_style.images import geometry
from neural_style.settings.video import VideoSettings
from neural_style.video import consistency, flow

CUT_SHARE = 0.3
"""Where a smaller share of a frame can be traced to the one before, the film was cut. In a film with five cuts it was
0.16 at most at the cuts, and 0.42 at least within shots."""
CUT_ERROR = 0.02
"""A larger warping error means a cut; within shots it is about 0.0001 to 0.001."""


@dataclasses.dataclass(frozen=True)
class Motion:
    """The motion from a frame to an earlier one (in a backward pass, to a later one).

    Attributes:
      number: the other frame's number.
      flow: [rows, cols, 2], to the other frame.
      trusted: [rows, cols], 1 where the flow can be trusted, else 0.
      confidence: [rows, cols] in 0..1, the same with smooth edges.
    """

    number: int
    flow: np.ndarray
    trusted: np.ndarray
    confidence: np.ndarray


@dataclasses.dataclass(frozen=True)
class FrameMotion:
    """A frame and its motion.

    Attributes:
      number: the frame's number in the film; the first is 1.
      image: the film's frame in its own size.
      pixels: the same in the size that is painted, [rows, cols, 3] float32 in 0..255.
      motion_to_previous: to the frame painted before; None at the first frame of a shot.
      previous_pixels: the pixels of the frame painted before; None at the first frame of a shot.
      long_term: the motions to those frames of --long_term that this shot has, nearest first; the
        `confidence` of each is reduced by that of all nearer ones (equation 9), `trusted` is not.
    """

    number: int
    image: Image.Image
    pixels: np.ndarray
    motion_to_previous: Motion | None
    previous_pixels: np.ndarray | None
    long_term: list[Motion]


def estimate_motion(
    frames: Iterable[tuple[int, Image.Image]], size: tuple[int, int], settings: VideoSettings, resample: str
) -> Generator[FrameMotion, None, None]:
    """Yield each frame with its motion; another thread estimates the next frame's meanwhile.

    Args:
      frames: the number and image of each frame, in the order of painting.
      size: (rows, cols) of the painted frames.
      settings: of the film.
      resample: how frames are resized.
    """
    motions = _estimate_in_order(frames, size, settings, resample)
    with ThreadPoolExecutor(1) as executor:
        pending = executor.submit(next, motions, None)
        while (frame_motion := pending.result()) is not None:
            pending = executor.submit(next, motions, None)
            yield frame_motion


def _estimate_in_order(
    frames: Iterable[tuple[int, Image.Image]], size: tuple[int, int], settings: VideoSettings, resample: str
) -> Iterator[FrameMotion]:
    find_flow = flow.finder(settings.flow)
    shot: collections.deque[tuple[int, np.ndarray]] = collections.deque(maxlen=max(settings.long_term))
    for number, image in frames:
        pixels = geometry.resize(image, *size, resample)
        to_previous = _motion(find_flow, number, pixels, *shot[-1]) if shot else None
        if to_previous and _is_cut(to_previous, pixels, shot[-1][1]):
            to_previous = None
            shot.clear()
        distances = [distance for distance in sorted(set(settings.long_term)) if distance <= len(shot)]
        motions = [
            to_previous if to_previous is not None and d == 1 else _motion(find_flow, number, pixels, *shot[-d])
            for d in distances
        ]
        confidences = consistency.long_term_confidence([motion.confidence for motion in motions])
        long_term = [dataclasses.replace(m, confidence=c) for m, c in zip(motions, confidences, strict=True)]
        yield FrameMotion(number, image, pixels, to_previous, shot[-1][1] if shot else None, long_term)
        shot.append((number, pixels))


def _is_cut(motion: Motion, pixels: np.ndarray, previous: np.ndarray) -> bool:
    """Whether a new shot starts: little can be traced to the frame before, or what is traced looks different."""
    if motion.trusted.mean() < CUT_SHARE:
        return True
    return consistency.warping_error(pixels, previous, motion.flow, motion.trusted) > CUT_ERROR


def _motion(find_flow: flow.Finder, number: int, pixels: np.ndarray, other_number: int, other: np.ndarray) -> Motion:
    there, back = find_flow(number, pixels, other_number, other)
    return Motion(other_number, there, consistency.trusted_mask(there, back), consistency.confidence(there, back))

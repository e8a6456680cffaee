"""What moves between a film's frames, worked out for the next one while a frame is painted."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from neural_style.images import geometry
from neural_style.settings.video import VideoSettings
from neural_style.video import consistency, flow

CUT_SHARE = 0.3
"""Where less of a frame than this can be traced to the one before, the film was cut there: in one with five cuts it was
0.16 at most at these, and 0.42 at least within shots."""
CUT_ERROR = 0.02
"""The warping error beyond which what is traced is something else; within shots it is some 0.0001 to 0.001."""


@dataclasses.dataclass(frozen=True)
class Motion:
    """From a frame to an earlier one (in a backward pass, to a later one).

    Attributes:
      number: of the other frame.
      flow: [rows, cols, 2], to it.
      valid_mask: [rows, cols], 1 where the flow can be trusted, else 0.
      weights: [rows, cols] in 0..1, the same with smooth edges.
    """

    number: int
    flow: np.ndarray
    valid_mask: np.ndarray
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class FrameMotion:
    """A frame, and how it moved.

    Attributes:
      number: of the frame in the film; the first is 1.
      image: the frame.
      photograph: the same as it is painted, [rows, cols, 3] float32 in 0..255.
      nearest: the motion to the frame painted before; None at the first frame of a shot.
      earlier: that frame's photograph; None likewise.
      held_to: the motions to the frames of --long_term that this shot has, nearest first, each trusted only where no
        nearer one is.
    """

    number: int
    image: Image.Image
    photograph: np.ndarray
    nearest: Motion | None
    earlier: np.ndarray | None
    held_to: list[Motion]


def estimate_motion(
    frames: Iterable[tuple[int, Image.Image]], size: tuple[int, int], settings: VideoSettings, resample: str
) -> Iterator[FrameMotion]:
    """Each frame with its motion; the next one's is worked out by another thread meanwhile.

    Args:
      frames: number and image of each, in the order of painting.
      size: (rows, cols) of what is painted.
      settings: of the film.
      resample: how frames are brought to that size.
    """
    waiting = _moved(frames, size, settings, resample)
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(next, waiting, None)
        while (found := coming.result()) is not None:
            coming = ahead.submit(next, waiting, None)
            yield found


def _moved(
    frames: Iterable[tuple[int, Image.Image]], size: tuple[int, int], settings: VideoSettings, resample: str
) -> Iterator[FrameMotion]:
    find, shot = flow.finder(settings.flow), collections.deque(maxlen=max(settings.long_term))
    for number, image in frames:
        photograph = geometry.resize(image, *size, resample)
        nearest = _motion(find, number, photograph, *shot[-1]) if shot else None
        if nearest and _is_cut(nearest, photograph, shot[-1][1]):
            nearest = None
            shot.clear()
        there = [distance for distance in sorted(set(settings.long_term)) if distance <= len(shot)]
        motions = [nearest if d == 1 else _motion(find, number, photograph, *shot[-d]) for d in there]
        weights = consistency.left_over([motion.weights for motion in motions])
        held_to = [dataclasses.replace(m, weights=w) for m, w in zip(motions, weights, strict=True)]
        yield FrameMotion(number, image, photograph, nearest, shot[-1][1] if shot else None, held_to)
        shot.append((number, photograph))


def _is_cut(motion: Motion, photograph: np.ndarray, earlier: np.ndarray) -> bool:
    """Whether a new shot begins: little can be traced to the frame before, or what can looks otherwise."""
    other = consistency.error(photograph, earlier, motion.flow, motion.valid_mask) > CUT_ERROR
    return other or motion.valid_mask.mean() < CUT_SHARE


def _motion(find: flow.Finder, number: int, photograph: np.ndarray, other: int, earlier: np.ndarray) -> Motion:
    to, back = find(number, photograph, other, earlier)
    return Motion(other, to, consistency.valid_mask(to, back), consistency.weights(to, back))

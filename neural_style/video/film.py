"""A film, frame by frame: each is painted from the one before, carried along by the motion (Ruder et al. 2016)."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core.run import Run
from neural_style.core.step import Step
from neural_style.images import color
from neural_style.images.inputs import Inputs
from neural_style.images.reading import load
from neural_style.images.scene import WarpedFrame
from neural_style.planning.plan import Plan
from neural_style.video import consistency
from neural_style.video.clip import Clip
from neural_style.video.motion import FrameMotion, Motion, estimate_motion
from neural_style.video.store import Store

MakeRun = Callable[[Inputs, Plan], Run]
"""Makes the run of a frame."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """A painted frame.

    Attributes:
      number: in the film; the first is 1.
      image: 8-bit RGB.
      facts: "number", "pass", "cut" (whether a shot begins here), "loss", "terms", "evaluations", "seconds", and, but
        at cuts, "trusted" (the share of pixels whose motion can be trusted), "error" (the warping error to the frame
        painted before) and "photograph_error" (the photographs' own).
    """

    number: int
    image: Image.Image
    facts: dict[str, Any]


class Film:
    """Paints a clip; what is painted lies in a folder, from which a film that broke off is gone on with."""

    def __init__(self, clip: Clip, inputs: Inputs, plan: Plan, folder: Path, make_run: MakeRun):
        """
        Args:
          clip: the film.
          inputs, plan: of its first frame.
          folder: takes the frames, as 000001.png and so on.
          make_run: makes the run of a frame.
        """
        self._settings = plan.settings
        if self._settings.picture.recolor_content and inputs.palette is None:
            # One map for all frames leaves dark ones dark, and can't flicker.
            inputs = dataclasses.replace(inputs, palette=clip.palette(self._settings.video))
        self._clip, self._inputs, self._plan, self._make_run = clip, inputs, plan, make_run
        self._folder, self._passes = folder, self._settings.video.passes
        self.painted = Store(folder)

    @property
    def size(self) -> tuple[int, int]:
        """(rows, cols) of a painted frame."""
        return self._plan.result_size

    def frames(self) -> Iterator[Frame]:
        """The frames of each pass as they are painted; those of the last pass are the film's.

        Raises:
          UserError: the film can't be read, or a frame can't be painted.
        """
        for number in range(1, self._passes + 1):
            yield from self._pass(number)

    def so_far(self) -> Store:
        """The frames of the latest pass that has any."""
        stores = [self._store(number) for number in range(self._passes, 0, -1)]
        return next((store for store in stores if store.numbers()), self.painted)

    def forget_passes(self) -> None:
        """Removes what only serves to go on from."""
        for folder in [*self._folder.glob("pass_*"), self._photographs.folder]:
            Store(folder).remove()

    def begin_anew(self) -> None:
        """Removes what an earlier film left in the folder."""
        self.forget_passes()
        self.painted.remove()

    def _store(self, number: int) -> Store:
        return self.painted if number == self._passes else Store(self._folder / f"pass_{number}")

    @property
    def _photographs(self) -> Store:
        return Store(self._folder / "photographs")

    def _pass(self, number: int) -> Iterator[Frame]:
        """One pass: the first and every other one forward, the rest backward (section 4.3)."""
        settings = self._settings
        before, now = self._store(number - 1) if number > 1 else None, self._store(number)
        way = estimate_motion(self._ordered(number), self.size, settings.video, settings.picture.resample)
        with contextlib.closing(way):
            for frame in way:
                if not now.has(frame.number):
                    began = time.perf_counter()
                    image, facts = self._painted(frame, before, now)
                    now.save(frame.number, image, {**facts, "seconds": round(time.perf_counter() - began, 2)})
                facts = {"number": frame.number, "pass": number, **now.facts(frame.number)}
                image = Image.fromarray(now.read(frame.number).astype(np.uint8))
                yield Frame(frame.number, image, {**facts, **_measured(frame, now)})

    def _ordered(self, number: int) -> Iterator[tuple[int, Image.Image]]:
        """The frames in the order of a pass; the first pass keeps them for those that follow."""
        if number > 1:
            numbers = self._photographs.numbers()
            for each in numbers if number % 2 else reversed(numbers):
                yield each, load(self._photographs.path(each))
            return
        for each, image in self._clip.frames(self._settings.video):
            if self._passes > 1 and not self._photographs.has(each):
                self._photographs.save(each, image, {})
            yield each, image

    def _start(
        self, frame: FrameMotion, before: Store | None, now: Store, carried: list[WarpedFrame]
    ) -> np.ndarray | None:
        """Where a frame begins that follows another, or an earlier pass; None where it begins anew."""
        if before:
            return _between(before.read(frame.number), carried)
        if frame.nearest is None:
            return None
        # What was hidden before begins in the painting's colours, so that it is no patch of photograph for long.
        own = color.match(frame.photograph, now.read(frame.nearest.number), "symmetric").clip(0, 255)
        return _between(own, carried or [_carried(frame.nearest, now)], all_of_it=True)

    def _painted(self, frame: FrameMotion, before: Store | None, now: Store) -> tuple[Image.Image, dict[str, Any]]:
        """A frame's painting, and what came of it."""
        carried, start = [], None
        if self._settings.optimizes:  # else each frame is decoded by itself
            carried = [_carried(motion, now) for motion in frame.held_to]
            start = self._start(frame, before, now, carried)
        elif frame.nearest and self._settings.video.frame_blend:
            earlier = _carried(frame.nearest, now)
            weights = self._settings.video.frame_blend * earlier.weights
            carried = [dataclasses.replace(earlier, weights=weights)]
        plan = self._plan.for_first_frame()
        inputs = dataclasses.replace(self._inputs, content=frame.image, first_frame=self._inputs)
        if start is not None:
            # As many terms in each frame, so that one network and one trace serve them all.
            nothing = WarpedFrame(frame.photograph, np.zeros(frame.photograph.shape[:2], np.float32))
            carried += [nothing] * (len(set(self._settings.video.long_term)) - len(carried))
            plan, inputs = self._plan.for_following_frame(), dataclasses.replace(inputs, start=start)
        run = self._make_run(dataclasses.replace(inputs, warped_frames=carried), plan)
        with contextlib.closing(run.steps()) as steps:
            taken = list(_until_still(steps, 0 if start is None else self._settings.video.stop_share))
        facts = {
            "cut": frame.nearest is None,
            "loss": taken[-1].loss,
            "terms": dict(taken[-1].terms),
            "evaluations": sum(step.evaluations for step in taken),
        }
        # To the nearest level, and unfiltered: what is cut off or smoothed in each frame would add up along the film.
        return Image.fromarray(np.rint(run.result()).clip(0, 255).astype(np.uint8)), facts


def _until_still(steps: Iterator[Step], share: float) -> Iterator[Step]:
    """Steps until the loss falls by less than `share` of itself with each evaluation."""
    last = None
    for step in steps:
        yield dataclasses.replace(step, state=dict)
        # Not after the first iteration, which knows no curvature yet and may hardly move.
        if share and step.index > 1 and last.loss - step.loss < share * last.loss * step.evaluations:
            return
        last = step


def _carried(motion: Motion, painted: Store) -> WarpedFrame:
    return WarpedFrame(consistency.warp(painted.read(motion.number), motion.flow), motion.weights)


def _between(own: np.ndarray, carried: list[WarpedFrame], all_of_it: bool = False) -> np.ndarray:
    """Where a frame starts: what was carried to it where that is trusted, else what it has of its own.

    With `all_of_it` the own image counts only where nothing is trusted; else both count alike, as between passes.
    """
    weights = sum(each.weights for each in carried)[..., np.newaxis] if carried else 0.0
    brought = sum(each.image * each.weights[..., np.newaxis] for each in carried)
    if all_of_it:
        return (brought + (1 - weights) * own).astype(np.float32)
    return ((own + brought) / (1 + weights)).astype(np.float32)


def _measured(frame: FrameMotion, painted: Store) -> dict[str, float]:
    """How much the painting changes beside what moves, and how much the photographs do."""
    nearest = frame.nearest
    if nearest is None:
        return {}
    now, then = painted.read(frame.number), painted.read(nearest.number)
    how = nearest.flow, nearest.valid_mask
    return {
        "trusted": float(nearest.valid_mask.mean()),
        "error": consistency.error(now, then, *how),
        "photograph_error": consistency.error(frame.photograph, frame.earlier, *how),
    }

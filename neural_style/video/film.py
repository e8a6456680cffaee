"""A film, frame by frame: each starts from the painted frame before it, warped by the motion (Ruder et al. 2016)."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core.run import Run
from neural_style.core.step import Step
from neural_style.images import color
from neural_style.images.inputs import Inputs
from neural_style.images.scene import WarpedFrame
from neural_style.planning.plan import Plan
from neural_style.video import consistency
from neural_style.video.clip import Clip
from neural_style.video.motion import FrameMotion, Motion, estimate_motion
from neural_style.video.store import Store

MakeRun = Callable[[Inputs, Plan], Run]
"""Makes the run that paints a frame."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """A painted frame.

    Attributes:
      number: the frame's number in the film; the first is 1.
      image: 8-bit RGB, with `info["alpha"]` where the film's frame is transparent.
      facts: "number", "pass", "cut" (whether a shot starts here), "loss", "terms", "layers", "evaluations" and
        "seconds". Except at cuts also "trusted" (the share of pixels whose motion can be trusted), "error" (the warping
        error to the frame painted before) and "photograph_error" (the photographs' warping error).
    """

    number: int
    image: Image.Image
    facts: dict[str, Any]


class Film:
    """Paints a clip into a folder of frames, from which an interrupted film resumes."""

    def __init__(self, clip: Clip, inputs: Inputs, plan: Plan, folder: Path, make_run: MakeRun):
        """
        Args:
          clip: the film.
          inputs, plan: of its first frame.
          folder: of the painted frames, 000001.png and so on.
          make_run: makes the run that paints a frame.
        """
        self._settings = plan.settings
        if self._settings.picture.recolor_content and inputs.palette is None:
            # One colour transform for all frames leaves dark ones dark, and can't flicker.
            inputs = dataclasses.replace(inputs, palette=clip.palette(self._settings.video))
        self._clip, self._inputs, self._plan, self._make_run = clip, inputs, plan, make_run
        self._folder, self._passes = folder, self._settings.video.passes
        self.painted = Store(folder)

    @property
    def size(self) -> tuple[int, int]:
        """(rows, cols) of a painted frame."""
        return self._plan.result_size

    def frames(self) -> Generator[Frame, None, None]:
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

    def remove_passes(self) -> None:
        """Remove the files that are needed only to resume."""
        for folder in [*self._folder.glob("pass_*"), self._photographs.folder]:
            Store(folder).remove()

    def clear(self) -> None:
        """Remove the frames of an earlier film."""
        self.remove_passes()
        self.painted.remove()

    def _store(self, number: int) -> Store:
        return self.painted if number == self._passes else Store(self._folder / f"pass_{number}")

    @property
    def _photographs(self) -> Store:
        return Store(self._folder / "photographs")

    def _pass(self, number: int) -> Iterator[Frame]:
        """One pass: odd ones go forward, even ones backward (Ruder et al. 2016, section 4.3)."""
        settings = self._settings
        before, now = self._store(number - 1) if number > 1 else None, self._store(number)
        motions = estimate_motion(self._ordered(number), self.size, settings.video, settings.picture.resample)
        with contextlib.closing(motions):
            for frame in motions:
                if not now.has(frame.number):
                    started = time.perf_counter()
                    image, facts = self._paint_frame(frame, before, now)
                    now.save(frame.number, image, {**facts, "seconds": round(time.perf_counter() - started, 2)})
                facts = {"number": frame.number, "pass": number, **now.facts(frame.number)}
                yield Frame(frame.number, now.load(frame.number), {**facts, **_warping_errors(frame, now)})

    def _ordered(self, number: int) -> Iterator[tuple[int, Image.Image]]:
        """The clip's frames in the order of a pass; the first pass stores them for later ones."""
        if number > 1:
            frames = self._photographs.numbers()
            for frame in frames if number % 2 else reversed(frames):
                yield frame, self._photographs.load(frame)
            return
        for frame, image in self._clip.frames(self._settings.video):
            if self._passes > 1 and not self._photographs.has(frame):
                self._photographs.save(frame, image, {})
            yield frame, image

    def _start(
        self, frame: FrameMotion, before: Store | None, now: Store, warped: list[WarpedFrame]
    ) -> np.ndarray | None:
        """The start of a frame that follows another one or an earlier pass; None where it starts as a picture does."""
        if before:
            return _average(before.read(frame.number), warped)
        if frame.nearest is None:
            return None
        # What was hidden before starts in the painting's colours, or it would look like the photograph for a while.
        recolored = color.match(frame.photograph, now.read(frame.nearest.number), "symmetric").clip(0, 255)
        return _fill(recolored, warped or [_warp(frame.nearest, now)])

    def _paint_frame(self, frame: FrameMotion, before: Store | None, now: Store) -> tuple[Image.Image, dict[str, Any]]:
        """Paint a frame; return its image and facts."""
        warped, start = [], None
        if self._settings.optimizes:
            warped = [_warp(motion, now) for motion in frame.long_term]
            start = self._start(frame, before, now, warped)
        elif frame.nearest and self._settings.video.frame_blend:
            earlier = _warp(frame.nearest, now)
            weights = self._settings.video.frame_blend * earlier.weights
            warped = [dataclasses.replace(earlier, weights=weights)]
        plan = self._plan.for_unstarted_frame()
        inputs = dataclasses.replace(self._inputs, content=frame.image, adaptation_inputs=self._inputs)
        if start is not None:
            # Every frame gets equally many terms (missing ones have zero weights), so that all share one trace.
            nothing = WarpedFrame(frame.photograph, np.zeros(frame.photograph.shape[:2], np.float32))
            warped += [nothing] * (len(set(self._settings.video.long_term)) - len(warped))
            plan, inputs = self._plan.for_following_frame(), dataclasses.replace(inputs, start=start)
        run = self._make_run(dataclasses.replace(inputs, warped_frames=warped), plan)
        with contextlib.closing(run.steps()) as steps:
            steps_taken = list(_until_settled(steps, 0 if start is None else self._settings.video.stop_share))
        facts = {
            "cut": frame.nearest is None,
            "loss": steps_taken[-1].loss,
            "terms": steps_taken[-1].terms,
            "layers": dict(steps_taken[-1].layers),
            "evaluations": sum(step.evaluations for step in steps_taken),
        }
        # Rounded and not filtered: what is truncated or smoothed in each frame would add up along the film.
        image = Image.fromarray(np.rint(run.result()).clip(0, 255).astype(np.uint8))
        image.info["alpha"] = frame.image.info.get("alpha")
        return image, facts


def _until_settled(steps: Iterator[Step], share: float) -> Iterator[Step]:
    """The steps until the loss falls by less than `share` of itself with each evaluation."""
    last: Step | None = None
    for step in steps:
        yield dataclasses.replace(step, state=dict)  # a film does not resume from the state of an optimiser
        # Not after the first iteration, which knows no curvature yet and may hardly move.
        if (
            share
            and last is not None
            and step.index > 1
            and last.loss - step.loss < share * last.loss * step.evaluations
        ):
            return
        last = step


def _warp(motion: Motion, painted: Store) -> WarpedFrame:
    """The painted frame at the other end of a motion, warped to this one."""
    return WarpedFrame(consistency.warp(painted.read(motion.number), motion.flow), motion.weights)


def _fill(image: np.ndarray, warped: list[WarpedFrame]) -> np.ndarray:
    """The warped frames where they are trusted, and `image` [rows, cols, 3] for the rest."""
    total, weights = _weighted_sum(warped)
    return (total + (1 - weights) * image).astype(np.float32)


def _average(image: np.ndarray, warped: list[WarpedFrame]) -> np.ndarray:
    """The mean of `image` [rows, cols, 3] and the warped frames, as between passes."""
    total, weights = _weighted_sum(warped)
    return ((image + total) / (1 + weights)).astype(np.float32)


def _weighted_sum(warped: list[WarpedFrame]) -> tuple[np.ndarray | float, np.ndarray | float]:
    """The sum of the warped frames, each times its weights [rows, cols, 1], and the sum of these."""
    total: np.ndarray | float = 0.0
    weights: np.ndarray | float = 0.0
    for frame in warped:
        frame_weights = frame.weights[..., np.newaxis]
        total = total + frame.image * frame_weights
        weights = weights + frame_weights
    return total, weights


def _warping_errors(frame: FrameMotion, painted: Store) -> dict[str, float]:
    """The share of trusted motion, and the warping errors of the painting and of the photographs."""
    nearest = frame.nearest
    if nearest is None or frame.earlier is None:
        return {}
    now, then = painted.read(frame.number), painted.read(nearest.number)
    motion = nearest.flow, nearest.valid_mask
    return {
        "trusted": float(nearest.valid_mask.mean()),
        "error": consistency.error(now, then, *motion),
        "photograph_error": consistency.error(frame.photograph, frame.earlier, *motion),
    }

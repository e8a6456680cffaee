"""A film, frame by frame: each starts from the painted frame before it, warped by the motion (Ruder et al. 2016)."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Sequence
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
class PaintedFrame:
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


class FilmPainter:
    """Paints a clip into a folder of frames, from which an interrupted film resumes.

    Attributes:
      painted: the frames of the last pass, which are the film's; see `so_far`.
    """

    def __init__(self, clip: Clip, inputs: Inputs, plan: Plan, folder: Path, make_run: MakeRun):
        """
        Args:
          clip: the film.
          inputs, plan: the images of its first frame, and the plan of every frame.
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

    def frames(self) -> Generator[PaintedFrame, None, None]:
        """The frames of each pass as they are painted; those of the last pass are the film's.

        Frames that are stored already are yielded too, without being painted again.

        Raises:
          UserError: the film can't be read, or a frame can't be painted.
        """
        for pass_number in range(1, self._passes + 1):
            yield from self._paint_pass(pass_number)

    def so_far(self) -> dict[int, Store]:
        """Where each painted frame is, in order: in the store of the latest pass that has it."""
        stores = [self._store(pass_number) for pass_number in range(1, self._passes + 1)]
        latest = {number: store for store in stores for number in store.numbers()}
        return dict(sorted(latest.items()))

    def remove_intermediate(self) -> None:
        """Remove the files that are needed only to resume: earlier passes, and the film's own frames."""
        for folder in [*self._folder.glob("pass_*"), self._film_frames.folder]:
            Store(folder).remove()

    def clear(self) -> None:
        """Remove the frames of an earlier film."""
        self.remove_intermediate()
        self.painted.remove()

    def _store(self, pass_number: int) -> Store:
        """The painted frames of a pass."""
        return self.painted if pass_number == self._passes else Store(self._folder / f"pass_{pass_number}")

    @property
    def _film_frames(self) -> Store:
        """The film's own frames, which the passes after the first read."""
        return Store(self._folder / "photographs")

    def _paint_pass(self, pass_number: int) -> Iterator[PaintedFrame]:
        """One pass: odd ones go forward, even ones backward (Ruder et al. 2016, section 4.3)."""
        settings = self._settings
        previous_pass = self._store(pass_number - 1) if pass_number > 1 else None
        this_pass = self._store(pass_number)
        motions = estimate_motion(self._in_order(pass_number), self.size, settings.video, settings.picture.resample)
        with contextlib.closing(motions):
            for frame in motions:
                if not this_pass.has(frame.number):
                    started = time.perf_counter()
                    image, facts = self._paint_frame(frame, previous_pass, this_pass)
                    facts["seconds"] = round(time.perf_counter() - started, 2)
                    this_pass.save(frame.number, image, facts)
                facts = {"number": frame.number, "pass": pass_number, **this_pass.facts(frame.number)}
                errors = _measure_warping_errors(frame, this_pass)
                yield PaintedFrame(frame.number, this_pass.load(frame.number), {**facts, **errors})

    def _in_order(self, pass_number: int) -> Iterator[tuple[int, Image.Image]]:
        """The film's frames in the order of a pass; the first pass stores them for later ones."""
        if pass_number > 1:
            numbers = self._film_frames.numbers()
            for number in numbers if pass_number % 2 else reversed(numbers):
                yield number, self._film_frames.load(number)
            return
        for number, image in self._clip.frames(self._settings.video):
            if self._passes > 1 and not self._film_frames.has(number):
                self._film_frames.save(number, image, {})
            yield number, image

    def _paint_frame(
        self, frame: FrameMotion, previous_pass: Store | None, this_pass: Store
    ) -> tuple[Image.Image, dict[str, Any]]:
        """Paint a frame; return its image and facts."""
        warped = self._warp_painted(frame, this_pass)
        start = self._make_start(frame, previous_pass, this_pass, warped) if self._settings.optimizes else None
        inputs, plan = self._inputs_and_plan(frame, start, warped)
        run = self._make_run(inputs, plan)
        with contextlib.closing(run.steps()) as steps:
            steps_taken = list(_until_settled(steps, 0 if start is None else self._settings.video.stop_share))
        # Rounded and not filtered: what is truncated or smoothed in each frame would add up along the film.
        image = Image.fromarray(np.rint(run.result()).clip(0, 255).astype(np.uint8))
        image.info["alpha"] = frame.image.info.get("alpha")
        return image, _facts_of(frame, steps_taken)

    def _warp_painted(self, frame: FrameMotion, this_pass: Store) -> list[WarpedFrame]:
        """The painted frames that a frame is to continue, warped to it."""
        if self._settings.optimizes:
            return [_warp(motion, this_pass) for motion in frame.long_term]
        if not (frame.motion_to_previous and self._settings.video.frame_blend):
            return []
        previous = _warp(frame.motion_to_previous, this_pass)
        return [dataclasses.replace(previous, confidence=self._settings.video.frame_blend * previous.confidence)]

    def _make_start(
        self, frame: FrameMotion, previous_pass: Store | None, this_pass: Store, warped: list[WarpedFrame]
    ) -> np.ndarray | None:
        """The start of a frame that follows another one or an earlier pass; None where it starts as a picture does."""
        if previous_pass:
            return _average(previous_pass.read(frame.number), warped)
        if frame.motion_to_previous is None:
            return None
        # What was hidden starts in the colours of the frame before, or it would look like the photograph for a while.
        palette = this_pass.read(frame.motion_to_previous.number)
        recolored = color.match(frame.pixels, palette, "symmetric").clip(0, 255)
        return _fill(recolored, warped or [_warp(frame.motion_to_previous, this_pass)])

    def _inputs_and_plan(
        self, frame: FrameMotion, start: np.ndarray | None, warped: list[WarpedFrame]
    ) -> tuple[Inputs, Plan]:
        """What a run paints a frame from.

        Frames with a start get equally many terms, so that they share one trace; missing ones have no confidence.
        """
        inputs = dataclasses.replace(self._inputs, content=frame.image, adaptation_inputs=self._inputs)
        if start is None:
            return dataclasses.replace(inputs, warped_frames=warped), self._plan.for_frame_without_start()
        nothing = WarpedFrame(frame.pixels, np.zeros(frame.pixels.shape[:2], np.float32))
        missing = len(set(self._settings.video.long_term)) - len(warped)
        inputs = dataclasses.replace(inputs, start=start, warped_frames=warped + [nothing] * missing)
        return inputs, self._plan.for_following_frame()


def _facts_of(frame: FrameMotion, steps_taken: Sequence[Step]) -> dict[str, Any]:
    """What is recorded of a frame's run."""
    last = steps_taken[-1]
    return {
        "cut": frame.motion_to_previous is None,
        "loss": last.loss,
        "terms": last.terms,
        "layers": dict(last.layers),
        "evaluations": sum(step.evaluations for step in steps_taken),
    }


def _until_settled(steps: Iterator[Step], share: float) -> Iterator[Step]:
    """The steps until the loss falls by less than `share` of itself with each evaluation."""
    last: Step | None = None
    for step in steps:
        yield dataclasses.replace(step, state=dict)  # a film does not resume from the state of an optimiser
        # Not after the first iteration, which knows no curvature yet and may hardly move.
        if share and last is not None and step.index > 1 and _fell_less(last, step, share * step.evaluations):
            return
        last = step


def _fell_less(last: Step, step: Step, share: float) -> bool:
    """Whether the loss fell by less than a share of itself; a loss of logarithms (--balance=log) may be negative."""
    return last.loss - step.loss < share * abs(last.loss)


def _warp(motion: Motion, painted: Store) -> WarpedFrame:
    """The painted frame at the other end of a motion, warped to this one."""
    return WarpedFrame(consistency.warp(painted.read(motion.number), motion.flow), motion.confidence)


def _fill(image: np.ndarray, warped: list[WarpedFrame]) -> np.ndarray:
    """The warped frames where they are trusted, and `image` [rows, cols, 3] for the rest."""
    total, confidence = _weighted_sum(warped)
    return (total + (1 - confidence) * image).astype(np.float32)


def _average(image: np.ndarray, warped: list[WarpedFrame]) -> np.ndarray:
    """The mean of `image` [rows, cols, 3] and the warped frames, as between passes."""
    total, confidence = _weighted_sum(warped)
    return ((image + total) / (1 + confidence)).astype(np.float32)


def _weighted_sum(warped: list[WarpedFrame]) -> tuple[np.ndarray | float, np.ndarray | float]:
    """The sum of the warped frames, each times its confidence [rows, cols, 1], and the sum of these."""
    total: np.ndarray | float = 0.0
    sum_of_confidence: np.ndarray | float = 0.0
    for frame in warped:
        confidence = frame.confidence[..., np.newaxis]
        total = total + frame.image * confidence
        sum_of_confidence = sum_of_confidence + confidence
    return total, sum_of_confidence


def _measure_warping_errors(frame: FrameMotion, painted: Store) -> dict[str, float]:
    """The share of trusted motion, and the warping errors of the painted frames and of the film's own."""
    motion = frame.motion_to_previous
    if motion is None or frame.previous_pixels is None:
        return {}
    this, previous = painted.read(frame.number), painted.read(motion.number)
    return {
        "trusted": float(motion.trusted.mean()),
        "error": consistency.warping_error(this, previous, motion.flow, motion.trusted),
        "photograph_error": consistency.warping_error(frame.pixels, frame.previous_pixels, motion.flow, motion.trusted),
    }

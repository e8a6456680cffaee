"""The job that learns a visitor's own style from a painting."""

import dataclasses
import math
import tempfile
import time
from pathlib import Path

from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.core.run import Engine
from neural_style.pretrained import hed
from neural_style.settings.web import WebSettings
from neural_style.training import style_job as style_training
from neural_style.web import pictures
from neural_style.web.job import Ended, Job, Keep
from neural_style.web.style_process import StyleProcess, StyleProgress

FLAGS = {"weights": "hed", "only_styles": "true", "export": "false", "shows_every": "10"}
"""What differs from the command line: nothing is downloaded, and the file is small."""
START_SECONDS = 30
"""Time before the first step, on two cores."""
STEP_SECONDS = 1
"""Time of a step on two cores, with room to spare."""
MAX_PIXELS = 10**6
"""Pixels of a picture that the job works with."""
MAX_RATIO = 8
"""Of a picture's longer side to its shorter one."""
CHOSEN = "It is chosen as “yours”: press Paint."


def is_offered(bounds: WebSettings) -> bool:
    """Return whether this machine has what learning needs: weights and photographs."""
    return bool(bounds.style_steps) and hed.weight_file() is not None and style_training.PHOTOGRAPHS.is_dir()


@dataclasses.dataclass(frozen=True)
class StyleRequest:
    """A style that a visitor wants to learn.

    Attributes:
      photo: path of the photograph that shows the progress; None takes a sample.
      painting: path of the painting.
      bounds: settings of the page.
    """

    photo: str | None
    painting: str
    bounds: WebSettings

    @property
    def name(self) -> str:
        """The style's name: that of the painting's file, without the commas that separate names."""
        return Path(self.painting).stem.replace(",", " ")

    @property
    def steps(self) -> int:
        """How many steps there is time for."""
        in_time = (self.bounds.max_seconds - START_SECONDS) // STEP_SECONDS
        return max(1, min(self.bounds.style_steps, in_time))

    def read(self) -> tuple[Image.Image, Image.Image | None]:
        """Return the painting and the photograph.

        Raises:
          UserError: one can't be read, or the painting is too long. A photograph that is too long is None.
        """
        painting = pictures.read(self.painting, "the painting", self.bounds)
        if _is_long(painting):
            raise UserError(
                f"Expected a painting whose longer side is at most {MAX_RATIO} times the shorter, received "
                f"{painting.width} x {painting.height} pixels: crop it, or choose another."
            )
        photo = pictures.read(self.photo, "the photograph", self.bounds) if self.photo else None
        return painting, None if photo is None or _is_long(photo) else photo


class StyleJob(Job):
    """Learns a style.

    Attributes, besides those of `Job`:
      request: what to learn.
      network: the bytes of the network's file (.keras); empty before it is written.
    """

    participle = "learned"
    still_kept = f"The style as learned so far is kept. {CHOSEN}"

    def __init__(self, request: StyleRequest, keep: Keep | None = None):
        """
        Args:
          request: what to learn.
          keep: see `Job`.
        """
        super().__init__(request.bounds.max_seconds, keep)
        self.request = request
        self.network = b""
        self._learning_since = 0.0

    def _work_with(self, engine: Engine) -> str:
        start = time.monotonic()
        self.progress = self.summary = "The painting is being studied; learning begins in about half a minute."
        painting, photo = self.request.read()
        with tempfile.TemporaryDirectory(prefix="neural_style_style_") as folder:
            try:
                self._learn(Path(folder), painting, photo)
            except UserError as error:  # it speaks of flags and files
                logger.warning(f"A visitor's style can't be learned: {error}")
                if self.has_result:
                    raise UserError("The style could not be learned to the end.") from error
                raise UserError("This painting can't be learned: choose another.") from error
        minutes = math.ceil((time.monotonic() - start) / 60)
        minutes_text = f"{minutes} minute{'s' * (minutes != 1)}"
        return f"Learned in {minutes_text}{self._describe_steps()}. {CHOSEN}"

    def _describe_steps(self) -> str:
        """Return what is said where there was no time for all steps."""
        usual, steps = self.request.bounds.style_steps, self.request.steps
        return f", with {steps} of the usual {usual} steps, for which there is no time here" if steps < usual else ""

    def _learn(self, folder: Path, painting: Image.Image, photo: Image.Image | None) -> None:
        """Take all steps; keep what is learned also where the job ends early, if a picture in the style was shown."""
        path = folder / "network.keras"
        flags = {**FLAGS, "steps": str(self.request.steps)}
        if photo:
            flags["shows"] = str(_save(photo, folder / "shown" / "photograph.png"))
        painting_path = _save(painting, folder / "learned" / f"{self.request.name}.png")
        training = style_training.make_job(painting_path, path, flags)
        try:
            with StyleProcess(training) as process:
                self._follow(process)
            self.is_complete = True
        finally:
            if path.exists():
                self.network = path.read_bytes()
                self.has_result = True

    def _follow(self, process: StyleProcess) -> None:
        """Follow the learning to its end, or end it early."""
        try:
            for learned in process.steps():
                if learned is not None:
                    self._take(learned)
                self._check()
        except Ended:
            if self.image is not None:
                process.finish()
            raise

    def _take(self, progress: StyleProgress) -> None:
        """Show what a step has learned."""
        self._add_point({"loss": progress.loss, **progress.terms})
        self._describe(progress.step, progress.loss)
        if progress.sheet is not None:
            self.image = Image.fromarray(progress.sheet)

    def _describe(self, step: int, loss: float) -> None:
        """Describe how far the job is. The first step takes longer than the others, and does not count."""
        steps = self.request.steps
        self.share = step / steps
        self.progress = f"Step {step} of {steps}, loss {loss:.4g}."
        now = time.monotonic()
        self._learning_since = self._learning_since or now
        seconds = (now - self._learning_since) * (steps - step) / (step - 1) if step > 2 else None
        self._describe_time_left("Learning the style", seconds)


def _save(picture: Image.Image, path: Path) -> Path:
    """Write a picture into a new folder, no larger than the job needs and without metadata; return its path."""
    scale = min(1, math.sqrt(MAX_PIXELS / (picture.width * picture.height)))
    resized = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)
    resized.info = {}
    path.parent.mkdir()
    resized.save(path)
    return path


def _is_long(picture: Image.Image) -> bool:
    """Whether one side of a picture is too many times the other for the network."""
    return max(picture.size) > MAX_RATIO * min(picture.size)

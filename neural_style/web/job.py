"""A picture that a visitor waits for: its run within its time, to be looked at and to be stopped meanwhile."""

import math
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.core.run import follow
from neural_style.core.step import Step
from neural_style.images import writing
from neural_style.results.record import Record, by_kind
from neural_style.web.requests import Wish

if TYPE_CHECKING:
    from neural_style.engine import Engine
    from neural_style.optimize.evaluator import Evaluation

PATIENCE = 15
"""Seconds after which a visitor who has not looked is taken to have left."""
SHOWN_EVERY = 1
"""Seconds between two pictures within an iteration."""
MOST_POINTS = 400
"""Of the curves: beyond it every other one is left out."""


class _Ended(Exception):
    """A run is to end before it is complete; the message is the reason."""


class Job:
    """Follows its run (`painting.Follower`) in an engine's thread, and is looked at by others.

    Attributes:
      wish: what is asked for.
      record: of the run.
      image: the picture so far, in the end the result; None before the start.
      info: of the photograph: "exif" and "icc_profile", which the result carries along.
      points: {"loss": …, kind of term: …} along the way, about evenly spaced.
      progress: how far the run is, in words.
      said: how it ended, in a sentence; None before.
      complete, kept: whether the run came to its end, and whether there is a result.
    """

    def __init__(self, wish: Wish):
        self.wish, self.record = wish, Record(wish.info())
        self.image: Image.Image | None = None
        self.info: dict[str, Any] = {}
        self.points: list[dict[str, float]] = []
        self.progress, self.said, self.complete, self.kept = "", None, False, False
        self._run, self._last, self._evaluations, self._stride = None, None, 0, 1
        self._stopped = threading.Event()
        self._seen, self._until, self._shown = time.monotonic(), math.inf, 0.0

    def look(self) -> None:
        """Says that the visitor is still there."""
        self._seen = time.monotonic()

    def stop(self) -> None:
        """Ends the run after its present evaluation, or keeps it from beginning."""
        self._stopped.set()

    @property
    def given_up(self) -> bool:
        """Whether the visitor has stopped it or has left."""
        return self._stopped.is_set() or time.monotonic() - self._seen > PATIENCE

    def leave(self) -> None:
        """Says that it ended before its turn came."""
        self.said = "Stopped before anything was painted."

    def run(self, engine: "Engine") -> None:
        """Paints, to the end or to where it is stopped; never raises."""
        began = time.monotonic()
        self._until = began + self.wish.bounds.most_seconds
        try:
            self._check()
            self.progress = "The pictures and the network are made ready."
            inputs, plan = self.wish.prepare()
            self.info = inputs.content.info
            self._run = engine.run(inputs, plan, watch=self.watch)
            follow(self._run, self)
            rows, cols = self.image.height, self.image.width
            said = f"Painted: {rows} x {cols} pixels in {time.monotonic() - began:.0f} seconds."
        except (_Ended, UserError) as error:
            said = str(error)
        except Exception as error:  # others' turns are to come all the same, and the sentence tells no secrets
            logger.warning(f"a run of the page failed: {type(error).__name__}: {error}")
            said = "Something went wrong on the server while this was painted: try again, or with other flags."
        self._run = self._last = None
        self.said = said if self.complete or not self.kept else f"{said} The best picture so far is kept."

    def watch(self, evaluation: "Evaluation") -> None:
        """Takes note of an evaluation, after each of which the run may end."""
        self._evaluations += 1
        if self._evaluations % self._stride == 0 and evaluation.terms:
            self.points.append({"loss": evaluation.loss, **by_kind(evaluation.terms)})
        if len(self.points) > MOST_POINTS:
            del self.points[1::2]
            self._stride *= 2
        if self._last and time.monotonic() - self._shown > SHOWN_EVERY:
            self._tell()
            best = self._run.best()
            if best is not None:
                self._show(best)
        self._check()

    def add(self, step: Step) -> None:
        """See `Follower`."""
        self.record.add(step)
        self._last = step
        self._tell()
        self._show(step.image)
        self._check()

    def finish(self, result: np.ndarray) -> None:
        """See `Follower`."""
        self.record.end(broken_off=None)
        self._show(result)
        self.complete = self.kept = True

    def break_off(self, best: np.ndarray | None, reason: str) -> None:
        """See `Follower`."""
        self.record.end(broken_off=reason)
        if best is not None:
            self._show(best)
            self.kept = True

    def _show(self, image: np.ndarray) -> None:
        self.image = writing.to_image(image, self.wish.settings.picture.denoise)
        self._shown = time.monotonic()

    def _tell(self) -> None:
        step = self._last
        scales = step.scale + step.scales_left + 1
        scale = f"scale {step.scale + 1} of {scales}, " if scales > 1 else ""
        count = f"iteration {step.index} of {step.index + step.iterations_left}"
        measured = f", {self._evaluations} evaluations, loss {step.loss:.4g}" if step.terms else ""
        told = f"{scale}{count}{measured}."
        self.progress = told[0].upper() + told[1:]

    def _check(self) -> None:
        """Ends the run where it is to end."""
        if self._stopped.is_set():
            raise _Ended("Stopped.")
        if self.given_up:
            raise _Ended("The page was left.")
        if time.monotonic() > self._until:
            raise _Ended(f"Ended after the {self.wish.bounds.most_seconds} seconds that a run may take here.")

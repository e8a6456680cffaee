"""The engine: makes runs, and keeps networks and traces from run to run. Loads TensorFlow only when it is needed."""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neural_style.core.cache import Cache
from neural_style.core.imports import import_name
from neural_style.core.log import hide_retracing_advice
from neural_style.core.run import NO_STEPS, Run, Tools
from neural_style.core.step import Step
from neural_style.images import writing
from neural_style.images.inputs import Inputs
from neural_style.images.reading import Picture
from neural_style.planning.plan import Plan, prepare
from neural_style.settings.settings import Settings

if TYPE_CHECKING:
    from neural_style.video.clip import Clip
    from neural_style.video.film import FilmPainter

MEMORY = 2e9
"""Bytes of weights, networks and traces that an engine keeps."""

Loading = Callable[[], contextlib.AbstractContextManager]
"""Makes a context in which TensorFlow is imported."""


class Engine:
    """Makes runs, and keeps what the next one can use.

    It may be used from any thread. One run at a time works, in the thread that started it; a second one waits. A run
    whose `steps` are not taken to their end must be closed (`steps.close()`).
    """

    def __init__(
        self,
        memory: float = MEMORY,
        make_tiled_objective: Callable[..., Any] | None = None,
        loading: Loading = contextlib.nullcontext,
    ):
        """
        Args:
          memory: bytes of weights, networks and traces to keep at most.
          make_tiled_objective: see `Tools`.
          loading: makes a context in which TensorFlow is imported, to show that it takes seconds.
        """
        hide_retracing_advice()
        self.cache = Cache(memory)
        self._make_tiled_objective, self._loading = make_tiled_objective, loading

    @property
    def traces(self) -> int:
        """How often the cached objectives were traced: each once for each size of picture."""
        return sum(getattr(item, "traces", 0) for item in self.cache.items())

    def run(
        self,
        inputs: Inputs,
        plan: Plan,
        resumed: Mapping[str, Any] | None = None,
        watch: Callable[[Any], Any] | None = None,
    ) -> Run:
        """Make a run, whose `steps` paint.

        Args:
          inputs: the images.
          plan: how they are painted.
          resumed: the "scale" and "session" (`Step.state`) to resume from.
          watch: called after each evaluation of the loss, between two Steps.
        """
        tools = Tools(self.cache, watch, self._make_tiled_objective)
        if plan.start_plan is None or resumed:
            return self._make_run(inputs, plan, tools, resumed)
        first = self._make_run(inputs, plan.start_plan, tools, None)
        return _RunFromStart(first, lambda start: self._make_run(start_from(inputs, start), plan, tools, None))

    def film_painter(
        self, clip: "Clip", inputs: Inputs, plan: Plan, folder: Path, watch: Callable[[Any], Any] | None = None
    ) -> "FilmPainter":
        """Make what paints a film; its `frames` do the work.

        Args:
          clip: the film.
          inputs, plan: of its first frame.
          folder: keeps the painted frames.
          watch: called after each evaluation of the loss.
        """
        from neural_style.video.film import FilmPainter  # needs packages that pictures do not need

        return FilmPainter(clip, inputs, plan, folder, lambda inputs, plan: self.run(inputs, plan, watch=watch))

    def steps(self, content: Picture, styles: Sequence[Picture], settings: Settings) -> Generator[Step, None, None]:
        """Paints `content` in the manner of `styles`: yields the start, then each iteration, scale by scale.

        Args:
          content: the photograph: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
          styles: the paintings, likewise.
          settings: of the run.

        Raises:
          UserError: what is asked for can't be done.
        """
        return self.run(*prepare(content, styles, settings)).steps()

    def _make_run(self, inputs: Inputs, plan: Plan, tools: Tools, resumed: Mapping[str, Any] | None) -> Run:
        method = plan.settings.final_method
        path = method.litert_run if plan.uses_litert else method.run
        assert path is not None  # a plan uses LiteRT only where the method has a run for it
        loading = contextlib.nullcontext if plan.uses_litert or "tensorflow" in sys.modules else self._loading
        with loading():
            run = import_name(path)
        return run(inputs, plan, tools, resumed)


def start_from(inputs: Inputs, painted: np.ndarray) -> Inputs:
    """The images of a run that starts from another method's picture [rows, cols, 3]."""
    return dataclasses.replace(inputs, start=writing.to_image(painted, denoise=0))


class _RunFromStart:
    """A run that starts from another method's picture."""

    def __init__(self, first: Run, make_run: Callable[[np.ndarray], Run]):
        """
        Args:
          first: paints the picture to start from.
          make_run: makes the run that starts from a picture [rows, cols, 3].
        """
        self._first, self._make_run = first, make_run
        self._run: Run | None = None

    def steps(self) -> Generator[Step, None, None]:
        """See `core.run.Run`: the steps of the second run."""
        for _ in self._first.steps():
            pass
        self._run = self._make_run(self._first.result())
        yield from self._run.steps()

    def best(self) -> np.ndarray | None:
        """See `core.run.Run`."""
        return self._run.best() if self._run else None

    def result(self) -> np.ndarray:
        """See `core.run.Run`."""
        if self._run is None:
            raise RuntimeError(NO_STEPS)
        return self._run.result()

"""What a run is, and how it is followed to its end."""

import dataclasses
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.step import Step

NO_STEPS = "Expected a run that has taken its steps: take those of `steps()` before `result()`."
"""The message of a RuntimeError."""


class Run(Protocol):
    """Paints one picture.

    A run is a class with the arguments (inputs, plan, tools, resumed): the images, how to paint them, what the engine
    provides, and the "session" (`Step.state`) and "scale" to resume from, or None.
    """

    def steps(self) -> Generator[Step, None, None]:
        """Yield the start, then the result of each iteration."""

    def best(self) -> np.ndarray | None:
        """Return the best image [rows, cols, 3] so far; None before the first."""

    def result(self) -> np.ndarray:
        """Return the image [rows, cols, 3] of the last step."""


@dataclasses.dataclass(frozen=True)
class Tools:
    """What an engine provides to its runs.

    Attributes:
      cache: keeps weights, networks and traces from run to run.
      watch: called after each evaluation of a loss.
      make_tiled_objective: makes the objective of an image that is evaluated tile by tile; None: in this process.
    """

    cache: Cache
    watch: Callable[[Any], Any] | None = None
    make_tiled_objective: Callable[..., Any] | None = None


class Evaluated(Protocol):
    """The result of an evaluation of the loss."""

    loss: float
    terms: Mapping[str, float]


class Engine(Protocol):
    """Makes runs: `engine.Engine`, or one whose runs are a cluster's."""

    def run(
        self,
        inputs: Any,
        plan: Any,
        resumed: Mapping[str, Any] | None = None,
        watch: Callable[[Any], Any] | None = None,
    ) -> Run:
        """Make a run."""

    def film_painter(
        self, clip: Any, inputs: Any, plan: Any, folder: Path, watch: Callable[[Any], Any] | None = None
    ) -> Any:
        """Make what paints a film."""


class Follower(Protocol):
    """Follows a run from outside."""

    def add(self, step: Step) -> None:
        """Take a step."""

    def finish(self, result: np.ndarray) -> None:
        """Take the last image of a complete run."""

    def break_off(self, best: np.ndarray | None, reason: str) -> None:
        """Take the best image [rows, cols, 3] of an interrupted run, None before any."""


def follow(run: Run, follower: Follower) -> None:
    """Run to the end, or until an exception (Ctrl-C too) interrupts it."""
    finished = False
    try:
        for step in run.steps():
            follower.add(step)
        finished = True
        follower.finish(run.result())
    except BaseException as error:
        # After a UserError of `finish` the result is written already; after Ctrl-C perhaps not.
        if not (finished and isinstance(error, UserError)):
            follower.break_off(run.best(), str(error) or type(error).__name__)
        raise

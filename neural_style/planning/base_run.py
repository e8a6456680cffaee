"""What the runs of several methods share."""

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import numpy as np

from neural_style.core.run import NO_STEPS, Tools
from neural_style.core.step import Step
from neural_style.images.inputs import Inputs
from neural_style.planning.plan import Plan


class BaseRun:
    """A run that uses the engine's cache while it takes its steps, and whose best image is the last one.

    Subclasses write `_paint`, which yields the steps that are left after `_resumed_state`.
    """

    def __init__(self, inputs: Inputs, plan: Plan, tools: Tools, resumed: Mapping[str, Any] | None = None):
        """See `core.run.Run`."""
        self._inputs, self._plan, self._settings = inputs, plan, plan.settings
        self._cache, self._watch = tools.cache, tools.watch
        self._resumed_state: Mapping[str, Any] | None = (resumed or {}).get("session")
        self._last_image: np.ndarray | None = None

    def steps(self) -> Generator[Step, None, None]:
        """Yield the steps that are left.

        Raises:
          UserError: weights or networks are not available, or the state to resume from is damaged.
        """
        with self._cache.in_use():
            yield from self._paint()

    def best(self) -> np.ndarray | None:
        """See `core.run.Run`."""
        return self._last_image

    def result(self) -> np.ndarray:
        """See `core.run.Run`."""
        if self._last_image is None:
            raise RuntimeError(NO_STEPS)
        return self._last_image

    def _paint(self) -> Iterator[Step]:
        raise NotImplementedError

    def _keep(self, image: np.ndarray) -> np.ndarray:
        """Remembers the image [rows, cols, 3] of a step, which nobody may change any more."""
        image.flags.writeable = False
        self._last_image = image
        return image

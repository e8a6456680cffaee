"""An engine whose runs are carried out by the workers of a cluster."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import ray

from neural_style.cluster.pool import DEATHS, DIED, Handle, Pool
from neural_style.cluster.shipping import contents, files_of
from neural_style.cluster.shots import Shots
from neural_style.core.errors import UserError
from neural_style.core.step import Step
from neural_style.images.inputs import Inputs
from neural_style.planning.plan import Plan
from neural_style.results import record
from neural_style.video.clip import Clip

Watch = Callable[[Step], Any]
"""What is told of each evaluation, once the step is there that it was made for."""


class ClusterEngine:
    """Makes runs as `Engine` does."""

    def __init__(self, pool: Pool):
        """
        Args:
          pool: of the workers.
        """
        self._pool = pool

    def run(
        self, inputs: Inputs, plan: Plan, resumed: Mapping[str, Any] | None = None, watch: Watch | None = None
    ) -> "Run":
        """See `Engine.run`."""
        return Run(self._pool, inputs, plan, resumed, watch)

    def film(self, clip: Clip, inputs: Inputs, plan: Plan, folder: Path, watch: Watch | None = None) -> Shots:
        """See `Engine.film`: motion is found here, and each frame is a run."""
        return Shots(self._pool, clip, inputs, plan, folder, lambda *frame: self.run(*frame, watch=watch))


class Run:
    """A run on whichever worker is idle, and where that dies on another, from the last step that was received."""

    def __init__(self, pool: Pool, inputs: Inputs, plan: Plan, resumed: Mapping[str, Any] | None, watch: Watch | None):
        """
        Args:
          pool: of the workers.
          inputs, plan, resumed, watch: see `Engine.run`.
        """
        self._pool, self._inputs, self._plan = pool, inputs, plan
        self._resumed, self._watch = resumed, watch
        self._last: Step | None = None
        self._best: Step | None = None
        self._result: np.ndarray | None = None

    def steps(self) -> Iterator[Step]:
        """As of a run on this machine.

        Raises:
          UserError: the run can't be carried out, or worker after worker dies over it.
        """
        deaths = 0
        while deaths < DEATHS:
            reached = self._last
            with self._pool.worker() as worker:
                try:
                    yield from self._on(worker)
                    return
                finally:
                    worker.end.remote()
            deaths = deaths + 1 if reached is self._last else 0
        raise UserError(DIED)

    def best(self) -> np.ndarray | None:
        """The image [rows, cols, 3] of the step of the lowest loss at the present scale; None before any."""
        return self._best and self._best.image

    def result(self) -> np.ndarray:
        """The image [rows, cols, 3] of the last step."""
        return self._result

    def _on(self, worker: Handle) -> Iterator[Step]:
        """The steps that are still to come."""
        self._send(worker)
        while (step := ray.get(worker.step.remote())) is not None:
            last = self._last
            if last and (step.scale, step.index) <= (last.scale, last.index):
                continue  # of a run without a state, begun anew
            self._last = step
            if last is None or step.scale > self._best.scale or step.loss <= self._best.loss:
                self._best = step
            if self._plan.settings.output.keep_state:
                self._resumed = {"scale": step.scale, "session": step.state()}
            for _ in step.losses if self._watch else ():
                self._watch(step)
            yield step
        self._result = ray.get(worker.result.remote())

    def _send(self, worker: Handle) -> None:
        """Has a worker begin, with the files that it lacks."""
        digests = {path: record.digest([path]) for path in files_of(self._plan)}
        for path in ray.get(worker.lacks.remote(digests)):
            ray.get(worker.receive.remote(path, digests[path], contents(path), os.path.isdir(path)))
        ray.get(worker.begin.remote(self._inputs, self._plan, digests, self._resumed))

"""An engine whose runs are computed by the workers of a cluster."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neural_style.cluster.pool import DIED_MESSAGE, MAX_DEATHS, Handle, Pool
from neural_style.cluster.shipping import named_files, read_files
from neural_style.cluster.shots import ShotPainter
from neural_style.core.errors import UserError
from neural_style.core.step import Step
from neural_style.images.inputs import Inputs
from neural_style.planning.plan import Plan
from neural_style.results import record
from neural_style.video.clip import Clip

Watch = Callable[[Step], Any]
"""Called for each evaluation of a step, once the step has arrived."""


class ClusterEngine:
    """Makes runs as `Engine` does, on the workers of a pool."""

    def __init__(self, pool: Pool):
        """
        Args:
          pool: the workers.
        """
        self._pool = pool

    def run(
        self, inputs: Inputs, plan: Plan, resumed: Mapping[str, Any] | None = None, watch: Watch | None = None
    ) -> "Run":
        """See `Engine.run`."""
        return Run(self._pool, inputs, plan, resumed, watch)

    def film_painter(
        self, clip: Clip, inputs: Inputs, plan: Plan, folder: Path, watch: Watch | None = None
    ) -> ShotPainter:
        """See `Engine.film_painter`: the driver estimates the motion, and each frame is a run."""
        return ShotPainter(
            self._pool, clip, inputs, plan, folder, lambda inputs, plan: self.run(inputs, plan, watch=watch)
        )


class Run:
    """A run on any idle worker. If that worker dies, another one resumes from the last step that arrived."""

    def __init__(self, pool: Pool, inputs: Inputs, plan: Plan, resumed: Mapping[str, Any] | None, watch: Watch | None):
        """
        Args:
          pool: the workers.
          inputs, plan, resumed, watch: see `Engine.run`.
        """
        self._pool = pool
        self._inputs = inputs
        self._plan = plan
        self._resumed = resumed
        self._watch = watch
        self._last: Step | None = None
        self._best: Step | None = None
        self._result: np.ndarray

    def steps(self) -> Generator[Step, None, None]:
        """Yield the steps, as a run on this machine does.

        Raises:
          UserError: the run fails, or `MAX_DEATHS` workers in a row die over it.
        """
        deaths = 0
        while deaths < MAX_DEATHS:
            last_before = self._last
            with self._pool.worker() as worker:
                try:
                    yield from self._steps_on(worker)
                    return
                finally:
                    worker.stop.remote()
            # Reached only if the worker died, since `Pool.worker` then ends without an exception.
            deaths = deaths + 1 if self._last is last_before else 0
        raise UserError(DIED_MESSAGE)

    def best(self) -> np.ndarray | None:
        """Return the image [rows, cols, 3] with the lowest loss at the present scale; None before the first step."""
        return None if self._best is None else self._best.image

    def result(self) -> np.ndarray:
        """Return the image [rows, cols, 3] of the last step."""
        return self._result

    def _steps_on(self, worker: Handle) -> Iterator[Step]:
        """Yield the steps that are still missing."""
        self._start_on(worker)
        while (step := self._pool.result(worker.next_step.remote())) is not None:
            if self._is_new(step):
                self._take(step)
                yield step
        self._result = self._pool.result(worker.result.remote())

    def _is_new(self, step: Step) -> bool:
        """Whether a step is later than those before; a run without a state starts again, and repeats them."""
        last = self._last
        return last is None or (step.scale, step.index) > (last.scale, last.index)

    def _take(self, step: Step) -> None:
        """Keep what best, result and a next worker need of a step, and tell the watcher."""
        self._last = step
        best = self._best
        if best is None or step.scale > best.scale or step.loss <= best.loss:
            self._best = step
        if self._plan.settings.output.keep_state:
            self._resumed = {"scale": step.scale, "session": step.state()}
        if self._watch:
            for _ in step.losses:
                self._watch(step)

    def _start_on(self, worker: Handle) -> None:
        """Start the run on a worker, and send the files that it lacks."""
        digests = {path: record.digest([path]) for path in named_files(self._plan)}
        for path in self._pool.result(worker.register_local_files.remote(digests)):
            is_folder = os.path.isdir(path)
            self._pool.result(worker.receive_file.remote(path, digests[path], read_files(path), is_folder))
        self._pool.result(worker.start.remote(self._inputs, self._plan, digests, self._resumed))

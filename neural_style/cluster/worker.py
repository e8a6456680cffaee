"""What runs on a worker: an engine, and at most one unfinished run."""

import dataclasses
import functools
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import numpy as np

from neural_style.cluster.shipping import Receiver, replace_paths, with_local_paths
from neural_style.core.errors import UserError
from neural_style.core.step import Step
from neural_style.images.inputs import Inputs
from neural_style.planning.plan import Plan, plan_for_this_machine
from neural_style.results import record


class Worker:
    """A Ray actor that computes one run at a time, step by step, as the driver asks for them."""

    def __init__(self, versions: Mapping[str, str]):
        """
        Args:
          versions: package → version on the driver, as its records name them.

        Raises:
          UserError: this machine has other versions.
        """
        installed = record.versions()
        for name in sorted(installed.keys() | versions.keys()):
            if installed.get(name) != versions.get(name):
                raise UserError(
                    f"Expected {name} {versions.get(name)} on every machine, as the driver has it, and a worker has "
                    f"{installed.get(name)}: install the same."
                )
        from neural_style.engine import Engine  # imports TensorFlow, which the driver does without

        self._engine = Engine()
        self._files = Receiver()
        self._tiles_reference: list | None = None
        self._tiles: Any = None
        self._steps: Iterator[Step] = iter(())

    def register_local_files(self, digests: Mapping[str, str]) -> list[str]:
        """See `Receiver.register_local_files`."""
        return self._files.register_local_files(digests)

    def receive_file(self, path: str, digest: str, contents: Mapping[str, bytes], is_folder: bool) -> None:
        """See `Receiver.add`."""
        self._files.add(path, digest, contents, is_folder)

    def start(self, inputs: Inputs, plan: Plan, digests: Mapping[str, str], resumed: Mapping[str, Any] | None) -> None:
        """Start a run, which replaces the one before.

        Args:
          inputs: the images.
          plan: the driver's, with its paths.
          digests: path → `record.digest([path])` of each file that they name; all are registered or received.
          resumed: see `Engine.run`.
        """
        local_paths = self._files.local_paths(digests)
        self._driver_paths = {local_path: path for path, local_path in local_paths.items()}
        plan = plan_for_this_machine(with_local_paths(plan, local_paths), inputs)
        self._run = self._engine.run(inputs, plan, replace_paths(resumed, local_paths))
        self._steps = self._run.steps()
        self._keeps_state = plan.settings.output.keep_state

    def next_step(self) -> Step | None:
        """Return the next step, with its state if the run keeps one; None after the last."""
        step = next(self._steps, None)
        if step is None:
            return None
        state = step.state() if self._keeps_state else {}
        facts = replace_paths(dict(step.facts), self._driver_paths)
        state = replace_paths(state, self._driver_paths)
        return dataclasses.replace(step, facts=facts, state=functools.partial(dict, state))

    def result(self) -> np.ndarray:
        """Return the image [rows, cols, 3] of the last step, also if no step was left to compute."""
        return self._run.result()

    def call_tiles(self, reference: list, method: str, *arguments: Any) -> Any:
        """Call a method of `HaloedTiles` for one tile, and return its result as arrays.

        Args:
          reference: a list of one Ray reference, to the arguments of `halos.make_haloed_tiles`.
          method: the name of the method.
          *arguments: the method's arguments.
        """
        import ray
        import tensorflow as tf

        from neural_style.optimize import halos

        if self._tiles_reference != reference:
            self._tiles = halos.make_haloed_tiles(*ray.get(reference[0]))
            self._tiles_reference = reference
        return tf.nest.map_structure(np.asarray, getattr(self._tiles, method)(*arguments))

    def stop(self) -> None:
        """Stop the run where it is."""
        if isinstance(self._steps, Generator):
            self._steps.close()

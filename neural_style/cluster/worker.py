"""What runs on a worker: an engine, and the run that it is in the middle of."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neural_style.cluster.shipping import Receiver, replace_paths, respelled
from neural_style.core.errors import UserError
from neural_style.core.step import Step
from neural_style.images.inputs import Inputs
from neural_style.planning.plan import Plan, plan_for_this_machine
from neural_style.results import record


class Worker:
    """An actor of Ray's: carries out one run at a time, step by step, as the driver asks for them."""

    def __init__(self, versions: Mapping[str, str]):
        """
        Args:
          versions: of the driver's packages, which its records name.

        Raises:
          UserError: these are others.
        """
        own = record.versions()
        for name in sorted(own.keys() | versions.keys()):
            if own.get(name) != versions.get(name):
                raise UserError(
                    f"Expected {name} {versions.get(name)} on every machine, as the driver has it, and a worker has "
                    f"{own.get(name)}: install the same."
                )
        from neural_style.engine import Engine  # TensorFlow is the worker's, not the driver's

        self._engine, self._files = Engine(), Receiver()
        self._halos: tuple[Any, Any] = (None, None)
        self._steps: Iterator[Step] = (step for step in ())

    def lacks(self, digests: Mapping[str, str]) -> list[str]:
        """See `Receiver.lacks`."""
        return self._files.lacks(digests)

    def receive(self, path: str, digest: str, contents: Mapping[str, bytes], is_folder: bool) -> None:
        """See `Receiver.add`."""
        self._files.add(path, digest, contents, is_folder)

    def begin(self, inputs: Inputs, plan: Plan, digests: Mapping[str, str], resumed: Mapping[str, Any] | None) -> None:
        """Begins a run, in the place of the one before.

        Args:
          inputs: the images.
          plan: of the driver, with its paths.
          digests: of the files that they name, none of which is lacked.
          resumed: see `Engine.run`.
        """
        places = self._files.places(digests)
        self._spellings = {place: path for path, place in places.items()}
        plan = plan_for_this_machine(replace_paths(plan, places), inputs)
        self._run = self._engine.run(inputs, plan, respelled(resumed, places))
        self._steps, self._keeps_state = self._run.steps(), plan.settings.output.keep_state

    def step(self) -> Step | None:
        """The next step, with its state where one is kept; None after the last."""
        step = next(self._steps, None)
        if step is None:
            return None
        state = step.state() if self._keeps_state else {}
        facts, state = (respelled(each, self._spellings) for each in (dict(step.facts), state))
        return dataclasses.replace(step, facts=facts, state=functools.partial(dict, state))

    def result(self) -> np.ndarray:
        """The image [rows, cols, 3] of the last step, also where nothing was left to do."""
        return self._run.result()

    def tile(self, made: list, what: str, *arguments: Any) -> Any:
        """What `HaloedTiles` makes of a tile.

        Args:
          made: a reference to what `halos.make_haloed_tiles` takes.
          what: the method.
          *arguments: of the method.
        """
        import ray
        import tensorflow as tf

        from neural_style.optimize import halos

        if self._halos[0] != made:
            self._halos = made, halos.make_haloed_tiles(*ray.get(made[0]))
        found = getattr(self._halos[1], what)(*arguments)
        return tf.nest.map_structure(np.asarray, found)

    def end(self) -> None:
        """Leaves the run where it is."""
        self._steps.close()

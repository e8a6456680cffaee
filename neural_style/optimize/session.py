"""One scale of a run: its scene, evaluator and optimiser, and where they stand."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.core.step import Step
from neural_style.images.scene import Scene
from neural_style.optimize.evaluator import Evaluator
from neural_style.optimize.loop import transfer
from neural_style.optimize.optimizers import Optimizer


class Session:
    """One scale of a run, ready to go.

    Attributes:
      scene: what it works on.
      evaluator: of its loss.
      facts: see `Step`.
    """

    def __init__(
        self,
        scene: Scene,
        evaluator: Evaluator,
        optimizer: Optimizer,
        iterations: int,
        scale: int,
        scales_left: int,
        facts: dict,
    ):
        """
        Args:
          scene, evaluator, optimizer, iterations: see `transfer`.
          scale, scales_left, facts: see `Step`.
        """
        self.scene, self.evaluator, self.facts = scene, evaluator, facts
        self._optimizer, self._iterations = optimizer, iterations
        self._scale, self._scales_left = scale, scales_left
        self._last: Step | None = None
        self._done, self._start = -1, scene.start

    def steps(self) -> Iterator[Step]:
        """The start, then each iteration; after `restore` those that are still to come."""
        first = max(self._done, 0)
        for step in transfer(self.evaluator, self._optimizer, self._start, self._iterations, first):
            if self.evaluator.refined:
                self.facts.setdefault("float32_from_iteration", step.index)
            image, facts = self.scene.composite(step.image), dict(self.facts)
            image.flags.writeable = False  # the next scale starts from it
            self._last = dataclasses.replace(
                step,
                image=image,
                scale=self._scale,
                iterations_left=self._iterations - step.index,
                scales_left=self._scales_left,
                facts=facts,
                state=self.state,
            )
            if step.index > self._done:
                yield self._last

    def result(self) -> np.ndarray:
        """The last step's image; of a session that was complete when it was restored, the image there."""
        return self._last.image

    def best(self) -> np.ndarray | None:
        """The image [rows, cols, 3] of the lowest loss so far.

        Before the first evaluation the coarser scale's, enlarged, or None where there is no coarser scale.
        """
        found = self.evaluator.lowest
        if found is None:
            return self.scene.composite(self.scene.start) if self._scale else None
        return self.scene.composite(found.x.reshape(self.scene.content.shape).astype(np.float32))

    def state(self) -> dict[str, Any]:
        """What `restore` needs to go on from the last step as if there had been no break."""
        return {
            "index": self._last.index,
            "facts": self.facts,
            "evaluator": self.evaluator.state(),
            "optimizer": self._optimizer.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to where `state` was taken.

        Raises:
          UserError: the weights come from elsewhere now, or the state is none of this run.
        """
        try:
            self._restore(state)
        except UserError:
            raise
        except Exception as error:  # whatever a state lacks, or holds instead
            raise UserError(DAMAGED_STATE) from error

    def _restore(self, state: dict[str, Any]) -> None:
        then = state.get("facts", {})
        check_same_weights(then, self.facts)
        self.facts = {**then, **self.facts}
        self.evaluator.restore(state["evaluator"])
        self._optimizer.restore(state["optimizer"])
        self._done, self._start = state["index"], self.evaluator.last.x.reshape(self._start.shape)
        if not (0 <= self._done <= self._iterations and np.isfinite(self._start).all()):
            raise ValueError


def check_same_weights(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises a UserError where a run goes on with other weights than those that its facts named then."""
    if then.get("weights", now["weights"]) != now["weights"]:
        raise UserError(
            f"--resume goes on with the same weights: these were {then['weights']} and --weights=auto comes to "
            f"{now['weights']} now; name them, or leave out --resume to start anew."
        )

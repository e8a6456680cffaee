"""One scale of a run: its scene, evaluator and optimiser, and their state."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.core.run import NO_STEPS
from neural_style.core.step import Step
from neural_style.images.scene import Scene
from neural_style.optimize.evaluator import Evaluator
from neural_style.optimize.loop import optimize_image
from neural_style.optimize.optimizers import Optimizer
from neural_style.settings.weight_sources import SOURCES


class Session:
    """One scale of a run.

    Attributes:
      scene: content, styles and start.
      evaluator: of the loss.
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
        companions: Mapping[str, np.ndarray],
    ):
        """
        Args:
          scene, evaluator, optimizer, iterations: see `optimize_image`.
          scale, scales_left, facts, companions: see `Step`.
        """
        self.scene = scene
        self.evaluator = evaluator
        self.facts = facts
        self._companions = companions
        self._optimizer = optimizer
        self._iterations = iterations
        self._scale = scale
        self._scales_left = scales_left
        self._last: Step | None = None
        self._restored_index = -1  # of the last step before an interruption
        self._start = scene.start

    def steps(self) -> Iterator[Step]:
        """Yield the start, then each iteration; after `restore`, the remaining ones."""
        first = max(self._restored_index, 0)
        for step in optimize_image(self.evaluator, self._optimizer, self._start, self._iterations, first):
            if self.evaluator.uses_float32:
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
                companions=self._companions,
            )
            if step.index > self._restored_index:
                yield self._last

    def result(self) -> np.ndarray:
        """Return the last step's image; `steps` must have been taken, also of a session that was complete already."""
        return self._last_step.image

    def best(self) -> np.ndarray | None:
        """Return the image [rows, cols, 3] with the lowest loss so far.

        Before the first evaluation it is the coarser scale's image, enlarged, or None at the first scale.
        """
        best = self.evaluator.best
        if best is None:
            return self.scene.composite(self.scene.start) if self._scale else None
        return self.scene.composite(best.x.reshape(self.scene.content.shape).astype(np.float32))

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to continue from the last step as if never interrupted."""
        return {
            "index": self._last_step.index,
            "facts": self.facts,
            "evaluator": self.evaluator.state(),
            "optimizer": self._optimizer.state(),
        }

    @property
    def _last_step(self) -> Step:
        """The last step."""
        if self._last is None:
            raise RuntimeError(NO_STEPS)
        return self._last

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`.

        Raises:
          UserError: the state was made with other weights, or does not fit this run.
        """
        try:
            self._restore(state)
        except UserError:
            raise
        except Exception as error:  # a damaged state can raise anything
            raise UserError(DAMAGED_STATE) from error

    def _restore(self, state: dict[str, Any]) -> None:
        earlier_facts = state.get("facts", {})
        check_same_weights(earlier_facts, self.facts)
        self.facts = {**earlier_facts, **self.facts}
        self.evaluator.restore(state["evaluator"])
        self._optimizer.restore(state["optimizer"])
        self._restored_index = state["index"]
        assert self.evaluator.last is not None  # it was restored
        self._start = self.evaluator.last.x.reshape(self._start.shape)
        if not (0 <= self._restored_index <= self._iterations and np.isfinite(self._start).all()):
            raise ValueError("the state has another size or iteration")


def check_same_weights(earlier: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Raise a UserError if --weights=auto selects another source for a resumed run than before.

    Files are compared by their contents, when the state is read.

    Args:
      earlier, current: facts of the run (see `Step`) before and now.
    """
    sources = {earlier.get("weights", current["weights"]), current["weights"]}
    if len(sources) > 1 and sources <= SOURCES.keys():
        raise UserError(
            f"--resume needs the same weights: the run used {earlier['weights']}, and --weights=auto now selects "
            f"{current['weights']}; name the weights, or leave out --resume to start again."
        )

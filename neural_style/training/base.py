"""The base of all trainers: steps on batches of crops, which can be interrupted and resumed."""

import abc
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import tensorflow as tf

from neural_style.training.crops import Crops, numbered_batches
from neural_style.training.descent import Descent


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
      step: number of steps that were done.
    """

    step: int


AnyProgress = TypeVar("AnyProgress", bound=Progress)


class Trainer(abc.ABC, Generic[AnyProgress]):
    """Trains by steps; it can be interrupted after any step, and resumed from its state."""

    def __init__(self, descent: Descent):
        """
        Args:
          descent: updates the variables that are trained.
        """
        self._descent = descent

    @property
    def step(self) -> int:
        """Number of steps that were done."""
        return self._descent.step

    @abc.abstractmethod
    def run(self, images: tf.Tensor) -> AnyProgress:
        """Do one step on RGB images [batch, rows, cols, 3] float64 in 0..255."""

    def steps(self, crops: Crops, count: int) -> Iterator[AnyProgress]:
        """Do the steps that are left of `count`, each on its own batch of crops."""
        for _, images in numbered_batches(crops, self.step, count):
            yield self.run(images)

    def state(self) -> dict[str, np.ndarray]:
        """Return what `restore` takes: the trained variables and the optimiser's."""
        return self._descent.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`.

        Raises:
          KeyError: a tensor is missing.
          ValueError: a tensor has another shape.
        """
        self._descent.restore(state)

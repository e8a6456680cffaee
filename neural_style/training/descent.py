"""The optimiser of both trainings: Muon for convolution kernels, Adam for the rest, with a cosine schedule."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

WARMUP = 1 / 20
"""Share of the steps over which the learning rate grows."""
FINAL_RATE = 1 / 50
"""Share of the learning rate that is left at the last step."""


class Descent:
    """Updates variables by their gradients.

    Muon (Jordan 2024) orthogonalises each update of a kernel, taken as a matrix [rows cols fan_in, filters]. With Adam
    alone the same loss takes several times as many steps.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        steps: int,
        rate: float,
        adam_ratio: float = 1.0,
        adam_paths: Sequence[str] = (),
    ):
        """
        Args:
          variables: what is updated; kernels are those of four axes.
          steps: number of steps of the whole training; the rate grows over the first and falls until the last.
          rate: maximum learning rate.
          adam_ratio: Adam's learning rate as a share of `rate`.
          adam_paths: paths of kernels that Adam updates too.
        """
        self._variables = list(variables)
        # Muon takes matrices: flattened copies are updated here, and assigned to their variables after each step.
        self._matrices = [
            keras.Variable(_flatten(variable.value), name=_matrix_name(variable, index, adam_paths))
            for index, variable in enumerate(variables)
        ]
        no_decay = {"weight_decay": 0.0, "adam_weight_decay": 0.0}
        self._optimizer = keras.optimizers.Muon(
            _schedule(steps, rate), adam_lr_ratio=adam_ratio, exclude_layers=["plain"], **no_decay
        )
        self._optimizer.build(self._matrices)

    @property
    def step(self) -> int:
        """How many steps were done."""
        return int(self._optimizer.iterations.numpy())

    @tf.function(autograph=False)
    def update(self, gradients: Sequence[tf.Tensor]) -> None:
        """Do one step; `gradients` are in the variables' order."""
        self._optimizer.apply([_flatten(gradient) for gradient in gradients], self._matrices)
        self._copy_to_variables()

    def state(self) -> dict[str, np.ndarray]:
        """Return what `restore` takes: the variables and the optimiser's, by their number as text."""
        return {str(index): np.asarray(variable.numpy()) for index, variable in enumerate(self._state_variables())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        for index, variable in enumerate(self._state_variables()):
            variable.assign(state[str(index)])
        self._copy_to_variables()

    def _state_variables(self) -> list[keras.Variable]:
        return [*self._matrices, *self._optimizer.variables]

    def _copy_to_variables(self) -> None:
        for variable, matrix in zip(self._variables, self._matrices, strict=True):
            variable.assign(tf.reshape(matrix.value, variable.shape))


def _schedule(steps: int, rate: float) -> keras.optimizers.schedules.CosineDecay:
    """The learning rate by step: linear growth over `WARMUP` of the steps, then a cosine down to `FINAL_RATE`."""
    warmup = max(1, round(steps * WARMUP))
    return keras.optimizers.schedules.CosineDecay(
        rate * WARMUP, max(1, steps - warmup), warmup_target=rate, warmup_steps=warmup, alpha=FINAL_RATE
    )


def _matrix_name(variable: keras.Variable, index: int, adam_paths: Sequence[str]) -> str:
    """The name of a variable's copy, by which the optimiser tells Muon's ("kernel_…") from Adam's ("plain_…")."""
    uses_muon = len(variable.shape) == 4 and variable.path not in adam_paths
    return f"{'kernel' if uses_muon else 'plain'}_{index}"


def _flatten(value: tf.Tensor) -> tf.Tensor:
    """A kernel [rows, cols, fan_in, filters] as a matrix [rows cols fan_in, filters]; anything else unchanged."""
    return tf.reshape(value, [-1, value.shape[-1]]) if len(value.shape) == 4 else tf.convert_to_tensor(value)

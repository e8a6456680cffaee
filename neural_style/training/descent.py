"""How weights go downhill: Muon for convolutions' kernels, Adam for the rest, at a rate that falls as a cosine."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

WARMUP = 1 / 20
"""Share of the steps over which the rate grows."""
LAST = 1 / 50
"""Share of the rate that is left at the end."""


class Descent:
    """Moves variables against their gradients, and says where it stands.

    Muon (Jordan 2024) makes each step of a kernel, taken as a matrix [rows cols fan_in, filters], orthogonal; with Adam
    the same takes several times as many steps.
    """

    def __init__(
        self, variables: Sequence[keras.Variable], steps: int, rate: float, adam: float = 1.0, plain: Sequence[str] = ()
    ):
        """
        Args:
          variables: what moves; kernels are those of four axes.
          steps: that there are to be in all; the rate grows over the first of them and falls until the last.
          rate: at its highest.
          adam: Adam's rate as a share of it.
          plain: paths of kernels that are Adam's too.
        """
        self._variables = list(variables)
        # Muon takes matrices: the kernels' are kept here, and assigned to their kernels after each step.
        self._flat = [
            keras.Variable(_flat(v.value), name=f"{'kernel' if _moved(v, plain) else 'plain'}_{index}")
            for index, v in enumerate(variables)
        ]
        warmup = max(1, round(steps * WARMUP))
        falling = keras.optimizers.schedules.CosineDecay(
            rate * WARMUP, max(1, steps - warmup), warmup_target=rate, warmup_steps=warmup, alpha=LAST
        )
        still = {"weight_decay": 0.0, "adam_weight_decay": 0.0}
        self._optimizer = keras.optimizers.Muon(falling, adam_lr_ratio=adam, exclude_layers=["plain"], **still)
        self._optimizer.build(self._flat)

    @property
    def step(self) -> int:
        """How many steps were done."""
        return int(self._optimizer.iterations.numpy())

    @tf.function(autograph=False)
    def move(self, gradients: Sequence[tf.Tensor]) -> None:
        """One step; `gradients` in the variables' order."""
        self._optimizer.apply([_flat(gradient) for gradient in gradients], self._flat)
        self._unflatten()

    def _unflatten(self) -> None:
        for variable, flat in zip(self._variables, self._flat, strict=True):
            variable.assign(tf.reshape(flat.value, variable.shape))

    def state(self) -> dict[str, np.ndarray]:
        """What `restore` takes: the variables, and the optimiser's."""
        named = [*self._flat, *self._optimizer.variables]
        return {str(index): np.asarray(variable.numpy()) for index, variable in enumerate(named)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a `state`."""
        for index, variable in enumerate([*self._flat, *self._optimizer.variables]):
            variable.assign(state[str(index)])
        self._unflatten()


def _moved(variable: keras.Variable, plain: Sequence[str]) -> bool:
    """Whether a variable is Muon's."""
    return len(variable.shape) == 4 and variable.path not in plain


def _flat(value: tf.Tensor) -> tf.Tensor:
    return tf.reshape(value, [-1, value.shape[-1]]) if len(value.shape) == 4 else tf.convert_to_tensor(value)

"""What every method yields: where an iteration ended."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Step:
    """Where an iteration ended.

    Attributes:
      index: 0 for the start, then 1, 2, …; anew at each scale.
      image: RGB [rows, cols, 3] float32, about 0..255 (not clipped).
      loss: at `image`; 0, and no terms, of a method that has none.
      terms: {"content/LAYER", "style/LAYER", "total_variation"}, weighted; they add up to the loss.
      gradient_norm: Euclidean norm of the loss's gradient by `image`.
      losses: of each evaluation of the objective in this iteration, in order.
      seconds: that this iteration took.
      scale: how many coarser scales lie before.
      iterations_left, scales_left: how many iterations this scale still has, and how many finer ones follow it.
      facts: what was decided on the way: "device", "precision", "tile" (pixels; None where the image is taken whole),
        "weights" (where they come from), "start" (whose network painted the start, if one did) and, once bfloat16 was
        too coarse, "float32_from_iteration".
      state: what the scale needs to go on after this step as if there had been no break, in JSON's types and arrays; to
        be called before the next step is asked for.
      companions: further images of the result by name, RGB [rows, cols, 3], of a method that has any; written as
        they are.
      fields: which position of the style, row and column, each one of `image` corresponds to ("forth"), and the reverse
        ("back"), [rows, cols, 2] int32, of a method that finds it.
    """

    index: int
    image: np.ndarray
    loss: float
    terms: Mapping[str, float]
    gradient_norm: float
    losses: tuple[float, ...]
    seconds: float
    scale: int = 0
    iterations_left: int = 0
    scales_left: int = 0
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    state: Callable[[], dict[str, Any]] = dict
    companions: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    fields: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def evaluations(self) -> int:
        """Of the objective, in this iteration."""
        return len(self.losses)

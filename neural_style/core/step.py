"""The step: what every method yields after each iteration."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Step:
    """The result of an iteration.

    Attributes:
      index: 0 for the start, then 1, 2, …; it starts again at each scale.
      image: RGB [rows, cols, 3] float32, about 0..255 (not clipped).
      loss: at `image`; 0, without terms, for methods that have no loss.
      layers: the weighted terms of the loss by kind and layer, {"content/LAYER", "style/LAYER", "total_variation"};
        they add up to it. `terms` has their sums by kind.
      gradient_norm: Euclidean norm of the gradient of the loss with respect to `image`.
      losses: the loss of each evaluation in this iteration, in order.
      seconds: that this iteration took.
      scale: how many coarser scales came before.
      iterations_left, scales_left: how many iterations this scale still has, and how many finer ones follow it.
      facts: for the record: "device", "precision", "tile" (pixels; None where the image is taken whole), "weights"
        (their source), "start" (the source of the network that painted the start), with --regions=auto "regions" (the
        photograph's share of each) and, where bfloat16 was too coarse, "float32_from_iteration".
      state: returns what the scale needs to resume after this step, in JSON's types and arrays; call it before the
        next step is taken.
      companions: further images of the result by name, RGB [rows, cols, 3]; empty for most methods.
      fields: for each position of `image` the corresponding row and column of the style ("forth"), and the reverse
        ("back"), [rows, cols, 2] int32; empty for most methods.
    """

    index: int
    image: np.ndarray
    loss: float
    layers: Mapping[str, float]
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

    @classmethod
    def without_loss(cls, index: int, image: np.ndarray, seconds: float, **attributes: Any) -> "Step":
        """Make the step of a method that has no loss; `attributes` are further ones."""
        return cls(index, image, loss=0.0, layers={}, gradient_norm=0.0, losses=(), seconds=seconds, **attributes)

    @property
    def terms(self) -> dict[str, float]:
        """The terms summed over their layers: {"content", "style", "total_variation"}. The record has the same keys."""
        return by_kind(self.layers)

    @property
    def evaluations(self) -> int:
        """How often the loss was evaluated in this iteration."""
        return len(self.losses)


def by_kind(layers: Mapping[str, float]) -> dict[str, float]:
    """Sum the layers' terms by kind, the part before the slash of their names."""
    totals: dict[str, float] = {}
    for name, value in layers.items():
        kind = name.split("/")[0]
        totals[kind] = totals.get(kind, 0.0) + value
    return totals

"""Which settings a method heeds: what is asked for besides is told, not ignored."""

import dataclasses

from neural_style.settings.analogy import AnalogySettings
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.optimizer import OptimizerSettings
from neural_style.settings.universal import DECODED, UniversalSettings

DOWNHILL = ("optimize", *(f"{method} with --refine" for method in DECODED))
"""Where the loss is gone downhill on."""


def _names(group: type, *without: str) -> set[str]:
    return {field.name for field in dataclasses.fields(group)} - set(without)


HEEDING = {
    **dict.fromkeys(_names(LossSettings) | _names(OptimizerSettings, "tile"), DOWNHILL),
    "evaluations_per_iteration": (*DOWNHILL, "analogy"),
    **dict.fromkeys(("iterations", "scale_iterations"), ("optimize",)),
    **dict.fromkeys(_names(NetworkSettings, "precision"), ("optimize", *DECODED, "analogy")),
    **dict.fromkeys(("style_scale", "style_rotation", "style_frame"), ("optimize", *DECODED, "analogy")),
    **dict.fromkeys(_names(UniversalSettings, "method"), DECODED),
    **dict.fromkeys(_names(AnalogySettings), ("analogy",)),
    "style": ("feedforward",),
}
"""The methods that heed a setting, where not all do."""


def is_heeded(name: str, method: str, refine: int) -> bool:
    """Whether a setting counts.

    Args:
      name: of the setting.
      method, refine: see `UniversalSettings`.
    """
    names = {method, f"{method} with --refine"} if refine else {method}
    return not names.isdisjoint(HEEDING.get(name, names))

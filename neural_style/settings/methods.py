"""Which settings a method heeds: what is asked for besides is told, not ignored."""

import dataclasses

from neural_style.settings.analogy import AnalogySettings
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.optimizer import OptimizerSettings
from neural_style.settings.universal import DECODED, UniversalSettings

DOWNHILL = ("optimize", *(f"{method} with --refine" for method in DECODED))
"""Where the loss is gone downhill on."""
WITH_VGG = ("optimize", *DECODED, "analogy")
"""Where VGG compares or decodes."""
WITH_PAINTINGS = (*WITH_VGG, "arbitrary")
"""Where a style is an image beside the photograph."""


def _names(group: type, *without: str) -> set[str]:
    return {field.name for field in dataclasses.fields(group)} - set(without)


HEEDING = {
    **dict.fromkeys(_names(LossSettings) | _names(OptimizerSettings, "tile"), DOWNHILL),
    "evaluations_per_iteration": (*DOWNHILL, "analogy"),
    **dict.fromkeys(("iterations", "scale_iterations"), ("optimize",)),
    "boldness": DOWNHILL,
    **dict.fromkeys(_names(NetworkSettings, "precision"), WITH_VGG),
    **dict.fromkeys(("style_scale", "style_rotation", "style_frame"), WITH_PAINTINGS),
    **dict.fromkeys(_names(UniversalSettings, "method"), DECODED),
    "alpha": (*DECODED, "arbitrary"),
    "frame_blend": (*DECODED, "feedforward", "arbitrary"),
    **dict.fromkeys(_names(AnalogySettings), ("analogy",)),
    "style": ("feedforward",),
    "shifts": ("arbitrary",),
}
"""The methods that heed a setting, where not all do."""


def is_heeded(name: str, method: str, refine: int) -> bool:
    """Whether a setting counts.

    Args:
      name: of the setting.
      method, refine: see `UniversalSettings`.
    """
    heeding = HEEDING.get(name)
    return heeding is None or method in heeding or (refine > 0 and f"{method} with --refine" in heeding)

"""Every setting by its name."""

import dataclasses
from typing import Any

from neural_style import method_table
from neural_style.settings.analogy import AnalogySettings
from neural_style.settings.feedforward import FeedforwardSettings
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.optimizer import OptimizerSettings
from neural_style.settings.output import OutputSettings
from neural_style.settings.picture import PictureSettings
from neural_style.settings.universal import UniversalSettings
from neural_style.settings.video import VideoSettings

PARTS = {
    "picture": PictureSettings,
    "loss": LossSettings,
    "network": NetworkSettings,
    "optimizer": OptimizerSettings,
    "analogy": AnalogySettings,
    "video": VideoSettings,
    "universal": UniversalSettings,
    "feedforward": FeedforwardSettings,
    "output": OutputSettings,
}
FIELDS = {field.name: (part, field) for part, cls in PARTS.items() for field in dataclasses.fields(cls)}
"""Each setting's part and field, by its name."""


def as_flag(name: str, value: Any) -> str:
    """Write a setting as on the command line: --rows=300."""
    return f"--{name}={FIELDS[name][1].metadata['kind'].text(value)}"


def is_used(name: str, method: str, refine: int) -> bool:
    """Whether a setting has an effect with a method, whose picture --refine may optimise."""
    return method_table.is_used(name, FIELDS[name][0], method, refine)

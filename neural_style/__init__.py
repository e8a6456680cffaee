"""Neural style transfer in Keras and TensorFlow, faithful to Keras' own example.

The names below are loaded when they are first used: `import neural_style` costs nothing, and TensorFlow is
imported when the first picture is painted.
"""

import importlib
import os
import sys
from typing import Any

from neural_style.core.version import __version__

if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the only one that this runs on, whatever keras.json says
if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides TensorFlow's start-up messages; 0 shows them

_HOMES = {
    "Engine": "engine",
    "Painting": "results.painting",
    "Settings": "settings.settings",
    "Step": "core.step",
    "UserError": "core.errors",
    "compare": "api",
    "features": "api",
    "methods": "api",
    "recipes": "api",
    "stylize": "api",
    "stylize_film": "api",
}
"""Where each public name is at home."""

__all__ = [*_HOMES, "__version__"]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

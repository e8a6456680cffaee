"""The page's sliders and choices: the few settings that matter, as a recipe sets them."""

import dataclasses
import math
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from neural_style.pretrained import style_networks
from neural_style.settings import recipes
from neural_style.settings.kinds import Choice, Kind, Many, Optional, WordOr
from neural_style.settings.picture import ORIGINAL
from neural_style.settings.schema import FIELDS, is_used
from neural_style.settings.settings import Settings
from neural_style.settings.web import WebSettings

DEFAULT_RECIPE = "instant"
"""The recipe that the page shows first: it paints in a second or two."""
NETWORK_RECIPE = "feedforward"
"""The recipe of trained networks."""
CHOICES = {"At once": "instant", "Better": "paint", "Best": "best", "A trained style": NETWORK_RECIPE}
"""The first choice of a visitor: what it is called, and its recipe."""
NETWORK = "painters"
"""The trained network that the page offers."""
OWN_STYLE = "yours"
"""The choice of a style that means the visitor's own."""
RANGES = {
    "iterations": (0, 50, 1),
    "style_scale": (0.25, 4.0, 0.05),
    "denoise": (0, 9, 1),
    "alpha": (0, 1.0, 0.05),
}
"""Minimum, maximum and step of sliders. Sliders of weights depend on their defaults."""
MIN_ROWS = 32
ROWS_STEP = 8
NAMES = (
    "style",
    "rows",
    "boldness",
    "style_weight",
    "content_weight",
    "tv_weight",
    "iterations",
    "style_scale",
    "init",
    "alpha",
    "preserve_color",
    "denoise",
    "weights",
)
"""The settings that have a control, in the page's order."""


@dataclasses.dataclass(frozen=True)
class Control:
    """A slider, or a choice of words.

    Attributes:
      name: the setting.
      info: what it does, in a sentence.
      value: the value shown.
      words: the words to choose from; empty for a slider.
      minimum, maximum, step: range of a slider.
      is_shown: whether the method uses the setting.
    """

    name: str
    info: str
    value: Any
    words: Sequence[str] = ()
    minimum: float = 0
    maximum: float = 0
    step: float = 0
    is_shown: bool = True


def make_controls(recipe: str, bounds: WebSettings, values: Mapping[str, Any] | None = None) -> list[Control]:
    """Return the controls in the order of `NAMES`, as a recipe sets them.

    Args:
      recipe: name of the recipe.
      bounds: settings of the page.
      values: values that replace the recipe's. Sliders are widened to hold them.
    """
    values = values or {}
    defaults = Settings.defaults(recipe)
    used = {name: is_used(name, defaults["method"], defaults["refine"]) for name in NAMES}
    controls = [_make_style_control(used["style"], values)]
    for name in NAMES[1:]:
        field = FIELDS[name][1]
        info = _shorten(field.metadata["help"].split(". ")[0].rstrip(".").replace("--", "") + ".")
        default = _single_value(name, defaults)
        value = values.get(name, default)
        words = _words(field.metadata["kind"])
        if words:
            controls.append(Control(name, info, value, words=words, is_shown=used[name]))
            continue
        minimum, maximum, step = _slider_range(name, default, bounds)
        if name not in values:
            value = min(value, maximum)
        controls.append(Control(name, info, value, (), min(minimum, value), max(maximum, value), step, used[name]))
    return controls


def style_choices(own_name: str | None) -> list[tuple[str, str]]:
    """Return the styles as (label, name).

    Args:
      own_name: name of the visitor's own style; None where there is none.
    """
    own = [(f"{OWN_STYLE}: {own_name}", OWN_STYLE)] if own_name else []
    return own + [(name, name) for name in _bundled_styles()]


def _bundled_styles() -> list[str]:
    return style_networks.metadata_of(style_networks.by_name()[NETWORK])["styles"]


def _make_style_control(is_shown: bool, values: Mapping[str, Any]) -> Control:
    """Return the choice of a style of the bundled trained network."""
    words = _bundled_styles()
    value = values.get("style", words[0]) if is_shown else None
    return Control("style", "Of the trained network, which needs no painting.", value, words=words, is_shown=is_shown)


def changed_values(recipe: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return the values that a visitor changed, by name.

    Args:
      recipe: name of the recipe.
      values: values of the controls, in the order of `NAMES`.
    """
    defaults = Settings.defaults(recipe)
    pairs = zip(NAMES, values, strict=True)
    return {name: value for name, value in pairs if value != _single_value(name, defaults)}


def control_values(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a record's flags that controls can show, by name."""
    values = {}
    for name in NAMES:
        value = flags.get(name)
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else None
        if value == ORIGINAL:  # the slider of rows holds numbers
            value = None
        is_overridden = name == "iterations" and "scale_iterations" in flags
        if value is not None and not is_overridden:
            values[name] = value
    return values


def choice_of(recipe: str) -> str | None:
    """Return the visitor's choice that means a recipe; None for a research recipe."""
    return next((choice for choice, of_choice in CHOICES.items() if of_choice == recipe), None)


def recipe_choices(left_out: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return the recipes as (label, name). A label is the name and a short description.

    Args:
      left_out: recipes that are not offered.
    """
    return [
        (f"{name}: {description.summary.split('. ')[0].split(': ')[0]}", name)
        for name, description in recipes.describe().items()
        if name not in left_out
    ]


def _single_value(name: str, values: Mapping[str, Any]) -> Any:
    """Return the one value of a setting that its control shows."""
    if name == "iterations" and values["scale_iterations"]:
        return max(values["scale_iterations"])
    value = values[name]
    if isinstance(value, tuple):
        return value[0] if value else None
    return value


def _shorten(text: str) -> str:
    return textwrap.shorten(text, 110, placeholder=" …", break_on_hyphens=False)


def _words(kind: Kind) -> tuple[str, ...]:
    """Return the words that a kind takes; none for numbers."""
    while isinstance(kind, Optional | Many):
        kind = kind.other if isinstance(kind, Optional) else kind.each
    if isinstance(kind, Choice):
        return tuple(kind.choices)
    return tuple(kind.words) if isinstance(kind, WordOr) else ()


def _slider_range(name: str, default: float, bounds: WebSettings) -> tuple[float, float, float]:
    """Return minimum, maximum and step of a slider."""
    if name == "rows":
        square = int(math.sqrt(bounds.max_pixels)) // ROWS_STEP * ROWS_STEP
        return MIN_ROWS, max(MIN_ROWS, square), ROWS_STEP
    if name in RANGES:
        return RANGES[name]
    maximum = 4 * default or 1.0  # a weight
    return 0, maximum, maximum / 200

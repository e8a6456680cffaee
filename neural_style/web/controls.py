"""The page's sliders and choices, made of the settings: the few flags that matter, as a recipe sets them."""

import dataclasses
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.methods import is_used
from neural_style.pretrained import style_networks
from neural_style.settings import recipes
from neural_style.settings.kinds import Choice, Kind, Many, Optional, WordOr
from neural_style.settings.schema import FIELDS
from neural_style.settings.settings import Settings
from neural_style.settings.web import WebSettings

NETWORK = "painters"
"""The trained network that the page offers."""
SPANS = {"rows": (32, 8), "iterations": (0, 1), "style_scale": (0.25, 0.05), "denoise": (0, 1), "alpha": (0, 0.05)}
"""Least value and step of the sliders that have their own; weights have their default's."""
MOST = {"iterations": 50, "style_scale": 4.0, "denoise": 9, "alpha": 1.0}
"""Greatest values of these."""
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
)
NAMES += ("preserve_color", "denoise", "weights")
"""The settings that have a control, in the page's order."""


@dataclasses.dataclass(frozen=True)
class Control:
    """A slider, or a choice of words.

    Attributes:
      name: of the setting.
      info: what it does, in a sentence.
      value: that it shows.
      words: to choose from; empty for a slider.
      least, most, step: of a slider.
      shown: whether the method heeds it.
    """

    name: str
    info: str
    value: Any
    words: Sequence[str] = ()
    least: float = 0
    most: float = 0
    step: float = 0
    shown: bool = True


def make_controls(recipe: str, bounds: WebSettings, values: Mapping[str, Any] | None = None) -> list[Control]:
    """The controls as a recipe sets them.

    Args:
      recipe: the recipe's name.
      bounds: of the page.
      values: what some show instead, which widens their sliders.
    """
    found = defaults(recipe)
    heeded = {name: is_used(name, FIELDS[name][0], found["method"], found["refine"]) for name in NAMES}
    made = [_styles(heeded["style"], values or {})]
    for name in NAMES[1:]:
        field, kind = FIELDS[name][1], _innermost(FIELDS[name][1].metadata["kind"])
        default = _one(name, found)
        value = (values or {}).get(name, default)
        info = _cut(field.metadata["help"].split(". ")[0].rstrip(".") + ".")
        if isinstance(kind, Choice | WordOr):
            words = kind.choices if isinstance(kind, Choice) else kind.words
            made.append(Control(name, info, value, words=tuple(words), shown=heeded[name]))
            continue
        least, most, step = _span(name, default, bounds)
        value = min(value, most) if name not in (values or {}) else value
        made.append(Control(name, info, value, (), min(least, value), max(most, value), step, heeded[name]))
    return made


def _styles(shown: bool, values: Mapping[str, Any]) -> Control:
    """The choice among the styles of the trained network that comes along."""
    words = style_networks.facts(style_networks.by_name()[NETWORK])["styles"]
    value = values.get("style", words[0]) if shown else None
    return Control("style", "Of the trained network, which needs no painting.", value, words=words, shown=shown)


def given(recipe: str, values: Sequence[Any]) -> dict[str, Any]:
    """What a visitor changed.

    Args:
      recipe: the recipe's name.
      values: of the controls, in the order of `NAMES`.
    """
    found = defaults(recipe)
    return {name: value for name, value in zip(NAMES, values, strict=True) if value != _one(name, found)}


def taken(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a record's flags that controls can show, as they show them."""
    found = {}
    for name in NAMES:
        value = flags.get(name)
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else None
        if value is not None and not (name == "iterations" and "scale_iterations" in flags):
            found[name] = value
    return found


def defaults(recipe: str) -> dict[str, Any]:
    """Every setting's value where only a recipe is named.

    Raises:
      UserError: there is no such recipe.
    """
    return Settings.defaults(recipe)


def choices() -> list[tuple[str, str]]:
    """The recipes as (label, name): the label begins with the name and goes on with what it is, in a sentence."""
    described = [line.split(maxsplit=1) for line in recipes.text().splitlines()[1:]]
    first = ("instant", "paint", "feedforward", "wct", "adain", "analogy")
    ordered = sorted(described, key=lambda each: (first.index(each[0]) if each[0] in first else len(first), each[0]))
    return [(f"{name}: {text.split('. ')[0].split(': ')[0]}", name) for name, text in ordered]


def _one(name: str, found: Mapping[str, Any]) -> Any:
    """The single value that a control shows of a setting."""
    if name == "iterations" and found["scale_iterations"]:
        return max(found["scale_iterations"])
    value = found[name]
    return (value[0] if value else None) if isinstance(value, tuple) else value


def _cut(text: str) -> str:
    return textwrap.shorten(text, 110, placeholder=" …", break_on_hyphens=False)


def _innermost(kind: Kind) -> Kind:
    while isinstance(kind, Optional | Many):
        kind = kind.other if isinstance(kind, Optional) else kind.each
    return kind


def _span(name: str, default: float, bounds: WebSettings) -> tuple[float, float, float]:
    """Least and greatest value, and step, of a slider."""
    if name == "rows":
        step = SPANS["rows"][1]
        return SPANS["rows"][0], max(SPANS["rows"][0], int(math.sqrt(bounds.most_pixels)) // step * step), step
    if name in SPANS:
        return SPANS[name][0], MOST[name], SPANS[name][1]
    most = 4 * default or 1.0  # a weight
    return 0, most, most / 200

"""Merges a recipe's values with the user's, and rejects settings that would have no effect."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from neural_style import method_table
from neural_style.core.errors import UserError
from neural_style.settings import checked
from neural_style.settings.picture import ORIGINAL, count_scales
from neural_style.settings.schema import FIELDS, is_used


def check_method(values: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise a UserError where a setting is given that the method does not use."""
    method, refine = values.get("method", method_table.DEFAULT), values.get("refine", 0)
    for name, value in given.items():
        group, field = FIELDS[name]
        if value is None or is_used(name, method, refine) or values[name] == field.default:
            continue
        users = " or ".join(method_table.users_of(name, group))
        raise UserError(
            f"--{name} is for --method={users}, and the method is {method}: leave it out, or name another method.",
            exit_code=2,
        )


def check_boldness(values: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise a UserError where a boldness is asked for that has no effect."""
    asked = given.get("boldness") is not None and values["boldness"] != FIELDS["boldness"][1].default
    if asked and values.get("scales") != "auto":
        raise UserError(
            f"--boldness={values['boldness']} takes --scales=auto, as --recipe=paint has it: add that, or leave out "
            "--boldness.",
            exit_code=2,
        )


def combine(recipe: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a recipe's values with those given, which win.

    Args:
      recipe: text or values by name.
      given: likewise; None stands for the default.

    Returns:
      Checked values by name. --recolor_content is off where the photograph's colours are kept, and --init=instant is
      left out where the method does not optimise, unless these are given themselves.

    Raises:
      UserError: a name is unknown, or a value is not one that the setting takes.
    """
    values = {name: _read(name, value) for name, value in {**recipe, **given}.items()}
    method = method_table.METHODS[values.get("method", method_table.DEFAULT)]
    keeps_colors = values.get("preserve_color", "none") != "none" or not method.recolors_content
    if keeps_colors and "recolor_content" not in given:
        values["recolor_content"] = False
    if not method.optimizes and "init" not in given and values.get("init") == "instant":
        values["init"] = FIELDS["init"][1].default
    _fit_sizes(values, recipe, given)
    _fit_iterations(values, recipe, given)
    _fit_layer_weights(values, given)
    return values


def _read(name: str, value: Any) -> Any:
    if name not in FIELDS:
        raise UserError(f"Unknown setting {name!r}.{did_you_mean(name, FIELDS)}", exit_code=2)
    field = FIELDS[name][1]
    return field.default if value is None else checked.read(field, value)


def _fit_sizes(values: dict[str, Any], recipe: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Scale a recipe's columns and scales in proportion to the rows that were given."""
    if values.get("longest") is not None or values.get("rows") == ORIGINAL:
        _leave_size_to_photograph(values, given)
        return
    scales = _listed_scales(values)
    if scales and "rows" not in given:
        values["rows"] = scales[-1]
    ratio = values["rows"] / int(recipe["rows"]) if "rows" in recipe else 1
    if "cols" in recipe and "cols" not in given:
        values["cols"] = max(1, round(values["cols"] * ratio))
    if scales and "scales" not in given:
        values["scales"] = tuple(sorted({max(1, round(scale * ratio)) for scale in scales}))


def _leave_size_to_photograph(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Drop a recipe's columns, and raises a UserError where something else that is given sets the size too."""
    flag = "--rows=original" if values.get("longest") is None else f"--longest={values['longest']}"
    rivals = ["rows", "cols"] if values.get("longest") is not None else []
    rivals += ["scales"] if _listed_scales(values) else []
    for name in rivals:
        if given.get(name) is not None:
            raise UserError(
                f"{flag} takes the size from the photograph, and --{name} sets it too: leave out one.", exit_code=2
            )
    if given.get("cols") is None:
        values.pop("cols", None)


def _fit_iterations(values: dict[str, Any], recipe: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Make a recipe's iterations of each scale fit the scales that were given; with --iterations they are dropped."""
    if "scale_iterations" not in recipe or "scale_iterations" in given:
        return
    if "iterations" in given:
        del values["scale_iterations"]
    elif "scales" in given and values["scales"] != "auto":
        of_recipe, count = values["scale_iterations"], count_scales(values["scales"])
        coarser = (of_recipe[0],) * count  # more scales than the recipe's repeat its first number
        values["scale_iterations"] = (coarser + of_recipe)[-count:]


def _fit_layer_weights(values: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Drop a recipe's weights of layers where other layers are given: these share the weight equally."""
    for kind in ("content", "style"):
        layers, weights = f"{kind}_layers", f"{kind}_layer_weights"
        if given.get(layers) is not None and given.get(weights) is None:
            values.pop(weights, None)


def _listed_scales(values: Mapping[str, Any]) -> tuple[int, ...]:
    """The rows of each scale where --scales lists them; empty where it is a number of scales, auto or missing."""
    scales = values.get("scales", ())
    return scales if isinstance(scales, tuple) and len(scales) > 1 else ()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The sentence that proposes another name, where one of `known` is like it; else nothing."""
    like = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {like[0]}?" if like else ""

"""From a recipe's values and those given to the values of a run, and what is asked for in vain."""

import difflib
from collections.abc import Mapping
from typing import Any

from neural_style.core.errors import UserError
from neural_style.settings import checked, methods
from neural_style.settings.schema import FIELDS


def check_method(values: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises a UserError where something is asked for that the method does not heed."""
    method, refine = values.get("method", "optimize"), values.get("refine", 0)
    for name, value in given.items():
        unheeded = not methods.is_heeded(name, method, refine)
        if unheeded and value is not None and values[name] != FIELDS[name][1].default:
            raise UserError(
                f"--{name} is of --method={' or '.join(methods.HEEDING[name])}, and the method is {method}: leave it "
                "out, or name another method.",
                exit_code=2,
            )


def check_boldness(values: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises a UserError where a boldness is asked for that has no effect."""
    asked = given.get("boldness") is not None and values["boldness"] != FIELDS["boldness"][1].default
    if asked and values.get("scales") != "auto":
        raise UserError(
            f"--boldness={values['boldness']} takes --scales=auto, as --recipe=paint has it: add that, or leave out "
            "--boldness.",
            exit_code=2,
        )


def combine(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a recipe with those given over them."""
    for name in given:
        if name not in FIELDS:
            raise UserError(f"Unknown setting {name!r}.{did_you_mean(name, FIELDS)}", exit_code=2)
    fields = {name: FIELDS[name][1] for name in (*base, *given)}
    read = {
        name: fields[name].default if value is None else checked.read(fields[name], value)
        for name, value in {**base, **given}.items()
    }
    kept = read.get("preserve_color", "none") != "none" or read.get("method") in ("analogy", "feedforward")
    if kept and "recolor_content" not in given:
        read["recolor_content"] = False  # the recipe's is for pictures that take the style's colours
    if read.get("method", "optimize") != "optimize" and "init" not in given and read.get("init") == "instant":
        read["init"] = FIELDS["init"][1].default  # the recipe's is of the optimisation
    return _in_proportion(read, base, given)


def _in_proportion(values: dict[str, Any], base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a recipe says of sizes and iterations, made to fit what was given instead of a part of it."""
    scales = values.get("scales", ())
    listed = scales if isinstance(scales, tuple) and len(scales) > 1 else ()
    if listed and "rows" not in given:
        values["rows"] = listed[-1]
    ratio = values["rows"] / int(base["rows"]) if "rows" in base else 1
    if "cols" in base and "cols" not in given:
        values["cols"] = max(1, round(values["cols"] * ratio))
    if listed and "scales" not in given:
        values["scales"] = tuple(sorted({max(1, round(scale * ratio)) for scale in listed}))
    if "scale_iterations" in base and "scale_iterations" not in given:
        if "iterations" in given:
            del values["scale_iterations"]
        elif "scales" in given and scales != "auto":
            count = len(listed) or (scales[0] if scales else 1)
            named = values["scale_iterations"]
            values["scale_iterations"] = ((named[0],) * count + named)[-count:]
    return values


def did_you_mean(name: str, known: Mapping[str, Any]) -> str:
    """The sentence that proposes another name, where one of `known` is like it; else nothing."""
    like = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {like[0]}?" if like else ""

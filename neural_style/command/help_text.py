"""Help that teaches: the flags in groups, the few that most people want or all."""

import dataclasses
import textwrap

from neural_style.command.flags import GROUPS
from neural_style.settings.kinds import Switch

USAGE = "neural-style CONTENT STYLE [STYLE …] PREFIX [--flags]"

COMMON = (
    "recipe",
    "method",
    "rows",
    "iterations",
    "content_weight",
    "style_weight",
    "tv_weight",
    "init",
    "weights",
    "optimizer",
    "seed",
    "preserve_color",
    "style_blend",
    "resume",
    "manifest",
)
"""The few flags that --help shows; --helpfull shows all."""


def text(full: bool) -> str:
    """The flags in groups, with defaults and what they take: the few common ones, or all."""
    lines = [f"Usage: {USAGE}", "", "Paints the photograph CONTENT in the manner of the painting STYLE."]
    for group in GROUPS:
        shown = [field for field in dataclasses.fields(group) if full or field.name in COMMON]
        if shown:
            lines += ["", f"{group.__doc__.splitlines()[0].rstrip('.')}:"]
        for field in shown:
            lines += _flag_help(field)
    if not full:
        lines += ["", "--helpfull shows every flag, --list_recipes the recipes that set them."]
    return "\n".join(lines)


def _flag_help(field: dataclasses.Field) -> list[str]:
    kind, default = field.metadata["kind"], field.default
    switch = isinstance(kind, Switch)
    name = f"--[no]{field.name}" if switch else f"--{field.name}"
    stated = [kind.expected] * (not switch) + [f"default: {kind.text(default)}"] * (default not in (None, ()))
    stated = f" ({'; '.join(stated)})"
    wrap = textwrap.TextWrapper(96, initial_indent="      ", subsequent_indent="      ")
    return [f"  {name}", *wrap.wrap(f"{field.metadata['help']}{stated}")]

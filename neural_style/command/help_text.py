"""Help that teaches: the flags in groups, the few that most people want or all."""

import textwrap

from absl.flags import Flag

from neural_style.command.flags import define

USAGE = "neural-style CONTENT STYLE [STYLE …] PREFIX [--flags]"

COMMON = (
    "recipe",
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
    """The flags in groups, with types, defaults and choices: the few common ones, or all."""
    values = define()
    lines = [f"Usage: {USAGE}", "", "Paints the photograph CONTENT in the manner of the painting STYLE."]
    for group, members in values.flags_by_module_dict().items():
        shown = [flag for flag in members if full or flag.name in COMMON]
        if shown:
            lines += ["", f"{group}:"]
        for flag in shown:
            lines += _flag_help(flag)
    if not full:
        lines += ["", "--helpfull shows every flag, --list_recipes the recipes that set them."]
    return "\n".join(lines)


def _flag_help(flag: Flag) -> list[str]:
    name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"
    default = f" (default: {str(flag.default_as_str).strip(chr(39))})" if flag.default not in (None, "") else ""
    wrap = textwrap.TextWrapper(96, initial_indent="      ", subsequent_indent="      ")
    return [f"  {name}", *wrap.wrap(f"{flag.help}{default}")]

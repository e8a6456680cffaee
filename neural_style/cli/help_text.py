"""The texts of help: what to type, the common flags, all of them, and one."""

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.cli.flags import GROUPS
from neural_style.core.errors import UserError
from neural_style.settings import checked, recipes
from neural_style.settings.combining import did_you_mean
from neural_style.settings.kinds import Switch

USAGE = "neural-style CONTENT STYLE [STYLE …] PREFIX [--flags]"
USAGE_OF_FILMS = "neural-style FILM STYLE [STYLE …] OUT.mp4 [--flags]"
USAGE_OF_FOLDERS = "neural-style PHOTOS/ STYLE [STYLE …] OUT/ [--flags]"
USAGE_OF_LISTS = "neural-style PHOTO PHOTO … STYLE OUT/ [--flags]"

EXAMPLES = """\
  neural-style photo.jpg painting.jpg result --recipe=instant    at once
  neural-style photo.jpg painting.jpg result --recipe=paint      better
  neural-style photo.jpg painting.jpg result --recipe=best       the best"""
SHORT = f"""\
neural-style paints a photograph in the style of a painting:

{EXAMPLES}

The picture is result.png. Further help:

  neural-style --help            the common flags
  neural-style help rows         one flag, here --rows
  neural-style --list_recipes    sets of flags by name
  neural-style web               a page to drop pictures on
  neural-style train --help      a style of your own
  neural-style compare --help    figures of results
  neural-style sheet --help      many styles side by side"""
"""What `neural-style` alone prints."""

COMMON = (
    "recipe",
    "method",
    "rows",
    "longest",
    "boldness",
    "alpha",
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
    "film",
)
"""The flags that --help shows; --helpfull shows all."""


def text(full: bool) -> str:
    """Describe the flags in groups, with defaults and kinds: the common ones, or all."""
    usages = (USAGE, USAGE_OF_FILMS, USAGE_OF_FOLDERS, USAGE_OF_LISTS)
    lines = [f"Usage: {usages[0]}", *(f"       {usage}" for usage in usages[1:]), ""]
    lines += [
        "Paints the photograph CONTENT, or each frame of FILM, in the manner of the",
        "painting STYLE. Each photograph of the folder PHOTOS is painted by itself,",
        "under its own name, into the folder OUT; so is each PHOTO of a list. A folder",
        "of frames is a film with --film, or where the output is one (OUT.mp4).",
        "",
        EXAMPLES,
    ]
    for group in (GROUPS[-1], *GROUPS[:-1]):  # the command's own flags first
        lines += of_group(group, None if full else COMMON)
    if not full:
        lines += [
            "",
            "--helpfull shows every flag, and neural-style help FLAG one of them.",
            "--list_recipes lists the recipes. The commands train, web, compare and sheet",
            "have a --help of their own.",
        ]
    return "\n".join(lines)


def of_flag(name: str) -> str:
    """Describe a flag.

    Args:
      name: without dashes.

    Raises:
      UserError: there is no such flag.
    """
    fields = {field.name: field for group in GROUPS for field in dataclasses.fields(group)}
    if name not in fields:
        hint = did_you_mean(name, fields) or " The commands train, web, compare and sheet have flags of their own."
        raise UserError(f"Expected the name of a flag, received {name!r}.{hint}", exit_code=2)
    lines = _flag_help(fields[name], fields[name].default)
    values = {recipe: recipes.read(recipe).get(name) for recipe in recipes.describe()}
    listed = ", ".join(f"{value} in {recipe}" for recipe, value in values.items() if value is not None)
    wrap = textwrap.TextWrapper(recipes.WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join([*lines, *(wrap.wrap(f"Recipes set {listed}.") if listed else [])])


def of_group(
    group: type, names: Sequence[str] | None = None, changed_defaults: Mapping[str, Any] | None = None
) -> list[str]:
    """Describe the flags of a class of settings under its title, the first line of its docstring.

    Args:
      group: the class.
      names: of the flags; None for all.
      changed_defaults: values that are shown as the defaults instead of the settings' own, by name.
    """
    shown = [field for field in dataclasses.fields(group) if names is None or field.name in names]
    title = ["", f"{(group.__doc__ or group.__name__).splitlines()[0].rstrip('.')}:"] if shown else []
    changed = changed_defaults or {}
    defaults = [checked.read(field, changed[field.name]) if field.name in changed else field.default for field in shown]
    return title + [line for each in zip(shown, defaults, strict=True) for line in _flag_help(*each)]


def _flag_help(field: dataclasses.Field, default: Any) -> list[str]:
    kind = field.metadata["kind"]
    switch = isinstance(kind, Switch)
    name = f"--[no]{field.name}" if switch else f"--{field.name}"
    notes = [] if switch else [kind.expected]
    if default not in (None, ()):
        notes.append(f"default: {kind.text(default)}")
    wrap = textwrap.TextWrapper(recipes.WIDTH, initial_indent="      ", subsequent_indent="      ")
    return [f"  {name}", *wrap.wrap(f"{field.metadata['help']} ({'; '.join(notes)})")]

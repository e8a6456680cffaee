"""The command line's flags, made of the settings: absl reads the words, the settings read the values."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from absl import flags

from neural_style.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Kind, Optional, Switch, setting
from neural_style.settings.settings import PARTS, Settings


@dataclasses.dataclass(frozen=True)
class CommandSettings(Checked):
    """What the command does, beside what a run makes."""

    recipe: str | None = setting(
        None, Optional(Kind()), "A flagfile that comes with neural_style, by name (see --list_recipes)."
    )
    resume: bool = setting(
        False,
        Switch(),
        "Go on with an interrupted run, from its last iteration, to the same image as without the break; start anew "
        "where there is none, do nothing where the run is complete.",
    )
    manifest: str | None = setting(
        None,
        Optional(Kind()),
        "A CSV file of runs: columns content, style (several separated by ;), prefix, and any flag. What is complete "
        "is skipped.",
    )
    help: bool = setting(False, Switch(), "Show the flags that most people want.")
    helpfull: bool = setting(False, Switch(), "Show every flag.")
    list_recipes: bool = setting(False, Switch(), "List the recipes.")
    show: str | None = setting(None, Optional(Kind()), "Show how an image (PNG) or a record (.json) was made.")
    version: bool = setting(False, Switch(), "Show the version.")
    flagfile: str | None = setting(
        None, Optional(Kind()), "Read flags from this file, one on a line; flags after it win."
    )
    undefok: str | None = setting(None, Optional(Kind()), "Flags that may be unknown, separated by commas.")


GROUPS = (*PARTS.values(), CommandSettings)
"""Where flags come from; the first line of each class' docstring is the group's name."""


@dataclasses.dataclass(frozen=True)
class Command:
    """A command line that was read.

    Attributes:
      words: the arguments that are no flags.
      command: what the command does.
      given: the run's settings that were named, as text by name.
    """

    words: list[str]
    command: CommandSettings
    given: dict[str, Any]

    def settings(self, /, **given: Any) -> Settings:
        """The settings of a run; `given` wins over the command line."""
        return Settings.read(**{"recipe": self.command.recipe, **self.given, **given})


def parse(arguments: Sequence[str]) -> Command:
    """Reads a command line, without the program's name.

    Raises:
      UserError: with exit code 2, where the command line can't be read.
    """
    values = _define()
    try:
        words = values(["neural-style", *arguments])[1:]
    except (flags.Error, UnicodeError, ValueError, TypeError) as error:
        raise UserError(f"{' '.join(str(error).split())} (--help lists the flags)", exit_code=2) from error
    given = {name: values[name].value for name in values if values[name].present}
    given["help"] = given.pop("h", given.get("help", False))
    own = {field.name for field in dataclasses.fields(CommandSettings)}
    command = CommandSettings(**{name: value for name, value in given.items() if name in own})
    return Command(words, command, {name: value for name, value in given.items() if name not in own})


def _define() -> flags.FlagValues:
    """Every flag, as text or as a switch, without a value."""
    values = flags.FlagValues()
    values.set_gnu_getopt(True)  # flags may follow the images
    for group in GROUPS:
        for field in dataclasses.fields(group):
            switch = isinstance(field.metadata["kind"], Switch)
            define = flags.DEFINE_boolean if switch else flags.DEFINE_string
            short = {"short_name": "h"} if field.name == "help" else {}
            define(field.name, None, field.metadata["help"], flag_values=values, module_name=group.__name__, **short)
    return values

"""The command line's flags, one for each setting: absl reads the command line, the settings read the values."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked, short
from neural_style.settings.kinds import Kind, Optional, Switch, setting
from neural_style.settings.schema import PARTS
from neural_style.settings.settings import Settings


@dataclasses.dataclass(frozen=True)
class CommandSettings(Checked):
    """The command."""

    recipe: str | None = setting(None, Optional(Kind()), "A recipe, by name: a bundled flagfile (see --list_recipes).")
    resume: bool = setting(
        False,
        Switch(),
        "Resume an interrupted run from its last iteration; the result is the same as without the interruption. Starts "
        "anew where there is nothing to resume, and does nothing where the run is complete.",
    )
    manifest: str | None = setting(
        None,
        Optional(Kind()),
        "A CSV file of runs with the columns content, style (several separated by ;), prefix, and any flag. Complete "
        "runs are skipped. The file and its paths may be URLs (s3://…). FILE_summary.csv lists how each went.",
    )
    film: bool = setting(
        False,
        Switch(),
        "A folder given as CONTENT holds the frames of a film. Otherwise it holds photographs, each of which is "
        "painted by itself, unless the output is a film (OUT.mp4).",
    )
    cluster: str | None = setting(
        None,
        Optional(Kind()),
        "Let the workers of a Ray cluster paint the rows of --manifest, the photographs of a folder, the shots of a "
        "film, or a picture's tiles with --tile=PIXELS: local (this machine, a worker for each GPU), or the HOST:PORT "
        "that ray start --head prints.",
    )
    help: bool = setting(False, Switch(), "Show the most common flags.")
    helpfull: bool = setting(False, Switch(), "Show every flag.")
    list_recipes: bool = setting(False, Switch(), "List the recipes.")
    show: str | None = setting(
        None, Optional(Kind()), "Show how an image (PNG), a record (.json) or a trained network was made."
    )
    export: str | None = setting(
        None, Optional(Kind()), "Write a trained network as TFLite (OUT.tflite) or SavedModel (OUT without an ending)."
    )
    version: bool = setting(False, Switch(), "Show the version.")
    flagfile: str | None = setting(
        None, Optional(Kind()), "Read flags from this file, one on each line; later flags win."
    )
    undefok: str | None = setting(None, Optional(Kind()), "Unknown flags to ignore, separated by commas.")


GROUPS = (*PARTS.values(), CommandSettings)
"""The classes whose fields are flags; the first line of each docstring is the title of the group."""


@dataclasses.dataclass(frozen=True)
class CommandLine:
    """A parsed command line.

    Attributes:
      paths: the arguments that are not flags: inputs, and last the output.
      options: the flags of the command itself, which no run sees.
      given: the settings that were given, as text by name.
      files: the flagfiles and the manifest that were read.
    """

    paths: list[str]
    options: CommandSettings
    given: dict[str, Any]
    files: list[str]

    def settings(self, styles: Sequence[str] = (), /, **given: Any) -> Settings:
        """Make the settings of a run with `styles`; `given` wins over the command line."""
        values = {"recipe": self.options.recipe, **self.given, **given}
        # Not at the top: they import NumPy, which --help can do without.
        from neural_style.planning.plan import read_settings
        from neural_style.pretrained import required_files

        settings = read_settings(styles, values)
        required_files.check(settings)
        return settings


def parse(arguments: Sequence[str]) -> CommandLine:
    """Parse a command line, without the program's name.

    Raises:
      UserError: with exit code 2, where the command line can't be read.
    """
    paths, given, files = read(arguments, GROUPS)
    own = {field.name for field in dataclasses.fields(CommandSettings)}
    options = CommandSettings(**{name: value for name, value in given.items() if name in own})
    files += [options.manifest] if options.manifest else []
    return CommandLine(paths, options, {name: value for name, value in given.items() if name not in own}, files)


def read(arguments: Sequence[str], groups: Sequence[type]) -> tuple[list[str], dict[str, Any], list[str]]:
    """Split a command line into its paths, the given flags as text by name, and the flagfiles that were read.

    Args:
      arguments: without the program's name.
      groups: the classes of settings whose fields are flags.

    Raises:
      UserError: with exit code 2, where the command line can't be read.
    """
    values = _define(groups)
    files: list[str] = []
    try:
        paths = values(["neural-style", *_with_flagfiles(arguments, files)])[1:]
    except (flags.Error, UnicodeError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()).replace(" ?", "?")
        raise UserError(f"{reason} (--help lists the flags)", exit_code=2) from error
    given = {name: values[name].value for name in values if values[name].present}
    for name in _old_names(groups):
        given.pop(name, None)  # absl gives its value to the new name too
    given["help"] = given.pop("h", given.get("help", False))
    return paths, given, files


def _with_flagfiles(arguments: Sequence[str], read: list[str], within: tuple[str, ...] = ()) -> list[str]:
    """Replace each --flagfile by its lines.

    A flagfile has a flag on each line, which may be another --flagfile. Empty lines and lines that begin with # or //
    are ignored.

    Args:
      arguments: of the command line, or of a flagfile.
      read: the flagfiles that were read; new ones are added to it.
      within: the flagfiles that contain these arguments.

    Raises:
      UserError: a flagfile can't be read, or includes itself.
    """
    expanded: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, path = argument.partition("=")
        if argument == "--":
            return [*expanded, argument, *rest]
        if name not in ("--flagfile", "-flagfile"):
            expanded.append(argument)
            continue
        path = os.path.expanduser(path if equals else next(rest, ""))
        if path in within:
            raise UserError(f"--flagfile={path} includes itself.", exit_code=2)
        lines = _read_flagfile(path)
        read.append(path)
        expanded += _with_flagfiles(lines, read, (*within, path))
    return expanded


def _read_flagfile(path: str) -> list[str]:
    """The flags of a flagfile, without comments and empty lines."""
    if not os.path.isfile(path):
        raise UserError(f"--flagfile takes a file of flags, and {path!r} is not a file.", exit_code=2)
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--flagfile takes a text file of flags, and {path!r} is not one.", exit_code=2) from error
    flag_lines = [line for line in lines if line and not line.startswith(("#", "//"))]
    for line in flag_lines:
        if not line.startswith("-"):
            raise UserError(f"{path}: expected a flag on each line, received {short(line)}.", exit_code=2)
    return flag_lines


def _define(groups: Sequence[type]) -> flags.FlagValues:
    """Define every flag of the groups, as text or as a switch."""
    values = flags.FlagValues()
    values.set_gnu_getopt(True)  # flags may follow the images
    for group in groups:
        for field in dataclasses.fields(group):
            switch = isinstance(field.metadata["kind"], Switch)
            define = flags.DEFINE_boolean if switch else flags.DEFINE_string
            short: dict[str, Any] = {"short_name": "h"} if field.name == "help" else {}
            define(field.name, None, field.metadata["help"], flag_values=values, module_name=group.__name__, **short)
    for old_name, name in _old_names(groups).items():
        flags.DEFINE_alias(old_name, name, flag_values=values)
    return values


def _old_names(groups: Sequence[type]) -> dict[str, str]:
    """The former name of each flag that was renamed, and its name today."""
    fields = [field for group in groups for field in dataclasses.fields(group)]
    return {field.metadata["old_name"]: field.name for field in fields if field.metadata["old_name"]}

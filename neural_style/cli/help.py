"""neural-style help: what to type, or what a flag does."""

import importlib
from collections.abc import Sequence

from neural_style.cli import help_text
from neural_style.cli.terminal import say
from neural_style.core.errors import UserError


def run(arguments: Sequence[str]) -> int:
    """Print the help that is asked for; return the exit code.

    Args:
      arguments: of the command line, after "help": nothing, a flag, or a command.

    Raises:
      UserError: there is no such flag.
    """
    from neural_style.cli.main import SUBCOMMANDS

    if not arguments:
        say(help_text.SHORT)
    elif len(arguments) > 1:
        raise UserError(f"Expected one flag, such as neural-style help rows, received {len(arguments)}.", exit_code=2)
    elif arguments[0] in SUBCOMMANDS:
        return importlib.import_module(SUBCOMMANDS[arguments[0]]).run(["--help"])
    else:
        say(help_text.of_flag(arguments[0].lstrip("-")))
    return 0

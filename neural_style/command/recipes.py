"""The recipes: flagfiles that come with neural_style, found by name from any folder."""

from collections.abc import Sequence
from pathlib import Path

from neural_style.errors import UserError


FOLDER = Path(__file__).parent.parent / "configs"
"""Where the recipes are; in a checkout a link to the configs beside the package."""


def by_name() -> dict[str, Path]:
    """The recipes' flagfiles by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.flags"))}


def expand(arguments: Sequence[str]) -> list[str]:
    """Puts a recipe's --flagfile where its --recipe stands, so that later flags win over it."""
    expanded, waiting = [], iter(arguments)
    for argument in waiting:
        expanded.append(argument)
        if argument.lstrip("-") == "recipe" and argument.startswith("-"):
            expanded.append(name := next(waiting, ""))
        elif argument.startswith(("--recipe=", "-recipe=")):
            name = argument.partition("=")[2]
        else:
            continue
        if name not in by_name():
            raise UserError(f"--recipe takes one of {', '.join(by_name())}; received {name!r}.", exit_code=2)
        expanded.append(f"--flagfile={by_name()[name]}")
    return expanded


def text() -> str:
    """Each recipe's name with the first line of its header."""
    lines = [f"{name:20} {path.read_text().splitlines()[0].lstrip('# ')}" for name, path in by_name().items()]
    return "\n".join(["Recipes, for --recipe=NAME:", *lines])

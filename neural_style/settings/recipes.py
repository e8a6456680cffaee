"""The recipes: flagfiles that are bundled with neural_style, found by name from any folder."""

from pathlib import Path

from neural_style.core.errors import UserError

_PACKAGE = Path(__file__).parent.parent
FOLDER = next(folder for folder in (_PACKAGE / "configs", _PACKAGE.parent / "configs") if folder.is_dir())
"""Where the recipes are: inside an installed package, beside the package in a checkout."""


def by_name() -> dict[str, Path]:
    """The recipes' flagfiles by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.flags"))}


def read(name: str) -> dict[str, str | bool]:
    """What a recipe sets, as text by name; a flag alone is True, or False where it begins with "no".

    Raises:
      UserError: with exit code 2; there is no such recipe.
    """
    known = by_name()
    if not isinstance(name, str) or name not in known:
        raise UserError(f"--recipe takes one of {', '.join(known)}; received {name!r}.", exit_code=2)
    found = {}
    lines = known[name].read_text(encoding="utf-8").splitlines()
    for line in (line for line in lines if line.startswith("--")):
        flag, equals, value = line.strip().removeprefix("--").partition("=")
        found[flag if equals else flag.removeprefix("no")] = value if equals else not flag.startswith("no")
    return found


def text() -> str:
    """Each recipe's name with the first line of its header."""
    lines = [
        f"{name:20} {path.read_text(encoding='utf-8').splitlines()[0].lstrip('# ')}" for name, path in by_name().items()
    ]
    return "\n".join(["Recipes, for --recipe=NAME:", *lines])

"""The recipes: flagfiles that are bundled with neural_style, found by name from any folder."""

import textwrap
from pathlib import Path

from neural_style.core.errors import UserError

_PACKAGE = Path(__file__).parent.parent
FOLDER = next(folder for folder in (_PACKAGE / "configs", _PACKAGE.parent / "configs") if folder.is_dir())
"""Where the recipes are: inside an installed package, beside the package in a checkout."""

GROUPS = {
    "begin here": "Begin here",
    "quick": "Quick",
    "published": "Published, with their own numbers",
    "special": "For special cases",
}
"""The groups of recipes in `text`, by the name that their headers state, and their titles."""
WIDTH = 79


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
    """Describe the recipes in groups: each one's name, seconds, and the first line of its header."""
    lines = ["Recipes, for --recipe=NAME, with their time for 512 x 768 pixels on two cores:"]
    headers = {name: _read_header(path) for name, path in by_name().items()}
    for group, title in GROUPS.items():
        lines += ["", f"{title}:"]
        members = [(name, header) for name, header in headers.items() if header["Group"] == group]
        for name, header in sorted(members, key=lambda member: _seconds(member[1]["Time"])):
            first = f"  {name:17}{header['Time']:>7}  "
            lines += textwrap.wrap(header[""], WIDTH, initial_indent=first, subsequent_indent=" " * len(first))
    return "\n".join(lines)


def _read_header(path: Path) -> dict[str, str]:
    """Return the facts of a recipe's header by name, and its first line under no name."""
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    facts = {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
    return {"": first.removeprefix("# "), **{name: facts[f"# {name}"] for name in ("Group", "Time")}}


def _seconds(time: str) -> float:
    """Return the seconds of a time such as "25 s" or "3 min"."""
    number, unit = time.split()
    return float(number) * {"s": 1, "min": 60}[unit]

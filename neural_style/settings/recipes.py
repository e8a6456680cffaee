"""The recipes: flagfiles that are bundled with neural_style, found by name from any folder."""

import dataclasses
import textwrap
from pathlib import Path

from neural_style.core.errors import UserError
from neural_style.settings.combining import did_you_mean

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
"""Columns of help texts."""


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
        hint = did_you_mean(str(name), known)
        raise UserError(f"--recipe takes one of {', '.join(known)}; received {name!r}.{hint}", exit_code=2)
    found = {}
    lines = known[name].read_text(encoding="utf-8").splitlines()
    for line in (line for line in lines if line.startswith("--")):
        flag, equals, value = line.strip().removeprefix("--").partition("=")
        found[flag if equals else flag.removeprefix("no")] = value if equals else not flag.startswith("no")
    return found


@dataclasses.dataclass(frozen=True)
class Description:
    """What a recipe's header says.

    Attributes:
      summary: its first line.
      group: one of `GROUPS`.
      time: for 512 x 768 pixels on two cores, with what it loads, such as "25 s".
    """

    summary: str
    group: str
    time: str

    @property
    def seconds(self) -> float:
        """The time in seconds."""
        number, unit = self.time.split()
        return float(number) * {"s": 1, "min": 60}[unit]


def describe() -> dict[str, Description]:
    """Return the description of each recipe by name: in groups, the fastest first."""
    found = {name: _read_description(path) for name, path in by_name().items()}
    order = list(GROUPS)
    return dict(sorted(found.items(), key=lambda item: (order.index(item[1].group), item[1].seconds)))


def _read_description(path: Path) -> Description:
    summary, *lines = path.read_text(encoding="utf-8").splitlines()
    facts = {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
    return Description(summary.removeprefix("# "), facts["# Group"], facts["# Time"])


def text() -> str:
    """Describe the recipes in groups: each one's name, time and summary."""
    lines = ["Recipes, for --recipe=NAME, with their time for 512 x 768 pixels on two cores:"]
    described = describe()
    for group, title in GROUPS.items():
        lines += ["", f"{title}:"]
        for name, description in described.items():
            if description.group == group:
                first = f"  {name:17}{description.time:>7}  "
                lines += textwrap.wrap(
                    description.summary, WIDTH, initial_indent=first, subsequent_indent=" " * len(first)
                )
    return "\n".join(lines)

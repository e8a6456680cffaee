"""neural-style compare: figures of results."""

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from neural_style.cli import flags, help_text
from neural_style.cli.loading import load_tensorflow
from neural_style.cli.terminal import say, shows_bars
from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Kind, Switch, Whole, setting

if TYPE_CHECKING:
    from neural_style.results.measures import Figures

USAGE = "neural-style compare PHOTO PAINTING RESULT [RESULT …] [--flags]"
MEANINGS = {
    "style_distance": "0: the painting, 1: the photograph",
    "content_distance": "0: the photograph",
    "grain": "grey levels, in flat parts",
    "border": "grain there, relative to the inside",
}


@dataclasses.dataclass(frozen=True)
class CompareCommand(Checked):
    """What is measured."""

    recipe: str = setting("paint", Kind(), "Whose loss is measured.")
    weights: str = setting("auto", Kind(), "The source of VGG16's features, as for a picture.")
    rows: int = setting(256, Whole(32, 4096), "Height at which loss and distances are measured.")
    json: bool = setting(False, Switch(), "Print JSON instead of a table.")
    help: bool = setting(False, Switch(), "Show these flags.")


def run(arguments: Sequence[str]) -> int:
    """Print figures of results; return the exit code.

    Args:
      arguments: of the command line, after "compare".

    Raises:
      UserError: the command line is wrong, or an image can't be read.
    """
    paths, given, _ = flags.read(arguments, (CompareCommand,))
    command = CompareCommand(**given)
    if command.help:
        say(_help())
        return 0
    if len(paths) < 3:
        received = " ".join(paths) or "none"
        raise UserError(f"Expected at least three images, {USAGE}, received {received}.", exit_code=2)
    from neural_style import api  # reads images, which --help does not need

    load_tensorflow()
    photo, painting, *results = paths
    figures = api.compare(
        photo,
        painting,
        results,
        rows=command.rows,
        recipe=command.recipe,
        weights=command.weights,
        progress=shows_bars(),
    )
    say(_as_json(results, figures) if command.json else _as_table(results, figures))
    return 0


def _as_json(results: Sequence[str], found: "Sequence[Figures]") -> str:
    rows = [{"result": path, **dataclasses.asdict(figures)} for path, figures in zip(results, found, strict=True)]
    return json.dumps(rows, indent=2)


def _as_table(results: Sequence[str], found: "Sequence[Figures]") -> str:
    """Return a line for each result."""
    lines = []
    for path, figures in zip(results, found, strict=True):
        terms = ", ".join(f"{name} {value:.4g}" for name, value in figures.terms.items())
        lines += [f"{path}:", f"  loss              {figures.loss:8.4g}  ({terms})"]
        lines += [
            f"  {name.replace('_', ' '):17} {getattr(figures, name):8.3f}  ({text})" for name, text in MEANINGS.items()
        ]
    return "\n".join(lines)


def _help() -> str:
    lines = [
        f"Usage: {USAGE}",
        "",
        "Prints figures of results that were painted from one photograph and one",
        "painting, by any program. None says whether a person likes the picture.",
        *help_text.of_group(CompareCommand),
    ]
    return "\n".join(lines)

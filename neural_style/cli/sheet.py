"""neural-style sheet: one photograph in many styles, side by side."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neural_style.cli import flags, help_text
from neural_style.cli.loading import loading_tensorflow
from neural_style.cli.terminal import say
from neural_style.core.errors import UserError
from neural_style.pretrained import style_networks
from neural_style.settings import checked
from neural_style.settings.kinds import Kind, Optional, Switch, Whole, setting
from neural_style.settings.schema import PARTS

if TYPE_CHECKING:
    from PIL import Image

USAGE = (
    "neural-style sheet PHOTO NETWORK OUT.png [--flags]",
    "neural-style sheet PHOTO PAINTING PAINTING [PAINTING …] OUT.png [--flags]",
)
ROWS = 256
"""Height of a picture, unless --rows says another."""
MAX_PICTURES = 400


@dataclasses.dataclass(frozen=True)
class SheetCommand(checked.Checked):
    """The sheet."""

    columns: int | None = setting(None, Optional(Whole(1, 100)), "Pictures in a row; by default about as many as rows.")
    recipe: str | None = setting(None, Optional(Kind()), "The recipe that paints; for paintings instant by default.")
    help: bool = setting(False, Switch(), "Show these flags.")


class _Look(NamedTuple):
    """A picture of a sheet: its name, the painting or network, and its own settings."""

    name: str
    source: str
    settings: dict[str, Any]


def run(arguments: Sequence[str]) -> int:
    """Paint a sheet; return the exit code.

    Args:
      arguments: of the command line, after "sheet".

    Raises:
      UserError: the command line is wrong, or a picture can't be painted.
    """
    paths, given, _ = flags.read(arguments, (*PARTS.values(), SheetCommand))
    own = {field.name for field in dataclasses.fields(SheetCommand)}
    command = SheetCommand(**{name: value for name, value in given.items() if name in own})
    if command.help:
        say(_help())
        return 0
    if len(paths) < 3:
        received = " ".join(paths) or "none"
        raise UserError(f"Expected {USAGE[0]}, received {received}.", exit_code=2)
    _paint_sheet(paths, {name: value for name, value in given.items() if name not in own}, command)
    return 0


def _paint_sheet(paths: Sequence[str], given: Mapping[str, Any], command: SheetCommand) -> None:
    from PIL import Image

    from neural_style.images import reading, sheets, writing  # need NumPy, which --help does not
    from neural_style.results import files, targets

    photo, *sources, output = paths
    looks = _find_looks(sources, given, command.recipe)
    path = Path(output)
    if path.suffix.lower() not in writing.FORMATS:
        raise UserError(
            f"Expected a sheet that ends in {', '.join(writing.FORMATS)}, received {output!r}.", exit_code=2
        )
    targets.check_new(path)
    photograph = reading.load(photo)
    paintings = {source: _read_source(source) for source in sources}  # an error now, and not after the first pictures
    pictures: list[Image.Image] = []
    try:
        for picture in _paint_looks(photograph, looks, paintings, {"rows": ROWS, **given}):
            pictures.append(picture)
    finally:  # what was painted before Ctrl-C or an error is written too
        if pictures:
            names = ["photograph", *(look.name for look in looks[: len(pictures)])]
            small = photograph.resize(pictures[0].size, Image.Resampling.LANCZOS)
            sheet = sheets.make_sheet([small, *pictures], names, command.columns)
            files.write_whole(output, lambda partial: writing.save(partial, writing.kind_of(output), sheet, 95, {}))
            say(f"Wrote {output} ({sheet.width} wide, {sheet.height} high): {len(pictures)} styles.")


def _read_source(source: str) -> Any:
    """Return a painting; the name of a trained network stays as it is."""
    from neural_style.images import reading

    return source if style_networks.find(source) else reading.load(source)


def _find_looks(sources: Sequence[str], given: Mapping[str, Any], recipe: str | None) -> list[_Look]:
    """Return what a sheet shows.

    Raises:
      UserError: there are too many pictures, a recipe is given for a trained network, or paintings beside it.
    """
    style_networks.method_setting(sources, {})  # an error where a network is not alone, or its name is misspelt
    network = style_networks.find(sources[0])
    if network is None:
        chosen = {"recipe": recipe or "instant"}
        looks = [_Look(os.path.splitext(os.path.basename(path))[0], path, chosen) for path in sources]
    elif recipe:
        raise UserError(
            f"--recipe is for paintings, and {sources[0]!r} is a trained network: leave it out.", exit_code=2
        )
    else:
        names = [given["style"]] if "style" in given else style_networks.metadata_of(network)["styles"]
        looks = [_Look(name, sources[0], {"style": name}) for name in names]
    if len(looks) > MAX_PICTURES:
        raise UserError(f"A sheet holds at most {MAX_PICTURES} pictures, received {len(looks)}.", exit_code=2)
    return looks


def _paint_looks(
    photograph: "Image.Image", looks: Sequence[_Look], sources: Mapping[str, Any], given: Mapping[str, Any]
) -> "Iterator[Image.Image]":
    """Paint each look of a photograph, one after the other."""
    from neural_style import api
    from neural_style.core.progress import ProgressBar
    from neural_style.engine import Engine

    engine = Engine(loading=loading_tensorflow)
    with contextlib.closing(ProgressBar(len(looks), desc="styles")) as bar:
        for look in looks:
            bar.show(look.name)
            yield api.stylize(photograph, sources[look.source], engine=engine, **{**given, **look.settings}).image
            bar.advance()


def _help() -> str:
    lines = [
        f"Usage: {USAGE[0]}",
        f"       {USAGE[1]}",
        "",
        "Paints a photograph in each style of a trained network, such as painters, or",
        "in the style of each painting, and writes them side by side with their names.",
        f"Each is {ROWS} pixels high unless --rows says another.",
        "All flags of a picture hold.",
        *help_text.of_group(SheetCommand),
    ]
    return "\n".join(lines)

"""--manifest: paints the rows of a table, one after the other or several at once."""

import codecs
import csv
import functools
import io
import os
import traceback
from collections.abc import Callable, Iterable, Sequence

from neural_style.cli.film import is_film
from neural_style.cli.film_names import FilmNames
from neural_style.cli.flags import Command
from neural_style.cli.paint_options import PaintOptions
from neural_style.cli.terminal import say, warn
from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.pretrained import style_networks
from neural_style.results import files
from neural_style.settings import checked
from neural_style.settings.settings import Settings
from neural_style.video.clip import is_clip

COLUMNS = ("content", "style", "prefix")
SEPARATORS = (",", ";", "\t")


def run(given: Command, paint: Callable, each: Callable[[Callable, Sequence], Iterable] = map) -> int:
    """Paints each row that is not complete yet; a row that fails is reported, and the others continue.

    Args:
      given: the command line, whose flags apply to every row; a row's own flags win.
      paint: of `main`, with its engine.
      each: calls a function with each row, as `map` does: one after the other, or several at once.

    Returns:
      The exit code: 0, or 1 where a row failed.

    Raises:
      UserError: the file or a row's flags can't be read; nothing is begun then.
    """
    path = given.command.manifest
    if path is None:
        raise UserError("Expected a table of rows, received none: name it by --manifest.", exit_code=2)
    if given.words:
        raise UserError(f"--manifest names the images, and {' '.join(given.words)} was given besides.", exit_code=2)
    jobs = _jobs(given, path)
    for number, images, _ in jobs:
        for image in images[:-1]:
            if not (_is_file(image) or is_clip(image) or style_networks.find(image)):
                # a warning now, not an error hours later; the other rows continue
                warn(f"{path}, line {number}: {image!r} does not exist yet.")
    results = {"".join(_place(images)) for _, images, _ in jobs}
    read = {image for _, images, _ in jobs for image in images[:-1] if _is_file(image)} - results
    options = PaintOptions(given.command.resume, skip_complete=True, also_read=(*given.files, *read))
    outcomes = list(each(functools.partial(_carry_out, path, functools.partial(paint, options=options)), jobs))
    made, skipped = (sum(outcome is which for _, outcome in outcomes) for which in (True, False))
    failed = sorted(number for number, outcome in outcomes if outcome is None)
    lines = f" (line{'s' * (len(failed) > 1)} {', '.join(map(str, failed))})" if failed else ""
    say(f"{len(jobs)} rows: {made} made, {skipped} complete already, {len(failed)} failed{lines}.")
    return 1 if failed else 0


def _is_file(image: str) -> bool:
    return storage.is_url(image) or os.path.isfile(image)


def _carry_out(path: str, paint: Callable, job: tuple[int, list[str], Settings]) -> tuple[int, bool | None]:
    """Paints a row; returns its line, and whether there was anything to do, None where it failed."""
    number, images, settings = job
    say(f"{path}, line {number}: {' '.join(images)}")
    try:
        return number, paint(images, settings)
    except Exception as error:  # the error of one row must not stop the others
        if not isinstance(error, UserError):
            traceback.print_exc()
        warn(f"{path}, line {number}: {error}")
        return number, None


def _place(images: list[str]) -> tuple[str, str]:
    """The prefix of a row's results, and the ending of what it paints."""
    if is_film(images):
        names = FilmNames(images[-1])
        return names.prefix, names.ending
    return files.split(images[-1], images[0])


def _jobs(given: Command, path: str) -> list[tuple[int, list[str], Settings]]:
    """The line, the images and prefix, and the settings of each row."""
    jobs = []
    lines: dict[str, int] = {}
    for number, row in _rows(path):
        own = {name: value for name, value in row.items() if name not in COLUMNS and value}
        images = [row["content"], *(style.strip() for style in row["style"].split(";")), row["prefix"]]
        if not all(images):
            raise UserError(
                f"{path}, line {number}: expected content, style and prefix, received {images}.", exit_code=2
            )
        try:
            place = files.key(_place(images)[0])
            if lines.setdefault(place, number) != number:
                raise UserError(f"the prefix {row['prefix']!r} is line {lines[place]}'s: each row needs its own.")
            jobs.append((number, images, given.settings(images[1:-1], **own)))
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error}", exit_code=2) from error
    return jobs


def _rows(path: str) -> list[tuple[int, dict[str, str]]]:
    """Read a table: each row's line number and its values by column.

    Raises:
      UserError: the file can't be read, or a column is missing or given twice.
    """
    if not _is_file(path):
        raise UserError(f"--manifest takes a CSV file, and {path!r} is not a file.", exit_code=2)
    try:
        columns, lines = _table(storage.read(path))
    except FileNotFoundError:
        raise UserError(f"--manifest takes a CSV file, and {path!r} does not exist.", exit_code=2) from None
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(
            f"--manifest takes a CSV file, and {path!r} can't be read as one: {error}", exit_code=2
        ) from error
    _check_columns(path, columns)
    if not lines:
        raise UserError(f"{path} contains no rows: each names content, style and prefix.", exit_code=2)
    for number, values in lines:
        if any(values[len(columns) :]):
            raise UserError(
                f"{path}, line {number}: more values than columns: quote a value that contains a comma.", exit_code=2
            )
    missing = [""] * len(columns)
    return [(number, dict(zip(columns, [*values, *missing], strict=False))) for number, values in lines]


def _check_columns(path: str, columns: Sequence[str]) -> None:
    """Raise a UserError where a required column is missing, or any column is given twice."""
    repeated = {name for name in columns if columns.count(name) > 1}
    if repeated:
        raise UserError(f"{path}: the column {min(repeated)} is given twice: leave out one.", exit_code=2)
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        received = ", ".join(map(checked.short, columns)) or "an empty file"
        raise UserError(
            f"{path}: expected the columns {', '.join(COLUMNS)} in the first line; {', '.join(missing)} is missing "
            f"from {received}.",
            exit_code=2,
        )


def _table(data: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The columns, and each row's line number and values, of a table as spreadsheets save it.

    UTF-8, UTF-16 with its mark, or Windows' Western European; with commas, semicolons or tabs, whichever makes the
    columns; names in any case; blanks around values and rows without any are left out.
    """
    text = _decoded(data)
    separator = max(SEPARATORS, key=lambda each: len(set(COLUMNS) & set(_columns(text, each))))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    columns, rows = _columns(text, separator), []
    next(reader, None)
    for values in reader:
        values = [value.strip() for value in values]
        if any(values):
            rows.append((reader.line_num, values))
    return columns, rows


def _columns(text: str, separator: str) -> list[str]:
    first = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True), [])
    names = [name.strip().lower() for name in first]
    while names and not names[-1]:  # a comma at the end of every line
        names.pop()
    return names


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252")

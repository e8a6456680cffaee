"""Many pictures: the rows of a table, or the photographs of a folder, one after the other or several at once."""

import dataclasses
import functools
import os
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from neural_style.cli import summary, tables
from neural_style.cli.film_names import FilmNames, is_film
from neural_style.cli.flags import CommandLine
from neural_style.cli.paint_options import PaintOptions
from neural_style.cli.summary import Outcome
from neural_style.cli.terminal import say, warn
from neural_style.core import peak_memory, storage
from neural_style.core.errors import UserError
from neural_style.pretrained import style_networks
from neural_style.results import files
from neural_style.settings.settings import Settings
from neural_style.video.clip import is_clip

PROGRESS_SECONDS = 10
"""Seconds between two lines about the progress over all rows."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One run of a batch.

    Attributes:
      number: its line in the table, or its place among the photographs.
      short_name: what the list of failures at the end calls it, such as 3.
      title: what messages call it, such as "runs.csv, line 3".
      paths: content, styles and output.
      settings: of the run.
      prefix, ending: of its output files.
    """

    number: int
    short_name: str
    title: str
    paths: list[str]
    settings: Settings
    prefix: str
    ending: str


@dataclasses.dataclass(frozen=True)
class Batch:
    """Runs that belong together.

    Attributes:
      rows: the runs.
      unit: what a row is called: "row" or "photograph".
      short_name_kind: the word before the short names: "line", or "" where they say it themselves.
      summary: the path of the summary; None where there is no place for one.
    """

    rows: list[Row]
    unit: str
    short_name_kind: str
    summary: str | None


def paint_batch(
    batch: Batch, command_line: CommandLine, paint: Callable, map_rows: Callable[[Callable, Sequence], Iterable] = map
) -> int:
    """Paint each row that is not complete yet; a row that fails is reported, and the others continue.

    Args:
      batch: the rows.
      command_line: its --resume and --film, its flagfiles, and its --overwrite, for the summary.
      paint: `main.paint`, with its engine.
      map_rows: calls a function with each row: `map` one after the other, any other several at once.

    Returns:
      The exit code: 0, or 1 where a row failed.
    """
    resume, folder_is_film = command_line.options.resume, command_line.options.film
    overwrites = bool(command_line.given.get("overwrite"))
    also_read = (*command_line.files, *_inputs_of_rows(batch.rows))
    options = PaintOptions(resume, skip_complete=True, also_read=also_read, folder_is_film=folder_is_film)
    is_serial = map_rows is map  # several at once share their memory, and finish in any order
    carry_out = functools.partial(_carry_out, functools.partial(paint, options=options), is_serial)
    outcomes: list[Outcome] = []
    progress = _Progress(len(batch.rows)) if is_serial else None
    try:
        for outcome in map_rows(carry_out, batch.rows):
            outcomes.append(outcome)
            if progress:
                progress.add(outcome)
    finally:
        if batch.summary:
            summary.write(batch.summary, batch.rows, outcomes, overwrites)
    return _finish(batch, outcomes)


def _finish(batch: Batch, outcomes: Sequence[Outcome]) -> int:
    """Say how many rows were painted; returns the exit code."""
    counts = {result: sum(outcome.result == result for outcome in outcomes) for result in summary.RESULTS}
    failed = {outcome.number for outcome in outcomes if outcome.result == "failed"}
    names = [row.short_name for row in batch.rows if row.number in failed]
    kind = f"{batch.short_name_kind}{'s' * (len(names) > 1)} " if batch.short_name_kind else ""
    listed = f" ({kind}{', '.join(names)})" if names else ""
    total, plural = len(batch.rows), "s" * (len(batch.rows) != 1 or batch.unit == "row")  # scripts read "1 rows"
    counted = ", ".join(f"{count} {result}" for result, count in counts.items())
    say(f"{total} {batch.unit}{plural}: {counted}{listed}.")
    return 1 if failed else 0


def _inputs_of_rows(rows: Sequence[Row]) -> set[str]:
    """The files that the rows read, except those that other rows write."""
    results = {row.prefix + row.ending for row in rows}
    return {image for row in rows for image in row.paths[:-1] if _may_exist(image)} - results


def _may_exist(image: str) -> bool:
    """Whether an image is a local file, or a URL, which is not looked up."""
    return storage.is_url(image) or os.path.isfile(image)


def _carry_out(paint: Callable, measures_memory: bool, row: Row) -> Outcome:
    """Paint a row.

    Args:
      paint: called with the row's paths and settings; returns whether there was anything to do.
      measures_memory: whether to report the peak of memory, which needs nothing else to be painted meanwhile.
      row: the row.
    """
    say(f"{row.title}: {' '.join(row.paths)}")
    started = time.monotonic()
    peak_memory.reset()
    try:
        result = "made" if paint(row.paths, row.settings) else "complete already"
    except Exception as error:  # the error of one row must not stop the others
        if not isinstance(error, UserError):
            traceback.print_exc()
        warn(f"{row.title}: {error}")
        result = "failed"
    seconds = round(time.monotonic() - started, 2)
    return Outcome(row.number, result, seconds, peak_memory.megabytes() if measures_memory else None)


class _Progress:
    """Say now and then how many rows are done, and how long the others will take."""

    def __init__(self, total: int):
        self._total, self._done = total, 0
        self._seconds: list[float] = []
        self._shown = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Count a row."""
        self._done += 1
        if outcome.result == "made":
            self._seconds.append(outcome.seconds)
        is_due = time.monotonic() - self._shown >= PROGRESS_SECONDS
        if self._seconds and is_due and self._done < self._total:
            self._shown = time.monotonic()
            left = sum(self._seconds) / len(self._seconds) * (self._total - self._done)
            duration = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
            say(f"{self._done} of {self._total} done, about {duration} left.")


def make_row(
    number: int, short_name: str, title: str, paths: list[str], settings: Settings, folder_is_film: bool = False
) -> Row:
    """Make a row, whose output files are named by its paths; see `Row` and `is_film`."""
    if is_film(paths, folder_is_film):
        names = FilmNames(paths[-1])
        return Row(number, short_name, title, paths, settings, names.prefix, names.ending)
    return Row(number, short_name, title, paths, settings, *files.split(paths[-1], paths[0]))


def read_table(command_line: CommandLine) -> Batch:
    """Read the table of --manifest.

    Raises:
      UserError: the file or a row's flags can't be read.
    """
    path = command_line.options.manifest
    if path is None:
        raise UserError("Expected a table of rows, received none: name it by --manifest.", exit_code=2)
    if command_line.paths:
        raise UserError(
            f"--manifest names the images, and {' '.join(command_line.paths)} was given besides: leave it out.",
            exit_code=2,
        )
    rows: list[Row] = []
    lines: dict[str, int] = {}
    for number, values in tables.read_rows(path):
        try:
            row = _table_row(command_line, path, number, values)
            place = files.key(row.prefix)
            if lines.setdefault(place, number) != number:
                raise UserError(f"the prefix {row.paths[-1]!r} is line {lines[place]}'s: each row needs its own.")
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error}", exit_code=2) from error
        rows.append(row)
    for row in rows:
        _warn_of_missing_images(row)
    return Batch(rows, "row", "line", _summary_beside(path))


def _summary_beside(table: str) -> str | None:
    """Return the path of a table's summary; None for a URL with a query, which is no place to write to."""
    if storage.is_url(table) and "?" in table:
        return None
    return f"{table[:-4] if table.lower().endswith('.csv') else table}_summary.csv"


def _warn_of_missing_images(row: Row) -> None:
    """Warn now of what would be an error hours later. An earlier row may still paint it."""
    for image in row.paths[:-1]:
        if not (_may_exist(image) or is_clip(image) or style_networks.find(image)):
            warn(f"{row.title}: {image!r} does not exist yet.")


def _table_row(command_line: CommandLine, path: str, number: int, values: dict[str, str]) -> Row:
    """The row of a line of a table; its own flags override the command line's."""
    flags: dict[str, Any] = {name: value for name, value in values.items() if name not in tables.COLUMNS and value}
    styles = [style.strip() for style in values["style"].split(";")]
    paths, folder_is_film = [values["content"], *styles, values["prefix"]], command_line.options.film
    if not all(paths):
        empty = next((name for name in tables.COLUMNS if not values[name]), "one of several styles")
        raise UserError(f"expected content, style and prefix, and {empty} is empty: fill it in.")
    if os.path.isdir(paths[0]) and not is_film(paths, folder_is_film):
        raise UserError(
            f"a row takes one photograph or film, and {paths[0]!r} is a folder: add --film if it holds a film's frames."
        )
    settings = command_line.settings(styles, **flags)
    return make_row(number, str(number), f"{path}, line {number}", paths, settings, folder_is_film)

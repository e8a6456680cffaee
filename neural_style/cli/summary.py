"""The summary of a batch: a CSV file with a line for each row."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from neural_style.cli.terminal import warn
from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.results import files

RESULTS = ("made", "complete already", "failed")
"""What may become of a row."""
NOT_REACHED = "not reached"
"""The outcome of a row that an interrupted batch did not come to."""
COLUMNS = ("line", "content", "prefix", "outcome", "loss", "evaluations", "seconds", "peak memory in MB")
MEASURED = ("seconds", "peak memory in MB")
"""Columns that only a batch which paints a row can fill."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a row.

    Attributes:
      number: of the row.
      result: one of `RESULTS`.
      seconds: that it took.
      megabytes: the peak of the memory meanwhile; None where it is unknown.
    """

    number: int
    result: str
    seconds: float
    megabytes: int | None = None


class Row(Protocol):
    """What a summary needs of a batch's row; see `batch.Row`."""

    @property
    def number(self) -> int:
        """Its line in the table, or its place among the photographs."""

    @property
    def paths(self) -> list[str]:
        """Content, styles and prefix."""

    @property
    def prefix(self) -> str:
        """The prefix of its output files."""


def write(path: str, rows: Sequence[Row], outcomes: Sequence[Outcome], overwrites: bool) -> None:
    """Write the summary; a failure is a warning.

    Args:
      path: of the CSV file.
      rows: of the batch.
      outcomes: of the rows that were reached, in any order.
      overwrites: whether another program's file may be replaced.
    """
    by_number = {outcome.number: outcome for outcome in outcomes}
    try:
        earlier = _read_earlier(path)
        if earlier is None and storage.exists(path) and not overwrites:
            raise UserError(f"{path!r} is another program's: rename it, or say --overwrite.")
        lines = [_line(row, by_number.get(row.number), (earlier or {}).get(_name(row), {})) for row in rows]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
        files.write_whole(path, lambda partial: Path(partial).write_text(text.getvalue(), "utf-8", newline=""))
    except (OSError, UserError, ValueError) as error:
        warn(f"the summary is not written: {error}")


def _line(row: Row, outcome: Outcome | None, earlier: Mapping[str, str]) -> dict[str, Any]:
    """The values of a row by column; of a complete one, what the earlier summary measured."""
    line: dict[str, Any] = {"line": row.number, "content": storage.public(row.paths[0]), "prefix": _name(row)}
    line["outcome"] = outcome.result if outcome else NOT_REACHED
    if outcome is None or outcome.result == "failed":
        return line
    loss, evaluations = read_cost(row.prefix)
    line |= {"loss": loss, "evaluations": evaluations}
    if outcome.result == "made":
        return line | {"seconds": outcome.seconds, "peak memory in MB": outcome.megabytes}
    return line | {name: earlier.get(name) for name in MEASURED}


def _name(row: Row) -> str:
    """The prefix as it was given, without what is secret in a URL."""
    return storage.public(row.paths[-1])


def read_cost(prefix: str) -> tuple[float | None, int | None]:
    """The loss and the number of evaluations in the record of a run; None where there are none."""
    try:
        record = json.loads(storage.read(f"{prefix}.json"))
        return _film_cost(record["frames"]) if "frames" in record else _picture_cost(record)
    except (OSError, UserError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None, None


def _picture_cost(record: Mapping[str, Any]) -> tuple[float | None, int | None]:
    """The last loss of the finest scale, and the evaluations of all scales; none of a method without a loss."""
    scales = record.get("scales", [record])
    evaluations = sum(len(scale["losses"]) for scale in scales)
    last = [scales[-1]["initial"], *scales[-1]["iterations"]][-1]
    return (last["loss"], evaluations) if evaluations else (None, None)


def _film_cost(frames: Sequence[Mapping[str, Any]]) -> tuple[float | None, int | None]:
    """The mean loss of a film's frames, and the evaluations of all."""
    evaluations = sum(frame["evaluations"] for frame in frames)
    return (sum(frame["loss"] for frame in frames) / len(frames), evaluations) if evaluations else (None, None)


def _read_earlier(path: str) -> dict[str, dict[str, str]] | None:
    """The lines of an earlier summary by prefix; None where there is no file whose first line is a summary's."""
    try:
        text = storage.read(path).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if text.partition("\n")[0].rstrip("\r") != ",".join(COLUMNS):
        return None
    return {line["prefix"]: line for line in csv.DictReader(io.StringIO(text, newline=""))}

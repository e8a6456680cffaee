"""Tables of runs: CSV files as spreadsheets save them."""

import codecs
import csv
import io
import os
from collections.abc import Sequence

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.settings import checked

COLUMNS = ("content", "style", "prefix")
"""The columns that a table must have."""
SEPARATORS = (",", ";", "\t")


def read_rows(path: str) -> list[tuple[int, dict[str, str]]]:
    """Read a table: each row's line number and its values by column.

    Raises:
      UserError: the file can't be read, or a column is missing or given twice.
    """
    if not (storage.is_url(path) or os.path.isfile(path)):
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
        _check_values(path, number, values, len(columns))
    missing = [""] * len(columns)
    return [(number, dict(zip(columns, [*values, *missing], strict=False))) for number, values in lines]


def _check_values(path: str, number: int, values: Sequence[str], columns: int) -> None:
    if any(values[columns:]):
        raise UserError(
            f"{path}, line {number}: more values than columns: quote a value that contains a comma.", exit_code=2
        )
    if any("\0" in value for value in values):
        raise UserError(
            f"{path}, line {number}: a value contains a NUL character: save the table as text.", exit_code=2
        )


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

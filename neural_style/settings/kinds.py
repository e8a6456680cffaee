"""The kinds of values that settings take. Each reads text or a Python value, and describes what it expects."""

import dataclasses
import math
import os
import re
from collections.abc import Collection
from typing import Any


class Kind:
    """The kind of a setting's value."""

    @property
    def expected(self) -> str:
        """What it takes, in words, for messages: "a whole number from 1 to 10"."""
        return "text"

    def read(self, value: Any) -> Any:
        """Convert text or a Python value to the setting's value.

        Raises:
          ValueError, TypeError, OverflowError: the setting does not take it.
        """
        if not isinstance(value, str):
            raise ValueError
        return value

    def text(self, value: Any) -> str:
        """Write a value as the command line takes it; the inverse of `read`."""
        return str(value)


class Switch(Kind):
    """Yes or no."""

    expected = "true or false"
    _WORDS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}

    def read(self, value: Any) -> bool:
        """See `Kind`."""
        known = self._WORDS.get(str(value).lower())
        if known is None:
            raise ValueError
        return known

    def text(self, value: Any) -> str:
        """See `Kind`."""
        return str(value).lower()


class Number(Kind):
    """A finite number between two bounds."""

    _of, _what = float, "a number"

    def __init__(self, minimum: float, maximum: float):
        self.minimum, self.maximum = minimum, maximum

    @property
    def expected(self) -> str:
        """See `Kind`."""
        return f"{self._what} from {self._written(self.minimum)} to {self._written(self.maximum)}"

    @staticmethod
    def _written(bound: float) -> str:
        return f"{bound:,}" if isinstance(bound, int) and bound < 10**7 else f"{bound:g}"

    def read(self, value: Any) -> float:
        """See `Kind`."""
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
        if not (math.isfinite(number) and self.minimum <= number <= self.maximum):
            raise ValueError
        return number

    def text(self, value: Any) -> str:
        """See `Kind`."""
        return f"{value!r}"


class Whole(Number):
    """A whole number between two bounds."""

    _what = "a whole number"

    def read(self, value: Any) -> int:
        """See `Kind`."""
        if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]+", value):
            raise ValueError
        number = super().read(value)
        if number != int(number):
            raise ValueError
        return int(value)


class WholeOrWord(Whole):
    """A whole number between two bounds, or a word that stands for one which is not known yet."""

    def __init__(self, minimum: float, maximum: float, word: str):
        super().__init__(minimum, maximum)
        self.word = word

    @property
    def expected(self) -> str:
        """See `Kind`."""
        return f"{super().expected}, or {self.word}"

    def read(self, value: Any) -> Any:
        """See `Kind`."""
        return value if isinstance(value, str) and value == self.word else super().read(value)

    def text(self, value: Any) -> str:
        """See `Kind`."""
        return value if isinstance(value, str) else super().text(value)


class Choice(Kind):
    """One of a few words."""

    def __init__(self, choices: Collection[str]):
        self._choices = choices

    @property
    def choices(self) -> tuple[str, ...]:
        """The words, as they are now: a table of them may grow."""
        return tuple(self._choices)

    @property
    def expected(self) -> str:
        """See `Kind`."""
        return f"one of {', '.join(self.choices)}"

    def read(self, value: Any) -> str:
        """See `Kind`."""
        if value not in self.choices:
            raise ValueError
        return str(value)


class WordOr(Kind):
    """One of a few words, or what another kind takes."""

    def __init__(self, words: Collection[str], other: Kind):
        self._words, self.other = words, other

    @property
    def words(self) -> tuple[str, ...]:
        """The words, as they are now: a table of them may grow."""
        return tuple(self._words)

    @property
    def expected(self) -> str:
        """See `Kind`."""
        return f"{', '.join(self.words)} or {self.other.expected}"

    def read(self, value: Any) -> Any:
        """See `Kind`."""
        return value if isinstance(value, str) and value in self.words else self.other.read(value)

    def text(self, value: Any) -> str:
        """See `Kind`."""
        return value if isinstance(value, str) and value in self.words else self.other.text(value)


class File(Kind):
    """The path of a file or folder; whether it exists is checked when it is needed."""

    expected = "a file"

    def read(self, value: Any) -> str:
        """See `Kind`."""
        if not isinstance(value, str | os.PathLike):
            raise ValueError
        return os.fspath(value)


class Picture(Kind):
    """An image: a path, or from Python a Pillow image or an array, which `images` checks."""

    expected = "an image"

    def read(self, value: Any) -> Any:
        """See `Kind`."""
        if value is None or isinstance(value, bool | int | float):
            raise ValueError
        return os.fspath(value) if isinstance(value, os.PathLike) else value


USUAL_MAX_COUNT = 100
"""Values that a list may have where nothing else is said."""


class Many(Kind):
    """Several values of a kind; as text, separated by commas."""

    def __init__(self, each: Kind, min_count: int = 0, max_count: int = USUAL_MAX_COUNT):
        self.each, self.min_count, self.max_count = each, min_count, max_count

    @property
    def expected(self) -> str:
        """See `Kind`."""
        if self.min_count == self.max_count:
            count = f" ({self.min_count})"
        elif self.min_count:
            count = f" ({self.min_count} to {self.max_count})"
        else:
            count = "" if self.max_count == USUAL_MAX_COUNT else f" (at most {self.max_count})"
        return f"a list{count} separated by commas, each {self.each.expected}"

    def read(self, value: Any) -> tuple:
        """See `Kind`."""
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")] if value.strip() else []
        elif hasattr(value, "tolist") and not isinstance(self.each, Picture):
            value = value.tolist()
        if not isinstance(value, list | tuple):
            value = [value]
        if not self.min_count <= len(value) <= self.max_count:
            raise ValueError
        return tuple(self.each.read(one) for one in value)

    def text(self, value: Any) -> str:
        """See `Kind`."""
        return ",".join(map(self.each.text, value))


class Optional(Kind):
    """Another kind, or None (as text: empty)."""

    def __init__(self, other: Kind):
        self.other = other

    @property
    def expected(self) -> str:
        """See `Kind`."""
        return self.other.expected

    def read(self, value: Any) -> Any:
        """See `Kind`."""
        return None if value is None or (isinstance(value, str) and value == "") else self.other.read(value)

    def text(self, value: Any) -> str:
        """See `Kind`."""
        return "" if value is None else self.other.text(value)


def setting(default: Any, kind: Kind, help: str, old_name: str | None = None) -> Any:
    """Make a field of a settings class.

    Args:
      default: its default.
      kind: what it takes.
      help: a sentence for --help.
      old_name: the former name of its flag, which still works.
    """
    return dataclasses.field(default=default, metadata={"kind": kind, "help": help, "old_name": old_name})

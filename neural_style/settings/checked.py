"""The base of all settings: each field is read by its kind, and an error says in one sentence what does not fit."""

import dataclasses
from typing import Any

from neural_style.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Checked:
    """A frozen dataclass whose fields are made by `kinds.setting` and read by their kinds."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, read(field, getattr(self, field.name)))


def read(field: dataclasses.Field, value: Any) -> Any:
    """Read the value of a setting.

    Raises:
      UserError: with exit code 2; the setting does not take this value.
    """
    kind = field.metadata["kind"]
    try:
        return kind.read(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError(f"--{field.name} takes {kind.expected}, received {short(value)}.", exit_code=2) from error


def short(value: Any) -> str:
    """Shortens a value for a message to one line of at most 80 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}…"

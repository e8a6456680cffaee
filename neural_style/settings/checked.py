"""What every class of settings does: read each field by its kind, and tell in one sentence what does not fit."""

import dataclasses
from typing import Any

from neural_style.core.errors import UserError


class Checked:
    """A frozen dataclass of `kinds.setting` fields, each read by its kind when it is made."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, read(field, getattr(self, field.name)))


def read(field: dataclasses.Field, value: Any) -> Any:
    """The value of a setting.

    Raises:
      UserError: with exit code 2; it is none that the setting takes.
    """
    kind = field.metadata["kind"]
    try:
        return kind.read(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError(f"--{field.name} takes {kind.expected}, received {short(value)}.", exit_code=2) from error


def short(value: Any) -> str:
    """A value for a message, on one line and of bounded length."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}…"

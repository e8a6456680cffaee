"""JSON of finite numbers alone: NaN, Infinity and 1e999 are refused."""

import json
import math
from collections.abc import Callable
from typing import Any


def loads(text: str | bytes, object_hook: Callable[[dict], Any] | None = None) -> Any:
    """Parse JSON.

    Args:
      text: the JSON.
      object_hook: see `json.loads`.

    Raises:
      ValueError: it is not JSON, or a number is not finite.
      RecursionError: it is nested too deeply.
    """
    return json.loads(text, object_hook=object_hook, parse_constant=_refuse_constant, parse_float=_parse_float)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not finite")


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # 1e999
        raise ValueError(f"{text} is not finite")
    return number

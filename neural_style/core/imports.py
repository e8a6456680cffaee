"""Imports by name, for tables that lower packages read."""

import importlib
from typing import Any


def import_name(path: str) -> Any:
    """Import "module:name"."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)

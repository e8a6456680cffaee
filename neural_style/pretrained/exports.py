"""Exports of a user's own networks for LiteRT, in the user's cache folder."""

import hashlib
import os
from pathlib import Path

ENDING = ".tflite"
"""Of TFLite files."""


def cache_folder() -> Path:
    """The folder of the exports: neural-style/exports in XDG_CACHE_HOME, by default ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neural-style" / "exports"


def path_of(network: Path) -> Path:
    """Return where a network's export belongs: its name is the SHA-256 of the network's file.

    An export beside a network is never read: a .keras file runs no code, a .tflite file from a stranger might.
    """
    return cache_folder() / f"{hashlib.sha256(network.read_bytes()).hexdigest()}{ENDING}"

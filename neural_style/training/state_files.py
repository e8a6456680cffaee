"""State files of interrupted trainings: safetensors, with what identifies the training as metadata."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from neural_style.core.errors import UserError

RENAMED = {"begin": "init_from"}
"""Flags by their names in older state files."""
ADDED = {"band_decoder": "false"}
"""Flags that older state files lack, at their defaults."""


def write(path: Path, state: Mapping[str, np.ndarray], identity: Mapping[str, str]) -> None:
    """Write a training's state, and which training it is.

    Raises:
      OSError: the file can't be written.
    """
    try:
        save_file(dict(state), path, dict(identity))
    except SafetensorError as error:  # a full disk
        raise OSError(str(error)) from error


def read(path: Path, identity: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Read a training's state.

    Args:
      path: a file of `write`.
      identity: the training that is to resume from it.

    Raises:
      UserError: the file is not a state file, or belongs to a training with other settings.
    """
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata()
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{str(path)!r} is not the state of a training ({error}): remove it to start anew.") from error
    if not metadata:
        raise UserError(f"{str(path)!r} is not the state of a training: remove it to start anew.")
    saved = {name: default for name, default in ADDED.items() if name in identity}
    saved |= {RENAMED.get(name, name): value for name, value in metadata.items()}
    if saved != dict(identity):
        raise UserError(f"{str(path)!r} is the state of {_difference(saved, identity)} remove it to start anew.")
    return state


def _difference(saved: Mapping[str, str], identity: Mapping[str, str]) -> str:
    """Describe the training of a state file by how it differs, and what would let it resume."""
    unknown = sorted(saved.keys() ^ identity.keys())
    if unknown:
        return f"a training by a version of neural_style with another set of flags ({unknown[0]}), and can't resume:"
    name = next(name for name in sorted(saved) if saved[name] != identity[name])
    if name == "files":
        return "a training with other photographs, styles or networks, or in another order: name the same files, or"
    before, now = saved[name] or "not given", identity[name] or "not given"
    return f"a training with other flags (--{name} was {before}, and is {now}): use the same flags, or"

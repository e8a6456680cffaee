"""Where a training stands, as a file: safetensors, with what identifies the training as its metadata."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from neural_style.core.errors import UserError


def write(path: Path, state: Mapping[str, np.ndarray], identity: Mapping[str, str]) -> None:
    """Writes where a training stands, and which it is."""
    try:
        save_file(dict(state), path, dict(identity))
    except SafetensorError as error:  # a full disk
        raise OSError(str(error)) from error


def read(path: Path, identity: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Reads where a training stands.

    Raises:
      UserError: the file is none, or of a training with other settings.
    """
    try:
        with safe_open(path, "np") as file:
            found = file.metadata()
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{str(path)!r} is no state of a training ({error}): remove it to start anew.") from error
    if not found:
        raise UserError(f"{str(path)!r} is no state of a training: remove it to start anew.")
    if found != dict(identity):
        raise UserError(f"{str(path)!r} is the state of {_difference(found, identity)} remove it to start anew.")
    return state


def _difference(found: Mapping[str, str], identity: Mapping[str, str]) -> str:
    """Which other training it is, and what would go on with it."""
    unknown = sorted(found.keys() ^ identity.keys())
    if unknown:
        return f"a training by a version of neural_style that knows another {unknown[0]}, which can't be gone on with:"
    name = next(name for name in sorted(found) if found[name] != identity[name])
    if name == "files":
        return "a training with other photographs or styles, or in another order: give them as they were, or"
    was, now = found[name] or "not given", identity[name] or "not given"
    return f"a training with other flags (--{name} was {was}, and is {now}): give them as they were, or"

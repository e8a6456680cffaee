"""Where a training stands, as a file: safetensors, with what identifies the training as its metadata."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from neural_style.errors import UserError


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
    if found != dict(identity):
        raise UserError(
            f"{str(path)!r} is the state of a training with other flags or files "
            f"({_difference(found or {}, identity)}): give them as they were, or remove the file to start anew."
        )
    return state


def _difference(found: Mapping[str, str], identity: Mapping[str, str]) -> str:
    """The first thing in which two trainings differ."""
    name = next(name for name in sorted({*found, *identity}) if found.get(name) != identity.get(name))
    if name == "files":
        return "other photographs or styles, or in another order"
    if not (name in found and name in identity):
        return f"of a version that knows another {name}"
    return f"--{name} was {found[name] or 'not given'}, and is {identity[name] or 'not given'}"

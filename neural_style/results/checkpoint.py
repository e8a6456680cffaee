"""PREFIX.state: where a run is after each iteration, so that --resume continues as if it had not been interrupted."""

import dataclasses
import json
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from neural_style.core import finite_json, storage
from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.results import files
from neural_style.results.record import RunInfo, changes, resume_error

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Where a run is.

    Attributes:
      info: of the run.
      digests: of the files that it reads.
      scales: of the run's record; the last one is being painted.
      session: of that scale, see `Step.state`.
      frames: of the preview so far, RGB [rows, cols, 3] uint8.
    """

    info: RunInfo
    digests: Mapping[str, str]
    scales: Sequence[Mapping]
    session: dict[str, Any]
    frames: Sequence[np.ndarray]

    @property
    def resumed(self) -> dict:
        """What a run resumes from, see `core.run.Run`."""
        return {"scale": len(self.scales) - 1, "session": self.session}


def path(prefix: str) -> str:
    """The path of the state of the run named `prefix`."""
    return f"{prefix}.state"


def save(prefix: str, checkpoint: Checkpoint) -> None:
    """Write the state: JSON whose arrays lie beside it in one .npz file."""
    arrays: list[np.ndarray] = []

    def set_aside(array: np.ndarray) -> dict:
        arrays.append(array)
        return {"array": len(arrays) - 1}

    values = dict(vars(checkpoint))
    text = json.dumps({"header": values.pop("info").as_dict(), **values}, default=set_aside)

    members: dict[str, Any] = {"text": np.array(text), **{f"array_{i}": array for i, array in enumerate(arrays)}}

    def write(partial: Path) -> None:
        with open(partial, "wb") as file:
            np.savez(file, **members)

    files.write_whole(path(prefix), write)


def load(prefix: str) -> Checkpoint | None:
    """Read the state of the run named `prefix`; None where there is none.

    Raises:
      UserError: the file can't be read.
    """
    if not storage.exists(path(prefix)):
        return None
    try:
        with storage.opened(path(prefix)) as file:
            return _read(file)
    except UserError:  # it can't be reached
        raise
    except Exception as error:  # NumPy, zipfile and json raise many kinds for files that are not theirs
        raise UserError(
            f"--resume expected the state of an interrupted run in {path(prefix)!r}, but it is damaged or from another "
            "program: leave out --resume to start anew."
        ) from error


def _read(file: BinaryIO) -> Checkpoint:
    """Read what `save` wrote; raise one of several errors for anything else."""
    with zipfile.ZipFile(file) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("compressed, so that it could hold far more than it is long")
    with np.load(file) as saved:
        if len(set(saved.files)) < len(saved.files):
            raise ValueError("an array is stored under the name of another")
        arrays = {name: saved[name] for name in saved.files}  # each is read once, however often the text names it
    text = str(arrays.pop("text"))
    for array in arrays.values():
        if not np.isfinite(array).all():
            raise ValueError("a number is not finite")

    def put_back(item: dict) -> Any:
        return arrays[f"array_{item['array']}"] if item.keys() == {"array"} else item

    values = finite_json.loads(text, object_hook=put_back)
    _check_texts(values)
    checkpoint = Checkpoint(RunInfo.from_dict(values.pop("header")), **values)
    _check(checkpoint)
    return checkpoint


def _check_texts(values: Any) -> None:
    """Raise a ValueError where a text holds control characters, which could write anywhere on a terminal."""
    waiting = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and CONTROL.search(value):
            raise ValueError("a text holds control characters")


def _check(checkpoint: Checkpoint) -> None:
    """Raise one of several errors where what was read is not a state of ours."""
    changes(checkpoint.info, checkpoint.info, checkpoint.digests, {})
    int(checkpoint.info.flags.get("iterations", 0))
    for scale in checkpoint.scales:
        len(scale["losses"]), len(scale["iterations"]), scale["rows"] + scale["cols"]
    if not checkpoint.scales or not isinstance(checkpoint.session, dict):
        raise ValueError("a scale or the session is missing")


def remove(prefix: str) -> None:
    """Remove the state of a complete run."""
    storage.remove(path(prefix))
    if not storage.is_url(prefix):
        files.partial_path(path(prefix)).unlink(missing_ok=True)


def is_complete(info: RunInfo, digests: Mapping) -> bool:
    """Whether this run is complete already, with the same images, flags and files.

    Args:
      info: of the run.
      digests: of the files that it reads.
    """
    try:
        record = json.loads(storage.read(f"{info.prefix}.json"))
        changed = changes(RunInfo.from_dict(record), info, record.get("digests"), digests)
        return bool(record.get("complete")) and not changed and storage.exists(f"{info.prefix}{info.ending}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):  # another program's file
        return False


def check_same(checkpoint: Checkpoint, info: RunInfo, digests: Mapping, scales: int) -> None:
    """Raise a UserError that names what has changed since a run was interrupted; more iterations are allowed.

    Args:
      checkpoint: of the interrupted run.
      info, digests: of the run that resumes.
      scales: how many it has.
    """
    then, iterations = checkpoint.info, info.flags.get("iterations", 0)
    if then.flags.get("iterations", math.inf) <= iterations:
        then = dataclasses.replace(then, flags={**then.flags, "iterations": iterations})
    changed = changes(then, info, checkpoint.digests, digests)
    if changed:
        raise resume_error("images", changed)
    if len(checkpoint.scales) > scales:
        raise UserError(DAMAGED_STATE)

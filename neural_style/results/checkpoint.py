"""PREFIX.state: where a run stands after each iteration, so that --resume goes on as if there had been no break."""

import dataclasses
import json
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from neural_style.core import storage
from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.results import files
from neural_style.results.record import changes


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Where a run stands.

    Attributes:
      header: of the run's record.
      digests: of the files that it reads.
      scales: of the run's record, the last one being in work.
      session: of that scale, see `Step.state`.
      frames: of the preview so far, RGB [rows, cols, 3] uint8.
    """

    header: dict[str, Any]
    digests: dict[str, str]
    scales: Sequence[dict]
    session: dict[str, Any]
    frames: Sequence[np.ndarray]

    @property
    def resumed(self) -> dict:
        """What a run goes on from."""
        return {"scale": len(self.scales) - 1, "session": self.session}


def path(prefix: str) -> str:
    """Where the state of the run named `prefix` lies."""
    return f"{prefix}.state"


def save(prefix: str, checkpoint: Checkpoint) -> None:
    """Writes the state, whole or not at all: JSON whose arrays lie beside it in one .npz file."""
    arrays: list[np.ndarray] = []

    def set_aside(array: np.ndarray) -> dict:
        arrays.append(array)
        return {"array": len(arrays) - 1}

    text = json.dumps(vars(checkpoint), default=set_aside)

    def write(partial: Path) -> None:
        with open(partial, "wb") as file:
            np.savez(file, text=np.array(text), **{f"array_{i}": array for i, array in enumerate(arrays)})

    files.write_whole(path(prefix), write)


def load(prefix: str) -> Checkpoint | None:
    """The state of the run named `prefix`; None where there is none.

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
    except Exception as error:  # NumPy, zipfile and json raise many kinds for files that are not theirs.
        raise UserError(
            f"--resume expected the state of an interrupted run in {path(prefix)!r}, and it is damaged or of "
            "another program: leave out --resume to start anew."
        ) from error


def _read(file: BinaryIO) -> Checkpoint:
    """What `save` wrote; raises any of several errors where it is something else."""
    with zipfile.ZipFile(file) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("compressed, so that it could hold far more than it is long")
    with np.load(file) as found:

        def put_back(item: dict) -> Any:
            return found[f"array_{item['array']}"] if item.keys() == {"array"} else item

        read = Checkpoint(**json.loads(str(found["text"]), object_hook=put_back))
        _check(read)
        return read


def _check(read: Checkpoint) -> None:
    """Raises any of several errors where what was read is none of our states."""
    changes(read.header, read.header, read.digests, {})
    int(read.header["flags"].get("iterations", 0))
    for scale in read.scales:
        len(scale["losses"]), len(scale["iterations"]), scale["rows"] + scale["cols"]
    if not read.scales or not isinstance(read.session, dict):
        raise ValueError("a scale or the session is missing")


def remove(prefix: str) -> None:
    """Removes the state of a run that is complete."""
    storage.remove(path(prefix))
    if not storage.is_url(prefix):
        files.partial_path(path(prefix)).unlink(missing_ok=True)


def is_complete(prefix: str, header: dict, digests: dict, ending: str) -> bool:
    """Whether the run named `prefix` is complete and was this one: the same images, flags and files.

    Args:
      prefix: of the results' names.
      header, digests: of the run that is asked for.
      ending: of the result's image.
    """
    try:
        found = json.loads(storage.read(f"{prefix}.json"))
        same = found.get("complete", False) and not changes(found, header, found.get("digests"), digests)
        return same and storage.exists(f"{prefix}{ending}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):  # somebody else's file
        return False


def check_same(checkpoint: Checkpoint, header: dict, digests: dict, scales: int) -> None:
    """Raises a UserError that names what is asked for now and was not then; more iterations may be asked for.

    Args:
      checkpoint: of the run that is gone on with.
      header, digests: of the run that is asked for.
      scales: how many it has.
    """
    then, wanted = checkpoint.header, header["flags"].get("iterations", 0)
    if then["flags"].get("iterations", math.inf) <= wanted:
        then = {**then, "flags": {**then["flags"], "iterations": wanted}}
    found = changes(then, header, checkpoint.digests, digests)
    if found:
        raise UserError(
            f"--resume goes on with the same images and flags, and these have changed: {', '.join(found)}; give "
            "them as they were, or leave out --resume to start anew.",
            exit_code=2,
        )
    if len(checkpoint.scales) > scales:
        raise UserError(DAMAGED_STATE)

"""Which files a run will write, and whether it may: nothing of the user's is written over."""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import filelock
from PIL import Image

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.images.writing import TEXT_KEY
from neural_style.results import files
from neural_style.settings.output import OutputSettings

NUMBERED = ("_at_iteration_", "_scale_")
"""What precedes the number of an image along the way."""


def check(
    prefix: str,
    ending: str,
    inputs: Iterable[str],
    output: OutputSettings,
    iterations: int,
    fresh: bool = True,
    companions: Sequence[str] = (),
) -> None:
    """Checks, before any work, that every file a run may write can be named and is nobody else's.

    Args:
      prefix, ending: of the results' names.
      inputs: paths of the files that the run reads.
      output: says which files there will be, and whether files of others may be replaced.
      iterations: of the finest scale.
      fresh: whether the run begins anew.
      companions: names of further images of the result.

    Raises:
      UserError: a name is too long, or a file stands there that is read or that neural-style did not write.
    """
    ends = [*_ends(ending, output), *(f"_{name}{ending}" for name in companions)]
    _check_length(prefix, [*ends, f"{NUMBERED[0]}{iterations}{ending}"])
    along = _along(prefix, ending)
    later = [path for path in along if NUMBERED[0] in path and _number(path, ending) > iterations]
    written = [*(prefix + end for end in ends), *(path for path in along if path not in later)]
    standing = [path for path in written if storage.exists(path)]
    free = f"such as {_free(prefix, ends)!r}"
    for path in standing:
        for given in inputs:
            if same(path, given):
                raise UserError(f"{path!r} would be written over, and it is read: choose another prefix, {free}.")
    folders = [path for path in standing if os.path.isdir(path)]
    if folders:
        raise UserError(f"{folders[0]!r} is a folder where a result is to lie: choose another prefix, {free}.")
    made = _made(prefix)
    foreign = [path for path in standing if not _is_own(path, prefix, ending, made)]
    if foreign and not output.overwrite:
        raise UserError(
            f"{foreign[0]!r} is there already, and neural-style did not write it as a part of {prefix!r}: choose "
            f"another prefix, {free}, or say --overwrite."
        )
    if fresh and f"{prefix}.state" in standing:
        logger.warning(f"{prefix}.state of an interrupted run is replaced; with --resume that run would have gone on.")
    if fresh and later:
        logger.warning(f"{later[0]} and what else an earlier run left along its way stay beside the new images.")


def check_new(path: Path) -> None:
    """Raises a UserError where a new file or folder can't be made under that name."""
    files.check_folder(path.parent)
    if os.path.exists(path):
        raise UserError(f"{str(path)!r} is there already: choose another name, or remove it.")
    _check_length(str(path), [""])


@contextlib.contextmanager
def locked(prefix: str) -> Iterator[None]:
    """Keeps other runs from writing the same results meanwhile.

    Raises:
      UserError: another run is at it.
    """
    elsewhere = storage.is_url(prefix)
    name = f".{Path(prefix).name}.neural-style.lock"
    path = _place_of_lock(prefix) if elsewhere else Path(prefix).with_name(name)
    lock = filelock.FileLock(path, timeout=0)
    try:
        if path.is_symlink():
            raise OSError(f"{str(path)!r} is a link")
        if elsewhere:
            _try(f"{prefix}.neural-style.partial")
        partial = files.partial_path(path)
        partial.unlink(missing_ok=True)
        partial.touch(exist_ok=False)  # tells at once whether the folder takes files
        partial.unlink()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _acquire(lock)
    except filelock.Timeout as error:
        raise UserError(f"Another run is writing {prefix!r} just now: choose another prefix, or wait.") from error
    except OSError as error:
        raise UserError(
            f"Results can't be written beside {prefix!r} ({error.strerror or error}): choose another prefix."
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # older versions of the library leave it
        lock.release()
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # Windows can't remove it before


def _place_of_lock(url: str) -> Path:
    """Of a URL's: what lies elsewhere can't be locked, but this machine's runs keep out of each other's way."""
    return Path(
        tempfile.gettempdir(), f"neural-style-{hashlib.sha256(storage.key(url).encode()).hexdigest()[:32]}.lock"
    )


def _try(url: str) -> None:
    """Raises an OSError where no file can be written to a URL."""
    with tempfile.NamedTemporaryFile() as empty:
        storage.put(Path(empty.name), url)
    storage.remove(url)


def _acquire(lock: filelock.FileLock) -> None:
    """Takes the lock; on a file system that has none, the run goes on without."""
    try:
        lock.acquire()
    except NotImplementedError:  # what older versions of the library make of ENOSYS
        pass
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise


def _ends(ending: str, output: OutputSettings) -> list[str]:
    """What follows the prefix in the names of a run's files, but for those with numbers."""
    also = {"_losses.png": output.plots, "_comparison.png": output.plots, ".state": output.keep_state}
    preview = [] if output.preview == "none" else [f"_preview.{output.preview}"]
    return [ending, ".json", *(end for end, wanted in also.items() if wanted), *preview]


def _check_length(prefix: str, ends: Sequence[str]) -> None:
    """Raises a UserError where the longest name, with what a file is called before it is whole, can't be one."""
    if storage.is_url(prefix):  # told when it is first written to
        return
    name, folder = Path(prefix).name, Path(prefix).parent
    longest = max((files.partial_path(f"{name}{end}").name for end in ends), key=lambda name: len(os.fsencode(name)))
    try:
        most = os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows does not say
        most = 255
    over = len(os.fsencode(longest)) - most
    if over > 0:
        raise UserError(
            f"The results' names would be {over} bytes longer than the {most} that {str(folder)!r} takes: choose a "
            f"shorter prefix than {name[:40]!r}…"
        )


def same(path: str, given: str) -> bool:
    """Whether two paths are one file, or one name: a link that is read is not to be replaced either."""
    with contextlib.suppress(OSError, ValueError):
        return files.key(path) == files.key(given) or os.path.samefile(path, given)
    return False


def _made(prefix: str) -> dict | None:
    """The record of an earlier run with this prefix; None where PREFIX.json is none."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(storage.read(f"{prefix}.json"))
        if isinstance(found, dict) and found.keys() >= {"content", "styles", "flags", "versions"}:
            return found
    return None


def _is_own(path: str, prefix: str, ending: str, made: dict | None) -> bool:
    """Whether neural-style wrote a file as a part of `prefix`.

    In PNG, its own text says so; for other files the record that lies beside them.
    """
    name = Path(prefix).name
    with contextlib.suppress(Exception), storage.opened(path) as file, Image.open(file) as image:  # broken files raise
        if image.format == "PNG" and TEXT_KEY in image.info:
            return Path(json.loads(image.info[TEXT_KEY])["prefix"]).name == name
    recorded = made is not None and Path(str(made.get("prefix", name))).name == name
    return recorded and (path != prefix + ending or path.endswith(made.get("ending", ".png")))


def _along(prefix: str, ending: str) -> list[str]:
    """The images along the way that stand there: a number between their names' parts."""
    found = (path for word in NUMBERED for path in storage.matching(prefix + word, ending))
    return [path for path in found if _number(path, ending) >= 0]


def _number(path: str, ending: str) -> int:
    """N of PREFIX_at_iteration_N or PREFIX_scale_N; -1 of anything else."""
    number = path.removesuffix(ending).rpartition("_")[2]
    return int(number) if number.isascii() and number.isdigit() else -1


def _free(prefix: str, ends: Sequence[str]) -> str:
    """A prefix that no file begins with yet."""
    number = 2
    while any(storage.exists(f"{prefix}_{number}{end}") for end in ends):
        number += 1
    return f"{prefix}_{number}"

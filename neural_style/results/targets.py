"""Which files a run will write, and whether it may: never an input, a file of others with --overwrite alone."""

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

PLOTS = ("_losses.png", "_comparison.png")
STATE = ".state"
PREVIEWS = ("_preview.webp", "_preview.gif")
"""Ends of the names of files that not all settings write."""
NUMBERED = ("_at_iteration_", "_scale_")
"""What precedes the number in the names of intermediate images."""


def check(
    prefix: str,
    ending: str,
    inputs: Iterable[str],
    output: OutputSettings,
    iterations: int,
    fresh: bool = True,
    companions: Sequence[str] = (),
) -> None:
    """Check, before any work, that every file a run may write can be named and belongs to nobody else.

    Args:
      prefix, ending: of the output files' names.
      inputs: paths of the files that the run reads.
      output: says which files there will be, and whether files of others may be replaced.
      iterations: of the finest scale.
      fresh: whether the run starts anew.
      companions: names of further images of the result.

    Raises:
      UserError: a name is too long; or is that of an input, a folder, or a file that neural-style did not write for
        this prefix; or a URL can't be reached.
    """
    ends = [*_ends(ending, output), *(f"_{name}{ending}" for name in companions)]
    _check_length(prefix, [*ends, f"{NUMBERED[0]}{iterations}{ending}"])
    numbered = numbered_images(prefix, ending)
    stale = [path for path in numbered if NUMBERED[0] in path and _number(path, ending) > iterations]
    outputs = [*(prefix + end for end in ends), *(path for path in numbered if path not in stale)]
    existing = [path for path in outputs if storage.exists(path)]
    hint = f"such as {free_prefix(prefix, ends)!r}"
    _check_not_read(existing, inputs, hint)
    _check_no_folder(existing, hint)
    if not output.overwrite:
        _check_own(existing, prefix, ending, hint)
    if fresh and f"{prefix}.state" in existing:
        logger.warning(f"{prefix}.state is of an interrupted run; with --resume that run would have continued.")
    if fresh and stale and (output.overwrite or storage.is_url(prefix)):  # otherwise they move with the earlier result
        logger.warning(f"{stale[0]} and other intermediate images of an earlier run stay beside the new ones.")


def _check_not_read(existing: Sequence[str], inputs: Iterable[str], hint: str) -> None:
    inputs = list(inputs)
    for path in existing:
        if any(is_same_file(path, given) for given in inputs):
            raise UserError(f"{path!r} would be overwritten, and it is an input: choose another prefix, {hint}.")


def _check_no_folder(existing: Sequence[str], hint: str) -> None:
    for path in existing:
        if os.path.isdir(path):
            raise UserError(f"{path!r} is a folder with the name of an output file: choose another prefix, {hint}.")


def _check_own(existing: Sequence[str], prefix: str, ending: str, hint: str) -> None:
    record = read_record(prefix)
    for path in existing:
        if not is_own(path, prefix, ending, record):
            raise UserError(
                f"{path!r} exists already, and neural-style did not write it as a part of {prefix!r}: choose another "
                f"prefix, {hint}, or say --overwrite."
            )


def check_new(path: Path) -> None:
    """Raise a UserError where a new file or folder can't be made under that name."""
    files.check_folder(path.parent)
    if os.path.exists(path):
        raise UserError(f"{str(path)!r} exists already: choose another name, or remove it.")
    _check_length(str(path), [""])


@contextlib.contextmanager
def locked(prefix: str) -> Iterator[None]:
    """Keep other runs from writing the same output files meanwhile; at a URL only those of this machine.

    Raises:
      UserError: another run is writing them, or no file can be written there.
    """
    elsewhere = storage.is_url(prefix)
    name = f".{Path(prefix).name}.neural-style.lock"
    path = _place_of_lock(prefix) if elsewhere else Path(prefix).with_name(name)
    lock = filelock.FileLock(path, timeout=0)
    try:
        if path.is_symlink():
            raise OSError(f"{str(path)!r} is a link")
        if elsewhere:
            _check_url_writable(f"{prefix}.neural-style.partial")
        partial = files.partial_path(path)
        partial.unlink(missing_ok=True)
        partial.touch(exist_ok=False)  # fails at once where the folder takes no files
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
            path.unlink(missing_ok=True)  # older versions of filelock leave it
        lock.release()
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # Windows can't remove it before


def _place_of_lock(url: str) -> Path:
    """The lock of a URL: it can't be locked itself, but this machine's runs keep out of each other's way."""
    return Path(
        tempfile.gettempdir(), f"neural-style-{hashlib.sha256(storage.key(url).encode()).hexdigest()[:32]}.lock"
    )


def _check_url_writable(url: str) -> None:
    """Raise a UserError, or an OSError, where no file can be written to a URL."""
    with tempfile.NamedTemporaryFile() as empty:
        storage.put(Path(empty.name), url)
    storage.remove(url)


def _acquire(lock: filelock.FileLock) -> None:
    """Take the lock; on a file system that has none, the run goes on without."""
    try:
        lock.acquire()
    except NotImplementedError:  # what older versions of filelock make of ENOSYS
        pass
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise


def all_ends(ending: str) -> list[str]:
    """Return what follows PREFIX in the names of files that runs may write, except numbered and companion images."""
    return [ending, ".json", *PLOTS, STATE, *PREVIEWS]


def _ends(ending: str, output: OutputSettings) -> list[str]:
    """What follows the prefix in the names of a run's files, but for numbered and companion images."""
    also = {**dict.fromkeys(PLOTS, output.plots), STATE: output.keep_state}
    preview = [] if output.preview == "none" else [f"_preview.{output.preview}"]
    return [ending, ".json", *(end for end, wanted in also.items() if wanted), *preview]


def _check_length(prefix: str, ends: Sequence[str]) -> None:
    """Raise a UserError where the longest name, or its temporary name, is too long for the folder; not for a URL."""
    if storage.is_url(prefix):  # the first write fails if it is too long
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


def is_same_file(path: str, given: str) -> bool:
    """Whether two paths are one file, or one name: a link that is an input must not be replaced either."""
    with contextlib.suppress(OSError, ValueError):
        return files.key(path) == files.key(given) or os.path.samefile(path, given)
    return False


def read_record(prefix: str) -> dict | None:
    """Return the record of an earlier run with this prefix; None where PREFIX.json is missing or no record."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        record = json.loads(storage.read(f"{prefix}.json"))
        if isinstance(record, dict) and record.keys() >= {"content", "styles", "flags", "versions"}:
            return record
    return None


def is_own(path: str, prefix: str, ending: str, record: dict | None) -> bool:
    """Return whether neural-style wrote a file as a part of `prefix`.

    A PNG contains the prefix as text; for other files the record beside them counts. Only the last part of a prefix is
    compared, so that results can be moved.

    Args:
      path: of the file.
      prefix, ending: of the output files' names.
      record: see `read_record`.
    """
    name = Path(prefix).name
    with contextlib.suppress(Exception), storage.opened(path) as file, Image.open(file) as image:  # broken files raise
        if image.format == "PNG" and TEXT_KEY in image.info:
            return Path(json.loads(image.info[TEXT_KEY])["prefix"]).name == name
    if record is None or Path(str(record.get("prefix", name))).name != name:
        return False
    return path != prefix + ending or ending == record.get("ending", ".png")


def numbered_images(prefix: str, ending: str) -> list[str]:
    """Return the intermediate images that exist, such as PREFIX_at_iteration_3."""
    paths = (path for word in NUMBERED for path in storage.numbered_files(prefix + word, ending))
    return [path for path in paths if _number(path, ending) >= 0]


def _number(path: str, ending: str) -> int:
    """N of PREFIX_at_iteration_N or PREFIX_scale_N; -1 of anything else."""
    number = path.removesuffix(ending).rpartition("_")[2]
    return int(number) if number.isascii() and number.isdigit() else -1


def free_prefix(prefix: str, ends: Sequence[str], first: int = 2) -> str:
    """Return PREFIX_N, which no file with one of these ends has yet; N begins at `first`."""
    number = first
    while any(storage.exists(f"{prefix}_{number}{end}") for end in ends):
        number += 1
    return f"{prefix}_{number}"

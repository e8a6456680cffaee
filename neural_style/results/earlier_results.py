"""Keeps an earlier result that a run of the same name, with other flags or images, would replace."""

import os
from collections.abc import Iterable, Mapping, Sequence

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.results import targets
from neural_style.results.record import RunInfo, changes

KEPT = "_earlier"
"""What precedes the number in the names of kept results."""


def keep(info: RunInfo, digests: Mapping[str, str], inputs: Sequence[str], companions: Iterable[str] = ()) -> None:
    """Rename the files of an earlier result, unless it was painted with the same images and flags.

    Without a readable record nothing is renamed. What lies at a URL is not renamed either, but a warning says that it
    is replaced.

    Args:
      info: what the new run paints.
      digests: SHA-256 of the files that it reads.
      inputs: paths of the files that it reads.
      companions: names of further images that any method writes.

    Raises:
      UserError: a file can't be renamed, or is an input.
    """
    record = targets.read_record(info.prefix)
    earlier = _earlier_run_if_changed(record, info, digests) if record else None
    if earlier is None:
        return
    paths = [
        path
        for path in _paths(earlier, companions)
        if storage.exists(path) and targets.is_own(path, info.prefix, earlier.ending, record)
    ]
    result = f"{info.prefix}{earlier.ending}"
    if not {result, info.prefix + targets.STATE} & set(paths):  # previews alone are not worth keeping
        return
    if storage.is_url(info.prefix):
        logger.warning(f"{result}, painted with other flags or images, is replaced.")
        return
    _rename(paths, info.prefix, inputs)


def _earlier_run_if_changed(record: Mapping, info: RunInfo, digests: Mapping[str, str]) -> RunInfo | None:
    """Return what an earlier record says of its run; None where that run was the same, or the record is damaged."""
    try:
        earlier = RunInfo.from_dict({**record, "prefix": info.prefix})
        is_same = not changes(earlier, info, record.get("digests"), digests) and earlier.ending == info.ending
    except (ValueError, TypeError, AttributeError):  # edited by hand
        return None
    return None if is_same else earlier


def _paths(info: RunInfo, companions: Iterable[str]) -> list[str]:
    """Return the paths of all files that a run may have written; not all exist."""
    ends = [*targets.all_ends(info.ending), *(f"_{name}{info.ending}" for name in companions)]
    return [*(info.prefix + end for end in ends), *targets.numbered_images(info.prefix, info.ending)]


def keep_film(paths: Iterable[str], prefix: str, inputs: Sequence[str]) -> None:
    """Rename the files of an earlier film; see `keep`.

    Args:
      paths: of its files, the film first; not all need exist.
      prefix: what their names begin with.
      inputs: paths of the files that the new film reads.
    """
    existing = [path for path in dict.fromkeys(paths) if os.path.exists(path)]
    if existing:
        _rename(existing, prefix, inputs)


def _rename(paths: Sequence[str], prefix: str, inputs: Sequence[str]) -> None:
    ends = [path.removeprefix(prefix) for path in paths]
    kept = targets.free_prefix(prefix + KEPT, ends, first=1)
    for path in paths:
        if any(targets.is_same_file(path, given) for given in inputs):
            raise UserError(
                f"{path!r} is an input, and a part of the earlier result {prefix!r}, which this run replaces: choose "
                "another prefix."
            )
    try:
        for path, end in zip(paths, ends, strict=True):
            os.replace(path, kept + end)
    except OSError as error:
        raise UserError(
            f"The earlier result {prefix!r}, painted with other flags or images, can't be renamed "
            f"({error.strerror or error}): choose another prefix, or say --overwrite."
        ) from error
    logger.info(f"An earlier result, painted with other flags or images, is kept as {kept}{ends[0]}.")

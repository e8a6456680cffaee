"""The images that a run leaves behind."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from neural_style.images import writing
from neural_style.images.sources import Sources
from neural_style.results import files
from neural_style.step import Step

NAMES = {"exif": "EXIF data", "icc_profile": "colour profile", "text": "text of how it was made"}
"""What an image carries, in words."""


class Writer:
    """Writes PREFIX and its companions, each in the photograph's colour profile and with its EXIF data."""

    def __init__(self, sources: Sources, output: tuple[str, str], header: Mapping[str, Any]):
        """
        Args:
          sources: the images and settings.
          output: prefix and ending of the images' names.
          header: of the run's record, which PNG holds as text for `--show`.
        """
        self._sources, self._settings = sources, sources.settings
        self._prefix, self._ending = output
        info = sources.content.info
        self._carried = {name: info.get(name) for name in ("exif", "icc_profile")} | {"text": json.dumps(header)}
        self._iterations = self._settings.optimizer.iterations_at(len(sources.sizes))
        self._told: set[str] = set()

    def add(self, step: Step) -> None:
        """Writes an iteration's image where one is due, and where a coarser scale ends, its last one."""
        every = self._settings.output.save_every
        if step.scale < len(self._iterations) - 1:
            if step.index == self._iterations[step.scale]:
                self.save(f"_scale_{step.image.shape[0]}", self.painted(step.image))
        elif step.index and every and step.index % every == 0:
            self.save(f"_at_iteration_{step.index}", self.painted(step.image))

    def painted(self, image: np.ndarray) -> Image.Image:
        """An image [rows, cols, 3] as it is written."""
        return writing.to_image(image, self._settings.picture.denoise)

    def save(self, name: str, image: Image.Image, ending: str | None = None) -> None:
        """Writes PREFIX`name` whole or not at all; what does not fit the format is left out, and told once."""
        path = f"{self._prefix}{name}{ending or self._ending}"
        kind, quality, left = writing.kind_of(path), self._settings.output.output_quality, []
        files.write_whole(path, lambda partial: left.extend(writing.save(partial, kind, image, quality, self._carried)))
        for what in set(left) - self._told:
            self._told.add(what)
            warn(f"the {NAMES[what]} could not be written into {path!r} and was left out.")


def warn(sentence: str) -> None:
    """A sentence for the user, who goes on without it."""
    print(f"neural-style: {sentence}", file=sys.stderr)

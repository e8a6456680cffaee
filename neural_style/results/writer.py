"""Writes the images of a run."""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core.log import logger
from neural_style.core.step import Step
from neural_style.images import writing
from neural_style.results import files
from neural_style.results.record import RunInfo
from neural_style.settings.output import OutputSettings

NAMES = {"exif": "EXIF data", "icc_profile": "colour profile", "dpi": "density", "text": "text of how it was made"}
"""The metadata of an image, in words."""


class Writer:
    """Write PREFIX and further images, each with the photograph's colour profile and EXIF data."""

    def __init__(self, run: RunInfo, output: OutputSettings, info: Mapping[Any, Any]):
        """
        Args:
          run: what was requested; PNG files hold it as text for `--show`.
          output: which images to write, in which quality.
          info: of the photograph, from Pillow: its "exif", "icc_profile" and "dpi" are copied.
        """
        self._prefix, self._ending, self._denoise = run.prefix, run.ending, run.flags["denoise"]
        self._output = output
        self._metadata: dict[str, Any] = {"icc_profile": info.get("icc_profile")}
        self._alpha = info.get("alpha")
        if output.metadata:
            self._metadata |= {"exif": info.get("exif"), "dpi": info.get("dpi"), "text": json.dumps(run.as_dict())}
        if output.dpi:
            self._set_density(output.dpi)
        self._warned: set[str] = set()
        self._companions: dict[str, np.ndarray] = {}
        """Those that were written last, by name."""
        for name in info.get("unreadable", ()):
            logger.warning(f"the photograph's {NAMES[name]} can't be read and is left out.")

    def _set_density(self, dpi: float) -> None:
        """State a density instead of the photograph's, also in its EXIF data."""
        self._metadata["dpi"] = (dpi, dpi)
        if self._metadata.get("exif"):
            with contextlib.suppress(Exception):  # what Pillow raises for a broken tag depends on the tag
                self._metadata["exif"] = writing.with_density(self._metadata["exif"], (dpi, dpi))

    def add(self, step: Step) -> None:
        """Write a step's companions, its image where it is due, and the last image of a coarser scale."""
        for name, image in step.companions.items():
            if image is not self._companions.get(name):
                self.save(f"_{name}", writing.to_image(image, denoise=0))
        self._companions = dict(step.companions)
        every = self._output.save_every
        if step.scales_left:
            if not step.iterations_left:
                self.save(f"_scale_{step.image.shape[0]}", self.painted(step.image))
        elif step.index and every and step.index % every == 0:
            self.save(f"_at_iteration_{step.index}", self.painted(step.image))

    def painted(self, image: np.ndarray) -> Image.Image:
        """An image [rows, cols, 3] as it is written, with the photograph's transparency."""
        painted = writing.to_image(image, self._denoise)
        painted.info["alpha"] = self._alpha
        return painted

    def save(self, name: str, image: Image.Image, ending: str | None = None) -> None:
        """Write PREFIX`name`; metadata that does not fit the format is left out with one warning."""
        path = f"{self._prefix}{name}{ending or self._ending}"
        kind, quality, left = writing.kind_of(path), self._output.output_quality, []
        files.write_whole(
            path, lambda partial: left.extend(writing.save(partial, kind, image, quality, self._metadata))
        )
        for what in set(left) - self._warned:
            self._warned.add(what)
            logger.warning(f"the {NAMES[what]} could not be written into {path!r} and was left out.")

    def save_elsewhere(self, folder: str | os.PathLike, image: Image.Image) -> str:
        """Write the result into another folder, under a free name; return its path."""
        handle, place = tempfile.mkstemp(self._ending, f"{os.path.basename(self._prefix)[:100]}_", folder)
        os.close(handle)
        try:
            writing.save(place, writing.kind_of(place), image, self._output.output_quality, self._metadata)
        except BaseException:
            os.unlink(place)
            raise
        return place

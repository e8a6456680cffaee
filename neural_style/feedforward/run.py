"""A run: the photograph, and what a trained network makes of it."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from neural_style.cache import Cache
from neural_style.feedforward import network as networks
from neural_style.feedforward.painter import Painter
from neural_style.images import color
from neural_style.images.scene import Scene, shares_of
from neural_style.images.sources import Sources
from neural_style.step import Step
from neural_style.vgg import device

WHOLE = 2.2e6
"""Pixels up to which --tile=auto takes a picture whole."""
BAND = 256
"""Rows that it takes at once else."""


class Run:
    """Paints at one scale, without a loss: the photograph is the first Step, the painting the second."""

    def __init__(self, given: Sources, cache: Cache):
        """
        Args:
          given: the photograph, the network and settings.
          cache: keeps the network.
        """
        self._sources, self._settings, self._cache = given, given.settings, cache
        self._last: np.ndarray | None = None

    def steps(self) -> Iterator[Step]:
        """The photograph, and the painting.

        Raises:
          UserError: the network can't be read.
        """
        with self._cache.in_use():
            yield from self._steps()

    def best(self) -> np.ndarray | None:
        """The image [rows, cols, 3] so far; None before any."""
        return self._last

    def result(self) -> np.ndarray:
        """The painting [rows, cols, 3]."""
        return self._last

    def _steps(self) -> Iterator[Step]:
        began = time.perf_counter()
        scene = self._sources.at(self._sources.sizes[-1][0])
        painter, facts = self._painter(scene)
        rows, cols = scene.content.shape[:2]
        band = self._band(rows * cols)
        facts = {"device": device.describe_device(), "precision": self._precision(band), "tile": band, **facts}
        for index in range(2):
            self._last = scene.finished(self._painted(painter, scene, band) if index else scene.start)
            self._last.flags.writeable = False
            now = time.perf_counter()
            yield Step(
                index,
                self._last,
                loss=0.0,
                terms={},
                gradient_norm=0.0,
                losses=(),
                seconds=now - began,
                iterations_left=1 - index,
                facts=facts,
            )
            began = time.perf_counter()

    def _painted(self, painter: Painter, scene: Scene, band: int | None) -> np.ndarray:
        """The painting [rows, cols, 3] of the scene's start; the photograph where no mask is."""
        chosen, count = self._chosen(scene), len(painter.network.styles)
        shares = shares_of(scene.regions)
        if shares is None:
            weights = self._blend(scene)[None, None]
        else:
            covered = shares.sum(axis=-1, keepdims=True)
            weights = np.where(covered > 0, shares / np.where(covered > 0, covered, 1), 1 / len(chosen))
        style = networks.weights_of(weights, chosen, count)
        painted = scene.with_carried(self._paint(painter, scene.start, style, band).clip(0, 255))
        if shares is not None:
            painted = covered * painted + (1 - covered) * scene.content
        return painted if scene.chroma is None else color.grey(painted)

    def _band(self, pixels: int) -> int | None:
        """The rows taken at once that --tile stands for."""
        wanted = self._settings.optimizer.tile
        if wanted == "auto":
            return BAND if pixels > WHOLE else None
        return wanted if isinstance(wanted, int) else None

    def _precision(self, band: int | None) -> str:
        return "float32" if band else device.resolve_precision(self._settings.network.precision)

    def _painter(self, scene: Scene) -> tuple[Painter, dict[str, Any]]:
        """The network, read once for each version of its file, and what the record says of it."""
        path, precision = self._sources.network, device.resolve_precision(self._settings.network.precision)
        version = path.stat().st_mtime_ns if path.exists() else 0
        key = ("painter", str(path), version, precision)
        return self._cache.get(key, lambda: Painter(networks.load(path), precision), lambda made: made.nbytes), {}

    def _paint(self, painter: Painter, image: np.ndarray, style: np.ndarray, band: int | None) -> np.ndarray:
        """The network's picture [rows, cols, 3] of an image."""
        return painter.paint(image, style, band)

    def _chosen(self, scene: Scene) -> Sequence[int]:
        """The numbers of the network's styles that are used."""
        return self._sources.chosen

    def _blend(self, scene: Scene) -> np.ndarray:
        """The weight of each of these where there are no masks."""
        return np.array(scene.regions[0].blend, np.float32)

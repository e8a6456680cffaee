"""Runs in one pass by TensorFlow: a trained network's, and the arbitrary style network's."""

import functools
from typing import Any

from neural_style.feedforward import network as networks
from neural_style.feedforward import published
from neural_style.feedforward.arbitrary import ArbitraryPainter
from neural_style.feedforward.margins import Paint
from neural_style.feedforward.one_pass import ArbitraryStyleRun, OnePassRun
from neural_style.feedforward.painter import Painter
from neural_style.images.scene import Scene
from neural_style.planning import device
from neural_style.pretrained import style_networks


class Run(OnePassRun):
    """By a trained network."""

    def _load_network(self, scene: Scene) -> tuple[Paint, int, dict[str, Any]]:
        """Read the network once for each version of its file."""
        path, precision = self._network_styles.path, self._plan.precision
        version = path.stat().st_mtime_ns if path.exists() else 0
        key = ("painter", str(path), version, precision)
        painter = self._cache.get(key, lambda: Painter(networks.load(path), precision), lambda painter: painter.nbytes)
        band, facts = self._band()
        return functools.partial(painter.paint, band=band), len(painter.network.styles), facts

    def _band(self) -> tuple[int | None, dict[str, Any]]:
        """The rows that are painted at once, None for all, and the facts of the run."""
        band = self._plan.tiles[-1]
        precision = "float32" if band else self._plan.precision
        return band, {"device": device.describe_device(), "precision": precision, "tile": band}


class ArbitraryRun(ArbitraryStyleRun, Run):
    """By the arbitrary style network."""

    def _load_network(self, scene: Scene) -> tuple[Paint, int, dict[str, Any]]:
        precision, count = self._plan.precision, len(scene.regions)

        def make() -> ArbitraryPainter:
            return ArbitraryPainter(published.read(), count, precision)

        painter = self._cache.get(("arbitrary", count, precision), make, lambda painter: painter.nbytes)
        painter.set_styles(self._style_vectors(scene, painter.style_vector))
        band, facts = self._band()
        paint = functools.partial(painter.paint, band=band, shifts=self._settings.feedforward.shifts)
        return paint, count, {**facts, "weights": style_networks.arbitrary_origin()}

"""Runs in one pass by TensorFlow: a trained network's, and the arbitrary style network's."""

import functools
from collections.abc import Sequence
from typing import Any

from neural_style.feedforward import margins, published
from neural_style.feedforward import network as networks
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
        numbers = self._network_styles.numbers if _has_masks(scene) else None
        key = ("painter", str(path), version, precision, numbers)

        def make() -> Painter:
            network = networks.load(path)
            return Painter(networks.with_styles(network, numbers) if numbers else network, precision)

        painter = self._cache.get(key, make, lambda painter: painter.nbytes)
        strip_rows, facts = self._strip_rows_and_facts()
        network, shifts = painter.network, self._settings.feedforward.shifts
        without_margin = functools.partial(painter.paint, strip_rows=strip_rows)
        paint = margins.with_margin(without_margin, network.architecture, shifts)
        return paint, len(network.styles), facts

    def _style_numbers(self, scene: Scene) -> Sequence[int]:
        """With masks the network has only the styles that are used: a map of weights has a channel for each style."""
        numbers = super()._style_numbers(scene)
        return range(len(numbers)) if _has_masks(scene) else numbers

    def _strip_rows_and_facts(self) -> tuple[int | None, dict[str, Any]]:
        """The rows that are painted at once, None for all, and the facts of the run."""
        strip_rows = self._plan.tiles[-1]
        precision = "float32" if strip_rows else self._plan.precision
        return strip_rows, {"device": device.describe_device(), "precision": precision, "tile": strip_rows}


def _has_masks(scene: Scene) -> bool:
    return any(region.mask is not None for region in scene.regions)


class ArbitraryRun(ArbitraryStyleRun, Run):
    """By the arbitrary style network."""

    def _load_network(self, scene: Scene) -> tuple[Paint, int, dict[str, Any]]:
        precision, count = self._plan.precision, len(scene.regions)

        def make() -> ArbitraryPainter:
            return ArbitraryPainter(published.read(), count, precision)

        painter = self._cache.get(("arbitrary", count, precision), make, lambda painter: painter.nbytes)
        painter.set_styles(self._style_vectors(scene, painter.style_vector))
        strip_rows, facts = self._strip_rows_and_facts()
        paint = functools.partial(painter.paint, strip_rows=strip_rows, shifts=self._settings.feedforward.shifts)
        return paint, count, {**facts, "weights": style_networks.arbitrary_origin()}

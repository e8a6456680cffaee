"""A run of the arbitrary style network: the photograph, and its picture in the style of any paintings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from neural_style.feedforward import published
from neural_style.feedforward.arbitrary import ArbitraryPainter
from neural_style.feedforward.run import Run
from neural_style.images import geometry, writing
from neural_style.images.scene import Scene
from neural_style.settings import trained
from neural_style.settings.universal import PREDICTOR_SIDE
from neural_style.vgg import device


class ArbitraryRun(Run):
    """As `Run`, with a style for each region of the scene instead of a trained network's."""

    def _painter(self, scene: Scene) -> tuple[ArbitraryPainter, dict[str, Any]]:
        precision, styles = device.resolve_precision(self._settings.network.precision), len(scene.regions)

        def make() -> ArbitraryPainter:
            return ArbitraryPainter(published.read(), styles, precision)

        painter = self._cache.get(("arbitrary", styles, precision), make, lambda made: made.nbytes)
        painter.set_styles(self._vectors(painter, scene))
        return painter, {"weights": trained.arbitrary_origin()}

    def _vectors(self, painter: ArbitraryPainter, scene: Scene) -> list[np.ndarray]:
        """The style vector of each region: a mixture of its paintings', and with --alpha of the photograph's own."""
        mixed = [
            np.average([painter.style_vector(painting) for painting in region.styles], axis=0, weights=region.blend)
            for region in scene.regions
        ]
        alpha = self._settings.universal.alpha
        if alpha == 1:
            return mixed
        photograph = writing.to_image(scene.content, denoise=0)
        own = painter.style_vector(geometry.resize(photograph, PREDICTOR_SIDE, PREDICTOR_SIDE, "lanczos"))
        return [alpha * vector + (1 - alpha) * own for vector in mixed]

    def _chosen(self, scene: Scene) -> Sequence[int]:
        return range(len(scene.regions))

    def _blend(self, scene: Scene) -> np.ndarray:
        return np.ones(1, np.float32)

    def _paint(self, painter: ArbitraryPainter, image: np.ndarray, style: np.ndarray, band: int | None) -> np.ndarray:
        return painter.paint(image, style, band, self._settings.feedforward.shifts)

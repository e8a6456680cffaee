"""A run of the arbitrary style network: the photograph, and its picture in the style of any paintings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from neural_style.feedforward import arbitrary
from neural_style.feedforward.arbitrary import ArbitraryNetwork, ArbitraryPainter
from neural_style.feedforward.run import Run
from neural_style.images import geometry, writing
from neural_style.images.scene import Region, Scene
from neural_style.settings import trained
from neural_style.settings.universal import SEEN_SIDE
from neural_style.vgg import device


class ArbitraryRun(Run):
    """As `Run`, with a style for each region of the scene instead of a trained network's."""

    def _painter(self, scene: Scene) -> tuple[ArbitraryPainter, dict[str, Any]]:
        precision, styles = device.resolve_precision(self._settings.network.precision), len(scene.regions)
        shifts = self._settings.feedforward.shifts

        def make() -> tuple[ArbitraryNetwork, ArbitraryPainter]:
            network = ArbitraryNetwork(arbitrary.read(), styles)
            return network, ArbitraryPainter(network.network, precision, shifts)

        key = ("arbitrary", styles, precision, shifts)
        network, painter = self._cache.get(key, make, lambda made: arbitrary.NBYTES)
        network.set_styles([self._vector(network, scene, region) for region in scene.regions])
        facts = trained.arbitrary_facts()
        return painter, {"weights": f"{facts['origin']}, {facts['license']}"}

    def _vector(self, network: ArbitraryNetwork, scene: Scene, region: Region) -> np.ndarray:
        """The style vector of a region: a mixture of its paintings', and with --alpha of the photograph's own."""
        vectors = [network.style_vector(painting) for painting in region.styles]
        mixed = np.average(vectors, axis=0, weights=region.blend)
        alpha = self._settings.universal.alpha
        if alpha == 1:
            return mixed
        photograph = writing.to_image(scene.content, denoise=0)
        seen = geometry.resize(photograph, SEEN_SIDE, SEEN_SIDE, "lanczos")
        return alpha * mixed + (1 - alpha) * network.style_vector(seen)

    def _chosen(self, scene: Scene) -> Sequence[int]:
        return range(len(scene.regions))

    def _blend(self, scene: Scene) -> np.ndarray:
        return np.ones(1, np.float32)

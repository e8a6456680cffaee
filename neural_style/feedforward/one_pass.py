"""Runs in one pass: the photograph, then what a network makes of it. They need no TensorFlow themselves."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from neural_style.core.step import Step
from neural_style.feedforward.flatness import keep_flat
from neural_style.feedforward.margins import Paint
from neural_style.images import color, geometry, writing
from neural_style.images.scene import Scene, shares_of
from neural_style.images.scene_building import build_scene
from neural_style.planning.base_run import BaseRun
from neural_style.pretrained.style_networks import NetworkStyles


class OnePassRun(BaseRun):
    """Paints at one scale, without a loss: the first Step is the photograph, the second the result."""

    def _paint(self) -> Iterator[Step]:
        start_time = time.perf_counter()
        scene = build_scene(self._inputs, self._settings, self._plan.result_size)
        paint, count, facts = self._load_network(scene)
        photograph = self._keep(scene.composite(scene.start))
        yield Step.without_loss(0, photograph, time.perf_counter() - start_time, iterations_left=1, facts=facts)
        start_time = time.perf_counter()
        result = self._keep(scene.composite(self._paint_scene(keep_flat(paint), count, scene)))
        yield Step.without_loss(1, result, time.perf_counter() - start_time, facts=facts)

    def _load_network(self, scene: Scene) -> tuple[Paint, int, dict[str, Any]]:
        """Return the network, the number of its styles, and the facts of the run."""
        raise NotImplementedError

    def _paint_scene(self, paint: Paint, count: int, scene: Scene) -> np.ndarray:
        """Paints the scene's start [rows, cols, 3]; where no mask applies, the photograph stays."""
        numbers, shares, covered = self._style_numbers(scene), shares_of(scene.regions), None
        if shares is None:
            shares = self._blend(scene)[None, None]
        else:
            # Pixels without a mask need any valid weights: the content replaces them below.
            covered = shares.sum(axis=-1, keepdims=True)
            shares = np.where(covered > 0, shares / np.where(covered > 0, covered, 1), 1 / len(numbers))
        painted = paint(scene.start, expand_style_weights(shares, numbers, count)).clip(0, 255)
        painted = scene.blend_warped_frames(painted)
        if covered is not None:
            painted = covered * painted + (1 - covered) * scene.content
        return painted if scene.chroma is None else color.grey(painted)

    @property
    def _network_styles(self) -> NetworkStyles:
        """The trained network and the styles of it that are used."""
        network_styles = self._plan.network_styles
        if network_styles is None:
            raise RuntimeError("Expected a plan with a trained network: pass `network_styles` to `make_plan`.")
        return network_styles

    def _style_numbers(self, scene: Scene) -> Sequence[int]:
        """The numbers of the network's styles that are used."""
        return self._network_styles.numbers

    def _blend(self, scene: Scene) -> np.ndarray:
        """The weights of these styles where there are no masks."""
        return np.array(scene.regions[0].blend, np.float32)


class ArbitraryStyleRun(OnePassRun):
    """A run whose network takes its styles from the paintings: one style for each region of the scene."""

    def _style_numbers(self, scene: Scene) -> Sequence[int]:
        return range(len(scene.regions))

    def _blend(self, scene: Scene) -> np.ndarray:
        return np.ones(1, np.float32)

    def _style_vectors(self, scene: Scene, predict: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
        """Predicts each region's style vector: the mean of its paintings', and with --alpha of the photograph's.

        The paintings' are cached for the next photograph or frame.

        Args:
          scene: with the paintings in the size that the predictor sees.
          predict: maps a painting [rows, cols, 3] in 0..255 to its style vector.
        """
        vectors = [
            np.average([self._cached_vector(painting, predict) for painting in region.styles], 0, region.blend)
            for region in scene.regions
        ]
        alpha = self._settings.universal.alpha
        if alpha == 1:
            return vectors
        photograph = writing.to_image(scene.content, denoise=0)
        side = self._settings.method.style_side
        assert side is not None  # every method whose network sees paintings has one
        photograph_vector = predict(geometry.resize(photograph, side, side, "lanczos"))
        return [alpha * vector + (1 - alpha) * photograph_vector for vector in vectors]

    def _cached_vector(self, painting: np.ndarray, predict: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        digest = hashlib.sha256(np.ascontiguousarray(painting).data).digest()
        key = ("style vector", type(self), digest)  # LiteRT's weights are rounded
        return self._cache.get(key, lambda: predict(painting), lambda vector: vector.nbytes)


def expand_style_weights(shares: np.ndarray, numbers: Sequence[int], count: int) -> np.ndarray:
    """Expand the shares of the used styles to weights of all styles of a network.

    Args:
      shares: [rows, cols, used styles] by position, or [1, 1, used styles]; they add up to 1.
      numbers: of the used styles.
      count: of all styles.

    Returns:
      [1, rows, cols, count] float32.
    """
    weights = np.zeros((1, *shares.shape[:2], count), np.float32)
    weights[0][..., list(numbers)] = shares
    return weights

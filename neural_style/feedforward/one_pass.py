"""A run in one pass: the photograph, and what a network makes of it. Without TensorFlow, which runs may do without."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from neural_style.core.run import Tools
from neural_style.core.step import Step
from neural_style.feedforward.flatness import keep_flat
from neural_style.images import color, geometry, writing
from neural_style.images.inputs import Inputs
from neural_style.images.scene import Scene, shares_of
from neural_style.images.scene_building import build_scene
from neural_style.planning.plan import Plan

Paint = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A network: RGB [rows, cols, 3] in 0..255 and the weight of each style [1, rows or 1, cols or 1, styles] to RGB."""


class OnePassRun:
    """Paints at one scale, without a loss: the photograph is the first Step, the painting the second."""

    def __init__(self, inputs: Inputs, plan: Plan, tools: Tools, resumed: Mapping[str, Any] | None = None):
        """See `core.run.Run`; a picture is painted in one pass, so there is nothing to resume."""
        self._inputs, self._plan, self._settings, self._cache = inputs, plan, plan.settings, tools.cache
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

    def _prepared(self, scene: Scene) -> tuple[Paint, int, dict[str, Any]]:
        """The network, how many styles it has, and the facts of the run."""
        raise NotImplementedError

    def _steps(self) -> Iterator[Step]:
        began = time.perf_counter()
        scene = build_scene(self._inputs, self._settings, self._plan.result_size)
        paint, count, facts = self._prepared(scene)
        for index in range(2):
            self._last = scene.composite(self._painted(keep_flat(paint), count, scene) if index else scene.start)
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

    def _painted(self, paint: Paint, count: int, scene: Scene) -> np.ndarray:
        """The painting [rows, cols, 3] of the scene's start; the photograph where no mask is."""
        chosen, shares = self._chosen(scene), shares_of(scene.regions)
        if shares is None:
            weights = self._blend(scene)[None, None]
        else:
            covered = shares.sum(axis=-1, keepdims=True)
            weights = np.where(covered > 0, shares / np.where(covered > 0, covered, 1), 1 / len(chosen))
        painted = scene.blend_warped_frames(paint(scene.start, weights_of(weights, chosen, count)).clip(0, 255))
        if shares is not None:
            painted = covered * painted + (1 - covered) * scene.content
        return painted if scene.chroma is None else color.grey(painted)

    def _chosen(self, scene: Scene) -> Sequence[int]:
        """The numbers of the network's styles that are used."""
        return self._plan.network_styles.numbers

    def _blend(self, scene: Scene) -> np.ndarray:
        """The weight of each of these where there are no masks."""
        return np.array(scene.regions[0].blend, np.float32)


class PaintingsRun(OnePassRun):
    """A run whose network takes its styles from the paintings: one style for each region of the scene."""

    def _chosen(self, scene: Scene) -> Sequence[int]:
        return range(len(scene.regions))

    def _blend(self, scene: Scene) -> np.ndarray:
        return np.ones(1, np.float32)

    def _style_vectors(self, scene: Scene, predict: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
        """The style vector of each region: a mixture of its paintings', and with --alpha of the photograph's own.

        Args:
          scene: with the paintings as they are seen.
          predict: from a painting [rows, cols, 3] in 0..255 to its style vector.
        """
        mixed = [
            np.average([predict(painting) for painting in region.styles], axis=0, weights=region.blend)
            for region in scene.regions
        ]
        alpha = self._settings.universal.alpha
        if alpha == 1:
            return mixed
        photograph = writing.to_image(scene.content, denoise=0)
        side = self._settings.method.style_side
        own = predict(geometry.resize(photograph, side, side, "lanczos"))
        return [alpha * vector + (1 - alpha) * own for vector in mixed]


def weights_of(shares: np.ndarray, chosen: Sequence[int], count: int) -> np.ndarray:
    """What the network takes as style, of the shares of the styles that are chosen.

    Args:
      shares: [rows, cols, chosen] by position, or [1, 1, chosen]; they add up to 1.
      chosen: the numbers of these styles.
      count: styles of the network.

    Returns:
      [1, rows, cols, count] float32.
    """
    found = np.zeros((1, *shares.shape[:2], count), np.float32)
    found[0][..., list(chosen)] = shares
    return found

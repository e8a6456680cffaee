"""A run: features of one level after the other take the style's statistics, and are decoded."""

import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.core.run import Tools
from neural_style.core.step import Step
from neural_style.images.inputs import Inputs
from neural_style.images.scene import Scene
from neural_style.images.scene_building import build_scene
from neural_style.planning import device
from neural_style.planning.plan import Plan
from neural_style.pretrained import decoders
from neural_style.universal import decoder
from neural_style.universal.codec import Codec
from neural_style.universal.painter import Painter
from neural_style.vgg import weights


class Run:
    """Paints at the coarsest scale, without a loss: one Step for each level."""

    def __init__(self, inputs: Inputs, plan: Plan, tools: Tools, resumed: Mapping[str, Any] | None = None):
        """See `core.run.Run`."""
        self._inputs, self._plan, self._settings, self._cache = inputs, plan, plan.settings, tools.cache
        self._resumed = (resumed or {}).get("session")
        self._last: np.ndarray | None = None

    def steps(self) -> Iterator[Step]:
        """The start, and the picture after each level; after a break those that are still to come.

        Raises:
          UserError: the weights or decoders can't be had.
        """
        with self._cache.in_use():
            yield from self._steps()

    def best(self) -> np.ndarray | None:
        """The image [rows, cols, 3] after the last level so far; None before any."""
        return self._last

    def result(self) -> np.ndarray:
        """The image [rows, cols, 3] of the last step."""
        return self._last

    def _steps(self) -> Iterator[Step]:
        levels, tile = self._settings.universal.levels, self._plan.tiles[0]
        scene = build_scene(self._inputs, self._settings, self._plan.sizes[0])
        first, image = self._start(scene)
        began, (codec, facts) = time.perf_counter(), self._codec()
        painter = Painter(codec, scene, self._settings.universal, tile)
        for index in range(first, len(levels) + 1):
            if index > first:
                image = painter.paint(image, levels[index - 1])
            self._last = scene.composite(scene.blend_warped_frames(image) if index == len(levels) else image)
            self._last.flags.writeable = False
            if self._resumed is not None and index == first:
                continue
            now = time.perf_counter()
            yield Step(
                index,
                self._last,
                loss=0.0,
                terms={},
                gradient_norm=0.0,
                losses=(),
                seconds=now - began,
                iterations_left=len(levels) - index,
                facts={**facts, "tile": tile},
                state=functools.partial(dict, index=index, image=image),
            )
            began = time.perf_counter()

    def _start(self, scene: Scene) -> tuple[int, np.ndarray]:
        """The index of the step to begin with, and its picture."""
        if self._resumed is None:
            return 0, scene.start
        index, image = self._resumed.get("index"), np.asarray(self._resumed.get("image"))
        whole = isinstance(index, int) and 0 <= index <= len(self._settings.universal.levels)
        if not (whole and image.shape == scene.start.shape and np.isfinite(image).all()):
            raise UserError(DAMAGED_STATE)
        return index, image

    def _codec(self) -> tuple[Codec, dict[str, Any]]:
        """The network with its decoders, and what was decided for it."""
        how, seed, universal = self._settings.network, self._settings.picture.seed, self._settings.universal
        origin, kernels, key = weights.cached(how, seed, self._cache)
        named = dataclasses.replace(how, weights=origin if how.weights == "auto" else how.weights)
        files = decoders.find(universal.levels, named, seed, universal.decoders)
        precision = self._plan.precision
        versions = tuple((str(path), path.stat().st_mtime_ns) for path in files.values())

        def make() -> Codec:
            return Codec(how, kernels, {level: decoder.load(path) for level, path in files.items()}, precision)

        codec = self._cache.get(("codec", key, how, precision, versions), make, lambda made: made.nbytes)
        return codec, {"device": device.describe_device(), "precision": precision, "weights": origin}

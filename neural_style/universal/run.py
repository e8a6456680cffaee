"""Paints with the features of one level after another, which take the style's statistics and are decoded."""

import dataclasses
import functools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.core.step import Step
from neural_style.images.scene import Scene
from neural_style.images.scene_building import build_scene
from neural_style.planning import device
from neural_style.planning.base_run import BaseRun
from neural_style.pretrained import decoders
from neural_style.universal import decoder
from neural_style.universal.codec import Codec
from neural_style.universal.painter import Painter
from neural_style.vgg import weights


class Run(BaseRun):
    """Paints at the coarsest scale, without a loss: one Step for each level."""

    def _paint(self) -> Iterator[Step]:
        levels, tile = self._settings.universal.levels, self._plan.tiles[0]
        scene = build_scene(self._inputs, self._settings, self._plan.sizes[0])
        first, image = self._load_start(scene)
        start_time = time.perf_counter()
        codec, facts = self._load_codec()
        painter = Painter(codec, scene, self._settings.universal, tile)
        for index in range(first, len(levels) + 1):
            if index > first:
                image = painter.paint(image, levels[index - 1])
            is_last = index == len(levels)
            shown = self._keep(scene.composite(scene.blend_warped_frames(image) if is_last else image))
            if self._resumed_state is None or index > first:  # a resumed run has yielded its first step already
                yield Step.without_loss(
                    index,
                    shown,
                    time.perf_counter() - start_time,
                    iterations_left=len(levels) - index,
                    facts={**facts, "tile": tile},
                    state=functools.partial(dict, index=index, image=image),
                )
            start_time = time.perf_counter()

    def _load_start(self, scene: Scene) -> tuple[int, np.ndarray]:
        """Return the index of the first step and its picture, from the state to resume from if there is one."""
        if self._resumed_state is None:
            return 0, scene.start
        index, image = self._resumed_state.get("index"), np.asarray(self._resumed_state.get("image"))
        has_index = isinstance(index, int) and 0 <= index <= len(self._settings.universal.levels)
        if not (has_index and image.shape == scene.start.shape and np.isfinite(image).all()):
            raise UserError(DAMAGED_STATE)
        return int(index or 0), image

    def _load_codec(self) -> tuple[Codec, dict[str, Any]]:
        """Load the network with its decoders; return them and the facts of the run."""
        network, seed, universal = self._settings.network, self._settings.picture.seed, self._settings.universal
        source, kernels, key = weights.load_cached(network, seed, self._cache)
        files = decoders.find(universal.levels, dataclasses.replace(network, weights=source), seed, universal.decoders)
        assert kernels is not None  # `decoders.find` refuses learned weights
        precision = self._plan.precision
        versions = tuple((str(path), path.stat().st_mtime_ns) for path in files.values())

        def make_codec() -> Codec:
            return Codec(network, kernels, {level: decoder.load(path) for level, path in files.items()}, precision)

        cache_key = ("codec", key, network, precision, versions)
        codec = self._cache.get(cache_key, make_codec, lambda codec: codec.nbytes)
        return codec, {"device": device.describe_device(), "precision": precision, "weights": source}

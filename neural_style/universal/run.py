"""Paints with the features of one level after another, which take the style's statistics and are decoded."""

import dataclasses
import functools
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.core.step import Step
from neural_style.images.scene import Scene
from neural_style.images.scene_building import build_scene
from neural_style.planning import device
from neural_style.planning.base_run import BaseRun
from neural_style.pretrained import decoders
from neural_style.universal import band_decoder, decoder
from neural_style.universal.band_codec import BandCodec
from neural_style.universal.band_painter import BandPainter
from neural_style.universal.codec import Codec
from neural_style.universal.painter import Painter
from neural_style.vgg import weights

MARGIN = 16
"""Mirrored pixels that are painted around the picture and cropped: a line along the border falls there."""


class Run(BaseRun):
    """Paints at the coarsest scale, without a loss: one Step for each pass."""

    def _paint(self) -> Iterator[Step]:
        margin = MARGIN if self._settings.universal.bands else 0
        scene = build_scene(self._inputs, self._settings, self._plan.sizes[0]).with_margin(margin)
        first, image = self._load_start(scene)
        start_time = time.perf_counter()
        passes, facts = self._make_passes(scene)
        for index in range(first, len(passes) + 1):
            if index > first:
                image = passes[index - 1](image)
            is_last = index == len(passes)
            shown = self._keep(scene.composite(scene.blend_warped_frames(image) if is_last else image))
            if self._resumed_state is None or index > first:  # a resumed run has yielded its first step already
                yield Step.without_loss(
                    index,
                    shown,
                    time.perf_counter() - start_time,
                    iterations_left=len(passes) - index,
                    facts={**facts, "tile": self._plan.tiles[0]},
                    state=functools.partial(dict, index=index, image=image),
                )
            start_time = time.perf_counter()

    def _load_start(self, scene: Scene) -> tuple[int, np.ndarray]:
        """Return the index of the first step and its picture, from the state to resume from if there is one."""
        if self._resumed_state is None:
            return 0, scene.start
        index, image = self._resumed_state.get("index"), np.asarray(self._resumed_state.get("image"))
        has_index = isinstance(index, int) and 0 <= index <= self._settings.universal.pass_count
        if not (has_index and image.shape == scene.start.shape and np.isfinite(image).all()):
            raise UserError(DAMAGED_STATE)
        return int(index or 0), image

    def _make_passes(self, scene: Scene) -> tuple[Sequence[Callable[[np.ndarray], np.ndarray]], dict[str, Any]]:
        """The passes, each from an image to an image, and the facts of the run."""
        method, universal, tile = self._settings.picture.method, self._settings.universal, self._plan.tiles[0]
        codec, facts, key = self._load_codec()
        if isinstance(codec, BandCodec):
            return [BandPainter(codec, scene, method, universal, tile, self._cache, key).paint], facts
        painter = Painter(codec, scene, method, universal, tile)
        return [functools.partial(painter.paint, level=level) for level in universal.levels], facts

    def _load_codec(self) -> tuple[Codec | BandCodec, dict[str, Any], Hashable]:
        """Load the network with its decoders; return them, the facts of the run, and their key in the cache."""
        network, seed, universal = self._settings.network, self._settings.picture.seed, self._settings.universal
        source, kernels, key = weights.load_cached(network, seed, self._cache)
        files = decoders.find_for(universal, dataclasses.replace(network, weights=source), seed)
        assert kernels is not None  # `decoders.find` refuses learned weights
        precision = self._plan.precision
        versions = tuple((str(path), path.stat().st_mtime_ns) for path in files.values())

        def make_codec() -> Codec | BandCodec:
            if universal.bands:
                (path,) = files.values()
                return BandCodec(network, kernels, band_decoder.load(path), precision)
            return Codec(network, kernels, {level: decoder.load(path) for level, path in files.items()}, precision)

        cache_key = ("codec", key, network, precision, versions)
        codec = self._cache.get(cache_key, make_codec, lambda codec: codec.nbytes)
        return codec, {"device": device.describe_device(), "precision": precision, "weights": source}, cache_key

"""A run: from a run's images to its Steps, scale by scale."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from neural_style.core.cache import Cache
from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.core.step import Step
from neural_style.images.inputs import Sources
from neural_style.images.scene import Scene
from neural_style.losses.loss import make_loss
from neural_style.optimize import optimizers, tiled_objective
from neural_style.optimize.evaluator import Evaluator, Watch
from neural_style.optimize.objective import LossFunction, Objective
from neural_style.optimize.session import Session
from neural_style.planning import device
from neural_style.planning.plan import plan
from neural_style.pretrained import style_networks
from neural_style.settings.settings import Settings
from neural_style.vgg import adaptation, model, weights

Tiled = Callable[[Settings, model.Weights, int, str, int], Any]
"""Makes the objective of an image that is taken tile by tile; see `tiled_objective.make_tiled_objective`."""


class Run:
    """Optimises an image from the coarsest scale to the finest."""

    def __init__(
        self,
        given: Sources,
        cache: Cache,
        resumed: Mapping[str, Any] | None = None,
        watch: Watch | None = None,
        tiled: Tiled = tiled_objective.make_tiled_objective,
    ):
        """
        Args:
          given: the images and settings.
          cache: holds what earlier runs made, and takes what this one makes.
          resumed: the "scale" and the "session" (`Step.state`) to go on from.
          watch: called after each evaluation.
          tiled: makes the objective where the image is taken tile by tile.
        """
        self._sources, self._settings = given, given.settings
        self._cache, self._resumed, self._watch, self._tiled = cache, resumed, watch, tiled
        self._session: Session | None = None

    def steps(self) -> Iterator[Step]:
        """The start and each iteration of each scale; after a break those that are still to come.

        Raises:
          UserError: the weights can't be had, do not fit the network, or the run does not fit into memory.
        """
        with self._cache.in_use():
            for session in self.sessions():
                yield from session.steps()

    def sessions(self) -> Iterator[Session]:
        """A session for each scale, from coarse to fine; each is to be run before the next is asked for.

        `steps` does so, while it holds the cache.
        """
        settings, sizes, image = self._settings, self._sources.sizes, None
        how = plan(self._sources)
        first = self._sources.at(sizes[0][0])
        origin, kernels, key = self._weights(first)
        facts = {"device": device.describe_device(), "precision": how.precision, "weights": origin}
        if settings.picture.starts_instant:
            facts["start"] = style_networks.arbitrary_origin()
        resumed = self._resumed or {"scale": 0}
        if not 0 <= resumed["scale"] < len(sizes):
            raise UserError(DAMAGED_STATE)
        for scale, count in enumerate(settings.optimizer.iterations_at(len(sizes))):
            if scale < resumed["scale"]:
                continue
            scene = self._sources.at(sizes[scale][0], image) if scale else first
            bound = functools.partial(self._bound, kernels, key, scene, how.tiles[scale])
            finer = functools.partial(bound, "float32") if how.precision == "bfloat16" else None
            evaluator = Evaluator(bound(how.precision), scene.content.shape, finer, self._watch)
            optimizer = optimizers.make_optimizer(settings.optimizer, scene.content.size)
            left, decided = len(sizes) - 1 - scale, {**facts, "tile": how.tiles[scale]}
            session = Session(scene, evaluator, optimizer, count, scale, left, decided)
            if scale == resumed["scale"] and "session" in resumed:
                session.restore(resumed["session"])
            self._session = session
            yield session
            image = session.result()

    def best(self) -> np.ndarray | None:
        """The image [rows, cols, 3] of the lowest loss so far at the present scale; None before any."""
        return self._session and self._session.best()

    def result(self) -> np.ndarray:
        """The image [rows, cols, 3] of the last step, also where a resumed run had nothing left to do."""
        return self._session.result()

    def _weights(self, scene: Scene) -> tuple[str, model.Weights, tuple | None]:
        """Where the weights come from, the weights, and the key by which a network of them can be kept.

        The key is None where the weights are of these very images. A film's frames share what fits its first one.
        """
        how, seed, first = self._settings.network, self._settings.picture.seed, self._sources.first
        origin, kernels, key = weights.cached(how, seed, self._cache)
        if kernels is not None and how.normalize_weights == "none":
            return origin, kernels, key

        def fitted(to: Scene) -> model.Weights:
            return adaptation.adapt_weights(how, kernels, [to.content, *to.styles], seed, self._settings.loss.layers)

        if first is None:
            return origin, fitted(scene), None
        key = ("fitted", first, key)
        return origin, self._cache.get(key, lambda: fitted(first.at(first.sizes[0][0])), weights.bytes_of), key

    def _bound(
        self, kernels: model.Weights, key: tuple | None, scene: Scene, tile: int | None, precision: str
    ) -> LossFunction:
        """The loss as a function of what is painted."""
        make = functools.partial(self._objective, kernels, tile, precision, len(scene.warped_frames))
        if key is None:
            objective = make()
        else:
            key = (
                "objective",
                key,
                self._settings.network,
                self._settings.loss,
                tile,
                precision,
                len(scene.warped_frames),
            )
            objective = self._cache.get(key, make, lambda made: made.nbytes)
        how = {} if self._settings.optimizer.reuse_constant_rows else {"reuse": False}
        return scene.wrap_objective(objective.bind_scene(scene, **how))

    def _objective(self, kernels: model.Weights, tile: int | None, precision: str, warped_frames: int) -> Any:
        settings = self._settings
        if tile is not None:
            return self._tiled(settings, kernels, tile, precision, warped_frames)
        network = model.build(settings.network, kernels, settings.loss.layers, precision)
        return Objective(network, make_loss(settings.loss, warped_frames))

"""A run: from a run's images to its Steps, scale by scale."""

import dataclasses
import functools
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import numpy as np

from neural_style.core.errors import DAMAGED_STATE, UserError
from neural_style.core.run import NO_STEPS, Tools
from neural_style.core.step import Step
from neural_style.images import masks
from neural_style.images.inputs import Inputs
from neural_style.images.scene import Scene
from neural_style.images.scene_building import build_scene
from neural_style.losses.loss import make_loss
from neural_style.method_table import REGIONS
from neural_style.optimize import common_regions, optimizers
from neural_style.optimize.evaluator import Evaluator
from neural_style.optimize.objective import LossFunction, Objective
from neural_style.optimize.session import Session
from neural_style.optimize.tiled_objective import make_tiled_objective
from neural_style.planning import device
from neural_style.planning.plan import Plan
from neural_style.vgg import adaptation, model, weights


@dataclasses.dataclass(frozen=True)
class LoadedWeights:
    """VGG's weights, as a run uses them.

    Attributes:
      source: where they come from, for the record.
      arrays: kernels and biases by layer.
      cache_key: under which what is made of them can be kept for the next run; None where they are adapted to the
        images of this run.
    """

    source: str
    arrays: model.Weights
    cache_key: tuple | None


class Run:
    """Optimises an image from the coarsest scale to the finest."""

    def __init__(self, inputs: Inputs, plan: Plan, tools: Tools, resumed: Mapping[str, Any] | None = None):
        """See `core.run.Run`."""
        self._inputs, self._plan, self._settings = inputs, plan, plan.settings
        self._cache, self._watch, self._resumed = tools.cache, tools.watch, resumed
        self._make_tiled = tools.make_tiled_objective or make_tiled_objective
        self._session: Session | None = None
        self._companions: dict[str, np.ndarray] = {}

    def steps(self) -> Generator[Step, None, None]:
        """Yield the start and each iteration of each scale; after --resume, those that are left.

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
        plan, image = self._plan, None
        scene = self._build_scene(0)  # weights may be adapted to its images, also where a later scale resumes
        loaded = self._load_weights(scene)
        facts: dict[str, Any] = {
            "device": device.describe_device(),
            "precision": plan.precision,
            "weights": loaded.source,
        }
        if plan.start_origin:
            facts["start"] = plan.start_origin
        if self._settings.picture.finds_regions:
            facts["regions"] = self._find_regions(loaded.arrays)
            scene = self._build_scene(0)
        resumed = self._resumed or {"scale": 0}
        if not 0 <= resumed["scale"] < len(plan.sizes):
            raise UserError(DAMAGED_STATE)
        for scale in range(resumed["scale"], len(plan.sizes)):
            if scale:
                # Where the run resumes there is no `image`: `restore` replaces the start below.
                scene = self._build_scene(scale, image)
            session = self._make_session(scale, scene, loaded, facts)
            if scale == resumed["scale"] and "session" in resumed:
                session.restore(resumed["session"])
            self._session = session
            yield session
            image = session.result()

    def _find_regions(self, arrays: model.Weights) -> list[float]:
        """Find the regions that the images have in common; return the share of each of the photograph."""
        regions = common_regions.find(self._inputs, self._settings, arrays)
        self._inputs = dataclasses.replace(self._inputs, common_regions=regions)
        self._companions = {REGIONS: common_regions.draw(self._inputs)}
        return [round(float(masks.sample(region.mask).mean()), 3) for region in regions]

    def _build_scene(self, scale: int, coarser: np.ndarray | None = None) -> Scene:
        scene = build_scene(self._inputs, self._settings, self._plan.sizes[scale], coarser)
        return scene.with_margin(self._settings.optimizer.margin)

    def _make_session(self, scale: int, scene: Scene, loaded: LoadedWeights, facts: Mapping[str, Any]) -> Session:
        """Make the session of a scale."""
        plan, tile = self._plan, self._plan.tiles[scale]

        def make_loss_function(precision: str) -> LossFunction:
            return self._make_loss_function(loaded, scene, tile, precision)

        make_float32 = functools.partial(make_loss_function, "float32") if plan.precision == "bfloat16" else None
        evaluator = Evaluator(make_loss_function(plan.precision), scene.content.shape, make_float32, self._watch)
        optimizer = optimizers.make_optimizer(
            self._settings.optimizer, plan.evaluations_per_iteration, scene.content.size
        )
        scales_left = len(plan.sizes) - 1 - scale
        facts = {**facts, "tile": tile}
        iterations = plan.iterations[scale]
        return Session(scene, evaluator, optimizer, iterations, scale, scales_left, facts, self._companions)

    def best(self) -> np.ndarray | None:
        """The image [rows, cols, 3] of the lowest loss so far at the present scale.

        Before any, the coarser scale's, enlarged; None before the first scale.
        """
        return self._session.best() if self._session else None

    def result(self) -> np.ndarray:
        """The image [rows, cols, 3] of the last step, also where a resumed run had nothing left to do."""
        if self._session is None:
            raise RuntimeError(NO_STEPS)
        return self._session.result()

    def _load_weights(self, scene: Scene) -> LoadedWeights:
        """Load the weights, and adapt them to the scene's images where the settings ask for it.

        A film's frames share the weights that were adapted to the first one, within one process: a cluster's worker
        adapts them to each frame's copy of the first one.
        """
        network, seed, first_frame = self._settings.network, self._settings.picture.seed, self._inputs.adaptation_inputs
        source, arrays, key = weights.load_cached(network, seed, self._cache)
        if arrays is not None and network.normalize_weights == "none":
            return LoadedWeights(source, arrays, key)

        def adapt(to: Scene) -> model.Weights:
            images = [to.content, *to.styles]
            return adaptation.adapt_weights(network, arrays, images, seed, self._adapted_layers)

        if first_frame is None:
            return LoadedWeights(source, adapt(scene), None)
        key = ("adapted", first_frame, key)  # inputs are equal where they are the same object

        def adapt_to_first() -> model.Weights:
            return adapt(build_scene(first_frame, self._settings, self._plan.adaptation_size))

        return LoadedWeights(source, self._cache.get(key, adapt_to_first, weights.bytes_of), key)

    @property
    def _adapted_layers(self) -> tuple[str, ...]:
        """The layers whose features are used."""
        return self._settings.loss.layers + (common_regions.LAYERS if self._settings.picture.finds_regions else ())

    def _make_loss_function(
        self, loaded: LoadedWeights, scene: Scene, tile: int | None, precision: str
    ) -> LossFunction:
        """The loss as a function of what is painted."""
        settings, frames = self._settings, len(scene.warped_frames)
        make = functools.partial(self._make_objective, loaded.arrays, tile, precision, frames)
        if loaded.cache_key is None:
            objective = make()
        else:
            key = ("objective", loaded.cache_key, settings.network, settings.loss, tile, precision, frames)
            objective = self._cache.get(key, make, lambda objective: objective.nbytes)
        if settings.optimizer.reuse_constant_rows:  # of the batch: content and styles
            return scene.wrap_objective(objective.bind_scene(scene))
        # Settings refuse --noreuse_constant_rows with tiles, so this is the objective of whole images.
        return scene.wrap_objective(objective.bind_scene(scene, reuse=False))

    def _make_objective(self, arrays: model.Weights, tile: int | None, precision: str, warped_frames: int) -> Any:
        settings = self._settings
        if tile is not None:
            return self._make_tiled(settings, arrays, tile, precision, warped_frames)
        network = model.build(settings.network, arrays, settings.loss.layers, precision)
        return Objective(network, make_loss(settings.loss, warped_frames))

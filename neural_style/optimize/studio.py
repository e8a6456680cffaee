"""The wiring: from images and options to sessions whose steps are the optimisation.

TensorFlow takes seconds to import, and a wrong flag or a missing file is to be told at once, so it is imported where
it is first needed.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neural_style.command.flags import Options
from neural_style.errors import UserError
from neural_style.images import reading
from neural_style.images.sources import Pictures, Sources, scales
from neural_style.optimize import memory, optimizers
from neural_style.optimize.evaluator import Evaluator
from neural_style.optimize.loop import Step, transfer
from neural_style.vgg import weights


class Session:
    """One scale of a run, ready to go.

    Attributes:
      pictures: what it works on.
      evaluator, optimizer, iterations: see `transfer`.
      facts: "device", "precision" ("auto" is decided), "tile" (pixels; None where the image is taken whole),
        "weights" (where they come from) and, once bfloat16 was too coarse, "float32_from_iteration".
      last: the last step; None before the first.
    """

    def __init__(self, pictures: Pictures, evaluator: Evaluator, optimizer, iterations: int, facts: dict):
        self.pictures, self.evaluator, self.optimizer = pictures, evaluator, optimizer
        self.iterations, self.facts = iterations, facts
        self.last: Step | None = None
        self._done, self._start = -1, pictures.start

    def steps(self) -> Iterator[Step]:
        """The start, then each iteration; after `restore` those that are still to come."""
        first = max(self._done, 0)
        for step in transfer(self.evaluator, self.optimizer, self._start, self.iterations, first):
            self.last = dataclasses.replace(step, image=self.pictures.finished(step.image))
            if self.evaluator.refined:
                self.facts.setdefault("float32_from_iteration", step.index)
            if step.index > self._done:
                yield self.last

    def best(self) -> np.ndarray | None:
        """The image [rows, cols, 3] of the lowest loss so far, or None before the first evaluation."""
        found = self.evaluator.best
        if found is None:
            return None
        return self.pictures.finished(found.x.reshape(self.pictures.content.shape).astype(np.float32))

    def state(self) -> dict:
        """What `restore` needs to go on from the last step as if there had been no break."""
        return {
            "index": self.last.index,
            "evaluator": self.evaluator.state(),
            "optimizer": self.optimizer.state(),
        }

    def restore(self, state: dict) -> None:
        """Goes back to where `state` was taken."""
        self.evaluator.restore(state["evaluator"])
        self.optimizer.restore(state["optimizer"])
        self._done, self._start = state["index"], self.evaluator.last.x.reshape(self._start.shape)


class Studio:
    """Makes runs ready, and keeps what the next run can use: weights, networks and their traces."""

    def __init__(self):
        self._kernels: dict[tuple, dict] = {}
        self._objectives: dict[tuple, Any] = {}

    def sessions(self, sources: Sources, resumed: dict | None = None) -> Iterator[Session]:
        """A session for each scale, from coarse to fine; each is to be run before the next is asked for.

        Args:
          sources: the images and options.
          resumed: {"scale": how many scales lie before this one, "session": `Session.state`}, to go on from there.

        Raises:
          UserError: the weights can't be had, do not fit the network, or the run does not fit into memory.
        """
        from neural_style.vgg import model

        options, image = sources.options, None
        precision, frames = model.resolve_precision(options.precision), map(sources.frame, scales(options))
        tiles = [_tile(*frame, options, precision) for frame in frames]
        first = sources.at(scales(options)[0])
        found = self._weights(first, options)
        iterations = options.scale_iterations or [options.iterations] * len(tiles)
        for number, (rows, tile, count) in enumerate(zip(scales(options), tiles, iterations, strict=True)):
            if resumed and number < resumed["scale"]:
                continue
            pictures = sources.at(rows, image) if number else first
            facts = {"device": model.describe_device(), "precision": precision, "tile": tile, "weights": found[0]}
            bound = functools.partial(self._bound, found, pictures, options, tile)
            finer = functools.partial(bound, "float32") if precision == "bfloat16" else None
            evaluator = Evaluator(bound(precision), pictures.content.shape, finer)
            session = Session(pictures, evaluator, _optimizer(options, pictures.content.size), count, facts)
            if resumed and number == resumed["scale"]:
                session.restore(resumed["session"])
            yield session
            image = session.last.image

    def _weights(self, pictures: Pictures, options: Options) -> tuple[str, dict, tuple | None]:
        """Where the weights come from, the weights, and the key by which they can be had again.

        The key is None where the weights are of these very images.
        """
        key = (options.weights, options.network, options.seed)
        if key not in self._kernels:
            origin, kernels = weights.resolve(
                options.weights, options.network, lambda: _learned(pictures, options), options.seed
            )
            if origin == "learned":
                return origin, _normalized(kernels, pictures, options), None
            self._kernels[key] = origin, kernels
        origin, kernels = self._kernels[key]
        if options.normalize_weights != "none":
            return origin, _normalized(kernels, pictures, options), None
        return origin, kernels, key

    def _bound(self, found: tuple, pictures: Pictures, options: Options, tile: int | None, precision: str) -> Callable:
        """The loss as a function of what is painted."""
        how = {} if options.reuse_constant_rows else {"reuse": False}
        objective = self._objective(found, options, tile, precision)
        return pictures.through(objective.bind(pictures.content, pictures.regions, **how))

    def _objective(self, found: tuple, options: Options, tile: int | None, precision: str):
        """The loss, whole or tile by tile; traced once for each frame as long as weights and settings stay."""
        from neural_style.optimize.objective import Objective
        from neural_style.optimize.tiled_objective import TiledObjective
        from neural_style.vgg import model

        _, kernels, key = found
        settings, layers = _loss_settings(options), options.content_layers + options.style_layers
        built = {**_built(options), "taps": options.taps, "convolution": options.convolution, "dtype": precision}
        known = (str(built), str(settings), tile, key)
        if known in self._objectives:
            return self._objectives[known]
        whole = tile is None
        network = model.build(options.network, kernels, layers, tiled=not whole, **built)
        made = Objective(network, settings) if whole else TiledObjective(network, settings, tile)
        if key is not None:
            self._objectives[known] = made
        return made


def _tile(rows: int, cols: int, options: Options, precision: str) -> int | None:
    from neural_style.losses import style

    if options.tile.isdigit():
        style.summed_loss(options.style_loss)  # says so before the weights are loaded or learned
    tileable = style.is_summed(options.style_loss) and options.reuse_constant_rows
    return memory.choose_tile(rows, cols, precision, options, tileable)


def _normalized(kernels: dict, pictures: Pictures, options: Options) -> dict:
    from neural_style.vgg import model

    if options.normalize_weights == "none":
        return kernels
    shown, layers = _shown(pictures, options), options.content_layers + options.style_layers
    return model.normalize(kernels, options.network, shown, layers, **_built(options))


def _learned(pictures: Pictures, options: Options) -> dict:
    from neural_style.vgg import kmeans

    return kmeans.learn(
        options.network,
        [pictures.content, *pictures.styles],
        options.seed,
        layers=options.content_layers + options.style_layers,
        **_built(options),
    )


def _built(options: Options) -> dict[str, str]:
    """How the network treats images, whatever its weights."""
    return {"pooling": options.pooling, "padding": options.padding, "preprocessing": options.preprocess}


def _shown(pictures: Pictures, options: Options) -> list[np.ndarray]:
    """The images over which filters are normalised: content and style, or a folder's, in the content's frame."""
    if options.normalize_weights == "images":
        return [pictures.content, *pictures.styles]
    paths = sorted(path for path in Path(options.normalize_weights).iterdir() if path.is_file())
    if not paths:
        raise UserError(f"--normalize_weights takes a folder of images, and {options.normalize_weights!r} is empty.")
    return [reading.resize(reading.load(path), *pictures.content.shape[:2]) for path in paths]


def _loss_settings(options: Options):
    from neural_style.optimize import objective

    def shares(given, layers):
        return given or [1 / len(layers)] * len(layers)

    return objective.LossSettings(
        content_layers=options.content_layers,
        content_layer_weights=shares(options.content_layer_weights, options.content_layers),
        content_weight=options.content_weight,
        style_layers=options.style_layers,
        style_layer_weights=shares(options.style_layer_weights, options.style_layers),
        style_weight=options.style_weight,
        tv_weight=options.tv_weight,
        tv_exponent=options.tv_exponent,
        style_loss=options.style_loss,
        normalization=options.normalization,
    )


def _optimizer(options: Options, size: int) -> optimizers.Optimizer:
    """The optimiser of an image of `size` values."""
    if options.optimizer == "lbfgs" and options.restart_each_iteration:
        first_step = options.first_step * size**0.5 if options.first_step else 1.0
        return optimizers.Lbfgs(options.evaluations_per_iteration, options.clip, first_step)
    if options.optimizer == "lbfgs":
        # A move of SciPy's length is lost in float32's rounding, and with it the first curvature.
        first_step = (options.first_step or 10.0) * size**0.5
        return optimizers.ContinuousLbfgs(options.evaluations_per_iteration, options.clip, first_step)
    return optimizers.FIRST_ORDER[options.optimizer](
        options.evaluations_per_iteration, options.learning_rate, options.decay_rate, options.decay_steps, options.clip
    )

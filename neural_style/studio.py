"""The wiring: from pictures and options to a session whose steps are the optimisation."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from neural_style import images, masks, memory, optimizers, weights
from neural_style.errors import UserError
from neural_style.evaluator import Evaluator
from neural_style.flags import Options
from neural_style.pictures import Pictures
from neural_style.transfer import Step, transfer


@dataclasses.dataclass(frozen=True)
class Session:
    """One run, ready to go.

    Attributes:
      kernels: the network's weights, layer → (kernel, bias).
      origin: where the network's weights come from: "imagenet", "learned", "random" or a path.
      device: what TensorFlow works on.
      precision: of the network's arithmetic; "auto" is decided.
      tile: size of the tiles in pixels; None where the image is taken whole.
    """

    pictures: Pictures
    evaluator: Evaluator
    optimizer: optimizers.Optimizer
    iterations: int
    kernels: dict
    origin: str
    device: str
    precision: str
    tile: int | None

    def steps(self) -> Iterator[Step]:
        """The start, then each iteration."""
        for step in transfer(self.evaluator, self.optimizer, self.pictures.start, self.iterations):
            yield dataclasses.replace(step, image=self._blended(step.image))

    def best(self) -> np.ndarray | None:
        """The image [rows, cols, 3] of the lowest loss so far, or None before the first evaluation."""
        found = self.evaluator.best
        return None if found is None else self._blended(found.x.reshape(self.pictures.content.shape).astype(np.float32))

    def _blended(self, painted: np.ndarray) -> np.ndarray:
        return masks.blend(self.pictures.content, painted, self.pictures.keep)


def prepare(pictures: Pictures, options: Options, iterations: int, coarser: Session | None = None) -> Session:
    """Makes one scale ready: weights, network, objective and optimiser.

    Args:
      pictures: of this scale.
      options: of the run.
      iterations: at this scale.
      coarser: the scale before, whose weights are used again.

    Raises:
      UserError: the weights can't be had, do not fit the network, or the run does not fit into memory.
    """
    # TensorFlow takes seconds to import, and a wrong flag or a missing file is to be told at once.
    from neural_style import features

    precision = features.resolve_precision(options.precision)
    tile = _tile(pictures, options, precision)
    origin, kernels = (coarser.origin, coarser.kernels) if coarser else _kernels(pictures, options)
    layers = options.content_layers + options.style_layers
    network = features.build(options.network, kernels, layers, taps=options.taps, dtype=precision, **_built(options))
    function = masks.through(_function(network, pictures, options, tile), pictures.content, pictures.keep)
    return Session(
        pictures,
        Evaluator(function, pictures.content.shape),
        _optimizer(options, pictures.content.size),
        iterations,
        kernels,
        origin,
        features.describe_device(),
        precision,
        tile,
    )


def _tile(pictures: Pictures, options: Options, precision: str) -> int | None:
    from neural_style import style_losses

    tileable = isinstance(style_losses.STYLE_LOSSES[options.style_loss], style_losses.SummedLoss)
    tileable = tileable and options.reuse_constant_rows
    return memory.choose_tile(options.tile, *pictures.content.shape[:2], precision, options.optimizer, tileable)


def _function(network, pictures: Pictures, options: Options, tile: int | None) -> Callable:
    """The function of the image alone, whole or tile by tile."""
    from neural_style import objective, tiles

    whole = objective.Objective(network, _loss_settings(options))
    if tile is None:
        return whole.bind(pictures.content, pictures.regions, options.reuse_constant_rows)
    return tiles.TiledObjective(whole, tile).bind(pictures.content, pictures.regions)


def _kernels(pictures: Pictures, options: Options) -> tuple[str, dict]:
    """Where the weights come from, and the weights, normalised where they are to be."""
    from neural_style import features

    def learn():
        return _learned(pictures, options)

    origin, kernels = weights.resolve(options.weights, options.network, learn, options.seed)
    if options.normalize_weights != "none":
        shown, layers = _shown(pictures, options), options.content_layers + options.style_layers
        kernels = features.normalize(kernels, options.network, shown, layers, **_built(options))
    return origin, kernels


def _learned(pictures: Pictures, options: Options) -> dict:
    from neural_style import learned

    return learned.learn(
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
    return [images.resize(images.load(path), *pictures.content.shape[:2]) for path in paths]


def _loss_settings(options: Options):
    from neural_style import objective

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

"""The wiring: from pictures and options to a session whose steps are the optimisation."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neural_style import images, masks, optimizers, weights
from neural_style.errors import UserError
from neural_style.evaluator import Evaluator
from neural_style.flags import Options
from neural_style.pictures import Pictures
from neural_style.transfer import Step, transfer


@dataclasses.dataclass(frozen=True)
class Session:
    """One run, ready to go.

    Attributes:
      origin: where the network's weights come from: "imagenet", "learned", "random" or a path.
      device: what TensorFlow works on.
      precision: of the network's arithmetic; "auto" is decided.
    """

    pictures: Pictures
    evaluator: Evaluator
    optimizer: optimizers.Optimizer
    iterations: int
    origin: str
    device: str
    precision: str

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


def prepare(pictures: Pictures, options: Options, iterations: int) -> Session:
    """Loads or learns the weights, builds the network and the objective.

    Raises:
      UserError: the weights can't be had, or do not fit the network.
    """
    # TensorFlow takes seconds to import, and a wrong flag or a missing file is to be told at once.
    from neural_style import features, objective

    origin, kernels = weights.resolve(
        options.weights, options.network, lambda: _learned(pictures, options), options.seed
    )
    precision = features.resolve_precision(options.precision)
    layers, built = options.content_layers + options.style_layers, _built(options)
    if options.normalize_weights != "none":
        shown = _shown(pictures, options)
        kernels = features.normalize(kernels, options.network, shown, layers, **built)
    network = features.build(options.network, kernels, layers, taps=options.taps, dtype=precision, **built)
    evaluate = objective.Objective(network, _loss_settings(options)).bind(
        pictures.content, pictures.regions, options.reuse_constant_rows
    )
    return Session(
        pictures,
        Evaluator(masks.through(evaluate, pictures.content, pictures.keep), pictures.content.shape),
        _optimizer(options, pictures.content.size),
        iterations,
        origin,
        features.describe_device(),
        precision,
    )


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
    if options.optimizer == "lbfgs":
        kind = optimizers.Lbfgs if options.restart_each_iteration else optimizers.ContinuousLbfgs
        first_step = options.first_step * size**0.5 if options.first_step else 1.0
        return kind(options.evaluations_per_iteration, options.clip, first_step)
    return optimizers.FIRST_ORDER[options.optimizer](
        options.evaluations_per_iteration, options.learning_rate, options.decay_rate, options.decay_steps, options.clip
    )

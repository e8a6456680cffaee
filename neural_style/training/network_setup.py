"""A training before its first step, of settings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.feedforward.network import Network, fresh, load
from neural_style.losses.loss import Loss
from neural_style.losses.terms import Checkerboard, make_terms
from neural_style.planning import device
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.training.descent import Descent
from neural_style.training.network_training import Objective, Training
from neural_style.vgg import adaptation, model, weights

ADAM = 4.0
"""Adam's rate as a share of --rate: γ and β, of which each style's move only when it is drawn, and the last layer."""
STRATEGIES = {"mirrored": tf.distribute.MirroredStrategy, "multi_worker": tf.distribute.MultiWorkerMirroredStrategy}


def start_training(
    training: TrainingSettings,
    how: StylesSettings,
    loss: LossSettings,
    vgg: NetworkSettings,
    names: Sequence[str],
    styles: Sequence[np.ndarray],
    cache: Cache,
) -> tuple[Network, Training]:
    """A network and its training.

    Args:
      training, how, loss, vgg: settings.
      names, styles: of the styles; RGB [rows, cols, 3] in 0..255.
      cache: holds VGG's weights.

    Raises:
      UserError: what is asked for can't be done.
    """
    strategy = _strategy(how.strategy, training.batch)
    network = _network(training, how, names)
    precision = device.resolve_precision(vgg.precision)
    _, kernels, _ = weights.cached(vgg, training.seed, cache)
    kernels = adaptation.adapt_weights(vgg, kernels, styles, training.seed, loss.layers)
    encoder = model.build(vgg, kernels, loss.layers, precision)
    terms = make_terms(loss)
    if how.checkerboard_weight:
        terms.append(Checkerboard(how.checkerboard_weight))
    objective = Objective(encoder, Loss(terms), styles, training.crop, how.content_energy)
    moving = network.model.trainable_variables
    if how.only_styles:
        moving = [variable for variable in moving if variable.name in ("gamma", "beta")]
    last = [variable.path for variable in moving if variable.path.startswith("last/")]
    descent = Descent(moving, training.steps, training.rate, ADAM, last)
    return network, Training(network.layers, moving, objective, styles, descent, precision, strategy)


def _network(training: TrainingSettings, how: StylesSettings, names: Sequence[str]) -> Network:
    """A fresh network, or the one that --begin names, with fresh γ and β for other styles."""
    begin = load(Path(training.begin)) if training.begin else None
    architecture, width = (begin.architecture, begin.width) if begin else (how.architecture, how.width)
    network = fresh(architecture, width, names, training.seed)
    if begin is None:
        return network
    for ours, theirs in zip(network.model.weights, begin.model.weights, strict=True):
        if ours.shape == theirs.shape and not (how.only_styles and ours.name in ("gamma", "beta")):
            ours.assign(theirs)
    return network


def _strategy(name: str, batch: int) -> tf.distribute.Strategy | None:
    if name == "none":
        return None
    strategy = STRATEGIES[name]()
    if batch % strategy.num_replicas_in_sync:
        raise UserError(
            f"--batch={batch} can't be shared by {strategy.num_replicas_in_sync} workers: take a multiple of these."
        )
    return strategy

"""Builds the training of a network from settings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.feedforward.network import Network, initialize, load
from neural_style.losses.loss import Loss
from neural_style.losses.terms import Checkerboard, make_terms
from neural_style.planning import device
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.training.descent import Descent
from neural_style.training.network_training import NetworkTraining, Objective
from neural_style.vgg import adaptation, model, weights

ADAM_RATIO = 4.0
"""Adam's learning rate as a share of --rate.

Adam updates the last layer, and γ and β, of which a style's own get gradients only from crops in that style."""
STYLE_VARIABLES = ("gamma", "beta")
"""Names of the variables that each style has of its own."""
STRATEGIES = {"mirrored": tf.distribute.MirroredStrategy, "multi_worker": tf.distribute.MultiWorkerMirroredStrategy}


def start_training(
    training: TrainingSettings,
    styles_settings: StylesSettings,
    loss: LossSettings,
    vgg: NetworkSettings,
    names: Sequence[str],
    styles: Sequence[np.ndarray],
    cache: Cache,
) -> tuple[Network, NetworkTraining]:
    """Build a network and its training before the first step.

    Args:
      training, styles_settings, loss, vgg: settings.
      names: the styles' names.
      styles: the styles' images, RGB [rows, cols, 3] in 0..255.
      cache: holds VGG's weights.

    Raises:
      UserError: the weights are not available, or the batch can't be shared by the workers.
    """
    strategy = _build_strategy(styles_settings.strategy, training.batch)
    network = _build_network(training, styles_settings, names)
    precision = device.resolve_precision(vgg.precision)
    _, kernels, _ = weights.cached(vgg, training.seed, cache)
    kernels = adaptation.adapt_weights(vgg, kernels, styles, training.seed, loss.layers)
    encoder = model.build(vgg, kernels, loss.layers, precision)
    terms = make_terms(loss)
    if styles_settings.checkerboard_weight:
        terms.append(Checkerboard(styles_settings.checkerboard_weight))
    objective = Objective(encoder, Loss(terms), styles, training.crop, styles_settings.content_energy)
    variables = network.model.trainable_variables
    if styles_settings.only_styles:
        variables = [variable for variable in variables if variable.name in STYLE_VARIABLES]
    last_layer = [variable.path for variable in variables if variable.path.startswith("last/")]
    descent = Descent(variables, training.steps, training.rate, ADAM_RATIO, last_layer)
    return network, NetworkTraining(network.layers, variables, objective, styles, descent, precision, strategy)


def _build_network(training: TrainingSettings, styles_settings: StylesSettings, names: Sequence[str]) -> Network:
    """A new network, or the one that --init_from names, with new γ and β where it has another number of styles."""
    if not training.init_from:
        return initialize(styles_settings.architecture, styles_settings.width, names, training.seed)
    start = load(Path(training.init_from))
    network = initialize(start.architecture, start.width, names, training.seed)
    for variable, start_variable in zip(network.model.weights, start.model.weights, strict=True):
        is_new = styles_settings.only_styles and variable.name in STYLE_VARIABLES
        if variable.shape == start_variable.shape and not is_new:
            variable.assign(start_variable)
    return network


def _build_strategy(name: str, batch: int) -> tf.distribute.Strategy | None:
    """The strategy of --strategy; a UserError where its workers can't share a batch."""
    if name == "none":
        return None
    strategy = STRATEGIES[name]()
    if batch % strategy.num_replicas_in_sync:
        raise UserError(
            f"--batch={batch} can't be shared by {strategy.num_replicas_in_sync} workers: choose a multiple of that."
        )
    return strategy

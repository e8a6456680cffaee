"""Builds the training of a network from settings."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.feedforward.network import STYLE_VARIABLES, Network, initialize, load, with_styles
from neural_style.losses.loss import Loss
from neural_style.losses.terms import Checkerboard, make_terms
from neural_style.planning import device
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.training.crops import Crops
from neural_style.training.descent import Descent
from neural_style.training.network_training import NetworkTrainer, Objective
from neural_style.training.style_training import StyleObjective, StyleTrainer
from neural_style.vgg import adaptation, model, weights

ADAM_RATIO = 4.0
"""Adam's learning rate as a share of --rate.

Adam updates the last layer, and γ and β, of which a style's own get gradients only from crops in that style."""
STRATEGIES = {"mirrored": tf.distribute.MirroredStrategy, "multi_worker": tf.distribute.MultiWorkerMirroredStrategy}


def start_training(
    training: TrainingSettings,
    styles_settings: StylesSettings,
    loss: LossSettings,
    vgg: NetworkSettings,
    names: Sequence[str],
    styles: Sequence[np.ndarray],
    cache: Cache,
) -> tuple[Network, NetworkTrainer]:
    """Build a network and its trainer before the first step.

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
    encoder = _build_encoder(vgg, loss, precision, styles, training.seed, cache)
    terms = make_terms(loss)
    if styles_settings.checkerboard_weight:
        terms.append(Checkerboard(styles_settings.checkerboard_weight))
    objective = Objective(encoder, Loss(terms), styles, training.crop, styles_settings.content_energy)
    variables = network.model.trainable_variables
    last_layer = [variable.path for variable in variables if variable.path.startswith("last/")]
    descent = Descent(variables, training.steps, training.rate, ADAM_RATIO, last_layer)
    return network, NetworkTrainer(network.layers, variables, objective, styles, descent, precision, strategy)


def start_style_training(
    training: TrainingSettings,
    styles_settings: StylesSettings,
    loss: LossSettings,
    vgg: NetworkSettings,
    names: Sequence[str],
    styles: Sequence[np.ndarray],
    crops: Crops | None,
    cache: Cache,
) -> tuple[Network, StyleTrainer]:
    """Add styles to a network, before its own, and build their trainer before the first step.

    Each begins as the nearest of the network's own styles, by the style terms of its paintings of a few crops.

    Args:
      training, styles_settings, loss, vgg, names, styles, cache: see `start_training`.
      crops: what the training learns from; None where a state is restored, so that no beginning is needed.

    Raises:
      UserError: the weights are not available.
    """
    assert styles_settings.add_to is not None  # the job of this training has one
    start = load(Path(styles_settings.add_to))
    kept = () if styles_settings.only_styles else start.styles
    precision = device.resolve_precision(vgg.precision)
    encoder = _build_encoder(vgg, loss, precision, styles, training.seed, cache)
    objective = StyleObjective(encoder, loss, styles_settings.checkerboard_weight, styles)
    nearest = [0] * len(names)
    if crops is not None:
        nearest = _nearest_styles(start, objective, tf.constant(crops.batch(0), tf.float32))
    chosen = with_styles(start, [*nearest, *range(len(kept))])
    network = dataclasses.replace(chosen, styles=(*names, *kept))
    variables = [variable for variable in network.model.trainable_variables if variable.name in STYLE_VARIABLES]
    descent = Descent(variables, training.steps, training.rate)
    return network, StyleTrainer(network, variables, objective, styles, descent, precision)


def _build_encoder(
    vgg: NetworkSettings, loss: LossSettings, precision: str, styles: Sequence[np.ndarray], seed: int, cache: Cache
) -> keras.Model:
    """The VGG that compares paintings; see `start_training`."""
    _, kernels, _ = weights.load_cached(vgg, seed, cache)
    kernels = adaptation.adapt_weights(vgg, kernels, styles, seed, loss.layers)
    return model.build(vgg, kernels, loss.layers, precision)


def _nearest_styles(network: Network, objective: StyleObjective, images: tf.Tensor) -> list[int]:
    """The number of the network's style that is nearest to each of the objective's styles."""

    @tf.function(autograph=False)
    def losses_of(style: tf.Tensor) -> tf.Tensor:
        return objective.style_losses(network.layers(images, style))

    weights_of_styles = tf.eye(len(network.styles))[:, tf.newaxis, tf.newaxis, tf.newaxis]
    losses = [losses_of(tf.repeat(style, images.shape[0], axis=0)).numpy() for style in weights_of_styles]
    return [int(number) for number in np.argmin(losses, axis=0)]


def _build_network(training: TrainingSettings, styles_settings: StylesSettings, names: Sequence[str]) -> Network:
    """A new network, or the one that --init_from names, with new γ and β where it has another number of styles."""
    if not training.init_from:
        return initialize(styles_settings.architecture, styles_settings.width, names, training.seed)
    start = load(Path(training.init_from))
    network = initialize(start.architecture, start.width, names, training.seed)
    for variable, start_variable in zip(network.model.weights, start.model.weights, strict=True):
        if variable.shape == start_variable.shape:
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

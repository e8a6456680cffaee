"""How a decoder is trained: photographs through the encoder and back, compared pixel by pixel and feature by feature.

Where a lower level's decoder is at hand, a decoder ends as that one does, and its new convolutions first learn alone
what that one takes: the features of the lower level, which costs half of a step to the image and back.

No style is ever seen: a decoder learns to invert the network, and serves every painting (Li et al. 2017, section 3.1).
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import TrainingSettings
from neural_style.settings.vgg_layers import level_layer
from neural_style.training.crops import Crops, taken
from neural_style.training.descent import Descent
from neural_style.universal.decoder import Decoder, fresh, kernel_shapes, load, through
from neural_style.vgg import model, weights

FEATURE_WEIGHT = 0.05
"""Of the features' error against the pixels', both relative; the pixels' alone blurs, the features' alone speckles."""
ADAM = 0.1
"""Share of --rate that is Adam's: of biases, and of the last convolution."""
UNIT_CROPS = 32
"""Crops that a decoder's unit is measured on."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Attributes:
      step: how many steps were done.
      features: the mean squared error of the last, of features in their decoder's unit: the lower level's while new
        convolutions learn these, else the decoder's own.
      pixels: likewise of RGB in 0..1; None while no image is decoded.
    """

    step: int
    features: float
    pixels: float | None = None


class Training:
    """The training of one decoder, to be gone on with at any step."""

    def __init__(self, encoder: keras.Model, decoder: Decoder, steps: int, rate: float, lower: Decoder | None = None):
        """
        Args:
          encoder: of `vgg.model.build`, with the decoder's layer, and the lower one's, among its features.
          decoder: where the training begins.
          steps: how many steps the training takes in all; the learning rate falls over them.
          rate: see `Descent`.
          lower: the decoder whose convolutions this one ends with; the others learn alone for half of the steps.
        """
        self._encoder, self._decoder, self._lower = encoder, decoder, lower
        self._alone = steps // 2 if lower else 0
        self._variables = [
            keras.Variable(part, name=f"{kind}_{name}")
            for name, pair in decoder.weights.items()
            for kind, part in zip(("kernel", "bias"), pair, strict=True)
        ]
        last = [variable.path for variable in self._variables if variable.path.endswith(level_layer(1))]
        self._descent = Descent(self._variables, steps, rate, ADAM, last)

    @property
    def step(self) -> int:
        """How many steps were done."""
        return self._descent.step

    def decoder(self) -> Decoder:
        """The decoder by now."""
        weights = {name: tuple(part.numpy() for part in pair) for name, pair in self._weights().items()}
        return dataclasses.replace(self._decoder, weights=weights)

    def run(self, images: tf.Tensor) -> Progress:
        """One step on RGB images [batch, rows, cols, 3] float64 in 0..255."""
        if self.step < self._alone:
            return Progress(self.step + 1, float(self._run_new(images)))
        pixels, features = self._run_whole(images)
        return Progress(self.step, float(features), float(pixels))

    def steps(self, crops: Crops, settings: TrainingSettings) -> Iterator[Progress]:
        """The steps that are still to come."""
        for _, images in taken(crops, self.step, settings.steps):
            yield self.run(images)

    def _weights(self) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """The variables, as a decoder takes them."""
        parts = iter(self._variables)
        return {name: (next(parts).value, next(parts).value) for name in self._decoder.weights}

    @tf.function(autograph=False)
    def _run_whole(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        of = level_layer(self._decoder.level)
        features = self._encoder(images)[of]
        with tf.GradientTape() as tape:
            decoded = dataclasses.replace(self._decoder, weights=self._weights())(features)
            again = self._encoder(tf.cast(decoded, tf.float64))[of]
            pixels = tf.reduce_mean(((decoded - tf.cast(images, tf.float32)) / 255) ** 2)
            mismatch = tf.reduce_mean(((again - features) / self._decoder.unit) ** 2)
            loss = pixels + FEATURE_WEIGHT * mismatch
        self._move(tape, loss)
        return pixels, mismatch

    @tf.function(autograph=False)
    def _run_new(self, images: tf.Tensor) -> tf.Tensor:
        features = self._encoder(images)
        wanted = features[level_layer(self._lower.level)] / self._lower.unit
        with tf.GradientTape() as tape:
            new = {name: pair for name, pair in self._weights().items() if name not in self._lower.weights}
            found = through(features[level_layer(self._decoder.level)] / self._decoder.unit, new)
            mismatch = tf.reduce_mean((found - wanted) ** 2)
        self._move(tape, mismatch)
        return mismatch

    def _move(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        variables = [variable.value for variable in self._variables]
        self._descent.move(tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO))

    def state(self) -> dict[str, np.ndarray]:
        """What `restore` takes: the decoder's variables and the optimiser's."""
        return self._descent.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a `state`."""
        self._descent.restore(state)


def start_training(settings: TrainingSettings, network: NetworkSettings, crops: Crops, cache: Cache) -> Training:
    """A training before its first step.

    Args:
      settings: of the training.
      network: whose features the decoder is to invert.
      crops: that it learns from.
      cache: holds the network's weights.

    Raises:
      UserError: the weights can't be had, or --begin is no decoder of this or a lower level of this network.
    """
    level, name = settings.decoder, network.network
    begin = _decoder(settings.begin, name, level) if settings.begin else None
    lower = begin if begin and begin.level < level else None
    origin, kernels, _ = weights.cached(network, settings.seed, cache)
    layers = [level_layer(each.level) for each in (lower,) if each] + [level_layer(level)]
    encoder = model.build(dataclasses.replace(network, weights=origin), kernels, layers)
    if begin and not lower:
        return Training(encoder, begin, settings.steps, settings.rate)
    shown = np.concatenate([crops.batch(number) for number in range(-(-UNIT_CROPS // settings.batch))])
    unit = float(tf.sqrt(tf.reduce_mean(encoder(shown)[level_layer(level)] ** 2)))
    start = fresh(name, level, unit, settings.seed)
    if lower:
        start = dataclasses.replace(start, weights={**start.weights, **lower.weights})
    return Training(encoder, start, settings.steps, settings.rate, lower)


def _decoder(path: str, network: str, level: int) -> Decoder:
    found, shapes = load(Path(path)), kernel_shapes(network, level)
    if found.level > level or any(shapes.get(name) != pair[0].shape for name, pair in found.weights.items()):
        raise UserError(
            f"--begin takes a decoder of a level up to {level} of {network}, and {path!r} is one of level "
            f"{found.level}: name another, or leave out --begin."
        )
    return found


def psnr(images: np.ndarray, decoded: np.ndarray) -> float:
    """The peak signal-to-noise ratio in dB of `decoded`, clipped to 0..255, against `images`."""
    error = np.mean((np.clip(decoded, 0, 255) - images) ** 2)
    return float(10 * np.log10(255**2 / error))

"""Training of a decoder: photographs are encoded and decoded, and compared by pixels and by features.

No style is used: a decoder learns to invert the network, and serves every painting (Li et al. 2017, section 3.1).

A decoder may end with the convolutions of a lower level's decoder. Its new convolutions then learn alone for half of
the steps: they map this level's features to the lower level's, which costs half as much as decoding to an image.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, TypeVar

import keras
import numpy as np
import tensorflow as tf

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import TrainingSettings
from neural_style.settings.vgg_layers import level_layer
from neural_style.training.base import Progress, Trainer
from neural_style.training.crops import Crops
from neural_style.training.descent import Descent
from neural_style.universal.band_decoder import BandDecoder
from neural_style.universal.decoder import Decoder, apply_convolutions, initialize, kernel_shapes, load
from neural_style.vgg import model, weights

FEATURE_WEIGHT = 0.05
"""Weight of the features' error beside the pixels', both relative. Pixels alone blur, features alone leave speckles."""
ADAM_RATIO = 0.1
"""Adam's learning rate as a share of --rate; Adam updates biases and the last convolution."""
UNIT_CROPS = 32
"""Minimum number of crops by which a decoder's unit is measured."""


@dataclasses.dataclass(frozen=True)
class DecoderProgress(Progress):
    """How far the training of a decoder is.

    Attributes:
      step: number of steps that were done.
      features: mean squared error of the last step's features, in units of their decoder: of the lower level while the
        new convolutions learn alone, else of the decoder's own level.
      pixels: mean squared error of the last step's RGB in 0..1; None while no image is decoded.
    """

    features: float
    pixels: float | None = None


AnyDecoder = TypeVar("AnyDecoder", Decoder, BandDecoder)


class ConvolutionTrainer(Trainer[DecoderProgress], Generic[AnyDecoder]):
    """The training of all convolutions of a decoder, of a level or of bands."""

    def __init__(self, encoder: keras.Model, decoder: AnyDecoder, steps: int, rate: float, last_layer: str):
        """
        Args:
          encoder: what the decoder inverts.
          decoder: where the training starts.
          steps: number of steps of the whole training; the learning rate falls over them.
          rate: see `Descent`.
          last_layer: name of the decoder's last convolution.
        """
        self._encoder = encoder
        self._decoder: AnyDecoder = decoder
        self._variables = [
            keras.Variable(array, name=f"{kind}_{name}")
            for name, pair in decoder.weights.items()
            for kind, array in zip(("kernel", "bias"), pair, strict=True)
        ]
        last = [variable.path for variable in self._variables if variable.path.endswith(last_layer)]
        super().__init__(Descent(self._variables, steps, rate, ADAM_RATIO, last))

    def decoder(self) -> AnyDecoder:
        """The decoder with the weights learned so far."""
        arrays = {name: (kernel.numpy(), bias.numpy()) for name, (kernel, bias) in self._weights().items()}
        return dataclasses.replace(self._decoder, weights=arrays)

    def _weights(self) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """The variables as the weights of a decoder."""
        kernels, biases = self._variables[::2], self._variables[1::2]
        pairs = zip(self._decoder.weights, kernels, biases, strict=True)
        return {name: (kernel.value, bias.value) for name, kernel, bias in pairs}


class DecoderTrainer(ConvolutionTrainer[Decoder]):
    """The training of the decoder of a level."""

    def __init__(self, encoder: keras.Model, decoder: Decoder, steps: int, rate: float, lower: Decoder | None = None):
        """
        Args:
          encoder: of `vgg.model.build`, with the layers of the decoder's and the lower level among its outputs.
          decoder, steps, rate: see `ConvolutionTrainer`.
          lower: the decoder whose convolutions this one ends with; the others learn alone for half of the steps.
        """
        super().__init__(encoder, decoder, steps, rate, level_layer(1))
        self._lower = lower
        self._steps_alone = steps // 2 if lower else 0

    def run(self, images: tf.Tensor) -> DecoderProgress:
        """Do one step; see `Trainer.run`."""
        if self.step < self._steps_alone:
            features = self._update_new_convolutions(images)
            return DecoderProgress(self.step, float(features))
        pixels, features = self._update_all(images)
        return DecoderProgress(self.step, float(features), float(pixels))

    @tf.function(autograph=False)
    def _update_all(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Update all convolutions; the errors of pixels and features."""
        layer = level_layer(self._decoder.level)
        features = self._encoder(images)[layer]
        with tf.GradientTape() as tape:
            decoded = dataclasses.replace(self._decoder, weights=self._weights())(features)
            decoded_features = self._encoder(tf.cast(decoded, tf.float64))[layer]
            pixel_error = tf.reduce_mean(((decoded - tf.cast(images, tf.float32)) / 255) ** 2)
            feature_error = tf.reduce_mean(((decoded_features - features) / self._decoder.unit) ** 2)
            loss = pixel_error + FEATURE_WEIGHT * feature_error
        self._update(tape, loss)
        return pixel_error, feature_error

    @tf.function(autograph=False)
    def _update_new_convolutions(self, images: tf.Tensor) -> tf.Tensor:
        """Update the convolutions that the lower decoder lacks; the error of its features."""
        lower = self._lower
        assert lower is not None
        features = self._encoder(images)
        target = features[level_layer(lower.level)] / lower.unit
        with tf.GradientTape() as tape:
            new = {name: pair for name, pair in self._weights().items() if name not in lower.weights}
            predicted = apply_convolutions(features[level_layer(self._decoder.level)] / self._decoder.unit, new)
            error = tf.reduce_mean((predicted - target) ** 2)
        self._update(tape, error)
        return error

    def _update(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        variables = [variable.value for variable in self._variables]
        self._descent.update(tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO))


def start_training(settings: TrainingSettings, network: NetworkSettings, crops: Crops, cache: Cache) -> DecoderTrainer:
    """Build a training before its first step.

    Args:
      settings: of the training.
      network: the network whose features the decoder is to invert.
      crops: what it learns from.
      cache: holds the network's weights.

    Raises:
      UserError: the weights are not available, or --init_from is not a decoder of this or a lower level of the network.
    """
    level, name = settings.decoder, network.network
    assert level is not None
    start = _load_start(settings.init_from, name, level) if settings.init_from else None
    lower = start if start and start.level < level else None
    origin, kernels, _ = weights.load_cached(network, settings.seed, cache)
    assert kernels is not None  # `decoders.encoder` refuses learned weights, before any training
    layers = [level_layer(level)]
    if lower:
        layers.insert(0, level_layer(lower.level))
    encoder = model.build(dataclasses.replace(network, weights=origin), kernels, layers)
    if start and not lower:
        return DecoderTrainer(encoder, start, settings.steps, settings.rate)
    units = measure_units(encoder, [level_layer(level)], crops, settings.batch)
    decoder = initialize(name, level, units[level_layer(level)], settings.seed)
    if lower:
        decoder = dataclasses.replace(decoder, weights={**decoder.weights, **lower.weights})
    return DecoderTrainer(encoder, decoder, settings.steps, settings.rate, lower)


def measure_units(encoder: keras.Model, layers: Iterable[str], crops: Crops, batch: int) -> dict[str, float]:
    """The root mean square of each layer's features over at least `UNIT_CROPS` crops."""
    squares: dict[str, list[float]] = {layer: [] for layer in layers}
    for number in range(-(-UNIT_CROPS // batch)):
        features = encoder(crops.batch(number))
        for layer, means in squares.items():
            means.append(float(tf.reduce_mean(features[layer] ** 2)))
    return {layer: float(np.sqrt(np.mean(means))) for layer, means in squares.items()}


def _load_start(path: str, network: str, level: int) -> Decoder:
    """Load the decoder of --init_from; a UserError unless it fits `level` or a lower one of `network`."""
    decoder, shapes = load(Path(path)), kernel_shapes(network, level)
    fits = all(shapes.get(name) == kernel.shape for name, (kernel, _) in decoder.weights.items())
    if decoder.level > level or not fits:
        received = f"one of level {decoder.level}" if decoder.level > level else "one of another network"
        raise UserError(
            f"--init_from takes a decoder of a level up to {level} of {network}, and {path!r} is {received}: name "
            "another, or leave out --init_from."
        )
    return decoder


def psnr(images: np.ndarray, decoded: np.ndarray) -> float:
    """The peak signal-to-noise ratio in dB of `decoded`, clipped to 0..255, against `images`."""
    error = np.mean((np.clip(decoded, 0, 255) - images) ** 2)
    return float(10 * np.log10(255**2 / error))

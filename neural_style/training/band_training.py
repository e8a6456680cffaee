"""Training of a band decoder on photographs alone: they are encoded with Haar pooling and decoded.

Every level's low band is known, so every stage has a target of its own beside the pixels. While it is trained, each
stage gets a random mixture of the encoder's own low band and of the decoded one, as when it paints with any --detail.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

from neural_style.core.cache import Cache
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import TrainingSettings
from neural_style.training.crops import Crops
from neural_style.training.decoder_training import ConvolutionTrainer, DecoderProgress, measure_units
from neural_style.universal import haar
from neural_style.universal.band_codec import build_encoder
from neural_style.universal.band_decoder import LAST, LEVELS, BandDecoder, encoder_layers, initialize, load
from neural_style.vgg import weights

PIXEL_WEIGHT = 5.0
"""Weight of the pixels' squared error divided by `PIXEL_VARIANCE`; the relative error of each low band weighs 1."""
PIXEL_VARIANCE = 60.0**2
"""A typical variance of a photograph's pixels in 0..255."""
PURE_SHARE = 0.2
"""Share of the mixtures that are wholly the decoded low band; the same again are wholly the encoder's."""

Features = Mapping[int, tf.Tensor]
"""The encoder's features by level."""


class BandTrainer(ConvolutionTrainer[BandDecoder]):
    """The training of a band decoder."""

    def __init__(self, encoder: keras.Model, network: str, decoder: BandDecoder, steps: int, rate: float, seed: int):
        """
        Args:
          encoder: of `band_codec.build_encoder`.
          network: its name.
          decoder, steps, rate: see `ConvolutionTrainer`.
          seed: of the mixtures.
        """
        super().__init__(encoder, decoder, steps, rate, LAST)
        self._layers, self._seed = encoder_layers(network), seed

    def run(self, images: tf.Tensor) -> DecoderProgress:
        """Do one step; see `Trainer.run`."""
        lows, pixels = self._update(images, tf.constant(self.step))
        return DecoderProgress(self.step, float(lows), float(pixels))

    @tf.function(autograph=False)
    def _update(self, images: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Update all convolutions; the mean relative error of the low bands, and the pixels' in 0..1."""
        encoded = self._encoder(images)
        features = {level: encoded[layer] for level, layer in self._layers.items()}
        pixels = tf.cast(images, tf.float32)
        with tf.GradientTape() as tape:
            decoder = dataclasses.replace(self._decoder, weights=self._weights())
            decoded, errors = self._decode(decoder, features, step)
            pixel_error = tf.reduce_mean((decoded - pixels) ** 2)
            loss = tf.add_n(errors) + PIXEL_WEIGHT * pixel_error / PIXEL_VARIANCE
        variables = [variable.value for variable in self._variables]
        self._descent.update(tape.gradient(loss, variables))
        return tf.add_n(errors) / len(errors), pixel_error / 255**2

    def _decode(self, decoder: BandDecoder, features: Features, step: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Decode features [batch, rows, cols, channels] by level; the images, and the low bands' relative errors."""
        x, errors = features[LEVELS[0]], []
        for level in LEVELS[1:]:
            low, details = haar.analyze(features[level])
            decoded = decoder.stage(x, level + 1)
            errors.append(tf.reduce_mean(((decoded - low) / (2 * decoder.units[level])) ** 2))
            share = self._shares(tf.shape(low)[0], step, level)
            # Each stage learns from its own target alone: the pixels would pull the low bands away from the encoder's.
            decoded = tf.stop_gradient(decoded)
            x = tf.nn.relu(haar.synthesize(share * low + (1 - share) * decoded, details))
        return decoder.stage(x, 1), errors

    def _shares(self, batch: tf.Tensor, step: tf.Tensor, level: int) -> tf.Tensor:
        """The encoder's random share of each image's low band [batch, 1, 1, 1], which depends on the step alone."""
        seed = tf.stack([self._seed % 2**31, step * len(LEVELS) + level])
        shares = tf.random.stateless_uniform(tf.stack([batch, 1, 1, 1]), seed)
        return tf.clip_by_value((shares - PURE_SHARE) / (1 - 2 * PURE_SHARE), 0, 1)


def start_training(settings: TrainingSettings, network: NetworkSettings, crops: Crops, cache: Cache) -> BandTrainer:
    """Build a training before its first step.

    Args:
      settings: of the training.
      network: the network whose features the decoder is to invert; its pooling is ignored.
      crops: what it learns from.
      cache: holds the network's weights.

    Raises:
      UserError: the weights are not available, or --init_from is not a band decoder.
    """
    origin, kernels, _ = weights.load_cached(network, settings.seed, cache)
    assert kernels is not None  # `decoders.encoder` refuses learned weights, before any training
    encoder = build_encoder(dataclasses.replace(network, weights=origin), kernels)
    if settings.init_from:
        decoder = load(Path(settings.init_from))
    else:
        layers = encoder_layers(network.network)
        units = measure_units(encoder, layers.values(), crops, settings.batch)
        decoder = initialize({level: units[layer] for level, layer in layers.items()}, settings.seed)
    return BandTrainer(encoder, network.network, decoder, settings.steps, settings.rate, settings.seed)

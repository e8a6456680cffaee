"""Training of a band decoder on photographs alone: they are encoded with Haar pooling and decoded.

Every level's low band is known, so every stage has a target of its own beside the pixels. While it is trained, each
stage gets a random mixture of the encoder's own low band and of the decoded one, as when it paints with any --detail.

The deepest stage is a single convolution, which is solved for. The last one begins with the best single convolution.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from neural_style.core.cache import Cache
from neural_style.settings.network import NetworkSettings
from neural_style.settings.training import TrainingSettings
from neural_style.training.crops import Crops
from neural_style.training.decoder_training import ConvolutionTraining, DecoderProgress
from neural_style.training.least_squares import ConvolutionFit
from neural_style.training.whitening import Whitening
from neural_style.universal import haar
from neural_style.universal.band_codec import build_encoder
from neural_style.universal.band_decoder import LAST, LEVELS, BandDecoder, encoder_layers, initialize, load
from neural_style.universal.transforms import MomentAccumulator, Statistics
from neural_style.vgg import weights

PIXEL_WEIGHT = 5.0
"""Weight of the pixels' squared error divided by `PIXEL_VARIANCE`; the relative error of each low band weighs 1."""
PIXEL_VARIANCE = 60.0**2
"""A typical variance of a photograph's pixels in 0..255."""
PURE_SHARE = 0.2
"""Share of the mixtures that are wholly the decoded low band; the same again are wholly the encoder's."""
START_CROPS = 128
"""Crops from which the start is computed."""
OFFSET = 1.0
"""Added to colours in 0..1 by the first convolution of stage 1 and subtracted by its second, so that the ReLU between
them changes nothing."""

Features = Mapping[int, tf.Tensor]
"""The encoder's features by level."""
TRAINED = LEVELS[1:]
"""The levels of the stages that are trained."""


class BandTraining(ConvolutionTraining[BandDecoder]):
    """The training of a band decoder."""

    def __init__(
        self,
        encoder: keras.Model,
        network: str,
        decoder: BandDecoder,
        whitenings: Mapping[int, Whitening],
        settings: TrainingSettings,
    ):
        """
        Args:
          encoder: of `band_codec.build_encoder`.
          network: its name.
          decoder: where the training starts.
          whitenings: of the features before each trained stage, in the decoder's units.
          settings: of the training.
        """
        self._layers, self._seed = encoder_layers(network), settings.seed
        self._whitenings = {f"stage{level}_conv1": whitenings[level] for level in TRAINED}
        trained = {name: pair for name, pair in decoder.weights.items() if not name.startswith(f"stage{LEVELS[0]}")}
        for name, whitening in self._whitenings.items():
            trained[name] = whitening.to_whitened(*trained[name])
        super().__init__(encoder, decoder, trained, settings.steps, settings.rate, LAST)

    def run(self, images: tf.Tensor) -> DecoderProgress:
        """Do one step; see `Training.run`."""
        lows, pixels = self._update(images, tf.constant(self.step))
        return DecoderProgress(self.step, float(lows), float(pixels))

    def _weights(self) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """The variables as the weights of a decoder, for plain features."""
        variables = super()._weights()
        plain = {name: whitening.to_plain(*variables[name]) for name, whitening in self._whitenings.items()}
        return {**variables, **plain}

    @tf.function(autograph=False)
    def _update(self, images: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Update the convolutions; the mean relative error of the low bands, and the pixels' in 0..1."""
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
        for level in TRAINED:
            low, bands = haar.analyze(features[level])
            decoded = decoder.stage(x, level + 1)
            errors.append(tf.reduce_mean(((decoded - low) / (2 * decoder.units[level])) ** 2))
            share = self._shares(tf.shape(low)[0], step, level)
            # Each stage learns from its own target alone: the pixels would pull the low bands away from the encoder's.
            decoded = tf.stop_gradient(decoded)
            x = tf.nn.relu(haar.synthesize(share * low + (1 - share) * decoded, bands))
        return decoder.stage(x, 1), errors

    def _shares(self, batch: tf.Tensor, step: tf.Tensor, level: int) -> tf.Tensor:
        """The encoder's random share of each image's low band [batch, 1, 1, 1], which depends on the step alone."""
        seed = tf.stack([self._seed % 2**31, step * len(LEVELS) + level])
        shares = tf.random.stateless_uniform(tf.stack([batch, 1, 1, 1]), seed)
        return tf.clip_by_value((shares - PURE_SHARE) / (1 - 2 * PURE_SHARE), 0, 1)


def start_training(settings: TrainingSettings, network: NetworkSettings, crops: Crops, cache: Cache) -> BandTraining:
    """Build a training before its first step.

    Args:
      settings: of the training.
      network: the network whose features the decoder is to invert; its pooling is ignored.
      crops: what it learns from.
      cache: holds the network's weights.

    Raises:
      UserError: the weights are not available, or --init_from is not a band decoder.
    """
    loaded = load(Path(settings.init_from)) if settings.init_from else None
    origin, kernels, _ = weights.load_cached(network, settings.seed, cache)
    assert kernels is not None  # `decoders.encoder` refuses learned weights, before any training
    encoder = build_encoder(dataclasses.replace(network, weights=origin), kernels)
    of_crops = _CropStatistics(encoder, network.network, crops, settings.batch)
    decoder = of_crops.with_deepest_stage(loaded) if loaded else of_crops.initial_decoder(settings.seed)
    return BandTraining(encoder, network.network, decoder, of_crops.whitenings(decoder.units), settings)


class _CropStatistics:
    """Statistics of some crops, and what can be solved for by them."""

    def __init__(self, encoder: keras.Model, network: str, crops: Crops, batch: int):
        """
        Args:
          encoder, network: see `BandTraining`.
          crops: what the decoder learns from.
          batch: number of crops in a batch.
        """
        layers, deepest = encoder_layers(network), LEVELS[0]
        moments = {level: MomentAccumulator(channel_wise=level == deepest) for level in LEVELS}
        self._deepest_fit, self._image_fit = ConvolutionFit(), ConvolutionFit()
        for number in range(-(-START_CROPS // batch)):
            images = tf.constant(crops.batch(number))
            encoded = encoder(images)
            for level, layer in layers.items():
                moments[level].add(encoded[layer])
            self._deepest_fit.add(encoded[layers[deepest]], haar.analyze(encoded[layers[deepest - 1]])[0])
            self._image_fit.add(encoded[layers[1]], tf.cast(images, tf.float32) / 255)
        self._statistics = {level: accumulator.statistics() for level, accumulator in moments.items()}

    def whitenings(self, units: Mapping[int, float]) -> dict[int, Whitening]:
        """The whitening of the features before each trained stage, in these units."""
        return {level: Whitening.of(_in_units(self._statistics[level], units[level])) for level in TRAINED}

    def initial_decoder(self, seed: int) -> BandDecoder:
        """The decoder before its training: random kernels of whitened features, and what can be solved for."""
        units = {level: _unit(statistics) for level, statistics in self._statistics.items()}
        decoder = initialize(units, seed)
        pairs = dict(decoder.weights)
        for level, whitening in self.whitenings(units).items():
            pairs[f"stage{level}_conv1"] = whitening.to_plain(*pairs[f"stage{level}_conv1"])
        kernel, bias = self._image_fit.solve()
        first = pairs["stage1_conv1"]
        pairs["stage1_conv1"], pairs[LAST] = _begin_linearly(first, pairs[LAST], (kernel * units[1], bias))
        arrays = {name: (np.asarray(kernel), np.asarray(bias)) for name, (kernel, bias) in pairs.items()}
        return self.with_deepest_stage(dataclasses.replace(decoder, weights=arrays))

    def with_deepest_stage(self, decoder: BandDecoder) -> BandDecoder:
        """A decoder with the deepest stage that is solved for, which no step changes."""
        kernel, bias = self._deepest_fit.solve()
        # It was fitted to plain features; a stage takes them in units, and gives low bands in twice the unit.
        target_unit = 2 * decoder.units[LEVELS[1]]
        solved = kernel * decoder.units[LEVELS[0]] / target_unit, bias / target_unit
        return dataclasses.replace(decoder, weights={**decoder.weights, f"stage{LEVELS[0]}_conv1": solved})


Pair = tuple[np.ndarray, np.ndarray]
"""A kernel [rows, cols, channels, filters] and a bias."""


def _begin_linearly(first: Pair, last: Pair, linear: Pair) -> tuple[Pair, Pair]:
    """Make a stage of two convolutions begin as a single one, whose result its first channels carry."""
    kernel, bias = (np.array(part) for part in first)
    last_kernel, last_bias = (np.zeros_like(part) for part in last)
    colors = last_kernel.shape[-1]
    kernel[..., :colors], bias[:colors] = linear[0], linear[1] + OFFSET
    last_kernel[1, 1, :colors], last_bias[:] = np.eye(colors), -OFFSET
    return (kernel, bias), (last_kernel, last_bias)


def _unit(statistics: Statistics) -> float:
    """The root mean square of features."""
    return float(np.sqrt(np.mean(np.diagonal(statistics.covariance) + statistics.mean**2)))


def _in_units(statistics: Statistics, unit: float) -> Statistics:
    """The statistics of features that are divided by a unit."""
    return Statistics(statistics.mean / unit, statistics.covariance / unit**2)

"""How a decoder is trained: photographs through the encoder and back, compared pixel by pixel and feature by feature.

Where a lower level's decoder is at hand, a decoder ends as that one does, and its new convolutions first learn alone
what that one takes: the features of the lower level, which costs half of a step to the image and back.

No style is ever seen: a decoder learns to invert the network, and serves every painting (Li et al. 2017, section 3.1).
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from neural_style.cache import Cache
from neural_style.errors import UserError
from neural_style.settings.network import NetworkSettings
from neural_style.settings.universal import TrainingSettings
from neural_style.universal.decoder import Decoder, fresh, kernel_shapes, layer, load, through
from neural_style.vgg import model, weights

FEATURE_WEIGHT = 0.05
"""Of the features' error against the pixels', both relative; the pixels' alone blurs, the features' alone speckles."""
RATE, LAST_RATE = 2e-3, 4e-5
"""Of Muon (Jordan 2024), which makes each kernel's step orthogonal; with Adam the same took five times as many steps.

The last convolution and biases are Adam's, at a tenth of the rate. It grows over the first twentieth of the steps, and
falls as a cosine.
"""
UNIT_CROPS = 32
"""Crops that a decoder's unit is measured on."""
LARGEST = 2.5
"""How many times the crop's side a square is at most that is shrunk to a crop."""


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


def crops(pictures: Sequence[Image.Image], side: int, batch: int, seed: int, first: int = 0) -> tf.data.Dataset:
    """Batches of random crops without end; the same seed gives the same, from wherever they begin.

    Args:
      pictures: RGB images with at least `side` rows and columns.
      side: of a crop, in pixels. A square of `side` to `LARGEST` times it is shrunk to that.
      batch: crops of a batch.
      seed: of positions, sizes and mirrorings.
      first: the batch to begin with.

    Returns:
      A dataset of float64 RGB [batch, side, side, 3] in 0..255.
    """

    def batches() -> Iterator[np.ndarray]:
        step = first
        while True:
            rng = np.random.default_rng((seed, step))
            yield np.stack([_crop(pictures[rng.integers(len(pictures))], side, rng) for _ in range(batch)])
            step += 1

    signature = tf.TensorSpec((batch, side, side, 3), tf.float64)
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)


def _crop(picture: Image.Image, side: int, rng: np.random.Generator) -> np.ndarray:
    size = rng.integers(side, min(*picture.size, int(LARGEST * side)) + 1)
    left, top = rng.integers(picture.width - size + 1), rng.integers(picture.height - size + 1)
    crop = picture.resize((side, side), Image.Resampling.LANCZOS, (left, top, left + size, top + size))
    pixels = np.asarray(crop, np.float64)
    return pixels[:, ::-1] if rng.integers(2) else pixels


class Training:
    """The training of one decoder, to be gone on with at any step."""

    def __init__(self, encoder: keras.Model, decoder: Decoder, steps: int, lower: Decoder | None = None):
        """
        Args:
          encoder: of `vgg.model.build`, with the decoder's layer, and the lower one's, among its features.
          decoder: where the training begins.
          steps: how many steps the training takes in all; the learning rate falls over them.
          lower: the decoder whose convolutions this one ends with; the others learn alone for half of the steps.
        """
        self._encoder, self._decoder, self._lower = encoder, decoder, lower
        self._alone = steps // 2 if lower else 0
        self._variables = [
            keras.Variable(part.reshape(-1, part.shape[-1]) if part.ndim == 4 else part, name=f"{kind}_{name}")
            for name, pair in decoder.weights.items()
            for kind, part in zip(("kernel", "bias"), pair, strict=True)
        ]
        schedule = dict(warmup_target=RATE, warmup_steps=max(1, steps // 20), alpha=LAST_RATE / RATE)
        rate = keras.optimizers.schedules.CosineDecay(RATE / 20, steps - steps // 20, **schedule)
        plain = {"weight_decay": 0.0, "adam_weight_decay": 0.0, "exclude_layers": [f"kernel_{layer(1)}"]}
        self._optimizer = keras.optimizers.Muon(rate, adam_lr_ratio=0.1, **plain)
        self._optimizer.build(self._variables)

    @property
    def step(self) -> int:
        """How many steps were done."""
        return int(self._optimizer.iterations.numpy())

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

    def steps(self, pictures: Sequence[Image.Image], settings: TrainingSettings) -> Iterator[Progress]:
        """The steps that are still to come, on crops of `pictures`."""
        for images in crops(pictures, settings.crop, settings.batch, settings.seed, self.step):
            if self.step >= settings.steps:
                return
            yield self.run(images)

    def _weights(self) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """The variables, of which kernels are matrices, as a decoder takes them."""
        parts = iter(self._variables)
        return {
            name: (tf.reshape(next(parts).value, kernel.shape), tf.convert_to_tensor(next(parts).value))
            for name, (kernel, _) in self._decoder.weights.items()
        }

    @tf.function(autograph=False)
    def _run_whole(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        of = layer(self._decoder.level)
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
        wanted = features[layer(self._lower.level)] / self._lower.unit
        with tf.GradientTape() as tape:
            new = {name: pair for name, pair in self._weights().items() if name not in self._lower.weights}
            found = through(features[layer(self._decoder.level)] / self._decoder.unit, new)
            mismatch = tf.reduce_mean((found - wanted) ** 2)
        self._move(tape, mismatch)
        return mismatch

    def _move(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        variables = [variable.value for variable in self._variables]
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        self._optimizer.apply(gradients, self._variables)

    def state(self) -> dict[str, np.ndarray]:
        """What `restore` takes: the decoder's variables and the optimiser's."""
        named = [*self._variables, *self._optimizer.variables]
        return {str(index): np.asarray(variable.numpy()) for index, variable in enumerate(named)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a `state`."""
        for index, variable in enumerate([*self._variables, *self._optimizer.variables]):
            variable.assign(state[str(index)])


def begun(
    settings: TrainingSettings, network: NetworkSettings, pictures: Sequence[Image.Image], cache: Cache
) -> Training:
    """A training before its first step.

    Args:
      settings: of the training.
      network: whose features the decoder is to invert.
      pictures: that it learns from.
      cache: holds the network's weights.

    Raises:
      UserError: the weights can't be had, or --begin is no decoder of this or a lower level of this network.
    """
    level, name = settings.decoder, network.network
    begin = _decoder(settings.begin, name, level) if settings.begin else None
    lower = begin if begin and begin.level < level else None
    origin, kernels, _ = weights.cached(network, settings.seed, cache)
    layers = [layer(each.level) for each in (lower,) if each] + [layer(level)]
    encoder = model.build(dataclasses.replace(network, weights=origin), kernels, layers)
    if begin and not lower:
        return Training(encoder, begin, settings.steps)
    shown = next(iter(crops(pictures, settings.crop, UNIT_CROPS, settings.seed)))
    unit = float(tf.sqrt(tf.reduce_mean(encoder(shown)[layer(level)] ** 2)))
    start = fresh(name, level, unit, settings.seed)
    if lower:
        start = dataclasses.replace(start, weights={**start.weights, **lower.weights})
    return Training(encoder, start, settings.steps, lower)


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

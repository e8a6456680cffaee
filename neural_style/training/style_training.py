"""Training of new styles of a network: γ and β alone, on crops of one photograph at a time.

A network's convolutions serve any style (Dumoulin et al. 2017, section 3.3), so that a new one is learned in minutes.
Departures from the paper, each of which made better pictures in as many steps: style statistics are pooled over the
crops of a photograph, content is compared with a photograph in the painting's colours, and the checkerboard that a
network's strides leave is a term.
"""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from neural_style.feedforward.network import Network
from neural_style.images import color
from neural_style.losses import functions
from neural_style.losses.terms import CELL, WINDOW
from neural_style.settings.loss import LossSettings
from neural_style.training.descent import Descent
from neural_style.training.network_training import NetworkTrainer


class StyleObjective:
    """The terms of a batch of paintings of one photograph in one style.

    content/LAYER is the mean squared difference of features, divided by their variance; style/LAYER is
    |G - G*|² / |G*|² with the Gram matrix G of all paintings together; total_variation is the mean absolute difference
    of neighbours in 0..1. Each mean over layers has the weight of its flag.
    """

    def __init__(
        self,
        encoder: keras.Model,
        loss: LossSettings,
        checkerboard_weight: float,
        styles: Sequence[np.ndarray],
    ):
        """
        Args:
          encoder: of `vgg.model.build`, with every layer that the loss uses.
          loss: layers and weights.
          checkerboard_weight: weight of `functions.checkerboard`.
          styles: RGB [rows, cols, 3] in 0..255.
        """
        self._encoder, self._loss, self._checkerboard_weight = encoder, loss, checkerboard_weight
        features = [encoder(style[None].astype(np.float64)) for style in styles]
        self._targets = {
            layer: tf.concat([_mean_gram(maps[layer]) for maps in features], axis=0) for layer in loss.style_layers
        }

    def __call__(self, contents: tf.Tensor, painted: tf.Tensor, which: tf.Tensor) -> dict[str, tf.Tensor]:
        """The terms.

        Args:
          contents: what content is compared with, RGB [batch, side, side, 3] float64 in 0..255.
          painted: RGB likewise; what the terms are differentiated by.
          which: the number of the style of each [batch]; all are equal.

        Returns:
          Each term by its name: [batch], weighted. Style's is the same for each image.
        """
        loss = self._loss
        content_features, painted_features = self._encoder(contents), self._encoder(tf.cast(painted, tf.float64))
        terms = {
            f"content/{layer}": loss.content_weight
            * weight
            * _difference(painted_features[layer], content_features[layer])
            for layer, weight in loss.layer_weights("content").items()
        }
        for name, distances in self._style_terms(painted_features).items():
            terms[name] = tf.repeat(distances[which[0]], contents.shape[0])
        image = tf.cast(painted, tf.float32)
        terms["total_variation"] = loss.tv_weight * _mean_variation(image / 255)
        terms["checkerboard"] = self._checkerboard_weight * functions.checkerboard(image, CELL, WINDOW)
        return terms

    def style_losses(self, painted: tf.Tensor) -> tf.Tensor:
        """The sum of the style terms of pictures [batch, rows, cols, 3], by each of the new styles: [styles]."""
        return tf.add_n(list(self._style_terms(self._encoder(tf.cast(painted, tf.float64))).values()))

    def _style_terms(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Each style term by its name, for each of the new styles: [styles], weighted."""
        return {
            f"style/{layer}": self._loss.style_weight
            * weight
            * _gram_distance(_mean_gram(features[layer]), self._targets[layer])
            for layer, weight in self._loss.layer_weights("style").items()
        }


def _mean_gram(features: tf.Tensor) -> tf.Tensor:
    """The Gram matrix [1, channels, channels] of all positions of features together, divided by their number."""
    together = tf.reshape(tf.cast(features, tf.float32), [1, 1, -1, features.shape[-1]])
    return functions.gram_matrix(together) / functions.positions(together)


def _gram_distance(gram: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """|G - G*|² / |G*|² of a matrix [1, channels, channels] and each target [styles, channels, channels]: [styles]."""
    return tf.reduce_sum(tf.square(gram - targets), [1, 2]) / tf.reduce_sum(tf.square(targets), [1, 2])


def _difference(painted: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    """The mean squared difference of features, divided by the variance of the content's of the batch: [batch]."""
    painted, content = tf.cast(painted, tf.float32), tf.cast(content, tf.float32)
    _, variance = tf.nn.moments(content, [0, 1, 2])
    energy = tf.maximum(tf.reduce_mean(variance), functions.FLATTEST * tf.reduce_mean(tf.square(content)))
    return tf.reduce_mean(tf.math.squared_difference(painted, content), [1, 2, 3]) * functions.reciprocal(energy)


def _mean_variation(images: tf.Tensor) -> tf.Tensor:
    """The mean absolute difference of neighbours, down plus across: [batch]."""
    down = tf.reduce_mean(tf.abs(images[:, 1:] - images[:, :-1]), [1, 2, 3])
    return down + tf.reduce_mean(tf.abs(images[:, :, 1:] - images[:, :, :-1]), [1, 2, 3])


class StyleTrainer(NetworkTrainer):
    """The training of the first styles of a network."""

    def __init__(
        self,
        network: Network,
        variables: Sequence[keras.Variable],
        objective: StyleObjective,
        styles: Sequence[np.ndarray],
        descent: Descent,
        dtype: str,
    ):
        """
        Args:
          network: the network; `styles` are its first ones.
          variables, descent, dtype: see `NetworkTrainer`.
          objective: the loss of its paintings.
          styles: the styles to learn, RGB [rows, cols, 3] in 0..255.
        """
        super().__init__(network.layers, variables, objective, styles, descent, dtype, style_count=len(network.styles))
        self._palettes = [color.palette_of([style]) for style in styles]

    def style_numbers(self, step: int, batch: int) -> np.ndarray:
        """The number of the style of a step's crops [batch]; styles take turns."""
        return np.full(batch, step % len(self._palettes))

    def contents(self, images: tf.Tensor, style_numbers: np.ndarray) -> np.ndarray:
        """The crops in the colours of their painting."""
        crops = np.asarray(images)
        source, target = color.palette_of(crops), self._palettes[style_numbers[0]]
        return np.stack([color.map_colors(crop, source, target, "symmetric").clip(0, 255) for crop in crops])

"""The loss of an image: a list of terms, and the steps from an image's features to one number.

For the content image and each style, once per scene::

    maps = loss.maps(scene, dtype)
    content = loss.measure(content_features, maps)
    style_maps = loss.style_maps(scene, dtype)
    styles = [loss.measure(features, maps) for features, maps in zip(style_features, style_maps)]
    prepared = loss.prepare(content, styles, scene)
    maps |= loss.content_maps(content_features)

For the painted image, at each evaluation::

    sums = loss.sums(features, maps)          # of tiles: added up over the tiles
    values = loss.values(sums, prepared)      # {term: scalar}
    total = loss.total(values)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from neural_style.images.scene import Region, Scene
from neural_style.losses.functions import positions
from neural_style.losses.term import IMAGE_WITH_OVERLAP, Measurement, Term
from neural_style.losses.terms import make_terms
from neural_style.settings import vgg_layers
from neural_style.settings.loss import LossSettings

Features = Mapping[str, tf.Tensor]
"""Features [batch, rows, cols, channels] by layer, with the image itself as "image"."""
LOG_FLOOR = 1e-10
"""Added to a kind's loss before its logarithm is taken, as in Hvass Laboratories' tutorial 15: log(0) is infinite."""
Measured = tuple[Any, tf.Tensor]
"""(value, count) of a term: see `Measurement`."""


class Loss:
    """The weighted terms of a loss. Dicts have the terms' names as keys, but features have layers and weights kinds."""

    def __init__(self, terms: Sequence[Term], kind_weights: Mapping[str, float] | None = None):
        """
        Args:
          terms: each with a name of its own.
          kind_weights: the weight of each kind of term, for --balance=log; None to add the terms themselves.
        """
        self.terms = tuple(terms)
        self._kind_weights = kind_weights

    @property
    def content_layers(self) -> list[str]:
        """The layers whose content features the painted image is compared with."""
        return [term.layer for term in self.terms if term.compares_content]

    def maps(self, scene: Scene, dtype: tf.DType) -> dict[str, Any]:
        """What each term needs at every position, such as region weights; without `content_maps`."""
        return {term.name: term.maps(scene, dtype) for term in self.terms}

    def style_maps(self, scene: Scene, dtype: tf.DType) -> list[dict[str, Any]]:
        """What each term needs at every position of each of `scene.styles`; empty for one that counts everywhere."""
        return [
            {} if mask is None else self.maps(Scene(style, [Region([style], [1.0], 1.0, mask)], style), dtype)
            for style, mask in zip(scene.styles, scene.style_masks, strict=True)
        ]

    def content_maps(self, features: Features) -> dict[str, tf.Tensor]:
        """The content's features, for the terms that compare with them."""
        return {term.name: features[term.layer] for term in self.terms if term.compares_content}

    def measure(self, features: Features, maps: Mapping[str, Any]) -> dict[str, Measured]:
        """Measure a content image or a style, as `prepare` needs it.

        Args:
          features: of the image, or of a tile of it.
          maps: of the image, see `maps` and `style_maps`.

        Returns:
          (value, count) of each term; both add up over tiles.
        """
        measured = {}
        for term in self.terms:
            value = term.measure(_select_features(term, features), maps.get(term.name))
            measured[term.name] = value, positions(features[term.layer])
        return measured

    def prepare(
        self, content: Mapping[str, Measured], styles: Sequence[Mapping[str, Measured]], scene: Scene
    ) -> dict[str, Any]:
        """Compute what each term compares with, and its normalisation.

        Args:
          content: of `measure`, for the content image.
          styles: of `measure`, for each of `scene.styles`.
          scene: the regions of the styles.
        """
        prepared = {}
        for term in self.terms:
            channels = vgg_layers.channels(term.layer)
            content_measured = Measurement(*content[term.name], channels)
            styles_measured = [Measurement(*style[term.name], channels) for style in styles]
            prepared[term.name] = term.prepare(content_measured, styles_measured, scene)
        return prepared

    def sums(self, features: Features, maps: Mapping[str, Any]) -> dict[str, Any]:
        """Sum each term's statistics over the positions of an image or tile.

        Args:
          features: of the painted image.
          maps: of `maps` and `content_maps`.
        """
        return {term.name: term.sums(_select_features(term, features), maps[term.name]) for term in self.terms}

    def losses(self, sums: Mapping[str, Any], prepared: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Compute the weighted loss of each term and image: [batch]."""
        return {term.name: term.loss(sums[term.name], prepared[term.name]) for term in self.terms}

    def values(self, sums: Mapping[str, Any], prepared: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Compute the weighted loss of each term, added up over the batch: scalars."""
        return {name: tf.reduce_sum(losses) for name, losses in self.losses(sums, prepared).items()}

    def total(self, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Add up the terms' values; with kind weights w, add up w * log(sum / w) over the kinds instead.

        `sum` is the weighted loss of a kind, so `sum / w` is its loss without the weight.

        The gradient of a logarithm is the term's, divided by its present value. So kinds have shares of the gradient
        that only their weights decide (Hvass Laboratories' TensorFlow tutorial 15, "update_adj_content").
        """
        if self._kind_weights is None:
            return add(list(values.values()))
        logarithms = []
        for kind in dict.fromkeys(name.split("/")[0] for name in values):
            weight = self._kind_weights[kind]
            weighted = [value for name, value in values.items() if name.split("/")[0] == kind]
            if weight:
                logarithms.append(weight * tf.math.log(add(weighted) / weight + LOG_FLOOR))
        return add(logarithms)


def add(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Add scalars in float64, and round once: in float32 the last bits would depend on the graph's order."""
    return tf.cast(tf.add_n([tf.cast(value, tf.float64) for value in values]), values[0].dtype)


def make_loss(settings: LossSettings, warped_frames: int = 0) -> Loss:
    """Make the loss that the settings describe; see `terms.make_terms`."""
    kind_weights = settings.kind_weights if settings.balance == "log" else None
    return Loss(make_terms(settings, warped_frames), kind_weights)


def _select_features(term: Term, features: Features) -> tf.Tensor:
    if term.overlap and IMAGE_WITH_OVERLAP in features:
        return features[IMAGE_WITH_OVERLAP]
    return features[term.layer]

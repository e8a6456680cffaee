"""The terms of a loss; `term.Term` says what each has."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from neural_style.images.scene import Scene
from neural_style.losses import functions, normalization, regions, style
from neural_style.losses.matching_term import Matching
from neural_style.losses.term import Measurement, Term
from neural_style.settings.loss import LossSettings

CELL = 4
"""Rows and columns, in pixels, of the checkerboard's cells: the largest stride of a trained network."""
WINDOW = 8
"""Rows and columns, in cells, of the windows in which the pattern is measured: it differs in light and dark parts."""


class Content:
    """The squared distance from the content's features at one layer."""

    overlap = 0
    compares_content = True

    def __init__(self, layer: str, weight: float, normalization: str):
        self.name = f"content/{layer}"
        self.layer = layer
        self._weight = weight
        self._normalization = normalization

    def maps(self, scene: Scene, dtype: tf.DType) -> None:
        """None: `sums` gets the content's features from `Loss.content_maps`, since `compares_content` is true."""

    def measure(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """See `Term`."""
        return functions.moments(features) if self._normalization == "scale" else tf.zeros([1])

    def prepare(self, content: Measurement, styles: Sequence[Measurement], scene: Scene) -> tf.Tensor:
        """Compute the weight times a factor; for "scale" this is 1 / the energy of the content's features."""
        if self._normalization == "scale":
            return self._weight * functions.reciprocal(functions.energy(content.value, content.count))
        return self._weight * normalization.content_factor(self._normalization, content.channels, content.count)

    def sums(self, features: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
        """See `Term`."""
        return functions.squared_distance(features, maps)

    def loss(self, sums: tf.Tensor, prepared: tf.Tensor) -> tf.Tensor:
        """See `Term`."""
        return sums * prepared


class Style:
    """The distance from the styles' statistics at one layer, region by region."""

    overlap = 0
    compares_content = False

    def __init__(self, layer: str, weight: float, normalization: str, statistic: str):
        self.name = f"style/{layer}"
        self.layer = layer
        self._weight = weight
        self._normalization = normalization
        self._statistic = style.STATISTICS[statistic]

    def maps(self, scene: Scene, dtype: tf.DType) -> list[tf.Tensor | None]:
        """Return what each region's features are multiplied by, see `regions.weights_at`."""
        return [regions.weights_at(region, self.layer, dtype) for region in scene.regions]

    def measure(self, features: tf.Tensor, maps: Sequence[tf.Tensor | None] | None) -> list[Any]:
        """Compute the statistic of each region, or of the whole image without maps."""
        return [self._statistic.sums(features, weights) for weights in maps or [None]]

    def prepare(self, content: Measurement, styles: Sequence[Measurement], scene: Scene) -> dict[str, Any]:
        """Compute the target and style weight of each region, the number of positions, and the term's factor."""
        prepared = {
            "targets": self._make_targets(content, styles, scene),
            "region_weights": [tf.constant(region.weight, content.count.dtype) for region in scene.regions],
            "count": content.count,
        }
        return {**prepared, "factor": self._weight * self._normalization_factor(content, scene, prepared)}

    def sums(self, features: tf.Tensor, maps: Sequence[tf.Tensor | None]) -> list[Any]:
        """See `Term`; one for each region."""
        return self.measure(features, maps)

    def loss(self, sums: Sequence[Any], prepared: Mapping[str, Any]) -> tf.Tensor:
        """See `Term`."""
        return self._distance(sums, prepared) * prepared["factor"]

    def _make_targets(self, content: Measurement, styles: Sequence[Measurement], scene: Scene) -> list[Any]:
        """One target for each region, merged from those of its styles."""
        targets = []
        remaining = iter(styles)
        for region in scene.regions:
            region_styles = itertools.islice(remaining, len(region.styles))
            parts = [self._statistic.target(m.value[0], m.count, content.count) for m in region_styles]
            targets.append(self._statistic.merge(parts, region.blend))
        return targets

    def _normalization_factor(self, content: Measurement, scene: Scene, prepared: Mapping[str, Any]) -> tf.Tensor:
        """The factor without the term's weight."""
        if self._normalization == "scale":
            zeros = tf.nest.map_structure(tf.zeros_like, content.value)
            content_distance = tf.reduce_sum(self._distance(content.value, prepared))
            zero_distance = tf.reduce_sum(self._distance(zeros, prepared))
            return normalization.distance_factor(content_distance, zero_distance)
        pixels = tf.constant(scene.content.shape[0] * scene.content.shape[1], content.count.dtype)
        return normalization.style_factor(self._normalization, content.channels, content.count, pixels)

    def _distance(self, sums: Sequence[Any], prepared: Mapping[str, Any]) -> tf.Tensor:
        distances = []
        by_region = zip(prepared["region_weights"], sums, prepared["targets"], strict=True)
        for region_weight, region_sums, target in by_region:
            distances.append(region_weight * self._statistic.distance(region_sums, prepared["count"], target))
        return tf.add_n(distances)


class TotalVariation:
    """How much neighbouring pixels differ."""

    name = "total_variation"
    layer = "image"
    overlap = 1
    compares_content = False

    def __init__(self, weight: float, exponent: float, normalization: str):
        self._weight = weight
        self._exponent = exponent
        self._normalization = normalization

    def maps(self, scene: Scene, dtype: tf.DType) -> None:
        """See `Term`."""

    def measure(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """See `Term`."""
        return self.sums(features, maps) if self._normalization == "scale" else tf.zeros([1])

    def prepare(self, content: Measurement, styles: Sequence[Measurement], scene: Scene) -> tf.Tensor:
        """Compute the factor; for "scale" it is 1 / the total variation of content and styles together.

        The styles count as if they had as many pixels as the content. Their total variation changes with the size as
        the painted image's does, so a weight means the same at every size.
        """
        if self._normalization != "scale":
            return self._weight * tf.ones_like(content.count)
        shares = [1.0, *(region.weight * share for region in scene.regions for share in region.blend)]
        images = [content, *styles]
        per_pixel = [share * image.value / image.count for share, image in zip(shares, images, strict=True)]
        return self._weight * functions.reciprocal(tf.reduce_sum(tf.add_n(per_pixel)) * content.count)

    def sums(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """See `Term`."""
        return functions.total_variation(features, self._exponent)

    def loss(self, sums: tf.Tensor, prepared: tf.Tensor) -> tf.Tensor:
        """See `Term`."""
        return sums * prepared


class Temporal:
    """The distance from an earlier painted frame, warped by the film's motion (Ruder et al. 2016, equation 7).

    sum(c (x - w)^2) / (3 rows cols) over pixels and channels, with w the warped frame and c in 0..1 its weights. With
    normalization "scale" it is also divided by the variance of the photograph, as the content's distance is, so that
    one weight suits every film.
    """

    layer = "image"
    overlap = 0
    compares_content = False

    def __init__(self, number: int, weight: float, normalization: str):
        """
        Args:
          number: index in `Scene.warped_frames`.
          weight: of the term.
          normalization: of the loss.
        """
        self.name = f"temporal/{number + 1}"
        self._number = number
        self._weight = weight
        self._normalization = normalization

    def maps(self, scene: Scene, dtype: tf.DType) -> tf.Tensor:
        """Return the warped frame, with its weights as a fourth channel."""
        frame = scene.warped_frames[self._number]
        return tf.cast(tf.concat([frame.image, frame.confidence[..., None]], axis=-1)[None], dtype)

    def measure(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """See `Term`."""
        return functions.moments(features) if self._normalization == "scale" else tf.zeros([1])

    def prepare(self, content: Measurement, styles: Sequence[Measurement], scene: Scene) -> tf.Tensor:
        """Compute the factor."""
        if self._normalization == "scale":
            return self._weight * functions.reciprocal(functions.energy(content.value, content.count))
        return self._weight / (content.channels * content.count)

    def sums(self, features: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
        """See `Term`."""
        return functions.weighted_distance(features, maps[..., :-1], maps[..., -1:])

    def loss(self, sums: tf.Tensor, prepared: tf.Tensor) -> tf.Tensor:
        """See `Term`."""
        return sums * prepared


class Checkerboard:
    """The lattice that a trained network's strides leave in its images; see `functions.checkerboard`."""

    name = "checkerboard"
    layer = "image"
    overlap = 0
    compares_content = False

    def __init__(self, weight: float):
        self._weight = weight

    def maps(self, scene: Scene, dtype: tf.DType) -> None:
        """See `Term`."""

    def measure(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """See `Term`; nothing is needed."""
        return tf.zeros([1])

    def prepare(self, content: Measurement, styles: Sequence[Measurement], scene: Scene) -> float:
        """Return the weight."""
        return self._weight

    def sums(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """Measure the lattice of the whole image; tiles would not add up."""
        return functions.checkerboard(tf.cast(features, tf.float32), CELL, WINDOW)

    def loss(self, sums: tf.Tensor, prepared: float) -> tf.Tensor:
        """See `Term`."""
        return prepared * sums


def make_terms(settings: LossSettings, warped_frames: int = 0) -> list[Term]:
    """Make the terms that the settings describe.

    Args:
      settings: of the loss.
      warped_frames: number of a film's earlier frames that the image is compared with, each by a term of its own.
    """
    normalization_kind = settings.normalization
    terms: list[Term] = []
    for layer, weight in settings.layer_weights("content").items():
        terms.append(Content(layer, settings.content_weight * weight, normalization_kind))
    for layer, weight in settings.layer_weights("style").items():
        terms.append(Style(layer, settings.style_weight * weight, normalization_kind, settings.style_loss))
    if settings.matching_weight:
        for layer in settings.matching_layers:
            terms.append(Matching(layer, settings.matching_weight / len(settings.matching_layers)))
    terms.append(TotalVariation(settings.tv_weight, settings.tv_exponent, normalization_kind))
    for number in range(warped_frames):
        terms.append(Temporal(number, settings.temporal_weight, normalization_kind))
    return terms

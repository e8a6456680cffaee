"""The terms of a loss: each with a name, the layer that it looks at, and a weight.

An image's loss is, term by term, `loss(sums(features, maps), prepared)`. `sums` adds up over positions, so by tiles it
is taken of each tile and added, and `loss` comes once; losses that are no such sum can only be taken whole.
Preparing a term, once for the images of a run, computes what it compares with and its normalisation.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from neural_style.images.scene import Scene
from neural_style.losses import functions, normalization, regions, style
from neural_style.settings import vgg_layers
from neural_style.settings.loss import LossSettings

BEYOND = "image and beyond"
"""The features' key of a tile's image with the rows and columns after it, for terms that need them."""


class Measured(NamedTuple):
    """What a term needs to know of an image, to be prepared.

    Attributes:
      value: of `Term.measure`.
      count: positions of the layer.
      channels: of the layer.
    """

    value: Any
    count: tf.Tensor
    channels: int


class Term(Protocol):
    """A term of the loss.

    Attributes:
      name: such as "style/block1_conv1"; what stands before the slash is its kind.
      layer: whose features it looks at, or "image".
      beyond: rows and columns after the last one of a tile that `sums` needs besides.
      compares: whether its maps are the content's features.
    """

    name: str
    layer: str
    beyond: int
    compares: bool

    def maps(self, scene: Scene, dtype: tf.DType) -> Any:
        """Maps [1, rows, cols, …] at the layer that `sums` needs, of which a tile takes its part; or None."""

    def measure(self, features: tf.Tensor, maps: Any) -> Any:
        """What `prepare` needs of an image; additive over positions as `sums` is."""

    def prepare(self, content: Measured, styles: Sequence[Measured], scene: Scene) -> Any:
        """What `loss` needs: tensors, of the content image and of each of `scene.styles`."""

    def sums(self, features: tf.Tensor, maps: Any) -> Any:
        """Of the features [batch, rows, cols, channels] of its layer."""

    def loss(self, sums: Any, prepared: Any) -> tf.Tensor:
        """[batch], weighted."""


class Content:
    """The squared distance from the content's features at one layer."""

    beyond, compares = 0, True

    def __init__(self, layer: str, weight: float, normalization: str):
        self.name, self.layer = f"content/{layer}", layer
        self._weight, self._normalization = weight, normalization

    def maps(self, scene: Scene, dtype: tf.DType) -> None:
        """See `Term`; the content's features are at hand only where the network is."""

    def measure(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """See `Term`."""
        return style.moments(features) if self._normalization == "scale" else tf.zeros([1])

    def prepare(self, content: Measured, styles: Sequence[Measured], scene: Scene) -> tf.Tensor:
        """The factor; for "scale" 1 / the energy of the content's features."""
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

    beyond, compares = 0, False

    def __init__(self, layer: str, weight: float, normalization: str, statistic: str):
        self.name, self.layer = f"style/{layer}", layer
        self._weight, self._normalization = weight, normalization
        self._statistic = style.STATISTICS[statistic]

    def maps(self, scene: Scene, dtype: tf.DType) -> list[tf.Tensor | None]:
        """The weights of each region at the layer."""
        return [regions.weights_at(region, self.layer, dtype) for region in scene.regions]

    def measure(self, features: tf.Tensor, maps: Sequence[tf.Tensor | None] | None) -> list[Any]:
        """The statistic of each region; of the whole image where there are no maps."""
        return [self._statistic.sums(regions.masked(features, weights)) for weights in maps or [None]]

    def prepare(self, content: Measured, styles: Sequence[Measured], scene: Scene) -> dict[str, Any]:
        """The target and weight of each region, the content's positions, and the factor."""
        targets, waiting = [], iter(styles)
        for region in scene.regions:
            own = itertools.islice(waiting, len(region.styles))
            each = [self._statistic.target(m.value[0], m.count, content.count) for m in own]
            targets.append(self._statistic.merge(each, region.blend))
        weights = [tf.constant(region.weight, content.count.dtype) for region in scene.regions]
        prepared = {"targets": targets, "weights": weights, "count": content.count}
        if self._normalization == "scale":
            nothing = tf.nest.map_structure(tf.zeros_like, content.value)
            start, empty = (tf.reduce_sum(self._distance(v, prepared)) for v in (content.value, nothing))
            factor = normalization.by_distance(start, empty)
        else:
            pixels = tf.constant(scene.content.shape[0] * scene.content.shape[1], content.count.dtype)
            factor = normalization.style_factor(self._normalization, content.channels, content.count, pixels)
        return {**prepared, "factor": self._weight * factor}

    def sums(self, features: tf.Tensor, maps: Sequence[tf.Tensor | None]) -> list[Any]:
        """See `Term`; one for each region."""
        return self.measure(features, maps)

    def loss(self, sums: Sequence[Any], prepared: Mapping[str, Any]) -> tf.Tensor:
        """See `Term`."""
        return self._distance(sums, prepared) * prepared["factor"]

    def _distance(self, sums: Sequence[Any], prepared: Mapping[str, Any]) -> tf.Tensor:
        parts = zip(prepared["weights"], sums, prepared["targets"], strict=True)
        return tf.add_n([w * self._statistic.distance(s, prepared["count"], target) for w, s, target in parts])


class TotalVariation:
    """How much neighbouring pixels differ."""

    name, layer = "total_variation", "image"
    beyond, compares = 1, False

    def __init__(self, weight: float, exponent: float, normalization: str):
        self._weight, self._exponent, self._normalization = weight, exponent, normalization

    def maps(self, scene: Scene, dtype: tf.DType) -> None:
        """See `Term`."""

    def measure(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """See `Term`."""
        return self.sums(features, maps) if self._normalization == "scale" else tf.zeros([1])

    def prepare(self, content: Measured, styles: Sequence[Measured], scene: Scene) -> tf.Tensor:
        """The factor; for "scale" 1 / the total variation of content and styles together.

        The styles count as if they had as many pixels as the content. Both change with the size as a combination's
        does, so that divided by them it means the same at every size.
        """
        if self._normalization != "scale":
            return self._weight * tf.ones_like(content.count)
        weights = [region.weight * part for region in scene.regions for part in region.blend]
        per_pixel = [w * m.value / m.count for w, m in zip([1.0, *weights], [content, *styles], strict=True)]
        return self._weight * functions.reciprocal(tf.reduce_sum(tf.add_n(per_pixel)) * content.count)

    def sums(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """See `Term`."""
        return functions.total_variation(features, self._exponent)

    def loss(self, sums: tf.Tensor, prepared: tf.Tensor) -> tf.Tensor:
        """See `Term`."""
        return sums * prepared


class Temporal:
    """How far a frame is from what an earlier one's painting has become (Ruder et al. 2016, equation 7).

    sum(c (x - w)^2) / (3 rows cols) over pixels and channels, with w the earlier painting carried along by the motion
    and c in 0..1 where it can be trusted. With normalization "scale" it is divided by the variance of the photograph
    instead of by 1, as the content's distance is, so that one weight goes with every film.
    """

    layer = "image"
    beyond, compares = 0, False

    def __init__(self, number: int, weight: float, normalization: str):
        """
        Args:
          number: of `Scene.carried`.
          weight: of the term.
          normalization: of the loss.
        """
        self.name, self._number = f"temporal/{number + 1}", number
        self._weight, self._normalization = weight, normalization

    def maps(self, scene: Scene, dtype: tf.DType) -> tf.Tensor:
        """What was carried along, with its weights as a fourth channel."""
        carried = scene.warped_frames[self._number]
        return tf.cast(tf.concat([carried.image, carried.weights[..., None]], axis=-1)[None], dtype)

    def measure(self, features: tf.Tensor, maps: Any) -> tf.Tensor:
        """See `Term`."""
        return style.moments(features) if self._normalization == "scale" else tf.zeros([1])

    def prepare(self, content: Measured, styles: Sequence[Measured], scene: Scene) -> tf.Tensor:
        """The factor."""
        if self._normalization == "scale":
            return self._weight * functions.reciprocal(functions.energy(content.value, content.count))
        return self._weight / (content.channels * content.count)

    def sums(self, features: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
        """See `Term`."""
        return functions.weighted_distance(features, maps[..., :-1], maps[..., -1:])

    def loss(self, sums: tf.Tensor, prepared: tf.Tensor) -> tf.Tensor:
        """See `Term`."""
        return sums * prepared


def make_terms(settings: LossSettings, warped_frames: int = 0) -> list[Term]:
    """The terms that the settings name; in a film besides one for each earlier frame that is carried along."""
    s = settings
    content = [
        Content(layer, s.content_weight * weight, s.normalization)
        for layer, weight in s.layer_weights("content").items()
    ]
    styles = [
        Style(layer, s.style_weight * weight, s.normalization, s.style_loss)
        for layer, weight in s.layer_weights("style").items()
    ]
    temporal = [Temporal(number, s.temporal_weight, s.normalization) for number in range(warped_frames)]
    return [*content, *styles, TotalVariation(s.tv_weight, s.tv_exponent, s.normalization), *temporal]


def _looked_at(term: Term, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
    return features[BEYOND] if term.beyond and BEYOND in features else features[term.layer]


def measure(terms: Sequence[Term], features: Mapping[str, tf.Tensor], maps: Mapping[str, Any]) -> dict[str, tuple]:
    """What each term measures of an image, and the positions of its layer: {name: (value, count)}."""
    return {
        term.name: (
            term.measure(_looked_at(term, features), maps.get(term.name)),
            functions.positions(features[term.layer]),
        )
        for term in terms
    }


def prepare(
    terms: Sequence[Term], content: Mapping[str, tuple], styles: Sequence[Mapping[str, tuple]], scene: Scene
) -> dict[str, Any]:
    """What each term's `loss` needs, by its name, of what `measure` gave for content and styles."""

    def known(term: Term, found: Mapping[str, tuple]) -> Measured:
        return Measured(*found[term.name], vgg_layers.channels(term.layer))

    return {term.name: term.prepare(known(term, content), [known(term, s) for s in styles], scene) for term in terms}


def maps_of(terms: Sequence[Term], scene: Scene, dtype: tf.DType) -> dict[str, Any]:
    """The maps of each term by its name, but the content's features."""
    return {term.name: term.maps(scene, dtype) for term in terms}


def compared(terms: Sequence[Term], features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The maps of the terms that compare with the content's features, by their names."""
    return {term.name: features[term.layer] for term in terms if term.compares}


def sums(terms: Sequence[Term], features: Mapping[str, tf.Tensor], maps: Mapping[str, Any]) -> dict[str, Any]:
    """The sums of each term by its name."""
    return {term.name: term.sums(_looked_at(term, features), maps[term.name]) for term in terms}


def losses(terms: Sequence[Term], sums: Mapping[str, Any], prepared: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Each term by its name: [batch], weighted."""
    return {term.name: term.loss(sums[term.name], prepared[term.name]) for term in terms}


def summed(losses: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Each term summed over the batch."""
    return {name: tf.reduce_sum(values) for name, values in losses.items()}


def total_loss(summed: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The terms' sum, rounded once: added up in float32, its last bits would depend on the graph's order."""
    values = list(summed.values())
    return tf.cast(tf.add_n([tf.cast(value, tf.float64) for value in values]), values[0].dtype)

"""Exact evaluation tile by tile, in memory that hardly grows with the image.

Gram matrices, sums of squares and total variation are sums over positions. A first pass sums them over tiles; with the
loss's slope by each sum known, a second pass goes forward and back through each tile, from the last to the first, and
puts its gradient where it belongs. The tiles share no feature: each begins with what its neighbours handed on (see
`seams`), and in the second pass hands the gradient of that back to them.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from neural_style.images.sources import Region
from neural_style.losses import functions
from neural_style.losses.style import moments, summed_loss
from neural_style.optimize.objective import LossSettings, mask_tensor, mask_weights, masked, scales, variation_unit
from neural_style.vgg import layout, seams
from neural_style.vgg.tiles import Tile, cut, tiles

KEPT_BYTES = 1 << 30
"""Content targets up to this size are kept; larger ones are computed anew for each tile."""


def _for_any_size(method: Callable) -> Callable:
    """A method as a tf.function, traced once for maps [1, rows, cols, channels] of whatever size."""
    traced = tf.function(method, autograph=False)

    def spec(value) -> tf.TensorSpec | None:
        if value is None:
            return None
        shape = [1, None, None, value.shape[-1]] if len(value.shape) == 4 else value.shape
        return tf.TensorSpec(shape, value.dtype)

    @functools.wraps(method)
    def call(self, *arguments):
        function = traced.__get__(self, type(self))
        # TensorFlow takes the most general trace that it has; left alone, it would make one for each kind of tile.
        function.get_concrete_function(*tf.nest.map_structure(spec, arguments))
        return function(*arguments)

    return call


@dataclasses.dataclass
class _Bound:
    """What stays from evaluation to evaluation.

    Attributes:
      content: by tile, its features by layer; or the network's inputs, of which they are to be computed.
      weights, targets: by layer and region.
      counts: positions by layer.
    """

    content: dict[Tile, dict]
    weights: dict[str, list]
    targets: dict[str, list]
    counts: dict[str, tf.Tensor]
    shares: list[float]
    scale: dict[str, tf.Tensor]


class TiledObjective:
    """An `Objective` whose images are taken tile by tile; loss and gradient are the same."""

    def __init__(self, network: keras.Model, settings: LossSettings, size: int):
        """
        Args:
          network: a tiled one, see `features.build`.
          settings: of losses that are sums over positions.
          size: of the tiles, in pixels, at least `networks.smallest_tile`; rounded up to a multiple of the deepest
            layer's stride.

        Raises:
          UserError: the style loss is no such sum.
        """
        self._network, self._settings = network, settings
        self._style_loss = summed_loss(settings.style_loss)
        stride = max(layout.stride(layer) for layer in (*settings.content_layers, *settings.style_layers))
        self._size = -(-size // stride) * stride
        self._dtype = network.output["features"]["image"].dtype
        self._nothing = seams.nothing(network)

    def bind(self, content: np.ndarray, regions: Sequence[Region]) -> Callable[[np.ndarray], tuple]:
        """As `Objective.bind`."""
        s, layers = self._settings, self._settings.style_layers
        variation = variation_unit(s, content, regions)
        content = np.asarray(content[np.newaxis], np.float64)
        masks = [mask_tensor(region, self._dtype) for region in regions]
        weights = {
            layer: [None if mask is None else mask_weights(mask, layer).numpy() for mask in masks] for layer in layers
        }
        floats = sum(content.size / 3 * self._channels(k) / layout.stride(k) ** 2 for k in s.content_layers)
        own, kept = self._measure(content, weights, keep=4 * floats <= KEPT_BYTES)
        targets = {layer: [] for layer in layers}
        for region in regions:
            measured = [self._measure(np.asarray(style[np.newaxis], np.float64))[0] for style in region.styles]
            for layer in layers:
                each = [
                    self._style_loss.target_of(m["style"][layer][0], m["count"][layer], own["count"][layer])
                    for m in measured
                ]
                targets[layer].append(self._style_loss.merge(each, region.blend))
        bound = _Bound(kept, weights, targets, own["count"], [region.share for region in regions], {})
        nothing = tf.nest.map_structure(tf.zeros_like, own["style"])
        start, zero = self._distances(own["style"], bound), self._distances(nothing, bound)
        count = own["count"]
        bound.scale = scales(
            s,
            tf.constant(content.size / 3, self._dtype),
            tf.constant(variation, self._dtype),
            {k: (self._channels(k), count[k], functions.energy(own["moments"][k], count[k])) for k in s.content_layers},
            {k: (self._channels(k), count[k], start[k], zero[k]) for k in layers},
        )
        return lambda image: self._evaluate(np.asarray(image[np.newaxis], np.float64), bound)

    def _channels(self, layer: str) -> int:
        return layout.kernel_shapes(self._network.name)[layer][-1]

    def _pass(self, image: np.ndarray, step: Callable[[Tile, dict], tuple]) -> tuple[dict, dict[Tile, dict]]:
        """The first pass: the sum of what `step` makes of each tile and its inputs, and the inputs.

        Besides, `step` returns what the tile hands on downwards and to the right.
        """
        total, inputs, below, right = None, {}, {}, {}
        for tile in tiles(*image.shape[1:3], self._size):
            row, col = tile.place
            inputs[tile] = {
                "image": cut(image, tile.seen()),
                "edges": np.array(tile.edges, np.int32),
                "above": below.pop((row - 1, col), self._nothing),
                "left": right.pop((row, col - 1), self._nothing),
            }
            part, below[tile.place], right[tile.place] = step(tile, inputs[tile])
            total = part if total is None else tf.nest.map_structure(tf.add, total, part)
        return total, inputs

    def _measure(
        self, image: np.ndarray, weights: dict | None = None, keep: bool = False
    ) -> tuple[dict, dict[Tile, dict]]:
        """Sums, moments and positions of an image's layers; by tile the content features to keep, or their inputs."""
        features = {}
        weights = weights or {layer: [None] for layer in self._settings.style_layers}

        def step(tile: Tile, inputs: dict) -> tuple:
            part, found, below, right = self._sums(inputs, self._cut_weights(weights, tile))
            if keep:
                features[tile] = found
            return part, below, right

        total, inputs = self._pass(image, step)
        return total, features if keep else inputs

    def _cut_weights(self, weights: dict[str, list], tile: Tile) -> dict[str, list]:
        return {
            layer: [None if maps is None else cut(maps, tile.at(self._network.name, layer)) for maps in each]
            for layer, each in weights.items()
        }

    def _seen(self, inputs: dict) -> dict:
        """What the network makes of a tile."""
        rows, cols = (tf.shape(inputs["image"])[axis] - 1 + inputs["edges"][axis + 1] for axis in (1, 2))
        return self._network({**inputs, "image": tf.slice(inputs["image"], [0, 0, 0, 0], [1, rows, cols, 3])})

    @_for_any_size
    def _sums(self, inputs: dict, weights: dict) -> tuple[dict, dict, dict, dict]:
        s, seen = self._settings, self._seen(inputs)
        features = seen["features"]
        sums = {
            "style": {k: self._style_sums(features[k], weights[k]) for k in s.style_layers},
            "moments": {k: moments(features[k]) for k in s.content_layers},
            "count": {k: functions.positions(features[k]) for k in {*s.style_layers, *s.content_layers}},
        }
        return sums, {k: features[k] for k in s.content_layers}, seen["below"], seen["right"]

    def _style_sums(self, features: tf.Tensor, weights: Sequence) -> list[tf.Tensor]:
        return [self._style_loss.sums(masked(features, weight)) for weight in weights]

    def _parts(self, inputs: dict, weights: dict, content: dict) -> tuple[tuple[dict, dict], dict, dict]:
        """A tile's style sums, and its share of the terms that add up as they are; what it hands on."""
        s, seen = self._settings, self._seen(inputs)
        features = seen["features"]
        variation = functions.total_variation(tf.cast(inputs["image"], self._dtype), s.tv_exponent)
        direct = {"total_variation": tf.reduce_sum(variation)}
        for k in s.content_layers:
            direct[f"content/{k}"] = tf.reduce_sum(functions.squared_distance(features[k], content[k]))
        style = {k: self._style_sums(features[k], weights[k]) for k in s.style_layers}
        return (style, direct), seen["below"], seen["right"]

    @_for_any_size
    def _forward(self, inputs: dict, weights: dict, content: dict) -> tuple[tuple[dict, dict], dict, dict]:
        return self._parts(inputs, weights, content)

    @_for_any_size
    def _backward(
        self, inputs: dict, weights: dict, content: dict, slopes: dict, scale: dict, below: dict, right: dict
    ) -> tuple[tf.Tensor, dict, dict]:
        """The gradient of the loss by what the tile sees: by its image, and by what was handed on to it.

        Args:
          slopes: of the loss by the style sums.
          scale: of the terms that add up as they are.
          below, right: the loss's gradient by what the tile hands on.
        """
        sources = [inputs[name] for name in ("image", "above", "left")]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            (sums, direct), *handed = self._parts(inputs, weights, content)
            added = [value * scale[name] for name, value in direct.items()]
            for layer, values in sums.items():
                pairs = zip(values, slopes[layer], strict=True)
                added += [tf.cast(tf.reduce_sum(value * slope), self._dtype) for value, slope in pairs]
            total = tf.add_n(added)
        handed, upstream = tf.nest.flatten(handed), tf.nest.flatten([below, right])
        upstream = [tf.reshape(slope, tf.shape(maps)) for slope, maps in zip(upstream, handed, strict=True)]
        return tape.gradient([total, *handed], sources, [tf.ones_like(total), *upstream])

    @_for_any_size
    def _content_features(self, inputs: dict) -> dict[str, tf.Tensor]:
        features = self._seen(inputs)["features"]
        return {layer: features[layer] for layer in self._settings.content_layers}

    def _content_of(self, tile: Tile, bound: _Bound) -> dict:
        kept = bound.content[tile]
        return self._content_features(kept) if "image" in kept else kept

    def _distances(self, sums: dict, bound: _Bound) -> dict[str, tf.Tensor]:
        """How far each layer's sums are from the style, summed over the regions."""
        found = {}
        for layer, values in sums.items():
            parts = zip(bound.shares, values, bound.targets[layer], strict=True)
            count = bound.counts[layer]
            found[layer] = tf.add_n(
                [share * tf.reduce_sum(self._style_loss.distance_of(v, count, target)) for share, v, target in parts]
            )
        return found

    def _evaluate(self, image: np.ndarray, bound: _Bound) -> tuple[float, np.ndarray, dict[str, float]]:
        """Loss, gradient [rows, cols, 3] and terms, in two passes over the tiles."""

        def constants(tile: Tile) -> tuple[dict, dict]:
            return self._cut_weights(bound.weights, tile), self._content_of(tile, bound)

        (sums, direct), inputs = self._pass(image, lambda tile, inputs: self._forward(inputs, *constants(tile)))
        with tf.GradientTape() as tape:
            tape.watch(sums)
            terms = {f"style/{k}": v * bound.scale[f"style/{k}"] for k, v in self._distances(sums, bound).items()}
            style = tf.add_n(list(terms.values()))
        slopes = tape.gradient(style, sums)
        terms = {name: float(value) for name, value in terms.items()}
        terms |= {name: float(value) * float(bound.scale[name]) for name, value in direct.items()}
        gradient, above, left = np.zeros_like(image), {}, {}
        for tile in reversed(list(inputs)):
            row, col = tile.place
            handed = above.pop((row + 1, col), self._nothing), left.pop((row, col + 1), self._nothing)
            by_image, above[tile.place], left[tile.place] = self._backward(
                inputs.pop(tile), *constants(tile), slopes, bound.scale, *handed
            )
            cut(gradient, tile.seen())[...] += by_image
        return sum(terms.values()), gradient[0], terms

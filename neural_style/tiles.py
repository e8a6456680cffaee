"""Exact evaluation tile by tile, in memory that does not grow with the image.

Gram matrices, sums of squares and total variation are sums over positions. A first pass sums them over tiles; with the
loss's slope by each sum known, a second pass goes forward and back through each tile and adds its gradient where it
belongs. Each tile is seen with a halo as wide as the receptive field, aligned to the pooling grid, so that the
network's padding acts at the image's own border only.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from neural_style import losses, networks
from neural_style.errors import UserError
from neural_style.objective import Objective, mask_tensor, mask_weights, masked, scales, variation_reference
from neural_style.pictures import Region
from neural_style.style_losses import STYLE_LOSSES, SummedLoss, moments

KEPT_BYTES = 1 << 30
"""Content targets up to this size are kept; larger ones are computed anew for each tile."""


@dataclasses.dataclass(frozen=True)
class Tile:
    """A tile of an image.

    Attributes:
      crop: (top, left, bottom, right) of the tile with its halo, in pixels of the image.
      own: (top, left, bottom, right) of the tile itself, in pixels of the image.
    """

    crop: tuple[int, int, int, int]
    own: tuple[int, int, int, int]

    def inside(self) -> tf.Tensor:
        """`own` in pixels of the crop."""
        top, left, *_ = self.crop
        return tf.constant(np.subtract(self.own, (top, left, top, left)), tf.int32)


def halo(network: str, layers: Sequence[str]) -> int:
    """How far, in pixels, a position of the deepest of `layers` sees: a multiple of its stride."""
    reach = 0
    for name in networks.names_through(network, layers):
        stride = networks.stride(name)
        reach = -(-reach // stride) * stride + stride  # a pooling window counts as a whole
    return reach


def tiles(rows: int, cols: int, size: int, margin: int) -> list[Tile]:
    """Covers an image with tiles of `size` pixels and a halo of `margin`, both multiples of the deepest stride."""
    return [
        Tile(
            (max(0, top - margin), max(0, left - margin), min(rows, bottom + margin), min(cols, right + margin)),
            (top, left, bottom, right),
        )
        for top in range(0, rows, size)
        for left in range(0, cols, size)
        for bottom, right in [(min(rows, top + size), min(cols, left + size))]
    ]


def cut(maps: np.ndarray, box: Sequence[int], stride: int = 1) -> np.ndarray:
    """`maps` [1, rows, cols, channels], at `stride`, within the box (top, left, bottom, right) of image pixels."""
    top, left, bottom, right = (edge // stride for edge in box)
    return maps[:, top:bottom, left:right]


@dataclasses.dataclass
class _Bound:
    """What stays from evaluation to evaluation: features by layer, weights and targets by layer and region."""

    content: np.ndarray
    features: dict[str, np.ndarray] | None
    weights: dict[str, list]
    targets: dict[str, list]
    counts: dict[str, tf.Tensor]
    shares: list[float]
    scale: dict[str, tf.Tensor]


class TiledObjective:
    """An `Objective` whose images are taken tile by tile; loss and gradient are the same."""

    def __init__(self, objective: Objective, size: int):
        """
        Args:
          objective: of losses that are sums over positions.
          size: of the tiles, in pixels; rounded up to a multiple of the deepest layer's stride.

        Raises:
          UserError: the style loss is no such sum.
        """
        self._network, self._settings = objective.network, objective.settings
        self._style_loss = STYLE_LOSSES[self._settings.style_loss]
        if not isinstance(self._style_loss, SummedLoss):
            raise UserError(
                f"--style_loss={self._settings.style_loss} is no sum over positions and can't be taken tile by tile: "
                "use --tile=none, or another style loss."
            )
        layers = [*self._settings.content_layers, *self._settings.style_layers]
        grid = max(networks.stride(layer) for layer in layers)
        self._size, self._halo = -(-size // grid) * grid, -(-halo(self._network.name, layers) // grid) * grid
        self._dtype = self._network.output["image"].dtype

    def bind(self, content: np.ndarray, regions: Sequence[Region]) -> Callable[[np.ndarray], tuple]:
        """As `Objective.bind`."""
        s, layers = self._settings, self._settings.style_layers
        variation = variation_reference(content, regions, s.tv_exponent)
        content = np.asarray(content[np.newaxis], np.float64)
        masks = [mask_tensor(region, self._dtype) for region in regions]
        weights = {
            layer: [None if mask is None else mask_weights(mask, layer).numpy() for mask in masks] for layer in layers
        }
        kept = sum(
            content.nbytes / 3 * self._channels(layer) / networks.stride(layer) ** 2 for layer in s.content_layers
        )
        own, features = self._measure(content, weights, kept <= KEPT_BYTES)
        targets = {layer: [] for layer in layers}
        for region in regions:
            measured = [self._measure(np.asarray(style[np.newaxis], np.float64))[0] for style in region.styles]
            for layer in layers:
                each = [
                    self._style_loss.target_of(m["style"][layer][0], m["count"][layer], own["count"][layer])
                    for m in measured
                ]
                targets[layer].append(self._style_loss.merge(each, region.blend))
        shares = [region.share for region in regions]
        bound = _Bound(content, features, weights, targets, own["count"], shares, {})
        nothing = tf.nest.map_structure(tf.zeros_like, own["style"])
        start, zero = self._distances(own["style"], bound), self._distances(nothing, bound)
        count = own["count"]
        bound.scale = scales(
            s,
            tf.constant(content.size / 3, self._dtype),
            tf.constant(variation, self._dtype),
            {k: (self._channels(k), count[k], losses.energy(own["moments"][k], count[k])) for k in s.content_layers},
            {k: (self._channels(k), count[k], start[k], zero[k]) for k in layers},
        )
        return lambda image: self._evaluate(np.asarray(image[np.newaxis], np.float64), bound)

    def _channels(self, layer: str) -> int:
        return networks.kernel_shapes(self._network.name)[layer][-1]

    def _tiles(self, image: np.ndarray) -> list[Tile]:
        return tiles(*image.shape[1:3], self._size, self._halo)

    def _measure(self, image: np.ndarray, weights: dict | None = None, keep: bool = False) -> tuple[dict, dict | None]:
        """The sums, moments and positions of an image's layers, and its content features where they are kept."""
        s, total, pieces = self._settings, None, []
        weights = weights or {layer: [None] for layer in s.style_layers}
        for tile in self._tiles(image):
            part = self._sums(cut(image, tile.crop), tile.inside(), _cut_weights(weights, tile))
            features = part.pop("features")
            if keep:
                pieces.append((tile, {layer: features[layer].numpy() for layer in s.content_layers}))
            total = part if total is None else tf.nest.map_structure(tf.add, total, part)
        return total, self._assembled(image, pieces) if keep else None

    def _assembled(self, image: np.ndarray, pieces: list) -> dict[str, np.ndarray]:
        """The content features of all tiles, put together."""
        _, rows, cols, _ = image.shape
        whole = {}
        for layer in self._settings.content_layers:
            stride = networks.stride(layer)
            shape = (1, rows // stride, cols // stride, self._channels(layer))
            whole[layer] = np.empty(shape, pieces[0][1][layer].dtype)
            for tile, features in pieces:
                cut(whole[layer], tile.own, stride)[...] = features[layer]
        return whole

    def _own_features(self, crop: tf.Tensor, inside: tf.Tensor) -> dict[str, tf.Tensor]:
        """The features of the tile itself; those of its halo are wrong at the crop's edges."""
        found = {}
        for layer, maps in self._network(crop).items():
            stride = 1 if layer == "image" else networks.stride(layer)
            top, left, bottom, right = tf.unstack(inside // stride)
            found[layer] = maps[:, top:bottom, left:right]
        return found

    @tf.function(reduce_retracing=True, autograph=False)
    def _sums(self, crop: tf.Tensor, inside: tf.Tensor, weights: dict) -> dict:
        s, features = self._settings, self._own_features(crop, inside)
        return {
            "style": {k: self._style_sums(features[k], weights[k]) for k in s.style_layers},
            "moments": {k: moments(features[k]) for k in s.content_layers},
            "count": {k: losses.positions(features[k]) for k in {*s.style_layers, *s.content_layers}},
            "features": {k: features[k] for k in s.content_layers},
        }

    def _style_sums(self, features: tf.Tensor, weights: Sequence) -> list[tf.Tensor]:
        return [self._style_loss.sums(masked(features, weight)) for weight in weights]

    def _parts(self, crop: tf.Tensor, inside: tf.Tensor, weights: dict, content: dict) -> tuple[dict, dict]:
        """A tile's style sums, and its share of the terms that add up as they are."""
        s, features = self._settings, self._own_features(crop, inside)
        top, left, bottom, right = tf.unstack(inside)
        # One more pixel to the right and below, where the image goes on: the differences' other ends.
        variation = losses.total_variation(
            tf.cast(crop[:, top : bottom + 1, left : right + 1], self._dtype), s.tv_exponent
        )
        direct = {"total_variation": tf.reduce_sum(variation)}
        for k in s.content_layers:
            direct[f"content/{k}"] = tf.reduce_sum(losses.squared_distance(features[k], content[k]))
        return {k: self._style_sums(features[k], weights[k]) for k in s.style_layers}, direct

    @tf.function(reduce_retracing=True, autograph=False)
    def _forward(self, crop: tf.Tensor, inside: tf.Tensor, weights: dict, content: dict) -> tuple[dict, dict]:
        return self._parts(crop, inside, weights, content)

    @tf.function(reduce_retracing=True, autograph=False)
    def _backward(self, crop: tf.Tensor, inside: tf.Tensor, weights: dict, content: dict, slopes: dict, scale: dict):
        """The gradient by the crop of what the tile adds to the loss, linear in the style sums."""
        with tf.GradientTape() as tape:
            tape.watch(crop)
            sums, direct = self._parts(crop, inside, weights, content)
            added = [value * scale[name] for name, value in direct.items()]
            for layer, values in sums.items():
                pairs = zip(values, slopes[layer], strict=True)
                added += [tf.cast(tf.reduce_sum(value * slope), self._dtype) for value, slope in pairs]
            total = tf.add_n(added)
        return tape.gradient(total, crop)

    @tf.function(reduce_retracing=True, autograph=False)
    def _content_features(self, crop: tf.Tensor, inside: tf.Tensor) -> dict[str, tf.Tensor]:
        features = self._own_features(crop, inside)
        return {layer: features[layer] for layer in self._settings.content_layers}

    def _content_of(self, tile: Tile, bound: _Bound) -> dict:
        if bound.features is None:
            return self._content_features(cut(bound.content, tile.crop), tile.inside())
        return {k: cut(maps, tile.own, networks.stride(k)) for k, maps in bound.features.items()}

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
        total = None
        for tile in self._tiles(image):
            part = self._forward(
                cut(image, tile.crop), tile.inside(), _cut_weights(bound.weights, tile), self._content_of(tile, bound)
            )
            total = part if total is None else tf.nest.map_structure(tf.add, total, part)
        sums, direct = total
        with tf.GradientTape() as tape:
            tape.watch(sums)
            terms = {f"style/{k}": v * bound.scale[f"style/{k}"] for k, v in self._distances(sums, bound).items()}
            style = tf.add_n(list(terms.values()))
        slopes = tape.gradient(style, sums)
        terms = {name: float(value) for name, value in terms.items()}
        terms |= {name: float(value) * float(bound.scale[name]) for name, value in direct.items()}
        gradient = np.zeros_like(image)
        for tile in self._tiles(image):
            cut(gradient, tile.crop)[...] += self._backward(
                cut(image, tile.crop),
                tile.inside(),
                _cut_weights(bound.weights, tile),
                self._content_of(tile, bound),
                slopes,
                bound.scale,
            ).numpy()
        return sum(terms.values()), gradient[0], terms


def _cut_weights(weights: dict[str, list], tile: Tile) -> dict[str, list]:
    return {
        layer: [None if maps is None else cut(maps, tile.own, networks.stride(layer)) for maps in each]
        for layer, each in weights.items()
    }

"""Exact evaluation tile by tile, in memory that hardly grows with the image.

Gram matrices, sums of squares and total variation are sums over positions. A first pass sums them over tiles; with the
loss's slope by each sum known, a second pass goes forward and back through each tile, from the last to the first, and
puts its gradient where it belongs. The tiles share no feature: each begins with what its neighbours handed on (see
`seams`), and in the second pass hands the gradient of that back to them.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.images.scene import Scene
from neural_style.losses import terms
from neural_style.losses.terms import (
    BEYOND,
    Term,
    compared,
    losses,
    maps_of,
    measure,
    prepare,
    summed,
    sums,
    total_loss,
)
from neural_style.optimize.objective import Bound, bytes_of
from neural_style.settings import vgg_layers
from neural_style.settings.settings import Settings
from neural_style.vgg import model, seams
from neural_style.vgg.tiles import Tile, cut, tiles
from neural_style.vgg.weight_files import Weights

KEPT_BYTES = 1 << 30
"""Content targets up to this size are kept; larger ones are computed anew for each tile."""


def for_any_size(method: Callable) -> Callable:
    """A method as a tf.function, traced once for maps [1, rows, cols, channels] of whatever size."""
    traced = tf.function(method, autograph=False)

    def spec(value: Any) -> tf.TensorSpec | None:
        if value is None:
            return None
        shape = [1, None, None, value.shape[-1]] if len(value.shape) == 4 else value.shape
        return tf.TensorSpec(shape, value.dtype)

    @functools.wraps(method)
    def call(self: Any, *arguments):
        function = traced.__get__(self, type(self))
        # TensorFlow takes the most general trace that it has; left alone, it would make one for each kind of tile.
        function.get_concrete_function(*tf.nest.map_structure(spec, arguments))
        return function(*arguments)

    return call


@dataclasses.dataclass(frozen=True)
class _Constants:
    """What stays from evaluation to evaluation.

    Attributes:
      maps: by the terms' names, of the whole image.
      content: by tile, the content's features by the terms' names; or the network's inputs, to compute them of.
      prepared: by the terms' names.
    """

    maps: dict[str, Any]
    content: dict[Tile, dict]
    prepared: dict[str, Any]


class TiledObjective:
    """An `Objective` whose images are taken tile by tile; loss and gradient are the same."""

    traces = 4
    """Of functions that are traced once, for any size."""

    def __init__(self, network: keras.Model, terms: Sequence[Term], size: int, kept_bytes: int = KEPT_BYTES):
        """
        Args:
          network: a tiled one, see `vgg.model.build`.
          terms: whose sums are sums over positions.
          size: of the tiles, in pixels: a multiple of the deepest layer's stride, at least
            `vgg_layers.smallest_tile`.
          kept_bytes: the content's features up to this size are kept.
        """
        self.network, self.terms = network, terms
        self._size, self._kept_bytes = size, kept_bytes
        self._dtype = network.output["features"]["image"].dtype
        self._nothing = seams.nothing(network)

    @property
    def nbytes(self) -> float:
        """See `Objective`."""
        return bytes_of(self.network, self.traces)

    def bind(self, scene: Scene) -> Bound:
        """As `Objective.bind`."""
        maps = maps_of(self.terms, scene, self._dtype)
        layers, pixels = [term.layer for term in self.terms if term.compares], scene.content.size / 3
        size = sum(4 * pixels * vgg_layers.channels(layer) / vgg_layers.stride(layer) ** 2 for layer in layers)
        content, kept = self._measure(scene.content, maps, keep=size <= self._kept_bytes)
        styles = [self._measure(style, {}, keep=False)[0] for style in scene.styles]
        constants = _Constants(maps, kept, prepare(self.terms, content, styles, scene))
        return lambda image: self._evaluate(np.asarray(image[np.newaxis], np.float64), constants)

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

    def _measure(self, image: np.ndarray, maps: dict, keep: bool) -> tuple[dict, dict[Tile, dict]]:
        """What the terms measure of an image; by tile the features to compare with, or the inputs to compute them."""
        features = {}

        def step(tile: Tile, inputs: dict) -> tuple:
            part, found, below, right = self._measured(inputs, self._cut(maps, tile))
            if keep:
                features[tile] = found
            return part, below, right

        total, inputs = self._pass(np.asarray(image[np.newaxis], np.float64), step)
        return total, features if keep else inputs

    def _cut(self, maps: dict[str, Any], tile: Tile) -> dict[str, Any]:
        """A tile's part of the maps."""
        boxes = {term.name: tile.at(self.network.name, term.layer) for term in self.terms}
        return {
            name: tf.nest.map_structure(lambda m, box=boxes[name]: None if m is None else cut(m, box), each)
            for name, each in maps.items()
        }

    def _seen(self, inputs: dict) -> tuple[dict, dict, dict]:
        """The features of a tile, and what it hands on downwards and to the right."""
        rows, cols = (tf.shape(inputs["image"])[axis] - 1 + inputs["edges"][axis + 1] for axis in (1, 2))
        seen = self.network({**inputs, "image": tf.slice(inputs["image"], [0, 0, 0, 0], [1, rows, cols, 3])})
        return {**seen["features"], BEYOND: tf.cast(inputs["image"], self._dtype)}, seen["below"], seen["right"]

    @for_any_size
    def _measured(self, inputs: dict, maps: dict) -> tuple[dict, dict, dict, dict]:
        features, below, right = self._seen(inputs)
        return measure(self.terms, features, maps), compared(self.terms, features), below, right

    @for_any_size
    def _compared(self, inputs: dict) -> dict[str, tf.Tensor]:
        return compared(self.terms, self._seen(inputs)[0])

    def _maps_of(self, tile: Tile, constants: _Constants) -> dict[str, Any]:
        kept = constants.content[tile]
        return self._cut(constants.maps, tile) | (self._compared(kept) if "image" in kept else kept)

    def _sums(self, inputs: dict, maps: dict) -> tuple[dict, dict, dict]:
        """A tile's sums by the terms' names, and what it hands on."""
        features, below, right = self._seen(inputs)
        return sums(self.terms, features, maps), below, right

    @for_any_size
    def _forward(self, inputs: dict, maps: dict) -> tuple[dict, dict, dict]:
        return self._sums(inputs, maps)

    @for_any_size
    def _backward(
        self, inputs: dict, maps: dict, slopes: dict, below: dict, right: dict
    ) -> tuple[tf.Tensor, dict, dict]:
        """The gradient of the loss by what the tile sees: by its image, and by what was handed on to it.

        Args:
          slopes: of the loss by the sums.
          below, right: the loss's gradient by what the tile hands on.
        """
        sources = [inputs[name] for name in ("image", "above", "left")]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            own, *handed = self._sums(inputs, maps)
            pairs = zip(tf.nest.flatten(own), tf.nest.flatten(slopes), strict=True)
            total = tf.add_n([tf.cast(tf.reduce_sum(value * slope), self._dtype) for value, slope in pairs])
        handed, upstream = tf.nest.flatten(handed), tf.nest.flatten([below, right])
        upstream = [tf.reshape(slope, tf.shape(maps)) for slope, maps in zip(upstream, handed, strict=True)]
        return tape.gradient([total, *handed], sources, [tf.ones_like(total), *upstream])

    def _evaluate(self, image: np.ndarray, constants: _Constants) -> tuple[float, np.ndarray, dict[str, float]]:
        """Loss, gradient [rows, cols, 3] and terms, in two passes over the tiles."""
        added, inputs = self._pass(image, lambda tile, inputs: self._forward(inputs, self._maps_of(tile, constants)))
        with tf.GradientTape() as tape:
            tape.watch(added)
            found = summed(losses(self.terms, added, constants.prepared))
            loss = total_loss(found)
        slopes = tape.gradient(loss, added)
        gradient, above, left = np.zeros_like(image), {}, {}
        for tile in reversed(list(inputs)):
            row, col = tile.place
            handed = above.pop((row + 1, col), self._nothing), left.pop((row, col + 1), self._nothing)
            by_image, above[tile.place], left[tile.place] = self._backward(
                inputs.pop(tile), self._maps_of(tile, constants), slopes, *handed
            )
            cut(gradient, tile.seen())[...] += by_image
        return float(loss), gradient[0], {name: float(value) for name, value in found.items()}


def make_tiled_objective(
    settings: Settings, kernels: Weights, size: int, precision: str, warped_frames: int
) -> TiledObjective:
    """The objective of a run, tile by tile.

    Args:
      settings: of the run.
      kernels: of the network.
      size: of the tiles, in pixels.
      precision: of the arithmetic.
      carried: how many earlier frames of a film its loss holds the picture to.
    """
    network = model.build(settings.network, kernels, settings.loss.layers, precision, tiled=True)
    return TiledObjective(network, terms.make_terms(settings.loss, warped_frames), size)

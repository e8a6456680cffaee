"""Exact evaluation tile by tile, in memory that hardly grows with the image.

Gram matrices, sums of squares and total variation are sums over positions. A first pass adds them up over the tiles,
which gives the loss and its gradient by each sum. A second pass goes forward and back through each tile, from the last
to the first, and adds its part to the image's gradient. No feature is computed twice within a pass: each tile starts
with the border rows and columns that its neighbours handed on (see `vgg.tile_borders`), and in the second pass hands
their gradient back.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.images.scene import Scene
from neural_style.losses.loss import Loss, make_loss
from neural_style.losses.term import IMAGE_WITH_OVERLAP
from neural_style.optimize.objective import LossFunction, network_bytes
from neural_style.settings import vgg_layers
from neural_style.settings.settings import Settings
from neural_style.vgg import model, tile_borders
from neural_style.vgg.tiles import Tile, cut, tiles
from neural_style.vgg.weight_files import Weights

KEPT_BYTES = 1 << 30
"""Content features up to this size are kept; larger ones are computed again for each tile."""

Borders = dict[str, tf.Tensor]
"""Border rows or columns by the name of the layer that needs them."""


def for_any_size(method: Callable) -> Callable:
    """Decorate a method as a tf.function that is traced once for maps [1, rows, cols, channels] of any size."""
    traced = tf.function(method, autograph=False)

    def spec(value: Any) -> tf.TensorSpec | None:
        if value is None:
            return None
        shape = [1, None, None, value.shape[-1]] if len(value.shape) == 4 else value.shape
        return tf.TensorSpec(shape, value.dtype)

    @functools.wraps(method)
    def call(self: Any, *arguments):
        function = traced.__get__(self, type(self))
        # TensorFlow uses the most general trace that exists; by itself it would make one for each kind of tile.
        function.get_concrete_function(*tf.nest.map_structure(spec, arguments))
        return function(*arguments)

    return call


@dataclasses.dataclass(frozen=True)
class _Constants:
    """What stays the same from evaluation to evaluation.

    Attributes:
      maps: what each term needs at every position of the whole image, see `Loss.maps`.
      content_maps: by tile, see `Loss.content_maps`; empty where they are too large to keep.
      content_inputs: by tile, the network's inputs to compute the content maps from; empty where these are kept.
      prepared: see `Loss.prepare`.
    """

    maps: dict[str, Any]
    content_maps: dict[Tile, dict]
    content_inputs: dict[Tile, dict]
    prepared: dict[str, Any]


class _Handover:
    """Border rows and columns on their way from a tile to the next ones, or their gradients on the way back."""

    def __init__(self, empty: Borders):
        """
        Args:
          empty: what a tile at the image's border receives.
        """
        self._empty = empty
        self._rows: dict[tuple[int, int], Borders] = {}
        self._cols: dict[tuple[int, int], Borders] = {}

    def give(self, tile: Tile, rows: Borders, cols: Borders) -> None:
        """Store the rows and columns that a tile hands on."""
        self._rows[tile.place] = rows
        self._cols[tile.place] = cols

    def take(self, tile: Tile, direction: int) -> tuple[Borders, Borders]:
        """Remove and return the rows and columns that a tile receives.

        Args:
          tile: that receives.
          direction: -1 for those of the tiles above and to the left, 1 for those of the tiles below and to the right.
        """
        row, col = tile.place
        return self._rows.pop((row + direction, col), self._empty), self._cols.pop((row, col + direction), self._empty)


class TiledObjective:
    """An `Objective` that takes images tile by tile; loss and gradient are the same."""

    traces = 4
    """Number of methods below that are decorated by `for_any_size`."""

    def __init__(self, network: keras.Model, loss: Loss, size: int, kept_bytes: int = KEPT_BYTES):
        """
        Args:
          network: a tiled one, see `vgg.model.build`.
          loss: whose terms are additive over positions.
          size: of the tiles, in pixels: a multiple of the deepest layer's stride, at least
            `vgg_layers.smallest_tile`.
          kept_bytes: content features up to this size are kept.
        """
        self.network = network
        self.loss = loss
        self._size = size
        self._kept_bytes = kept_bytes
        self._dtype = network.output["features"]["image"].dtype
        self._empty = tile_borders.make_empty(network)

    @property
    def nbytes(self) -> float:
        """See `Objective`."""
        return network_bytes(self.network, self.traces)

    def bind_scene(self, scene: Scene) -> LossFunction:
        """As `Objective.bind_scene`."""
        maps = self.loss.maps(scene, self._dtype)
        keep = self._content_bytes(scene) <= self._kept_bytes
        content, content_maps, content_inputs = self._measure(scene.content, maps, keep)
        style_maps = self.loss.style_maps(scene, self._dtype)
        styles = [self._measure(*pair, keep=False)[0] for pair in zip(scene.styles, style_maps, strict=True)]
        constants = _Constants(maps, content_maps, content_inputs, self.loss.prepare(content, styles, scene))
        return lambda image: self._evaluate(np.asarray(image[np.newaxis], np.float64), constants)

    def _content_bytes(self, scene: Scene) -> float:
        """The size of the content's features that terms compare with, in float32."""
        pixels = scene.content.size / 3
        layers = self.loss.content_layers
        return sum(4 * pixels * vgg_layers.channels(layer) / vgg_layers.stride(layer) ** 2 for layer in layers)

    def _measure(self, image: np.ndarray, maps: dict, keep: bool) -> tuple[dict, dict[Tile, dict], dict[Tile, dict]]:
        """Measure an image for the terms.

        Returns:
          The measurements by the terms' names, with `keep` the content maps by tile, and without it the inputs by tile.
        """
        total: dict[str, Any] = {}
        maps_by_tile: dict[Tile, dict] = {}
        inputs_by_tile: dict[Tile, dict] = {}
        handover = _Handover(self._empty)
        for tile, inputs in self._inputs(np.asarray(image[np.newaxis], np.float64), handover):
            part, content_maps, below, right = self._measure_tile(inputs, self._cut_maps(maps, tile))
            handover.give(tile, below, right)
            total = _add(total, part)
            if keep:
                maps_by_tile[tile] = content_maps
            else:
                inputs_by_tile[tile] = inputs
        return total, maps_by_tile, inputs_by_tile

    def _evaluate(self, image: np.ndarray, constants: _Constants) -> tuple[float, np.ndarray, dict[str, float]]:
        """Compute loss, gradient [rows, cols, 3] and terms, in two passes over the tiles."""
        sums, inputs = self._sum(image, constants)
        total, values, slopes = differentiate_by_sums(self.loss, sums, constants.prepared)
        return total, self._differentiate(image, inputs, constants, slopes)[0], values

    def _sum(self, image: np.ndarray, constants: _Constants) -> tuple[dict, dict[Tile, dict]]:
        """The first pass: the terms' sums over all tiles, and each tile's inputs."""
        total: dict[str, Any] = {}
        inputs_by_tile: dict[Tile, dict] = {}
        handover = _Handover(self._empty)
        for tile, inputs in self._inputs(image, handover):
            part, below, right = self._forward(inputs, self._maps_of_tile(tile, constants))
            handover.give(tile, below, right)
            total = _add(total, part)
            inputs_by_tile[tile] = inputs
        return total, inputs_by_tile

    def _differentiate(
        self, image: np.ndarray, inputs: dict[Tile, dict], constants: _Constants, slopes: dict
    ) -> np.ndarray:
        """The second pass: the gradient [1, rows, cols, 3], from the last tile to the first.

        Args:
          image: [1, rows, cols, 3].
          inputs: of each tile; emptied on the way.
          constants: of the scene.
          slopes: the loss's gradient by the terms' sums.
        """
        gradient, handover = np.zeros_like(image), _Handover(self._empty)
        for tile in reversed(list(inputs)):
            below, right = handover.take(tile, 1)
            tile_maps = self._maps_of_tile(tile, constants)
            by_image, above, left = self._backward(inputs.pop(tile), tile_maps, slopes, below, right)
            handover.give(tile, above, left)
            cut(gradient, tile.box_with_overlap())[...] += by_image
        return gradient

    def _inputs(self, image: np.ndarray, handover: _Handover) -> Iterator[tuple[Tile, dict]]:
        """Each tile with its inputs; give the tile's own borders before taking the next one."""
        _, rows, cols, _ = image.shape
        for tile in tiles(rows, cols, self._size):
            above, left = handover.take(tile, -1)
            crop = cut(image, tile.box_with_overlap())
            yield tile, {"image": crop, "at_border": np.array(tile.at_border, np.int32), "above": above, "left": left}

    def _cut_maps(self, maps: dict[str, Any], tile: Tile) -> dict[str, Any]:
        """A tile's part of the maps."""
        layers = {term.name: term.layer for term in self.loss.terms}

        def cut_map(values: tf.Tensor | None, name: str) -> tf.Tensor | None:
            return None if values is None else cut(values, tile.at(self.network.name, layers[name]))

        return {
            name: tf.nest.map_structure(functools.partial(cut_map, name=name), term_maps)
            for name, term_maps in maps.items()
        }

    def _maps_of_tile(self, tile: Tile, constants: _Constants) -> dict[str, Any]:
        """A tile's part of all maps, with the content's features."""
        if tile in constants.content_maps:
            content_maps = constants.content_maps[tile]
        else:
            content_maps = self._compute_content_maps(constants.content_inputs[tile])
        return self._cut_maps(constants.maps, tile) | content_maps

    def _compute_features(self, inputs: dict) -> tuple[dict, Borders, Borders]:
        """The features of a tile, and the borders that it hands on downwards and to the right."""
        # Without the row and column of `box_with_overlap`, which a tile at the lower or right border does not have.
        rows, cols = (tf.shape(inputs["image"])[axis] - 1 + inputs["at_border"][axis + 1] for axis in (1, 2))
        image = tf.slice(inputs["image"], [0, 0, 0, 0], [1, rows, cols, 3])
        outputs = self.network({**inputs, "image": image})
        image_with_overlap = tf.cast(inputs["image"], self._dtype)
        return {**outputs["features"], IMAGE_WITH_OVERLAP: image_with_overlap}, outputs["below"], outputs["right"]

    @for_any_size
    def _measure_tile(self, inputs: dict, maps: dict) -> tuple[dict, dict, Borders, Borders]:
        features, below, right = self._compute_features(inputs)
        return self.loss.measure(features, maps), self.loss.content_maps(features), below, right

    @for_any_size
    def _compute_content_maps(self, inputs: dict) -> dict[str, tf.Tensor]:
        return self.loss.content_maps(self._compute_features(inputs)[0])

    def _sum_tile(self, inputs: dict, maps: dict) -> tuple[dict, Borders, Borders]:
        """A tile's sums by the terms' names, and the borders that it hands on."""
        features, below, right = self._compute_features(inputs)
        return self.loss.sums(features, maps), below, right

    @for_any_size
    def _forward(self, inputs: dict, maps: dict) -> tuple[dict, Borders, Borders]:
        """`_sum_tile` as a graph of its own; `_backward` has it in its graph."""
        return self._sum_tile(inputs, maps)

    @for_any_size
    def _backward(
        self, inputs: dict, maps: dict, slopes: dict, below: Borders, right: Borders
    ) -> tuple[tf.Tensor, Borders, Borders]:
        """The gradient of the loss by a tile's inputs: its image, and the borders that it received.

        Args:
          inputs, maps: of the tile.
          slopes: the loss's gradient by the terms' sums.
          below, right: the loss's gradient by the borders that the tile hands on.
        """
        sources = [inputs[name] for name in ("image", "above", "left")]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            sums, *borders = self._sum_tile(inputs, maps)
            total = weighted_sum(sums, slopes, self._dtype)
        borders = tf.nest.flatten(borders)
        border_slopes = [
            tf.reshape(slope, tf.shape(border))
            for slope, border in zip(tf.nest.flatten([below, right]), borders, strict=True)
        ]
        return tape.gradient([total, *borders], sources, [tf.ones_like(total), *border_slopes])


def differentiate_by_sums(loss: Loss, sums: Any, prepared: Any) -> tuple[float, dict[str, float], Any]:
    """Compute the loss of an image from its terms' sums over all tiles.

    Args:
      loss: of the image.
      sums: of `Loss.sums`, added up over the tiles.
      prepared: of `Loss.prepare`.

    Returns:
      The loss, its terms by name, and its gradient by the sums, as nested as these.
    """
    with tf.GradientTape() as tape:
        tape.watch(sums)
        values = loss.values(sums, prepared)
        total = loss.total(values)
    return float(total), {name: float(value) for name, value in values.items()}, tape.gradient(total, sums)


def weighted_sum(sums: Any, slopes: Any, dtype: tf.DType) -> tf.Tensor:
    """Add up all of `sums`, each multiplied by its slope; its gradient is that of the loss."""
    pairs = zip(tf.nest.flatten(sums), tf.nest.flatten(slopes), strict=True)
    return tf.add_n([tf.cast(tf.reduce_sum(value * slope), dtype) for value, slope in pairs])


def make_tiled_objective(
    settings: Settings, kernels: Weights, size: int, precision: str, warped_frames: int
) -> TiledObjective:
    """Make the objective of a run that takes its images tile by tile.

    Args:
      settings: of the run.
      kernels: of the network.
      size: of the tiles, in pixels.
      precision: of the arithmetic.
      warped_frames: see `terms.make_terms`.
    """
    network = model.build(settings.network, kernels, settings.loss.layers, precision, tiled=True)
    return TiledObjective(network, make_loss(settings.loss, warped_frames), size)


def _add(total: dict, part: dict) -> dict:
    """The sum of nested tensors; an empty total is zero."""
    return part if not total else tf.nest.map_structure(tf.add, total, part)

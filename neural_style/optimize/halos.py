"""Independent tiles: each is computed with a halo, the surrounding pixels that its features depend on.

In `tiled_objective`, tiles hand border features on to each other. Here these are computed twice instead, so that tiles
can be computed on any machine, in any order, and again after a failure. `cluster.tiles` uses this.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.losses.loss import Loss, make_loss
from neural_style.losses.term import IMAGE_WITH_OVERLAP
from neural_style.optimize.tiled_objective import for_any_size, weighted_sum
from neural_style.settings import vgg_layers
from neural_style.settings.settings import Settings
from neural_style.vgg import model
from neural_style.vgg.tiles import Box, Tile, cut
from neural_style.vgg.weight_files import Weights


def relative_box(inner: Box, outer: Box) -> np.ndarray:
    """Return `inner` in coordinates of `outer`, which contains it: [4] int32."""
    top, left = outer[:2]
    return np.array([inner[0] - top, inner[1] - left, inner[2] - top, inner[3] - left], np.int32)


class HaloedTiles:
    """Computes what single tiles add to the sums of an image's loss, and to its gradient."""

    def __init__(self, network: keras.Model, loss: Loss):
        """
        Args:
          network: for whole images, see `vgg.model.build`.
          loss: whose terms are additive over positions.
        """
        self._network = network
        self._loss = loss

    @for_any_size
    def measure(self, image: tf.Tensor, box: tf.Tensor, maps: Mapping[str, Any]) -> tuple[dict, dict]:
        """Measure a tile for the terms; see `Loss.measure` and `Loss.content_maps`.

        Args:
          image: RGB [1, rows, cols, 3], the tile with its halo.
          box: of the tile within `image`, in pixels.
          maps: the tile's part of the maps by the terms' names; empty for a style.
        """
        features = self._compute_features(image, box)
        return self._loss.measure(features, maps), self._loss.content_maps(features)

    @for_any_size
    def sums(self, image: tf.Tensor, box: tf.Tensor, maps: Mapping[str, Any]) -> dict[str, Any]:
        """Compute a tile's sums by the terms' names; `maps` includes the content's features."""
        return self._loss.sums(self._compute_features(image, box), maps)

    @for_any_size
    def gradient(
        self, image: tf.Tensor, box: tf.Tensor, maps: Mapping[str, Any], slopes: Mapping[str, Any]
    ) -> tf.Tensor:
        """Compute the tile's part of the loss's gradient: [1, rows, cols, 3], for the tile with its halo.

        Args:
          image, box, maps: see `sums`.
          slopes: the loss's gradient by the sums.
        """
        with tf.GradientTape() as tape:
            tape.watch(image)
            total = weighted_sum(self._loss.sums(self._compute_features(image, box), maps), slopes, image.dtype)
        return tape.gradient(total, image)

    def _compute_features(self, image: tf.Tensor, box: tf.Tensor) -> dict[str, tf.Tensor]:
        """The features of the tile without its halo, by layer."""

        def crop(maps: tf.Tensor, stride: int, overlap: int = 0) -> tf.Tensor:
            top, left, bottom, right = tf.unstack(box // stride)
            return maps[:, top : bottom + overlap, left : right + overlap]

        outputs = self._network(tf.cast(image, tf.float64))
        features = {layer: crop(maps, vgg_layers.stride(layer)) for layer, maps in outputs.items()}
        return {**features, IMAGE_WITH_OVERLAP: crop(outputs["image"], 1, overlap=1)}


def make_haloed_tiles(settings: Settings, kernels: Weights, precision: str, warped_frames: int = 0) -> HaloedTiles:
    """Make the tiles of a run's loss; see `tiled_objective.make_tiled_objective`."""
    network = model.build(settings.network, kernels, settings.loss.layers, precision)
    return HaloedTiles(network, make_loss(settings.loss, warped_frames))


def cut_maps(loss: Loss, maps: Mapping[str, Any], tile: Tile) -> dict[str, Any]:
    """Cut out a tile's part of each term's maps, as NumPy arrays."""
    strides = {term.name: vgg_layers.stride(term.layer) for term in loss.terms}
    return {name: _cut_structure(term_maps, tile, strides[name]) for name, term_maps in maps.items()}


def _cut_structure(maps: Any, tile: Tile, stride: int) -> Any:
    """The tile's part of every map in a nested structure; None stays."""
    top, left, bottom, right = (edge // stride for edge in tile.box)
    box = (top, left, bottom, right)
    return tf.nest.map_structure(lambda values: None if values is None else cut(np.asarray(values), box), maps)

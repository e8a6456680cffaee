"""Tiles that know nothing of each other: each is computed with a halo, the pixels around it that its features see.

Where `tiled_objective` hands features on from tile to tile, here they are computed twice, so that tiles may be computed
anywhere, in any order, and anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.losses import terms
from neural_style.losses.terms import BEYOND, Term, compared, measure, sums
from neural_style.optimize.tiled_objective import for_any_size
from neural_style.settings import vgg_layers
from neural_style.settings.settings import Settings
from neural_style.vgg import model
from neural_style.vgg.tiles import Box, Tile, cut
from neural_style.vgg.weight_files import Weights


def haloed(tile: Tile, rows: int, cols: int, reach: int) -> Box:
    """The pixels of a tile with its halo, in an image of `rows` x `cols`."""
    top, left, bottom, right = tile.box
    return max(0, top - reach), max(0, left - reach), min(rows, bottom + reach), min(cols, right + reach)


def within(inner: Box, outer: Box) -> np.ndarray:
    """A box in the pixels of another one that it lies in."""
    return np.array([edge - outer[i % 2] for i, edge in enumerate(inner)], np.int32)


class HaloedTiles:
    """What single tiles add to the sums of an image's loss, and to its gradient."""

    def __init__(self, network: keras.Model, of: Sequence[Term]):
        """
        Args:
          network: for whole images, see `vgg.model.build`.
          of: the terms, whose sums are sums over positions.
        """
        self._network, self._terms = network, of

    @for_any_size
    def measured(self, image: tf.Tensor, own: tf.Tensor, maps: Mapping[str, Any]) -> tuple[dict, dict]:
        """What the terms measure of a tile, and its features for those that compare with them.

        Args:
          image: RGB [1, rows, cols, 3], the tile with its halo.
          own: the tile in it, a box in pixels.
          maps: of the terms by their names, the tile's part; none of a style.
        """
        features = self._features(image, own)
        return measure(self._terms, features, maps), compared(self._terms, features)

    @for_any_size
    def sums(self, image: tf.Tensor, own: tf.Tensor, maps: Mapping[str, Any]) -> dict[str, Any]:
        """A tile's sums by the terms' names; `maps` are those of all terms."""
        return sums(self._terms, self._features(image, own), maps)

    @for_any_size
    def gradient(
        self, image: tf.Tensor, own: tf.Tensor, maps: Mapping[str, Any], slopes: Mapping[str, Any]
    ) -> tf.Tensor:
        """The gradient [1, rows, cols, 3] of the loss by the tile with its halo, as far as the tile's sums go.

        Args:
          image, own, maps: see `sums`.
          slopes: of the loss by the sums.
        """
        with tf.GradientTape() as tape:
            tape.watch(image)
            added = sums(self._terms, self._features(image, own), maps)
            pairs = zip(tf.nest.flatten(added), tf.nest.flatten(slopes), strict=True)
            total = tf.add_n([tf.cast(tf.reduce_sum(value * slope), image.dtype) for value, slope in pairs])
        return tape.gradient(total, image)

    def _features(self, image: tf.Tensor, own: tf.Tensor) -> dict[str, tf.Tensor]:
        """The tile's own features by layer."""

        def part(maps: tf.Tensor, stride: int, beyond: int = 0) -> tf.Tensor:
            top, left, bottom, right = tf.unstack(own // stride)
            return maps[:, top : bottom + beyond, left : right + beyond]

        seen = self._network(tf.cast(image, tf.float64))
        own_part = {layer: part(maps, vgg_layers.stride(layer)) for layer, maps in seen.items()}
        return {**own_part, BEYOND: part(seen["image"], 1, beyond=1)}


def make_haloed_tiles(settings: Settings, kernels: Weights, precision: str, warped_frames: int = 0) -> HaloedTiles:
    """The tiles of a run's loss; see `tiled_objective.make_tiled_objective`."""
    network = model.build(settings.network, kernels, settings.loss.layers, precision)
    return HaloedTiles(network, terms.make_terms(settings.loss, warped_frames))


def cut_maps(of: Sequence[Term], maps: Mapping[str, Any], tile: Tile) -> dict[str, Any]:
    """A tile's part of each term's maps, as NumPy has them."""

    def part(term: Term, each: Any) -> np.ndarray | None:
        box = tuple(edge // vgg_layers.stride(term.layer) for edge in tile.box)
        return None if each is None else cut(np.asarray(each), box)

    named = {term.name: term for term in of}
    return {name: tf.nest.map_structure(lambda m, t=named[name]: part(t, m), each) for name, each in maps.items()}

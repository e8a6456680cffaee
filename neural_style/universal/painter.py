"""One level of a picture: its features measured, given the style's statistics, and decoded, tile by tile."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from neural_style.images import color
from neural_style.images.scene import Scene, shares_of
from neural_style.settings import vgg_layers
from neural_style.settings.universal import UniversalSettings
from neural_style.settings.vgg_layers import level_layer
from neural_style.universal.codec import Codec
from neural_style.universal.transforms import TRANSFORMS, Affine, MomentAccumulator, Statistics, toward
from neural_style.vgg.tiles import Box, tiles


class Painter:
    """Paints a scene level by level. Statistics are sums over positions: a first pass over tiles adds them up, a second
    transforms and decodes."""

    def __init__(self, codec: Codec, scene: Scene, settings: UniversalSettings, tile: int | None):
        """
        Args:
          codec: with a decoder for each level.
          scene: whose styles are measured now.
          settings: of the method.
          tile: side of the tiles in pixels; None takes images whole.
        """
        self._codec, self._settings = codec, settings
        self._stride = vgg_layers.stride(level_layer(max(settings.levels)))
        self._tile = tile and -(-tile // self._stride) * self._stride
        self._grey = scene.chroma is not None
        self._styles = [[self._measured(style) for style in region.styles] for region in scene.regions]
        self._regions = scene.regions
        self._shares = shares_of(scene.regions)

    def paint(self, image: np.ndarray, level: int) -> np.ndarray:
        """The image after a level.

        Args:
          image: RGB [rows, cols, 3] in 0..255.
          level: whose features are transformed.

        Returns:
          RGB [rows, cols, 3] float32 in 0..255.
        """
        whole, shares = self._fitted(image.clip(0, 255)), None
        if self._shares is not None:
            shares = _at_stride(self._fitted(self._shares), vgg_layers.stride(level_layer(level)))
        boxes = self._boxes(whole)
        kept = self._codec.encode(whole, boxes[0], [level])[level] if len(boxes) == 1 else None
        maps = self._maps(whole, level, self._counted(shares, image, level), kept) if self._settings.alpha else []
        painted = np.empty(whole.shape, np.float32)
        for box in boxes:
            seen = self._codec.around(box, level, whole.shape)
            features = kept if kept is not None else self._codec.encode(whole, seen, [level])[level]
            moved = transformed(features, maps, _cut(shares, seen, level))
            painted[box[0] : box[2], box[1] : box[3]] = self._codec.decode(moved, seen, box, level)
        painted = painted[: image.shape[0], : image.shape[1]].clip(0, 255)
        return color.grey(painted) if self._grey else painted

    def _maps(self, whole: np.ndarray, level: int, counted: np.ndarray | None, kept: tf.Tensor | None) -> list[Affine]:
        """What each region's features go through; of these, positions count as `counted` says, see `_counted`."""
        sums = [MomentAccumulator() for _ in self._regions]
        for box in self._boxes(whole):
            features = kept if kept is not None else self._codec.encode(whole, box, [level])[level]
            within = _cut(counted, box, level)
            for index, each in enumerate(sums):
                each.add(features, None if within is None else within[..., index])
        transform, alpha = TRANSFORMS[self._settings.method], self._settings.alpha
        return [
            toward(transform(each.statistics(), [style[level] for style in styles], region.blend), alpha)
            for each, styles, region in zip(sums, self._styles, self._regions, strict=True)
        ]

    def _measured(self, style: np.ndarray) -> dict[int, Statistics]:
        """The statistics of a style's features, by level."""
        whole, levels = self._fitted(style), sorted(set(self._settings.levels))
        sums = {level: MomentAccumulator() for level in levels}
        counted = {level: self._counted(None, style, level) for level in levels}
        for box in self._boxes(whole):
            for level, features in self._codec.encode(whole, box, levels).items():
                within = _cut(counted[level], box, level)
                sums[level].add(features, None if within is None else within[..., 0])
        return {level: each.statistics() for level, each in sums.items()}

    def _fitted(self, image: np.ndarray) -> np.ndarray:
        """An image whose sides are multiples of the deepest level's stride, its border repeated below and right."""
        below, right = (-side % self._stride for side in image.shape[:2])
        return np.pad(image, [(0, below), (0, right), (0, 0)], "edge") if below or right else image

    def _counted(self, shares: np.ndarray | None, image: np.ndarray, level: int) -> np.ndarray | None:
        """What each position of a level counts in each region's statistics [rows, cols, regions]; None is all alike.

        What `_fitted` adds to the image does not.
        """
        added = [(0, -side % self._stride) for side in image.shape[:2]]
        if not np.any(added):
            return shares
        inside = np.pad(np.ones((*image.shape[:2], 1), np.float32), [*added, (0, 0)])
        inside = _at_stride(inside, vgg_layers.stride(level_layer(level)))
        return inside if shares is None else shares * inside

    def _boxes(self, image: np.ndarray) -> list[Box]:
        rows, cols = image.shape[:2]
        return [tile.box for tile in tiles(rows, cols, self._tile or max(rows, cols))]


def transformed(features: tf.Tensor | np.ndarray, maps: Sequence[Affine], shares: np.ndarray | None) -> tf.Tensor:
    """Features through the map of each region.

    Args:
      features: [rows, cols, channels].
      maps: one for each region; none leaves the features as they are.
      shares: of each region at each position [rows, cols, regions]; what they leave of 1 stays as it is. None is one
        region everywhere.
    """
    found = x = tf.convert_to_tensor(features)
    for index, affine in enumerate(maps):
        moved = tf.tensordot(x, tf.cast(affine.matrix, x.dtype), 1) + tf.cast(affine.offset, x.dtype)
        found = moved if shares is None else found + tf.cast(shares[..., index, np.newaxis], x.dtype) * (moved - x)
    return found


def _at_stride(maps: np.ndarray, stride: int) -> np.ndarray:
    """The means of squares of `stride` pixels of maps [rows, cols, regions]."""
    rows, cols, regions = maps.shape
    return maps.reshape(rows // stride, stride, cols // stride, stride, regions).mean(axis=(1, 3))


def _cut(shares: np.ndarray | None, box: Box, level: int) -> np.ndarray | None:
    """The part `box`, in pixels, of shares at a level's positions."""
    if shares is None:
        return None
    top, left, bottom, right = (edge // vgg_layers.stride(level_layer(level)) for edge in box)
    return shares[top:bottom, left:right]

"""Paints one level of a picture: encodes it, gives its features the styles' statistics, and decodes it."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from neural_style.images import color
from neural_style.images.scene import Scene, shares_of
from neural_style.settings import vgg_layers
from neural_style.settings.universal import UniversalSettings
from neural_style.settings.vgg_layers import level_layer
from neural_style.universal import positions
from neural_style.universal.codec import Codec
from neural_style.universal.transforms import (
    TRANSFORMS,
    Affine,
    MomentAccumulator,
    Statistics,
    add_by_region,
    interpolate,
)


class Painter:
    """Paints a scene level by level.

    Statistics are sums over positions: a first pass over tiles adds them up, a second transforms and decodes.
    """

    def __init__(self, codec: Codec, scene: Scene, method: str, settings: UniversalSettings, tile: int | None):
        """
        Args:
          codec: with a decoder for each level.
          scene: its styles are measured here.
          method: a key of `TRANSFORMS`.
          settings: of universal style transfer.
          tile: side of the tiles in pixels; None processes images whole.
        """
        self._codec, self._settings = codec, settings
        self._transform = TRANSFORMS[method]
        self._levels = sorted(set(settings.levels))
        self._stride = _level_stride(max(settings.levels))
        self._tile = tile and -(-tile // self._stride) * self._stride
        self._grey = scene.chroma is not None
        self._styles = [[self._measure_style(style) for style in region.styles] for region in scene.regions]
        self._regions = scene.regions
        self._shares = shares_of(scene.regions)

    def paint(self, image: np.ndarray, level: int) -> np.ndarray:
        """Paint one level.

        Args:
          image: RGB [rows, cols, 3] in 0..255.
          level: the level whose features are transformed.

        Returns:
          RGB [rows, cols, 3] float32 in 0..255.
        """
        stride, shares = _level_stride(level), None
        padded = positions.pad(image.clip(0, 255), self._stride)
        if self._shares is not None:
            shares = positions.block_means(positions.pad(self._shares, self._stride), stride)
        boxes = positions.boxes(padded.shape, self._tile)
        # The features of a single box are kept, so that they are computed once for both passes.
        features_of_all = self._codec.encode(padded, boxes[0], [level])[level] if len(boxes) == 1 else None
        weights = positions.weights(shares, image.shape, self._stride, stride)
        transforms = self._make_transforms(padded, level, weights, features_of_all)
        painted = np.empty(padded.shape, np.float32)
        for box in boxes:
            outer = self._codec.decoder_box(box, level, padded.shape)
            features = features_of_all
            if features is None:
                features = self._codec.encode(padded, outer, [level])[level]
            transformed = apply_transforms(features, transforms, positions.crop(shares, outer, stride))
            painted[box[0] : box[2], box[1] : box[3]] = self._codec.decode(transformed, outer, box, level)
        painted = painted[: image.shape[0], : image.shape[1]].clip(0, 255)
        return color.grey(painted) if self._grey else painted

    def _make_transforms(
        self, padded: np.ndarray, level: int, weights: np.ndarray | None, features_of_all: tf.Tensor | None
    ) -> list[Affine]:
        """The map of each region's features; none where --alpha is 0.

        Args:
          padded: the image, see `positions.pad`.
          level: of the features.
          weights: see `positions.weights`.
          features_of_all: the image's features, where it is a single box.
        """
        if self._settings.alpha == 0:
            return []
        contents = self._measure_regions(padded, level, weights, features_of_all)
        transforms = []
        for content, styles, region in zip(contents, self._styles, self._regions, strict=True):
            affine = self._transform(content, [style[level] for style in styles], region.blend)
            transforms.append(interpolate(affine, self._settings.alpha))
        return transforms

    def _measure_regions(
        self, padded: np.ndarray, level: int, weights: np.ndarray | None, features_of_all: tf.Tensor | None
    ) -> list[Statistics]:
        """The statistics of each region's features; for the arguments see `_make_transforms`."""
        moments = [MomentAccumulator() for _ in self._regions]
        for box in positions.boxes(padded.shape, self._tile):
            features = features_of_all
            if features is None:
                features = self._codec.encode(padded, box, [level])[level]
            add_by_region(moments, features, positions.crop(weights, box, _level_stride(level)))
        return [accumulator.statistics() for accumulator in moments]

    def _measure_style(self, style: np.ndarray) -> dict[int, Statistics]:
        """The statistics of a style's features by level."""
        padded, strides = positions.pad(style, self._stride), {level: _level_stride(level) for level in self._levels}
        moments = {level: MomentAccumulator() for level in strides}
        weights = {
            level: positions.weights(None, style.shape, self._stride, stride) for level, stride in strides.items()
        }
        for box in positions.boxes(padded.shape, self._tile):
            for level, features in self._codec.encode(padded, box, self._levels).items():
                add_by_region([moments[level]], features, positions.crop(weights[level], box, strides[level]))
        return {level: accumulator.statistics() for level, accumulator in moments.items()}


def apply_transforms(
    features: tf.Tensor | np.ndarray, transforms: Sequence[Affine], shares: np.ndarray | None
) -> tf.Tensor:
    """Apply the transform of each region to features.

    Args:
      features: [rows, cols, channels].
      transforms: one for each region; none leaves the features unchanged.
      shares: of each region at each position [rows, cols, regions]; where they add up to less than 1, the rest is left
        unchanged. None is one region everywhere.
    """
    unchanged = result = tf.convert_to_tensor(features)
    for index, affine in enumerate(transforms):
        mapped = affine(unchanged)
        if shares is None:
            result = mapped
        else:
            result = result + tf.cast(shares[..., index, np.newaxis], unchanged.dtype) * (mapped - unchanged)
    return result


def _level_stride(level: int) -> int:
    """Pixels from one position of a level's features to the next."""
    return vgg_layers.stride(level_layer(level))

"""Paints with the band decoder: at each level, from the deepest to the image, subbands take the styles' statistics.

The subbands of a level are its low band, then its three detail bands. The deepest level is not split: its only subband,
called its low band here, is relu4_1 itself. The others are those of the last layer of block 3, 2 and 1, see
`band_decoder.encoder_layers`.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from neural_style.core.cache import Cache
from neural_style.images import color
from neural_style.images.scene import Scene, shares_of
from neural_style.settings.universal import UniversalSettings
from neural_style.universal import positions
from neural_style.universal.band_codec import BandCodec, BandFeatures, crop
from neural_style.universal.band_decoder import LEVELS, STRIDES
from neural_style.universal.haar import DETAIL_BANDS
from neural_style.universal.painter import apply_transforms
from neural_style.universal.transforms import (
    CHANNEL_WISE,
    TRANSFORMS,
    Affine,
    MomentAccumulator,
    Statistics,
    add_by_region,
    interpolate,
)
from neural_style.vgg.tiles import Box

DEEPEST = LEVELS[0]
STRIDE = STRIDES[DEEPEST]


@dataclasses.dataclass(frozen=True)
class LevelTransforms:
    """The transforms of a level's features. Each list has one transform for each region; an empty one changes nothing.

    Attributes:
      content: of each of the content's own subbands; those that are left out stay unchanged.
      decoded_low: of the low band that is decoded.
    """

    content: Sequence[Sequence[Affine]] = ()
    decoded_low: Sequence[Affine] = ()

    def of_subband(self, index: int) -> Sequence[Affine]:
        """Those of the content's subband number `index`."""
        return self.content[index] if index < len(self.content) else ()


class BandPainter:
    """Paints a scene, from the deepest level to the image.

    First the content's own features take the styles' statistics. Then each level's low band, which is decoded from
    level + 1, takes them once more, after a share of what decoding loses of the content is added (--detail). So the
    levels are measured one after the other. Statistics are sums over positions: each measurement is a pass over the
    tiles. There a position counts by its weight in each region, without padding and margin; transforms are mixed by the
    regions' shares of a position.
    """

    def __init__(
        self,
        codec: BandCodec,
        scene: Scene,
        method: str,
        settings: UniversalSettings,
        tile: int | None,
        cache: Cache,
        key: Hashable,
    ):
        """
        Args:
          codec: encodes and decodes.
          scene: its styles are measured here.
          method: a key of `TRANSFORMS`.
          settings: of universal style transfer.
          tile: side of the tiles in pixels, rounded up to `STRIDE`; None processes images whole.
          cache: keeps the statistics of styles, for the next picture or frame.
          key: identifies `codec` in the cache.
        """
        self._codec, self._settings = codec, settings
        self._transform, self._is_channel_wise = TRANSFORMS[method], method in CHANNEL_WISE
        self._tile = tile and -(-tile // STRIDE) * STRIDE
        self._grey = scene.chroma is not None  # the scene adds the photograph's colours (--preserve_color)
        self._regions, self._shares = scene.regions, shares_of(scene.regions)
        self._margin = scene.margin
        cache_key = ("style", key, settings.levels, self._transform, settings.detail == 1)

        def measure(style: np.ndarray) -> dict[int, list[Statistics]]:
            digest = hashlib.sha256(style.tobytes()).digest()
            return cache.get((*cache_key, style.shape, digest), lambda: self._measure_style(style), _bytes_of)

        self._styles = [[measure(style) for style in region.styles] for region in scene.regions]

    def paint(self, image: np.ndarray) -> np.ndarray:
        """Paint an image of the scene's size: RGB [rows, cols, 3] in 0..255 to float32 of the same shape and range."""
        padded = positions.pad(image.clip(0, 255), STRIDE)
        boxes = positions.boxes(padded.shape, self._tile)
        # An image in one box is encoded and decoded once for all passes; tiles are computed again in each pass.
        part_of = functools.lru_cache(maxsize=1)(functools.partial(self._part, padded))
        transforms = dict.fromkeys(LEVELS, LevelTransforms())
        if self._settings.alpha:
            weights = {
                level: positions.weights(self._shares_at(level), image.shape, STRIDE, STRIDES[level], self._margin)
                for level in LEVELS
            }
            transforms |= self._transforms_of_content(part_of, boxes, weights)
            for level in self._settings.levels:  # the deepest first, as `UniversalSettings` checks
                if level != DEEPEST:
                    decoded_low = self._transforms_of_decoded(part_of, boxes, level, transforms, weights[level])
                    transforms[level] = dataclasses.replace(transforms[level], decoded_low=decoded_low)
        painted = np.empty(padded.shape, np.float32)
        for box in boxes:
            painted[box[0] : box[2], box[1] : box[3]] = part_of(box).image(transforms)
        painted = painted[: image.shape[0], : image.shape[1]].clip(0, 255)
        return color.grey(painted) if self._grey else painted

    def _part(self, padded: np.ndarray, box: Box) -> "_Part":
        """The part `box` of a padded image, encoded."""
        outer = self._codec.decoder_box(box, padded.shape)
        shares = {level: positions.crop(self._shares_at(level), outer, STRIDES[level]) for level in LEVELS}
        pixels = padded[outer[0] : outer[2], outer[1] : outer[3]]
        features = self._codec.encode(padded, outer)
        return _Part(self._codec, pixels, features, outer, box, shares, self._settings.detail)

    def _transforms_of_content(
        self, part_of: Callable[[Box], "_Part"], boxes: Sequence[Box], weights: Mapping[int, np.ndarray | None]
    ) -> dict[int, LevelTransforms]:
        """The transforms of the content's own features, by level.

        Args:
          part_of: encodes a box.
          boxes: all of them.
          weights: of each region at each position [rows, cols, regions], by level; None is 1.
        """
        moments = self._moments(len(self._regions))
        for box in boxes:
            part = part_of(box)
            for level, by_subband in moments.items():
                box_weights = positions.crop(weights[level], box, STRIDES[level])
                # Detail bands without accumulators stay as they are.
                for accumulators, features in zip(by_subband, part.subbands(level), strict=False):
                    add_by_region(accumulators, part.inside(features, level), box_weights)
        return {
            level: LevelTransforms(
                [self._affines(accumulators, level, index) for index, accumulators in enumerate(by_subband)]
            )
            for level, by_subband in moments.items()
        }

    def _transforms_of_decoded(
        self,
        part_of: Callable[[Box], "_Part"],
        boxes: Sequence[Box],
        level: int,
        transforms: Mapping[int, LevelTransforms],
        weights: np.ndarray | None,
    ) -> list[Affine]:
        """The transforms of a level's decoded low band, by region.

        Args:
          part_of, boxes: see `_transforms_of_content`.
          level: not the deepest.
          transforms: of all deeper levels, and of the content's own subbands of this one.
          weights: of each region at each position of the level [rows, cols, regions]; None is 1.
        """
        moments = [self._accumulator() for _ in self._regions]
        for box in boxes:
            part = part_of(box)
            inside = part.inside(part.low(level, transforms), level)
            add_by_region(moments, inside, positions.crop(weights, box, STRIDES[level]))
        return self._affines(moments, level, 0)

    def _affines(self, moments: Sequence[MomentAccumulator], level: int, index: int) -> list[Affine]:
        """The transforms of a level's subband number `index`, one for each region."""
        strength = self._settings.alpha * (1 - self._settings.detail if index else 1)  # index 0 is the low band
        transforms = []
        for accumulator, styles, region in zip(moments, self._styles, self._regions, strict=True):
            affine = self._transform(accumulator.statistics(), [style[level][index] for style in styles], region.blend)
            transforms.append(interpolate(affine, strength))
        return transforms

    def _measure_style(self, style: np.ndarray) -> dict[int, list[Statistics]]:
        """The statistics of a style's subbands by level."""
        padded, moments = positions.pad(style, STRIDE), self._moments(1)
        weights = {level: positions.weights(None, style.shape, STRIDE, STRIDES[level]) for level in moments}
        for box in positions.boxes(padded.shape, self._tile):
            features = self._codec.encode(padded, box)
            for level, by_subband in moments.items():
                box_weights = positions.crop(weights[level], box, STRIDES[level])
                # As in `_transforms_of_content`.
                for accumulators, band in zip(by_subband, features.subbands(level), strict=False):
                    add_by_region(accumulators, band, box_weights)
        return {
            level: [accumulator.statistics() for (accumulator,) in by_subband] for level, by_subband in moments.items()
        }

    def _moments(self, regions: int) -> dict[int, list[list[MomentAccumulator]]]:
        """By level and subband: an accumulator for each of a number of regions."""
        return {
            level: [[self._accumulator() for _ in range(regions)] for _ in range(self._transformed_subbands(level))]
            for level in self._settings.levels
        }

    def _accumulator(self) -> MomentAccumulator:
        return MomentAccumulator(self._is_channel_wise)

    def _transformed_subbands(self, level: int) -> int:
        """How many of a level's subbands are transformed: the low band alone where --detail=1 keeps the others."""
        return 1 if level == DEEPEST or self._settings.detail == 1 else 1 + DETAIL_BANDS

    def _shares_at(self, level: int) -> np.ndarray | None:
        """The share of each region at a level's positions [rows, cols, regions]; None is one region everywhere."""
        if self._shares is None:
            return None
        return positions.block_means(positions.pad(self._shares, STRIDE), STRIDES[level])


class _Part:
    """A part of an image, which is decoded level by level as the levels' transforms become known."""

    def __init__(
        self,
        codec: BandCodec,
        pixels: np.ndarray,
        features: BandFeatures,
        outer: Box,
        box: Box,
        shares: Mapping[int, np.ndarray | None],
        detail: float,
    ):
        """
        Args:
          codec: decodes.
          pixels: of the box `outer`, RGB [rows, cols, 3].
          features: of these pixels.
          outer: the `decoder_box` of `box`.
          box: the part.
          shares: of each region at each position of `outer`, by level.
          detail: the share of what decoding loses of the content that is added again.
        """
        self._codec, self._features, self._shares, self._detail = codec, features, shares, detail
        self._pixels = pixels
        self._outer, self._box = outer, box
        self._lows: dict[int, tf.Tensor] = {}

    def subbands(self, level: int) -> list[tf.Tensor]:
        """The content's subbands of a level."""
        return self._features.subbands(level)

    def inside(self, features: tf.Tensor, level: int) -> tf.Tensor:
        """What features of a level [rows, cols, channels] have within the box."""
        return crop(features, self._outer, self._box, STRIDES[level])

    def image(self, transforms: Mapping[int, LevelTransforms]) -> np.ndarray:
        """The decoded part, RGB [rows, cols, 3] about 0..255."""
        lost = self._pixels - self._reconstruction(1)
        return np.asarray(crop(self._decode(1, transforms) + self._detail * lost, self._outer, self._box, 1))

    def low(self, level: int, transforms: Mapping[int, LevelTransforms]) -> tf.Tensor:
        """The low band of a level, decoded from `level + 1`, plus `detail` times what decoding loses.

        At the deepest level it is the content's features, transformed.

        Args:
          level: the level.
          transforms: those of all deeper levels, and of the content's own features of this one, must not change any
            more, since the low band is kept from the first call.
        """
        if level not in self._lows:
            low_transforms, shares = transforms[level].of_subband(0), self._shares[level]
            low = apply_transforms(self.subbands(level)[0], low_transforms, shares)
            if level != DEEPEST:
                lost = low - apply_transforms(self._reconstruction(level + 1), low_transforms, shares)
                low = self._decode(level + 1, transforms) + self._detail * lost
            self._lows[level] = low
        return self._lows[level]

    def _reconstruction(self, level: int) -> tf.Tensor:
        """The low band of `level - 1`, or the image, decoded from the content's own subbands, unchanged."""
        low, *details = self.subbands(level)
        return self._codec.decode(low, details, level)

    def _decode(self, level: int, transforms: Mapping[int, LevelTransforms]) -> tf.Tensor:
        """Decode a level to the low band of `level - 1`, or to the image."""
        shares, level_transforms = self._shares[level], transforms[level]
        low = apply_transforms(self.low(level, transforms), level_transforms.decoded_low, shares)
        numbered = enumerate(self.subbands(level)[1:], start=1)
        details = [apply_transforms(band, level_transforms.of_subband(index), shares) for index, band in numbered]
        return self._codec.decode(low, details, level)


def _bytes_of(statistics: Mapping[int, Sequence[Statistics]]) -> int:
    # Twice, since the root of a covariance is kept too.
    return sum(2 * of_band.covariance.nbytes for of_level in statistics.values() for of_band in of_level)

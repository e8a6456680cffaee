"""Architectures of networks that paint: Johnson et al. 2016 with conditional instance normalisation, a deeper one of
this project, Zhang & Dana 2017, Dumoulin et al. 2017 as published, and the transformer of Ghiasi et al. 2017.

Each forward pass is written once. Its argument `apply` determines how a layer is applied: to tensors, or in strips of
rows (`feedforward.strips`).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from neural_style.feedforward import published
from neural_style.feedforward.layers import CoMatch, Convolution, CropAdd, InstanceNormalization, ToImage, gram_matrix

Apply = Callable[..., Any]
"""(layer, its inputs) → its output."""


def _compute(layer: keras.layers.Layer, *inputs: Any) -> Any:
    """Apply a layer to tensors, without what Keras does around each call; traced in half the time."""
    return layer.call(*inputs)


def _scale_channels(channels: int, width: float) -> int:
    return max(4, round(channels * width))


class Part(NamedTuple):
    """A convolution, and the normalisation of its map, if any."""

    convolution: Convolution
    normalization: InstanceNormalization | None


class PartSpec(NamedTuple):
    """The arguments of a `Convolution`, and whether its normalisation ends with a ReLU."""

    filters: int
    size: int
    stride: int = 1
    doubled: bool = False
    relu: bool = True


def _build_parts(specs: Sequence[PartSpec], styles: int, prefix: str = "") -> list[Part]:
    """Build convolutions with their normalisations; layers are named by their number."""
    return [
        Part(
            Convolution(spec.filters, spec.size, spec.stride, spec.doubled, name=f"{prefix}convolution_{number}"),
            InstanceNormalization(styles, relu=spec.relu, name=f"{prefix}normalization_{number}"),
        )
        for number, spec in enumerate(specs)
    ]


def _residual_specs(channels: int, blocks: int) -> list[PartSpec]:
    """The two convolutions of each of several residual blocks; no ReLU before the sum."""
    return [PartSpec(channels, 3), PartSpec(channels, 3, relu=False)] * blocks


def _apply_parts(parts: Sequence[Part], x: Any, style: Any, apply: Apply) -> Any:
    """Apply convolutions and their normalisations to a map, one after the other."""
    for convolution, normalization in parts:
        x = apply(convolution, x)  # the same name, so that large maps are freed early
        if normalization is not None:
            x = apply(normalization, x, style)
    return x


def _apply_residual_blocks(parts: Sequence[Part], x: Any, style: Any, apply: Apply) -> Any:
    """Apply residual blocks of two parts each to a map."""
    for first in range(0, len(parts), 2):
        x = x + _apply_parts(parts[first : first + 2], x, style, apply)
    return x


class Johnson:
    """Johnson et al. 2016 as in pytorch/examples, with γ and β for each style (Dumoulin et al. 2017).

    Borders are reflected; maps are enlarged by nearest neighbour instead of transposed convolutions; instance
    normalisation (Ulyanov et al. 2016); no ReLU after a residual block's sum. At full width it has 1,679,235 weights
    with one style.
    """

    BLOCKS = 5

    def __init__(self, styles: int, width: float):
        """
        Args:
          styles: number of styles.
          width: share of the published number of channels.
        """
        first, second, third = (_scale_channels(channels, width) for channels in (32, 64, 128))
        specs = [PartSpec(first, 9), PartSpec(second, 3, stride=2), PartSpec(third, 3, stride=2)]
        specs += _residual_specs(third, self.BLOCKS)
        specs += [PartSpec(second, 3, doubled=True), PartSpec(first, 3, doubled=True)]
        normalized = _build_parts(specs, styles)
        self._contract, self._residual, self._expand = normalized[:3], normalized[3:-2], normalized[-2:]
        self._last, self._to_image = Convolution(3, 9, name="last"), ToImage(name="shown")
        self.parts = [*normalized, Part(self._last, None)]
        """All convolutions with their normalisations, in order."""

    def __call__(self, image: Any, style: Any, apply: Apply = _compute) -> Any:
        """Paint.

        Args:
          image: RGB [batch, rows, cols, 3] in 0..255.
          style: the weight of each style, [batch, 1, 1, styles], or by position [batch, rows', cols', styles].
          apply: how a layer is applied.

        Returns:
          RGB [batch, rows, cols, 3], about 0..255.
        """
        x = _apply_parts(self._contract, image, style, apply)
        x = self._apply_blocks(x, style, apply)
        x = _apply_parts(self._expand, x, style, apply)
        return apply(self._to_image, apply(self._last, x), image)

    def _apply_blocks(self, x: Any, style: Any, apply: Apply) -> Any:
        return _apply_residual_blocks(self._residual, x, style, apply)


class Deep(Johnson):
    """Johnson's network with as many more residual blocks at an eighth of the size, beside those at a quarter.

    Not of a paper. The output of these blocks is normalised and added to the map at a quarter, after `BLOCKS_BEFORE` of
    its blocks. Networks without them paint in strokes of about eight pixels, whatever the painting's strokes.
    """

    BLOCKS_BEFORE = 2

    def __init__(self, styles: int, width: float):
        """See `Johnson`."""
        super().__init__(styles, width)
        channels = _scale_channels(128, width)
        specs = [PartSpec(channels, 3, stride=2), *_residual_specs(channels, self.BLOCKS)]
        specs.append(PartSpec(channels, 3, doubled=True, relu=False))
        self.deep_parts = _build_parts(specs, styles, "deep_")
        """The convolutions at an eighth of the size with their normalisations, in order."""
        self._add = CropAdd(name="added")

    def _apply_blocks(self, x: Any, style: Any, apply: Apply) -> Any:
        parts_before = 2 * self.BLOCKS_BEFORE
        x = _apply_residual_blocks(self._residual[:parts_before], x, style, apply)
        contract, *residual, expand = self.deep_parts
        deep = _apply_parts([contract], x, style, apply)
        deep = _apply_residual_blocks(residual, deep, style, apply)
        x = apply(self._add, x, _apply_parts([expand], deep, style, apply))
        return _apply_residual_blocks(self._residual[parts_before:], x, style, apply)


class Bottleneck:
    """A residual block whose normalisations and ReLUs come before its convolutions (Zhang & Dana 2017, figure 4)."""

    def __init__(self, name: str, channels: int, stride: int = 1, doubled: bool = False):
        """
        Args:
          name: prefix of its layers' names.
          channels: of the block's inner maps; its output has four times as many.
          stride: of the block.
          doubled: whether the map is enlarged twice.
        """
        self._convolutions = [
            Convolution(channels, 1, name=f"{name}_narrow"),
            Convolution(channels, 3, stride, doubled, name=f"{name}_middle"),
            Convolution(4 * channels, 1, name=f"{name}_widen"),
        ]
        self._normalizations = [InstanceNormalization(0, name=f"{name}_normalization_{number}") for number in range(3)]
        self._shortcut = None
        if stride > 1 or doubled:
            self._shortcut = Convolution(4 * channels, 1, stride, doubled, name=f"{name}_shortcut")

    def __call__(self, x: Any, style: Any, apply: Apply) -> Any:
        """Apply the block to a map."""
        residual = x
        for normalization, convolution in zip(self._normalizations, self._convolutions, strict=True):
            residual = apply(convolution, apply(normalization, residual, style))
        return residual + (apply(self._shortcut, x) if self._shortcut else x)


class Msg:
    """MSG-Net (Zhang & Dana 2017): one network for all styles, which enter as Gram matrices in the CoMatch layer."""

    BLOCKS = 6

    def __init__(self, styles: int, width: float):
        """
        Args:
          styles: number of styles; it keeps a Gram matrix of each.
          width: share of the channels; 1 is the authors' 128 features (ngf).
        """
        first, narrow, features, last = (_scale_channels(channels, width) for channels in (64, 32, 128, 16))
        self._first = Convolution(first, 7, name="first")
        self._first_normalization = InstanceNormalization(0, name="first_normalization")
        self._down = [Bottleneck("down_1", narrow, stride=2), Bottleneck("down_2", features, stride=2)]
        self.match = CoMatch(styles, name="match")
        self._blocks = [Bottleneck(f"block_{number}", features) for number in range(1, self.BLOCKS + 1)]
        self._up = [Bottleneck("up_1", narrow, doubled=True), Bottleneck("up_2", last, doubled=True)]
        self._last_normalization = InstanceNormalization(0, name="last_normalization")
        self._last = Convolution(3, 7, name="last")
        self._to_image = ToImage(name="shown")

    def encode(self, image: Any, style: Any, apply: Apply = _compute) -> Any:
        """The features of an image that the CoMatch layer takes; a style is the `gram_matrix` of its features."""
        x = apply(self._first, image)
        x = apply(self._first_normalization, x, style)
        for block in self._down:
            x = block(x, style, apply)
        return x

    def gram(self, image: Any, style: Any) -> Any:
        """The Gram matrix [batch, channels, channels] of style images' features."""
        return gram_matrix(self.encode(image, style))

    def __call__(self, image: Any, style: Any, apply: Apply = _compute, gram: Any = None) -> Any:
        """Paint; see `Johnson.__call__`.

        Args:
          image, style, apply: see there.
          gram: Gram matrices [batch, channels, channels] instead of the styles' stored ones; for training.
        """
        x = self.encode(image, style, apply)
        x = apply(self.match, x, style) if gram is None else self.match.match_gram(x, gram)
        for block in (*self._blocks, *self._up):
            x = block(x, style, apply)
        x = apply(self._last_normalization, x, style)
        return apply(self._to_image, apply(self._last, x), image)


class Dumoulin:
    """Dumoulin et al. 2017 in the size that TensorFlow's mobile demo has: 115 thousand weights, and 990 for each style.

    Every convolution is normalised, the last one too, before a sigmoid. Narrower than the paper's network: 32 channels
    up to the enlargements, then 8 and 4; six residual blocks instead of five.
    """

    BLOCKS = 6

    def __init__(self, styles: int, width: float):
        """See `Johnson`; at width 1 it fits the published weights (`scripts/convert_dumoulin.py`)."""
        channels, eight, four = (_scale_channels(count, width) for count in (32, 8, 4))
        specs = [PartSpec(channels, 9), PartSpec(channels, 3, stride=2), PartSpec(channels, 3, stride=2)]
        specs += _residual_specs(channels, self.BLOCKS)
        specs += [PartSpec(eight, 3, doubled=True), PartSpec(four, 3, doubled=True), PartSpec(3, 9, relu=False)]
        self.parts = _build_parts(specs, styles)
        """All convolutions with their normalisations, in order."""
        self._to_image = ToImage(sigmoid=True, name="shown")

    def __call__(self, image: Any, style: Any, apply: Apply = _compute) -> Any:
        """Paint; see `Johnson.__call__`. The result is in 0..255."""
        x = _apply_parts(self.parts[:3], image, style, apply)
        x = _apply_residual_blocks(self.parts[3:-3], x, style, apply)
        x = _apply_parts(self.parts[-3:], x, style, apply)
        return apply(self._to_image, x, image)


class Ghiasi:
    """The transformer of Ghiasi et al. 2017, in the size of Magenta's mobile version.

    Three convolutions without normalisation (theirs is folded in), five residual blocks of 32 channels at a quarter of
    the size, two enlargements by nearest neighbour, and a last convolution with normalisation and a sigmoid.
    """

    BLOCKS = published.BLOCKS

    def __init__(self, styles: int):
        """
        Args:
          styles: number of styles.
        """
        self._contract = [
            Part(Convolution(filters, size, stride, relu=True, name=f"contract_{number}"), None)
            for number, (filters, size, stride) in enumerate([(8, 9, 1), (16, 3, 2), (32, 3, 2)])
        ]
        specs = _residual_specs(32, self.BLOCKS)
        specs += [PartSpec(16, 3, doubled=True), PartSpec(8, 3, doubled=True), PartSpec(3, 9, relu=False)]
        normalized = _build_parts(specs, styles)
        self._residual, self._expand = normalized[:-3], normalized[-3:]
        self._to_image = ToImage(sigmoid=True, name="shown")
        self.parts = [*self._contract, *normalized]
        """All convolutions with their normalisations, in order."""

    def __call__(self, image: Any, style: Any, apply: Apply = _compute) -> Any:
        """Paint; see `Johnson.__call__`. The result is in 0..255."""
        x = _apply_parts(self._contract, image, style, apply)
        x = _apply_residual_blocks(self._residual, x, style, apply)
        x = _apply_parts(self._expand, x, style, apply)
        return apply(self._to_image, x, image)


ARCHITECTURES: dict[str, Callable[[int, float], Johnson | Msg | Dumoulin]] = {
    "johnson": Johnson,
    "deep": Deep,
    "msg": Msg,
    "dumoulin": Dumoulin,
}
"""The architectures that can be trained, by --architecture."""


def _call(layer: keras.layers.Layer, *inputs: Any) -> Any:
    """Apply a layer by Keras, which builds it."""
    return layer(*inputs)


def build_model(network: Johnson | Msg | Dumoulin | Ghiasi, styles: int) -> keras.Model:
    """Build the Keras model of [image, style] that shares a network's layers; this creates their weights."""
    image, style = keras.Input((None, None, 3), name="image"), keras.Input((1, 1, styles), name="style")
    return keras.Model([image, style], network(image, style, _call), name=type(network).__name__.lower())

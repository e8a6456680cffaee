"""The networks' architectures: Johnson et al. 2016 with conditional instance normalisation, a deeper one of ours,
Zhang & Dana 2017, and the transformer of Ghiasi et al. 2017.

The forward pass is written once; `apply` says how a layer is applied: to tensors, or in bands (`feedforward.bands`).
"""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from neural_style.feedforward import published
from neural_style.feedforward.layers import CoMatch, Convolution, CropAdd, InstanceNormalization, ToImage, gram_of

Apply = Callable[..., Any]
"""(layer, its inputs) → its output."""


def _computed(layer: keras.layers.Layer, *inputs: Any) -> Any:
    """A layer applied to tensors, without what Keras does around each call: traced in half the time."""
    return layer.call(*inputs)


def _share(channels: int, width: float) -> int:
    return max(4, round(channels * width))


Part = tuple[Convolution, InstanceNormalization | None]
"""A convolution, and what normalises its map, if anything."""


def _parts(ways: Iterable[tuple[tuple, bool]], styles: int, prefix: str = "") -> list[Part]:
    """Convolutions with what normalises them, of what each `Convolution` takes and whether a ReLU follows."""
    return [
        (
            Convolution(*how, name=f"{prefix}convolution_{number}"),
            InstanceNormalization(styles, relu=relu, name=f"{prefix}normalization_{number}"),
        )
        for number, (how, relu) in enumerate(ways)
    ]


Following = Callable[[Any], Any]
"""What the next convolution and its normalisation make of a map."""


def _following(parts: Iterable[Part], style: Any, apply: Apply) -> Following:
    steps = iter(parts)

    def following(x: Any) -> Any:
        convolution, norm = next(steps)
        x = apply(convolution, x)  # large maps are let go as soon as they can be
        return x if norm is None else apply(norm, x, style)

    return following


def _residual(x: Any, following: Following, blocks: int) -> Any:
    for _ in range(blocks):
        x = x + following(following(x))
    return x


class Johnson:
    """Johnson et al. 2016 as in pytorch/examples: every border reflected, nearest-neighbour doubling instead of
    transposed convolutions, instance normalisation (Ulyanov et al. 2016), no ReLU after a residual block's sum; each
    style has a γ and β of its own (Dumoulin et al. 2017). Full width has 1,679,235 weights with one style.
    """

    BLOCKS = 5

    def __init__(self, styles: int, width: float):
        """
        Args:
          styles: that it paints in.
          width: share of the channels.
        """
        first, second, third = (_share(channels, width) for channels in (32, 64, 128))
        down = [((first, 9), True), ((second, 3, 2), True), ((third, 3, 2), True)]
        blocks = [((third, 3), True), ((third, 3), False)] * self.BLOCKS
        up = [((second, 3, 1, True), True), ((first, 3, 1, True), True)]
        self._last, self._shown = Convolution(3, 9, name="last"), ToImage(name="shown")
        self.parts = [*_parts([*down, *blocks, *up], styles), (self._last, None)]
        """Each convolution with what normalises it, in order."""

    def __call__(self, image: Any, style: Any, apply: Apply = _computed) -> Any:
        """Paints.

        Args:
          image: RGB [batch, rows, cols, 3] in 0..255.
          style: the weight of each style, [batch, 1, 1, styles], or by position [batch, rows', cols', styles].
          apply: how a layer is applied.

        Returns:
          RGB [batch, rows, cols, 3], about 0..255.
        """
        following = _following(self.parts, style, apply)
        x = self._blocks(following(following(following(image))), following, style, apply)
        x = following(following(x))
        return apply(self._shown, apply(self._last, x), image)

    def _blocks(self, x: Any, following: Following, style: Any, apply: Apply) -> Any:
        return _residual(x, following, self.BLOCKS)


class Deep(Johnson):
    """Johnson's network with as many residual blocks again at an eighth of the size, beside those at a quarter.

    Not of a paper: what they find is normalised and added to the map at a quarter, after `BEFORE` of its blocks. A
    network whose blocks all lie at a quarter paints in strokes of about eight pixels, whatever the painting's.
    """

    BEFORE = 2

    def __init__(self, styles: int, width: float):
        """See `Johnson`."""
        super().__init__(styles, width)
        channels = _share(128, width)
        blocks = [((channels, 3), True), ((channels, 3), False)] * self.BLOCKS
        ways = [((channels, 3, 2), True), *blocks, ((channels, 3, 1, True), False)]
        self.deeper, self._added = _parts(ways, styles, "deep_"), CropAdd(name="added")

    def _blocks(self, x: Any, following: Following, style: Any, apply: Apply) -> Any:
        x, deeper = _residual(x, following, self.BEFORE), _following(self.deeper, style, apply)
        x = apply(self._added, x, deeper(_residual(deeper(x), deeper, self.BLOCKS)))
        return _residual(x, following, self.BLOCKS - self.BEFORE)


class Bottleneck:
    """A residual block whose normalisations and ReLUs come before its convolutions (Zhang & Dana 2017, figure 4)."""

    def __init__(self, name: str, planes: int, stride: int = 1, doubled: bool = False):
        """
        Args:
          name: that its layers' names begin with.
          planes: channels within; four times as many come out.
          stride: of the block.
          doubled: whether it doubles the map.
        """
        middle = dict(stride=stride, doubled=doubled)
        self._convolutions = [
            Convolution(planes, 1, name=f"{name}_narrow"),
            Convolution(planes, 3, **middle, name=f"{name}_middle"),
            Convolution(4 * planes, 1, name=f"{name}_widen"),
        ]
        self._norms = [InstanceNormalization(0, name=f"{name}_normalization_{number}") for number in range(3)]
        changes = stride > 1 or doubled
        self._shortcut = Convolution(4 * planes, 1, **middle, name=f"{name}_shortcut") if changes else None

    def __call__(self, x: Any, style: Any, apply: Apply) -> Any:
        """The block of a map."""
        found = x
        for norm, convolution in zip(self._norms, self._convolutions, strict=True):
            found = apply(convolution, apply(norm, found, style))
        return found + (apply(self._shortcut, x) if self._shortcut else x)


class Msg:
    """MSG-Net (Zhang & Dana 2017): one network for all styles, which enter as Gram matrices in the CoMatch layer."""

    BLOCKS = 6

    def __init__(self, styles: int, width: float):
        """
        Args:
          styles: whose Gram matrices it keeps.
          width: share of the channels; 1 is the authors' 128 features (ngf).
        """
        first, narrow, features, least = (_share(channels, width) for channels in (64, 32, 128, 16))
        self._first = Convolution(first, 7, name="first"), InstanceNormalization(0, name="first_normalization")
        self._down = [Bottleneck("down_1", narrow, stride=2), Bottleneck("down_2", features, stride=2)]
        self.match = CoMatch(styles, name="match")
        self._blocks = [Bottleneck(f"block_{number}", features) for number in range(1, self.BLOCKS + 1)]
        self._up = [Bottleneck("up_1", narrow, doubled=True), Bottleneck("up_2", least, doubled=True)]
        self._last = InstanceNormalization(0, name="last_normalization"), Convolution(3, 7, name="last")
        self._shown = ToImage(name="shown")

    def encoded(self, image: Any, style: Any, apply: Apply = _computed) -> Any:
        """The features that are matched, of an image; `gram_of` them is what a style is to the network."""
        convolution, norm = self._first
        x = apply(norm, apply(convolution, image), style)
        for block in self._down:
            x = block(x, style, apply)
        return x

    def gram(self, image: Any, style: Any) -> Any:
        """The Gram matrix [batch, channels, channels] of style images' features."""
        return gram_of(self.encoded(image, style))

    def __call__(self, image: Any, style: Any, apply: Apply = _computed, gram: Any = None) -> Any:
        """Paints; see `Johnson.__call__`.

        Args:
          image, style, apply: see there.
          gram: of the style images [batch, channels, channels], instead of those kept; for training.
        """
        x = self.encoded(image, style, apply)
        x = apply(self.match, x, style) if gram is None else self.match.matched(x, gram)
        for block in (*self._blocks, *self._up):
            x = block(x, style, apply)
        norm, convolution = self._last
        return apply(self._shown, apply(convolution, apply(norm, x, style)), image)


class Ghiasi:
    """The transformer of Ghiasi et al. 2017, in the size of Magenta's mobile version.

    Three convolutions without normalisation (theirs is folded in), five residual blocks of 32 channels at a quarter of
    the size, two nearest-neighbour doublings, and a last convolution that is normalised and goes through a sigmoid.
    """

    BLOCKS = published.BLOCKS

    def __init__(self, styles: int):
        """
        Args:
          styles: that it paints in.
        """
        contract = [
            (Convolution(*how, relu=True, name=f"contract_{number}"), None)
            for number, how in enumerate([(8, 9), (16, 3, 2), (32, 3, 2)])
        ]
        blocks = [((32, 3), True), ((32, 3), False)] * self.BLOCKS
        expand = [((16, 3, 1, True), True), ((8, 3, 1, True), True), ((3, 9), False)]
        self._shown = ToImage(sigmoid=True, name="shown")
        self.parts = [*contract, *_parts([*blocks, *expand], styles)]
        """Each convolution with what normalises it, in order."""

    def __call__(self, image: Any, style: Any, apply: Apply = _computed) -> Any:
        """Paints; see `Johnson.__call__`. The result is in 0..255."""
        following = _following(self.parts, style, apply)
        x = _residual(following(following(following(image))), following, self.BLOCKS)
        return apply(self._shown, following(following(following(x))), image)


ARCHITECTURES = {"johnson": Johnson, "deep": Deep, "msg": Msg}
"""Those that are trained here, by --architecture."""


def _called(layer: keras.layers.Layer, *inputs: Any) -> Any:
    """A layer applied by Keras, which builds it."""
    return layer(*inputs)


def model_of(network: Johnson | Msg | Ghiasi, styles: int) -> keras.Model:
    """A network as a Keras model of [image, style]; it shares the network's layers, which it builds."""
    image, style = keras.Input((None, None, 3), name="image"), keras.Input((1, 1, styles), name="style")
    return keras.Model([image, style], network(image, style, _called), name=type(network).__name__.lower())

"""The convolutions of VGG16 and VGG19 (Simonyan & Zisserman 2015, table 1): names, shapes, strides."""

import math
from collections.abc import Iterable

from neural_style.core.errors import UserError

# Filters and number of 3x3 convolutions of each block; a 2x2 pooling follows every block.
BLOCKS = {
    "vgg16": ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)),
    "vgg19": ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)),
}

IMAGENET_MEANS = {
    "block1_conv1": 24.0,
    "block2_conv1": 49.0,
    "block3_conv1": 60.0,
    "block4_conv1": 307.0,
    "block4_conv2": 252.0,
    "block5_conv1": 13.4,
}
"""Mean activations of ImageNet's VGG19 with Keras' preprocessing, out of published losses (vgg/README.md)."""


def layer_names(network: str) -> list[str]:
    """The names of the convolutions of `network` in order, as Keras spells them: `block1_conv1` and so on."""
    return [
        f"block{block}_conv{conv}"
        for block, (_, convolutions) in enumerate(BLOCKS[network], start=1)
        for conv in range(1, convolutions + 1)
    ]


def level_layer(level: int) -> str:
    """The layer that a level stands for: `block3_conv1` (relu3_1 in papers) for 3, and "image" for 0."""
    return f"block{level}_conv1" if level else "image"


def names_through(network: str, layers: Iterable[str]) -> list[str]:
    """Names of the convolutions of `network` in order, up to the deepest of `layers`."""
    names = layer_names(network)
    return names[: 1 + max(names.index(layer) for layer in layers)]


def kernel_shapes(network: str) -> dict[str, tuple[int, int, int, int]]:
    """The kernel shape (rows, cols, fan in, filters) of each convolution of `network`, in order."""
    shapes, fan_in = {}, 3
    for name in layer_names(network):
        filters = BLOCKS[network][block_of(name) - 1][0]
        shapes[name] = (3, 3, fan_in, filters)
        fan_in = filters
    return shapes


def channels(layer: str) -> int:
    """The channels of `layer`, which are the same in both networks; "image" has 3."""
    return 3 if layer == "image" else BLOCKS["vgg19"][block_of(layer) - 1][0]


def block_of(layer: str) -> int:
    """The number of the block of `layer`: 3 for `block3_conv1`."""
    return int(layer.removeprefix("block").split("_")[0])


def stride(layer: str) -> int:
    """Image pixels from one position of `layer` to the next: 1 in block 1, doubled by each pooling."""
    return 1 if layer == "image" else 2 ** (block_of(layer) - 1)


def reach(network: str, layers: Iterable[str]) -> int:
    """The reach in pixels of the receptive field of the deepest of `layers`: a multiple of its stride."""
    pixels = 0
    for name in names_through(network, layers):
        pixels = -(-pixels // stride(name)) * stride(name) + stride(name)  # a pooling window counts as a whole
    return pixels


def smallest_tile(network: str, layers: Iterable[str]) -> int:
    """The smallest tile in pixels of which each has a position of the deepest of `layers`."""
    layers = list(layers)
    return reach(network, layers) + max(stride(layer) for layer in layers)


def imagenet_mean(network: str, layer: str) -> float:
    """The mean activation of `layer` in a network trained on ImageNet; interpolated where it was not published."""
    names = layer_names(network)
    position = names.index(layer)
    known = sorted(names.index(name) for name in IMAGENET_MEANS)
    after = next((number for number in known if number >= position), known[-1])
    before = next((number for number in reversed(known) if number <= position), known[0])
    low, high = (math.log(IMAGENET_MEANS[names[number]]) for number in (before, after))
    share = (position - before) / (after - before) if after > before else 0.0
    return math.exp(low + share * (high - low))


def check_layers(network: str, layers: list[str], flag: str) -> None:
    """Raise a UserError where one of `layers` is not a convolution of `network`, or is given twice."""
    known = layer_names(network)
    if len(set(layers)) < len(layers):
        raise UserError(f"--{flag} takes each layer once, received {','.join(layers)}.")
    for layer in layers:
        if layer not in known:
            raise UserError(
                f"--{flag} takes convolutions of {network} ({known[0]} … {known[-1]}, as Keras names them), "
                f"received {layer!r}."
            )


def check_size(
    rows: int, cols: int, min_side: int, image: str, hint: str = "raise --rows or --cols, or choose shallower layers"
) -> None:
    """Raise a UserError, with a hint, where an image has fewer than `min_side` rows or columns."""
    if min(rows, cols) < min_side:
        raise UserError(
            f"The network's layers need at least {min_side} rows and {min_side} columns, and {image} would have "
            f"{rows} rows and {cols} columns: {hint}."
        )

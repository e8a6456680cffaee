"""The tiles of an image, and the pixels and positions of each layer that they cover."""

import dataclasses

import numpy as np

from neural_style.settings import vgg_layers

Box = tuple[int, int, int, int]
"""Top, left, bottom and right."""


@dataclasses.dataclass(frozen=True)
class Tile:
    """A tile of an image.

    Attributes:
      place: row and column in the grid of tiles.
      box: in pixels of the image.
      at_border: whether it touches the image's top, left, bottom and right border, 0 or 1.
    """

    place: tuple[int, int]
    box: Box
    at_border: Box

    def box_with_overlap(self) -> Box:
        """Return the box with one more row and column where the image continues, for differences of pixels."""
        top, left, bottom, right = self.box
        return top, left, bottom + 1 - self.at_border[2], right + 1 - self.at_border[3]

    def at(self, network: str, layer: str) -> Box:
        """Return the tile's box within the features of `layer`, in positions; for "image", in pixels."""
        if layer == "image":
            return self.box
        reach, stride = vgg_layers.reach(network, [layer]), vgg_layers.stride(layer)
        top, left, bottom, right = (
            edge // stride if border else (edge - reach) // stride
            for edge, border in zip(self.box, self.at_border, strict=True)
        )
        return top, left, bottom, right


def tiles(rows: int, cols: int, size: int) -> list[Tile]:
    """Cover an image of `rows` x `cols` with tiles of `size` pixels, row by row."""
    down, across = -(-rows // size), -(-cols // size)
    return [
        Tile(
            (i, j),
            (i * size, j * size, min(rows, (i + 1) * size), min(cols, (j + 1) * size)),
            (int(i == 0), int(j == 0), int(i == down - 1), int(j == across - 1)),
        )
        for i in range(down)
        for j in range(across)
    ]


def widen(box: Box, pixels: int, rows: int, cols: int) -> Box:
    """Add `pixels` on each side of a box, within an image of `rows` x `cols`."""
    top, left, bottom, right = box
    return max(0, top - pixels), max(0, left - pixels), min(rows, bottom + pixels), min(cols, right + pixels)


def cut(maps: np.ndarray, box: Box) -> np.ndarray:
    """Cut the box out of maps [1, rows, cols, channels]."""
    top, left, bottom, right = box
    return maps[:, top:bottom, left:right]

"""What a term of the loss is: a name, the layer whose features it uses, and a weight.

`prepare` runs once per scene; it computes what the term compares with, and its normalisation. An image's loss is then
`loss(sums(features, maps), prepared)`. `sums` is additive over positions: the sums of an image's tiles add up to those
of the image. Exceptions are `Checkerboard`, which only training uses, `Matching`, and the style losses that
`settings.loss.STYLE_LOSSES` does not call summed.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from neural_style.images.scene import Scene

IMAGE_WITH_OVERLAP = "image with overlap"
"""The features' key of a tile's image with one more row and column, for terms with an `overlap`."""


class Measurement(NamedTuple):
    """What `Term.prepare` needs to know of an image.

    Attributes:
      value: of `Term.measure`.
      count: positions of the layer.
      channels: of the layer.
    """

    value: Any
    count: tf.Tensor
    channels: int


class Term(Protocol):
    """A term of the loss.

    Attributes:
      name: such as "style/block1_conv1"; the part before the slash is its kind.
      layer: whose features it uses, or "image".
      overlap: rows and columns below and to the right of a tile that `sums` needs too.
      compares_content: whether its maps are the content's features.
    """

    name: str
    layer: str
    overlap: int
    compares_content: bool

    def maps(self, scene: Scene, dtype: tf.DType) -> Any:
        """Return the maps [1, rows, cols, …] at the layer that `sums` needs, which tiles cut out; or None."""

    def measure(self, features: tf.Tensor, maps: Any) -> Any:
        """Measure what `prepare` needs of an image; additive over positions as `sums` is."""

    def prepare(self, content: Measurement, styles: Sequence[Measurement], scene: Scene) -> Any:
        """Compute the tensors that `loss` needs, from the content image and from each of `scene.styles`."""

    def sums(self, features: tf.Tensor, maps: Any) -> Any:
        """Sum over the positions of the layer's features [batch, rows, cols, channels]."""

    def loss(self, sums: Any, prepared: Any) -> tf.Tensor:
        """Compute the weighted loss of each image: [batch]."""

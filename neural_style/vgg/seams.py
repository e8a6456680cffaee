"""Seams: what the tiles of an image hand on to each other, so that no feature is computed twice.

A convolution sees one more row and column on each side than it computes. A tile's convolution therefore stops one
position short of the tile's lower and right edges, where the neighbours' features are not known yet, and hands the
last two rows and columns of its input on; the tiles below and to the right begin with them. So each layer's tiles lie
a little further up and left than those of the layer before, and together they cover the layer once, as with the
reused data of fused layers (Alwani et al. 2016, "Fused-layer CNN accelerators"). The first and last tiles end at the
image's own border, where the network pads.
"""

from typing import Any

import keras
import tensorflow as tf


class Seam(keras.layers.Layer):
    """Joins a tile's features to what the tiles above and to the left handed on, and hands its own last ones on.

    Args:
      kept: rows and columns to hand on: 2 before a convolution, 1 before a pooling whose windows the tiles cut.
      padding: of one pixel at the image's border, "zeros" or "replicate", see `model.build`; or "none".
    """

    def __init__(self, kept: int, padding: str, **kwargs):
        super().__init__(**kwargs)
        self._kept, self._padding = kept, padding

    def call(self, x: tf.Tensor, above: tf.Tensor, left: tf.Tensor, edges: tf.Tensor) -> tuple:
        """
        Args:
          x: [1, rows, cols, channels].
          above, left: what was handed on [1, kept, cols, channels] and [1, rows, kept, channels], rows with what came
            from above; anything without elements at the image's border.
          edges: whether the tile lies at the image's top, left, bottom and right border, 0 or 1.

        Returns:
          `x` as the next layer is to see it, and what is handed on downwards and to the right.
        """
        top, first, bottom, last = tf.unstack(edges)
        x, below = self._joined(x, above, 1, top, bottom)
        x, right = self._joined(x, left, 2, first, last)
        return x, below, right

    def compute_output_shape(self, x_shape: Any, *_) -> tuple:
        """As Keras asks of a layer."""
        return [(1, None, None, x_shape[-1])] * 3

    def _joined(self, x: tf.Tensor, before: tf.Tensor, axis: int, first: tf.Tensor, last: tf.Tensor):
        shape = tf.unstack(tf.shape(x))
        size, shape[axis] = shape[axis], -1
        borders = (0, 0) if self._padding == "none" else (first, last)

        # TensorFlow's own gradient would fill a map with zeros for each slice, and add them up.
        @tf.custom_gradient
        def join(x: tf.Tensor, before: tf.Tensor):
            padding = [_slice(x, axis, 0, borders[0]), _slice(x, axis, size - borders[1], borders[1])]
            if self._padding == "zeros":
                padding = [tf.zeros_like(border) for border in padding]
            joined = tf.concat([padding[0], before, x, padding[1]], axis)
            kept = self._kept * (1 - last)
            handed = tf.shape(joined)[axis] - kept

            def gradient(by_joined: tf.Tensor, by_handed: tf.Tensor):
                sizes = [borders[0], tf.shape(before)[axis], size, borders[1]]
                by_start, by_before, by_x, by_end = tf.split(_added(by_joined, axis, handed, by_handed), sizes, axis)
                if self._padding == "replicate":
                    by_x = _added(_added(by_x, axis, 0, by_start), axis, size - borders[1], by_end)
                return by_x, by_before

            return (joined, _slice(joined, axis, handed, kept)), gradient

        return join(x, tf.reshape(before, shape))


def _slice(x: tf.Tensor, axis: int, start: Any, size: Any):
    return x[:, start : start + size] if axis == 1 else x[:, :, start : start + size]


def _added(x: tf.Tensor, axis: int, start: Any, values: Any):
    """`x` with `values` added from `start` on, along `axis`."""
    size = tf.shape(values)[axis]
    before, changed, after = tf.split(x, [start, size, tf.shape(x)[axis] - start - size], axis)
    return tf.concat([before, changed + values, after], axis)


def nothing(network: keras.Model) -> dict[str, tf.Tensor]:
    """What is handed on to a tile of a tiled `network` at the image's border: no elements, by layer."""
    return {name: tf.zeros([1, 0, 0, seam.shape[-1]], seam.dtype) for name, seam in network.input["above"].items()}


class Seams:
    """The seams of a model of tiles, as Keras' functional models are put together; `dtype` is the features'.

    Attributes:
      inputs: "edges", and "above" and "left" by the name of the layer that follows.
      outputs: "below" and "right", likewise.
    """

    def __init__(self, dtype: str):
        self._dtype = dtype
        self.inputs = {"edges": keras.Input(batch_shape=(4,), dtype="int32", name="edges"), "above": {}, "left": {}}
        self.outputs = {"below": {}, "right": {}}

    def join(self, x: tf.Tensor, name: str, kept: int, padding: str) -> Any:
        """What the layer `name` sees of `x`: `x` itself where nothing is kept; `kept` and `padding` as of `Seam`."""
        if not kept:
            return x
        handed = [keras.Input((None, None, x.shape[-1]), dtype=self._dtype) for _ in ("above", "left")]
        self.inputs["above"][name], self.inputs["left"][name] = handed
        seam = Seam(kept, padding, name=f"{name}_seam", dtype=self._dtype)
        x, self.outputs["below"][name], self.outputs["right"][name] = seam(x, *handed, self.inputs["edges"])
        return x

"""The border features that the tiles of an image hand on to each other, so that none is computed twice.

A convolution needs one more row and column of input on each side than it computes. A tile's convolution therefore
stops one position before the tile's lower and right edges, where the neighbours' features are not known yet. It hands
on the last two rows and columns of its input, with which the tiles below and to the right start. So each layer's tiles
lie a little further up and left than those of the layer before, and together they cover the layer exactly once, as in
fused layers (Alwani et al. 2016, "Fused-layer CNN accelerators"). The outermost tiles end at the image's border, where
the network pads.
"""

from typing import Any

import keras
import tensorflow as tf


class TileBorder(keras.layers.Layer):
    """Joins a tile's features to those from the tiles above and to the left, and hands on its own last ones.

    Args:
      kept: number of rows and columns to hand on: 2 before a convolution, 1 before a pooling whose windows are cut.
      padding: of one pixel at the image's border, "zeros" or "replicate", see `model.build`; or "none".
    """

    def __init__(self, kept: int, padding: str, **kwargs):
        super().__init__(**kwargs)
        self._kept, self._padding = kept, padding

    def call(self, x: tf.Tensor, above: tf.Tensor, left: tf.Tensor, at_border: tf.Tensor) -> tuple:
        """
        Args:
          x: [1, rows, cols, channels].
          above, left: the borders received, [1, kept, cols, channels] and [1, rows + kept, kept, channels]; tensors
            without elements at the image's border.
          at_border: whether the tile touches the image's top, left, bottom and right border, 0 or 1.

        Returns:
          The next layer's input, and the borders to hand on downwards and to the right.
        """
        top, first, bottom, last = tf.unstack(at_border)
        x, below = self._join(x, above, 1, top, bottom)
        x, right = self._join(x, left, 2, first, last)
        return x, below, right

    def compute_output_shape(self, x_shape: Any, *_) -> list[tuple]:
        """See `keras.layers.Layer`."""
        return [(1, None, None, x_shape[-1])] * 3

    def _join(
        self, x: tf.Tensor, before: tf.Tensor, axis: int, first: tf.Tensor, last: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Join `before` and `x` along an axis.

        Args:
          x: the tile's features.
          before: the border received.
          axis: 1 for rows, 2 for columns.
          first, last: whether the tile is the first or last one along the axis, 0 or 1.

        Returns:
          The joined and padded features, and the border to hand on.
        """
        shape = tf.unstack(tf.shape(x))
        size, shape[axis] = shape[axis], -1
        borders = (0, 0) if self._padding == "none" else (first, last)

        # TensorFlow's own gradient would make a map of zeros for each slice, and add these maps up.
        @tf.custom_gradient
        def join(x: tf.Tensor, before: tf.Tensor):
            padding = [_slice(x, axis, 0, borders[0]), _slice(x, axis, size - borders[1], borders[1])]
            if self._padding == "zeros":
                padding = [tf.zeros_like(border) for border in padding]
            joined = tf.concat([padding[0], before, x, padding[1]], axis)
            kept = self._kept * (1 - last)
            kept_start = tf.shape(joined)[axis] - kept

            def gradient(by_joined: tf.Tensor, by_kept: tf.Tensor):
                sizes = [borders[0], tf.shape(before)[axis], size, borders[1]]
                by_all = _add_at(by_joined, axis, kept_start, by_kept)
                by_start, by_before, by_x, by_end = tf.split(by_all, sizes, axis)
                if self._padding == "replicate":
                    by_x = _add_at(by_x, axis, 0, by_start)
                    by_x = _add_at(by_x, axis, size - borders[1], by_end)
                return by_x, by_before

            return (joined, _slice(joined, axis, kept_start, kept)), gradient

        return join(x, tf.reshape(before, shape))


def _slice(x: tf.Tensor, axis: int, start: Any, size: Any):
    return x[:, start : start + size] if axis == 1 else x[:, :, start : start + size]


def _add_at(x: tf.Tensor, axis: int, start: Any, values: Any):
    """Add `values` to `x` from index `start` along `axis`."""
    size = tf.shape(values)[axis]
    before, changed, after = tf.split(x, [start, size, tf.shape(x)[axis] - start - size], axis)
    return tf.concat([before, changed + values, after], axis)


def make_empty(network: keras.Model) -> dict[str, tf.Tensor]:
    """Make the borders, without elements, that a tile at the image's border receives.

    Args:
      network: a tiled one.

    Returns:
      Tensors by the names of the layers that need them.
    """
    return {name: tf.zeros([1, 0, 0, part.shape[-1]], part.dtype) for name, part in network.input["above"].items()}


class TileBorders:
    """All `TileBorder` layers of a Keras functional model, with the model's inputs and outputs for them.

    Attributes:
      inputs: "at_border"; "above" and "left", each a dict by the name of the layer that follows.
      outputs: "below" and "right", each such a dict.
    """

    def __init__(self, dtype: str):
        """
        Args:
          dtype: of the features.
        """
        self._dtype = dtype
        at_border = keras.Input(batch_shape=(4,), dtype="int32", name="at_border")
        self.inputs = {"at_border": at_border, "above": {}, "left": {}}
        self.outputs: dict[str, dict[str, Any]] = {"below": {}, "right": {}}

    def join(self, x: tf.Tensor, name: str, kept: int, padding: str) -> Any:
        """Return the input of the layer `name`: `x`, joined to the borders that the neighbours hand on.

        Args:
          x: the features of a tile.
          name: of the layer.
          kept, padding: see `TileBorder`. If 0 are kept, nothing is joined.
        """
        if not kept:
            return x
        above, left = (keras.Input((None, None, x.shape[-1]), dtype=self._dtype) for _ in range(2))
        layer = TileBorder(kept, padding, name=f"{name}_border", dtype=self._dtype)
        x, below, right = layer(x, above, left, self.inputs["at_border"])
        self.inputs["above"][name] = above
        self.inputs["left"][name] = left
        self.outputs["below"][name] = below
        self.outputs["right"][name] = right
        return x

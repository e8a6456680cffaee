"""How a network is trained: crops of photographs through it, and the engine's terms of what comes out.

Perceptual losses (Johnson et al. 2016, section 3.2): each crop is the content of its own loss, each style's statistics
are measured once, and the terms are differentiated by the network's weights instead of an image's pixels. Departs from
the paper where the settings say so: with --normalization=scale each crop's terms are divided by its own, as everywhere,
but content by default by the styles' (--content_energy); and the network's checkerboard is a term.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from neural_style.core.errors import UserError
from neural_style.feedforward.architectures import Johnson, Msg
from neural_style.images.scene import Region, Scene
from neural_style.losses.loss import Loss
from neural_style.training.descent import Descent


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Attributes:
      step: how many steps were done.
      terms: of the last, the batch's means by name; they add up to the loss.
    """

    step: int
    terms: Mapping[str, float]

    @property
    def loss(self) -> float:
        """The terms' sum."""
        return sum(self.terms.values())


class Objective:
    """The terms of a batch of paintings, each with a content and a style of its own."""

    def __init__(
        self,
        encoder: keras.Model,
        loss: Loss,
        styles: Sequence[np.ndarray],
        side: int,
        energy: str,
    ):
        """
        Args:
          encoder: of `vgg.model.build`, with every layer that the loss uses.
          loss: its terms that are not additive over positions need styles of one size.
          styles: RGB [rows, cols, 3] in 0..255.
          side: rows and columns of the crops.
          energy: a choice of --content_energy.
        """
        self._encoder, self._loss = encoder, loss
        blank = np.zeros((side, side, 3), np.float32)
        self._scene = Scene(blank, [Region([blank], [1.0], 1.0, None)], blank)
        measured = [loss.measure(encoder(style[None].astype(np.float64)), {}) for style in styles]
        self._styles = tf.nest.map_structure(lambda *each: tf.stack(each), *measured)
        contents = [term.name for term in loss.terms if term.compares_content]
        self._pooled = {name: _mean(*self._styles[name]) for name in contents} if energy == "styles" else {}

    def __call__(self, images: tf.Tensor, painted: tf.Tensor, which: tf.Tensor) -> dict[str, tf.Tensor]:
        """The terms.

        Args:
          images: the contents, RGB [batch, side, side, 3] float64 in 0..255.
          painted: RGB likewise; what the terms are differentiated by.
          which: the number of each one's style [batch].

        Returns:
          Each term by its name: [batch], weighted.
        """
        contents, found = self._encoder(images), self._encoder(tf.cast(painted, tf.float64))
        batch = images.shape[0]
        rows = zip(_rows(contents, batch), _rows(found, batch), tf.unstack(which, batch), strict=True)
        each = [self._one(*row) for row in rows]
        return {term.name: tf.concat([one[term.name] for one in each], axis=0) for term in self._loss.terms}

    def _one(self, content: Mapping, painted: Mapping, which: tf.Tensor) -> dict[str, tf.Tensor]:
        style = tf.nest.map_structure(lambda stacked: tf.gather(stacked, which), self._styles)
        empty = self._loss.maps(self._scene, content["image"].dtype)
        measured = self._loss.measure(content, empty)
        for name, mean in self._pooled.items():  # as if the crop's features had the statistics of all styles together
            _, count = measured[name]
            measured[name] = mean * tf.cast(count, mean.dtype), count
        prepared = self._loss.prepare(measured, [style], self._scene)
        maps = empty | self._loss.content_maps(content)
        return self._loss.losses(self._loss.sums(painted, maps), prepared)


def _mean(values: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """What images measure together for each of their positions."""
    return tf.reduce_sum(values, axis=0) / tf.cast(tf.reduce_sum(counts), values.dtype)


def _rows(features: Mapping[str, tf.Tensor], batch: int) -> list[dict[str, tf.Tensor]]:
    """Each image's features."""
    # The gradients of ranges (maps[i : i + 1]) would each fill a whole batch's map.
    split = {name: tf.split(maps, batch) for name, maps in features.items()}
    return [{name: parts[i] for name, parts in split.items()} for i in range(batch)]


class Training:
    """The training of a network, to be gone on with at any step."""

    def __init__(
        self,
        network: Johnson | Msg,
        variables: Sequence[keras.Variable],
        objective: Objective,
        styles: Sequence[np.ndarray],
        descent: Descent,
        dtype: str,
        strategy: tf.distribute.Strategy | None = None,
    ):
        """
        Args:
          network: what is trained.
          variables: of it that move.
          objective: of its paintings.
          styles: RGB [rows, cols, 3] in 0..255, in the order of the network's.
          descent: of `variables`.
          dtype: of the network's arithmetic.
          strategy: shares each batch among devices or machines; its parts' gradients are added up.
        """
        self._network, self._variables, self._objective = network, list(variables), objective
        self._count, self._descent, self._dtype = len(styles), descent, dtype
        self._styles = [tf.constant(style[None], tf.float32) for style in styles]
        self._strategy = strategy

    @property
    def step(self) -> int:
        """How many steps were done."""
        return self._descent.step

    def run(self, images: tf.Tensor) -> Progress:
        """One step on RGB images [batch, rows, cols, 3] float64 in 0..255.

        Raises:
          UserError: the loss is not finite; the weights are those before this step.
        """
        which = self.drawn(self.step, images.shape[0])
        gradients, found = self._gradients(images, tf.constant(which, tf.int32))
        terms = {name: float(value) for name, value in found.items()}
        size = float(tf.linalg.global_norm(gradients))
        if not np.isfinite([size, *terms.values()]).all():
            raise UserError(
                f"At step {self.step + 1} the loss or its gradient is not finite: the weights before it are kept; "
                "train with a lower --rate."
            )
        self._descent.move(gradients)
        return Progress(self.step, terms)

    def drawn(self, step: int, batch: int) -> np.ndarray:
        """The number of the style of each crop of a step: they take turns, so that each is drawn as often."""
        return (step * batch + np.arange(batch)) % self._count

    def losses(self, images: tf.Tensor, which: np.ndarray) -> dict[str, np.ndarray]:
        """The terms [batch] of what the network makes of images now."""
        which = tf.constant(which, tf.int32)
        found = self._objective(images, self._painted(tf.cast(images, self._dtype), which), which)
        return {name: value.numpy() for name, value in found.items()}

    def _painted(self, images: tf.Tensor, which: tf.Tensor) -> tf.Tensor:
        style = tf.one_hot(which, self._count)[:, None, None]
        if isinstance(self._network, Msg):  # the style's features are its own, and learn with it
            grams = [self._network.gram(tf.cast(each, self._dtype), style[:1]) for each in self._styles]
            return self._network(images, style, gram=tf.gather(tf.concat(grams, axis=0), which))
        return self._network(images, style)

    @tf.function(autograph=False)
    def _gradients(self, images: tf.Tensor, which: tf.Tensor) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """The gradient of the loss by the variables, and the terms' means, of a batch."""
        if self._strategy is None:
            return self._of_part(images, which, images.shape[0])
        return self._shared(images, which)

    def _of_part(self, images: tf.Tensor, which: tf.Tensor, batch: int) -> tuple[list, dict]:
        """Of a part of a batch of `batch`: what adds up over its parts."""
        with tf.GradientTape() as tape:
            painted = self._painted(tf.cast(images, self._dtype), which)
            found = {
                name: tf.reduce_sum(values) / batch for name, values in self._objective(images, painted, which).items()
            }
            loss = Loss.total(found)
        return tape.gradient(loss, [variable.value for variable in self._variables]), found

    def _shared(self, images: tf.Tensor, which: tf.Tensor) -> tuple[list, dict]:
        """Each replica's part of the batch, added up."""
        strategy, batch = self._strategy, images.shape[0]
        count = strategy.num_replicas_in_sync
        part = batch // count

        def mine() -> tuple[list, dict]:
            context = tf.distribute.get_replica_context()
            first = context.replica_id_in_sync_group * part
            found = self._of_part(_part(images, first, part), _part(which, first, part), batch)
            return tf.nest.map_structure(functools.partial(context.all_reduce, tf.distribute.ReduceOp.SUM), found)

        found = strategy.run(mine)
        return tf.nest.map_structure(lambda each: strategy.experimental_local_results(each)[0], found)

    def state(self) -> dict[str, np.ndarray]:
        """What `restore` takes."""
        return self._descent.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a `state`."""
        self._descent.restore(state)

    def finish(self) -> None:
        """Puts into the network what it keeps of its styles."""
        if isinstance(self._network, Msg):
            style = tf.one_hot([0], self._count)[:, None, None]
            grams = [self._network.gram(each, style) for each in self._styles]
            self._network.match.grams.assign(tf.concat(grams, axis=0))


def _part(values: tf.Tensor, first: tf.Tensor, count: int) -> tf.Tensor:
    shape = tf.concat([[count], tf.shape(values)[1:]], axis=0)
    found = tf.slice(values, tf.concat([[first], tf.zeros(len(values.shape) - 1, tf.int32)], axis=0), shape)
    return tf.ensure_shape(found, [count, *values.shape[1:]])

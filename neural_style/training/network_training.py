"""Training of a network that paints: crops of photographs pass through it, and the loss compares the paintings.

Perceptual losses (Johnson et al. 2016, section 3.2): each crop is the content of its own loss, each style's statistics
are measured once, and the loss is differentiated by the network's weights instead of an image's pixels. Departures from
the paper: with --normalization=scale each crop's terms are divided by its own energy, except that content is divided by
the styles' by default (--content_energy), and the network's checkerboard is a term.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from neural_style.core.errors import UserError
from neural_style.feedforward.architectures import Dumoulin, Ghiasi, Johnson, Msg
from neural_style.images.scene import Region, Scene
from neural_style.losses.loss import Loss, add
from neural_style.training.base import Progress, Trainer
from neural_style.training.descent import Descent


@dataclasses.dataclass(frozen=True)
class NetworkProgress(Progress):
    """How far the training of a network is.

    Attributes:
      step: number of steps that were done.
      terms: the last step's terms by name, means over the batch; they add up to the loss.
    """

    terms: Mapping[str, float]

    @property
    def loss(self) -> float:
        """The sum of the terms."""
        return sum(self.terms.values())


class BatchObjective(Protocol):
    """The terms of a batch of paintings."""

    def __call__(self, contents: tf.Tensor, painted: tf.Tensor, which: tf.Tensor) -> dict[str, tf.Tensor]:
        """Compute each term by its name: [batch], weighted; see `Objective.__call__`."""


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

    def __call__(self, contents: tf.Tensor, painted: tf.Tensor, which: tf.Tensor) -> dict[str, tf.Tensor]:
        """The terms.

        Args:
          contents: what content is compared with, RGB [batch, side, side, 3] float64 in 0..255.
          painted: RGB likewise; what the terms are differentiated by.
          which: the number of each one's style [batch].

        Returns:
          Each term by its name: [batch], weighted.
        """
        content_features, painted_features = self._encoder(contents), self._encoder(tf.cast(painted, tf.float64))
        batch = contents.shape[0]
        rows = zip(
            _rows(content_features, batch), _rows(painted_features, batch), tf.unstack(which, batch), strict=True
        )
        terms = [self._terms_of_one(*row) for row in rows]
        return {term.name: tf.concat([one[term.name] for one in terms], axis=0) for term in self._loss.terms}

    def _terms_of_one(self, content: Mapping, painted: Mapping, which: tf.Tensor) -> dict[str, tf.Tensor]:
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


class NetworkTrainer(Trainer[NetworkProgress]):
    """The training of a network."""

    def __init__(
        self,
        network: Johnson | Msg | Dumoulin | Ghiasi,
        variables: Sequence[keras.Variable],
        objective: BatchObjective,
        styles: Sequence[np.ndarray],
        descent: Descent,
        dtype: str,
        strategy: tf.distribute.Strategy | None = None,
        style_count: int | None = None,
    ):
        """
        Args:
          network: what is trained.
          variables: those of its variables that are updated.
          objective: the loss of its paintings.
          styles: RGB [rows, cols, 3] in 0..255, in the order of the network's styles.
          descent: updates `variables`.
          dtype: of the network's arithmetic.
          style_count: number of all styles of the network; by default `styles` are all of them.
          strategy: shares each batch among devices or machines, and adds up the gradients of its parts.
        """
        super().__init__(descent)
        self._network, self._variables, self._objective = network, list(variables), objective
        self._count, self._dtype, self._strategy = style_count or len(styles), dtype, strategy
        self._styles = [tf.constant(style[None], tf.float32) for style in styles]

    def run(self, images: tf.Tensor) -> NetworkProgress:
        """Do one step; see `Trainer.run`.

        Raises:
          UserError: the loss is not finite; the weights are those before this step.
        """
        numbers = self.style_numbers(self.step, images.shape[0])
        contents = tf.convert_to_tensor(self.contents(images, numbers), tf.float64)
        gradients, mean_terms = self._gradients(images, contents, tf.constant(numbers, tf.int32))
        terms = {name: float(value) for name, value in mean_terms.items()}
        norm = float(tf.linalg.global_norm(gradients))
        if not np.isfinite([norm, *terms.values()]).all():
            raise UserError(
                f"At step {self.step + 1} the loss or its gradient is not finite: the weights before it are kept; "
                "train with a lower --rate."
            )
        self._descent.update(gradients)
        return NetworkProgress(self.step, terms)

    def style_numbers(self, step: int, batch: int) -> np.ndarray:
        """The number of the style of each crop of a step [batch]; styles take turns, so each is used as often."""
        return (step * batch + np.arange(batch)) % self._count

    def contents(self, images: tf.Tensor, style_numbers: np.ndarray) -> tf.Tensor | np.ndarray:
        """What the content of each crop's painting is compared with, like `images`: the crops themselves.

        Args:
          images: RGB [batch, rows, cols, 3] float64 in 0..255.
          style_numbers: the number of each one's style [batch].
        """
        return images

    def losses(self, images: tf.Tensor, style_numbers: np.ndarray) -> dict[str, np.ndarray]:
        """The terms [batch], by name, of the network's current paintings.

        Args:
          images: RGB [batch, rows, cols, 3] float64 in 0..255.
          style_numbers: the number of each one's style [batch].
        """
        numbers = tf.constant(style_numbers, tf.int32)
        painted = self._paint(tf.cast(images, self._dtype), numbers)
        contents = tf.convert_to_tensor(self.contents(images, style_numbers), tf.float64)
        return {name: values.numpy() for name, values in self._objective(contents, painted, numbers).items()}

    def _paint(self, images: tf.Tensor, style_numbers: tf.Tensor) -> tf.Tensor:
        style = tf.one_hot(style_numbers, self._count)[:, None, None]
        if not isinstance(self._network, Msg):
            return self._network(images, style)
        # The Gram matrices are of the network's own features, which change while it learns.
        grams = [self._network.gram(tf.cast(image, self._dtype), style[:1]) for image in self._styles]
        return self._network(images, style, gram=tf.gather(tf.concat(grams, axis=0), style_numbers))

    @tf.function(autograph=False)
    def _gradients(
        self, images: tf.Tensor, contents: tf.Tensor, style_numbers: tf.Tensor
    ) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """The loss's gradient by each variable, and the terms by name; both are means over the batch."""
        if self._strategy is None:
            return self._part_gradients(images, contents, style_numbers, images.shape[0])
        return self._shared_gradients(self._strategy, images, contents, style_numbers)

    def _part_gradients(
        self, images: tf.Tensor, contents: tf.Tensor, style_numbers: tf.Tensor, batch: int
    ) -> tuple[list, dict]:
        """What a part of a batch of `batch` images adds to gradients and terms."""
        with tf.GradientTape() as tape:
            painted = self._paint(tf.cast(images, self._dtype), style_numbers)
            terms = {
                name: tf.reduce_sum(values) / batch
                for name, values in self._objective(contents, painted, style_numbers).items()
            }
            loss = add(list(terms.values()))
        return tape.gradient(loss, [variable.value for variable in self._variables]), terms

    def _shared_gradients(
        self, strategy: tf.distribute.Strategy, images: tf.Tensor, contents: tf.Tensor, style_numbers: tf.Tensor
    ) -> tuple[list, dict]:
        """Gradients and terms where each replica computes its part of the batch."""
        batch = images.shape[0]
        part = batch // strategy.num_replicas_in_sync

        def run_replica() -> tuple[list, dict]:
            context = tf.distribute.get_replica_context()
            first = context.replica_id_in_sync_group * part
            values = self._part_gradients(
                _rows_from(images, first, part),
                _rows_from(contents, first, part),
                _rows_from(style_numbers, first, part),
                batch,
            )
            add_up = functools.partial(context.all_reduce, tf.distribute.ReduceOp.SUM)
            return tf.nest.map_structure(add_up, values)

        per_replica = strategy.run(run_replica)
        return tf.nest.map_structure(lambda values: strategy.experimental_local_results(values)[0], per_replica)

    def finish(self) -> None:
        """Store the styles' Gram matrices in a network that keeps them."""
        if isinstance(self._network, Msg):
            style = tf.one_hot([0], self._count)[:, None, None]
            grams = [self._network.gram(image, style) for image in self._styles]
            self._network.match.grams.assign(tf.concat(grams, axis=0))


def _rows_from(values: tf.Tensor, first: tf.Tensor, count: int) -> tf.Tensor:
    """The `count` entries of the first axis from `first` on; `first` may be a tensor."""
    size = tf.concat([[count], tf.shape(values)[1:]], axis=0)
    start = tf.concat([[first], tf.zeros(len(values.shape) - 1, tf.int32)], axis=0)
    return tf.ensure_shape(tf.slice(values, start, size), [count, *values.shape[1:]])

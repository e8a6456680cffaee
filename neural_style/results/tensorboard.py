"""Writes losses and images of a run for TensorBoard."""

import numpy as np

from neural_style.core.errors import UserError


class Board:
    """Writes a run's steps to a folder that `tensorboard --logdir` shows."""

    def __init__(self, folder: str):
        """
        Args:
          folder: created where it does not exist.

        Raises:
          UserError: the folder can't be written.
        """
        import tensorflow as tf

        self._summary = tf.summary
        try:
            self._writer = tf.summary.create_file_writer(folder)
        except tf.errors.OpError as error:
            raise UserError(
                f"--tensorboard takes a folder that can be written, received {folder!r}: choose another."
            ) from error

    def add(self, number: int, values: dict[str, float], image: np.ndarray | None = None) -> None:
        """Add a step.

        Args:
          number: of the step, counted over all scales.
          values: the loss and its terms by name.
          image: [rows, cols, 3] uint8, where there is one.
        """
        with self._writer.as_default(step=number):
            for name, value in values.items():
                self._summary.scalar(name, value)
            if image is not None:
                self._summary.image("image", image[np.newaxis])
        self._writer.flush()

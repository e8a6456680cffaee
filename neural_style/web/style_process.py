"""A process of its own that learns a style: TensorFlow frees a training's memory only when its process ends.

It sends a `StyleProgress` for each step, and at the end None, or the text of a UserError. Whatever it receives means
that it shall write the network and end.
"""

import contextlib
import dataclasses
import multiprocessing
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.log import quiet_stderr
from neural_style.core.step import by_kind
from neural_style.training import style_job
from neural_style.training.job import TrainingJob

POLL_SECONDS = 0.2
END_SECONDS = 10
"""Time for the process to end after it has closed its end of the connection."""
FINISH_SECONDS = 60
"""Time for the step at hand, and to write the network."""
CACHE_BYTES = 1e9
"""Bytes of weights that the process keeps."""


@dataclasses.dataclass(frozen=True)
class StyleProgress:
    """The progress of a training, after a step.

    Attributes:
      step: number of steps that were done.
      loss: of this step.
      terms: of the loss, by kind.
      sheet: the photograph in the style, [rows, cols, 3] uint8; None before the first one, and where it is the
        same as before.
    """

    step: int
    loss: float
    terms: dict[str, float]
    sheet: np.ndarray | None


class StyleProcess:
    """Runs a training in another process for as long as the context lasts."""

    def __init__(self, job: TrainingJob):
        """
        Args:
          job: what is learned, and the file to write.
        """
        context = multiprocessing.get_context("spawn")  # a fork would share TensorFlow's threads and locks
        self._connection, self._other_end = context.Pipe()
        self._process = context.Process(target=_learn, args=[self._other_end, job], daemon=True)

    def __enter__(self) -> "StyleProcess":
        self._process.start()
        self._other_end.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()
        self._connection.close()

    def steps(self) -> Iterator[StyleProgress | None]:
        """Yield each step, and None while waiting for it, until the process has written the network.

        It writes none where no step has shown the photograph yet.

        Raises:
          UserError: the style can't be learned.
          RuntimeError: the process has ended by itself.
        """
        while True:
            if not self._connection.poll(POLL_SECONDS):
                yield None
                continue
            try:
                message = self._connection.recv()
            except (EOFError, ConnectionResetError) as error:
                self._process.join(END_SECONDS)
                code = self._process.exitcode
                raise RuntimeError(f"the process that learns a style has ended with exit code {code}") from error
            if message is None:
                return
            if isinstance(message, str):
                raise UserError(message)
            yield message

    def finish(self) -> None:
        """Let the process write what is learned so far, and wait for it, at most `FINISH_SECONDS`.

        Raises:
          UserError, RuntimeError: see `steps`.
        """
        deadline = time.monotonic() + FINISH_SECONDS
        with contextlib.suppress(OSError):  # it has just ended
            self._connection.send("finish")
        for _ in self.steps():
            if time.monotonic() > deadline:
                return


def _learn(connection: Connection, job: TrainingJob) -> None:
    """Learn in this process: send what `StyleProcess.steps` receives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    with contextlib.suppress(BrokenPipeError):  # the server has ended
        try:
            _send_steps(connection, job)
            connection.send(None)
        except UserError as error:
            connection.send(str(error))


def _send_steps(connection: Connection, job: TrainingJob) -> None:
    """Take the steps until all are done, or something is received; write the network, also after an error.

    It is written only where the photograph was shown in the style: before that there is nothing to keep.
    """
    prepared = style_job.PreparedTraining(job, _make_cache)
    last_sheet = None
    try:
        for progress in prepared.steps():
            sheet = prepared.report.sheet
            new_sheet = None if sheet is last_sheet else sheet
            connection.send(StyleProgress(progress.step, progress.loss, by_kind(progress.terms), new_sheet))
            last_sheet = sheet
            if connection.poll():
                return
    finally:
        if last_sheet is not None:
            prepared.write()


def _make_cache() -> Cache:
    """Load TensorFlow quietly; return a cache for VGG's weights."""
    with quiet_stderr():
        import tensorflow  # noqa: F401
    return Cache(CACHE_BYTES)

"""A process of its own that learns a style: TensorFlow keeps memory of a training until its process ends."""

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
FINISH_SECONDS = 60
"""Time for the step at hand, and to write the network."""
MEMORY = 1e9
"""Bytes of weights that the process keeps."""


@dataclasses.dataclass(frozen=True)
class Learned:
    """What a step has learned.

    Attributes:
      step: number of steps that were done.
      loss: of this step.
      terms: of the loss, by kind.
      sheet: the photograph in the style, [rows, cols, 3] uint8; None where it is the same as before.
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

    def steps(self) -> Iterator[Learned | None]:
        """Yield each step, and None while waiting for it, until the network is written.

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
            except EOFError as error:
                raise RuntimeError("the process that learns a style has ended") from error
            if message is None:
                return
            if isinstance(message, str):
                raise UserError(message)
            yield message

    def finish(self) -> None:
        """Let the process write what is learned so far."""
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
    """Take the steps until all are done, or something is received; write the network."""
    prepared = style_job.PreparedTraining(job, _make_cache)
    sent = None
    try:
        for progress in prepared.steps():
            sheet = prepared.report.sheet
            new_sheet = None if sheet is sent else sheet
            connection.send(Learned(progress.step, progress.loss, by_kind(progress.terms), new_sheet))
            sent = sheet
            if connection.poll():
                return
    finally:
        if sent is not None:
            prepared.write()


def _make_cache() -> Cache:
    """Load TensorFlow quietly; return a cache for VGG's weights."""
    with quiet_stderr():
        import tensorflow  # noqa: F401
    return Cache(MEMORY)

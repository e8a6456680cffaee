"""Signals that end the program as Ctrl-C does, but not while libraries load."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from neural_style.core.errors import Terminated

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
"""The signals that end the program."""


def install_handlers() -> None:
    """Make SIGTERM and SIGHUP, which schedulers and closed terminals send, end the program as Ctrl-C does, once."""
    for number in _known(*ENDING):
        # nohup ignores SIGHUP, and a shell's background jobs ignore SIGINT.
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Defers signals: libraries in C and C++ do not survive one while they load.

    In another thread than the main one nothing is done: Python's handlers never interrupt it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in _known(*ENDING)}
    caught = [number for number, handler in before.items() if callable(handler)]
    for number in caught:
        signal.signal(number, lambda number, frame: received.append(number))
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, before[number])
    for number in received:
        signal.raise_signal(number)


def _known(*names: str) -> list[int]:
    """The numbers of those signals that the system has; Windows has no SIGHUP."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _end(number: int, frame: FrameType | None) -> None:
    for other in _known(*ENDING):
        signal.signal(other, _ignore)  # a second signal must not interrupt what the first one writes
    raise Terminated(number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Ignores a signal, as signal.SIG_IGN does, which fails for a signal that is pending."""

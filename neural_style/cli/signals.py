"""Signals that end the program as Ctrl-C does, but not while libraries load."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from neural_style.core.errors import Terminated

END_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
"""The signals that end the program."""


def install_handlers() -> None:
    """Make SIGINT (Ctrl-C), SIGTERM (schedulers) and SIGHUP (closed terminals) raise `Terminated`, in the main thread.

    After the first of them, all three are ignored.
    """
    for number in _end_signals():
        # nohup ignores SIGHUP, and a shell's background jobs ignore SIGINT.
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Hold back the signals, and raise them again at the end: libraries do not survive one while they load.

    In another thread than the main one nothing is done: Python's handlers never interrupt it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in _end_signals()}
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


def _end_signals() -> list[int]:
    """The numbers of those signals that the system has; Windows has no SIGHUP."""
    return [getattr(signal, name) for name in END_SIGNALS if hasattr(signal, name)]


def _end(number: int, frame: FrameType | None) -> None:
    """Raise `Terminated`, and ignore further signals."""
    for other in _end_signals():
        signal.signal(other, _ignore)  # a second signal must not interrupt what the first one writes
    raise Terminated(number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing. SIG_IGN would do the same, but can't be installed while its signal is pending."""

"""TensorFlow, loaded when it is first needed, and quietly."""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neural_style.engine import Engine


def engine_maker() -> Callable[[], "Engine"]:
    """A function that makes an engine when it is first called, and imports TensorFlow no sooner."""
    made = []

    def engine() -> "Engine":
        if not made:
            with _held(), _quiet():
                from neural_style.engine import Engine
            made.append(Engine())
        return made[0]

    return engine


@contextlib.contextmanager
def _held() -> Iterator[None]:
    """Holds back the signals that end a run: libraries in C++ do not survive one while they load."""
    came: list[int] = []
    named = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    before = {number: signal.getsignal(number) for number in named if number}
    caught = [number for number, handler in before.items() if callable(handler)]
    for number in caught:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, before[number])
    for number in came:
        signal.raise_signal(number)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps off the terminal what libraries in C++ write to file descriptor 2 while they load."""
    if sys.stderr:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as chatter:
        terminal = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except BaseException:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)

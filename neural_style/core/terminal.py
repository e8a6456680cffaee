"""What the user reads: a sentence reaches the terminal or is lost, and never ends a run."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


def say(text: str) -> None:
    """Writes lines to standard output."""
    _write(sys.stdout, text)


def warn(sentence: str) -> None:
    """Writes a line to standard error, by the program's name."""
    _write(sys.stderr, "neural-style: " + sentence.replace("\n", " "))


def printable(text: str) -> str:
    """`text` with what would steer a terminal spelled out; names and texts of files may hold it."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps off the terminal what libraries in C++ write to file descriptor 2 while they load."""
    if sys.stderr:
        sys.stderr.flush()
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed before Python began
        return
    try:
        print(printable(text), file=stream, flush=True)
    except (OSError, ValueError):  # full, closed, or its reader has gone
        with contextlib.suppress(OSError, ValueError):
            # What is left in the buffer goes nowhere, or Python would try again, and fail, at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

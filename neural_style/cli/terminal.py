"""Printing. A line that can't be written is dropped and never ends a run."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from neural_style.core.log import logger


def say(text: str) -> None:
    """Write lines to standard output."""
    _write(sys.stdout, text)


def warn(sentence: str) -> None:
    """Write a line to standard error, after the program's name."""
    _write(sys.stderr, "neural-style: " + sentence.replace("\n", " "))


def shows_bars() -> bool:
    """Whether standard error is a terminal."""
    return bool(sys.stderr and sys.stderr.isatty())


def printable(text: str) -> str:
    """Escapes what would control a terminal; names and texts of files may contain it."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def print_log() -> None:
    """Print what the library logs: information to standard output, warnings to standard error."""
    if not any(isinstance(handler, _Printer) for handler in logger.handlers):
        logger.addHandler(_Printer())
        logger.setLevel(logging.INFO)
        logger.propagate = False


class _Printer(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Print a message."""
        (warn if record.levelno >= logging.WARNING else say)(record.getMessage())


@contextlib.contextmanager
def _without_bars() -> Iterator[None]:
    """Clear the progress bars for as long as the context lasts, so that a line does not break them."""
    progress = sys.modules.get("neural_style.core.progress")  # its import takes time, and most commands show no bar
    bars = list(progress.ProgressBar.shown) if progress else []
    for bar in bars:
        bar.hide()
    yield
    for bar in bars:
        bar.redraw()


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed before Python started
        return
    try:
        with _without_bars():
            print(printable(text), file=stream, flush=True)
    except (OSError, ValueError):  # the disk is full, or the reader has closed the pipe
        with contextlib.suppress(OSError, ValueError):
            # Python would write the rest of the buffer again when it exits, and fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

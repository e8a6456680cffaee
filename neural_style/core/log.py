"""The library's logger, and silence for libraries that write to standard error themselves."""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Iterator

logger = logging.getLogger("neural_style")
"""What happens during a run is logged as info, what a user should know as a warning; only `cli` prints."""

RETRACING = re.compile(r"calls to <function \w*(Objective|Codec|Painter)\..* triggered tf\.function retracing")
"""TensorFlow's advice against tracing often, about functions that are traced once for each size of picture."""


def hide_retracing_advice() -> None:
    """Keep TensorFlow from advising against traces that are meant."""
    tensorflow = logging.getLogger("tensorflow")
    if _is_worth_reading not in tensorflow.filters:
        tensorflow.addFilter(_is_worth_reading)


def _is_worth_reading(record: logging.LogRecord) -> bool:
    return not RETRACING.search(record.getMessage())


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hides what C++ libraries write to file descriptor 2 while they load."""
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

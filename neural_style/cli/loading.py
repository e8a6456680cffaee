"""TensorFlow, loaded when it is first needed, and quietly."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from neural_style.cli import signals
from neural_style.core.errors import UserError
from neural_style.core.log import quiet_stderr

if TYPE_CHECKING:
    from neural_style.engine import Engine


def engine_maker(**how: Any) -> Callable[[], "Engine"]:
    """A function that makes an `Engine(**how)` when it is first called, and imports TensorFlow no sooner.

    The function raises a UserError where TensorFlow can't be loaded.
    """
    made = []

    def engine() -> "Engine":
        if not made:
            try:
                with (
                    _announced("Loading TensorFlow …"),
                    signals.deferred(),
                    quiet_stderr(),
                    _without("matplotlib.pyplot"),
                ):
                    from neural_style.engine import Engine
            except (ImportError, MemoryError, OSError) as error:
                raise UserError(
                    f"TensorFlow can't be loaded ({error}): it needs about 2 GB of memory and the packages that pip "
                    "installs with neural-style."
                ) from error
            logging.getLogger("tensorflow").setLevel(logging.ERROR)  # a trace for each size of picture is meant
            made.append(Engine(**how))
        return made[0]

    return engine


@contextlib.contextmanager
def _announced(what: str) -> Iterator[None]:
    """Shows on a terminal what takes seconds, for as long as it takes."""
    if not (sys.stderr and sys.stderr.isatty()):
        yield
        return
    print(what, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print("\r" + " " * len(what) + "\r", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _without(module: str) -> Iterator[None]:
    """Keeps Keras from loading what it can do without, and would take half a second to."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # which makes its import an ImportError
    try:
        yield
    finally:
        del sys.modules[module]

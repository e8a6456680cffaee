"""Loads TensorFlow when it is first needed, quietly."""

import contextlib
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import neural_style
from neural_style.cli import signals
from neural_style.cli.terminal import shows_bars
from neural_style.core.errors import UserError
from neural_style.core.log import quiet_stderr
from neural_style.planning import device

if TYPE_CHECKING:
    from neural_style.core.run import Engine  # needs NumPy, which --help can do without
    from neural_style.settings.settings import Settings


def engine_maker(**options: Any) -> "Callable[[], Engine]":
    """Return a function that makes an `Engine(**options)` once; it loads TensorFlow only when a run needs it."""
    engines: list[Engine] = []

    def make_engine() -> "Engine":
        if not engines:
            engines.append(neural_style.Engine(loading=loading_tensorflow, **options))
        return engines[0]

    return make_engine


@contextlib.contextmanager
def loading_tensorflow() -> Iterator[None]:
    """A context in which TensorFlow may be imported: shows a line on a terminal and hides what TensorFlow prints.

    Raises:
      UserError: TensorFlow can't be loaded.
    """
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(_announced("Loading TensorFlow …"))
            stack.enter_context(signals.deferred())
            stack.enter_context(quiet_stderr())
            stack.enter_context(_without("matplotlib.pyplot"))
            stack.enter_context(_uncollected())
            yield
    except (ImportError, MemoryError, OSError, SystemError) as error:  # the last where memory ends in the middle
        reason = str(error) or type(error).__name__
        raise UserError(
            f"TensorFlow can't be loaded ({reason}): it needs about 2 GB of memory and the packages that pip installs "
            "with neural-style."
        ) from error
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of a trace for each size of picture


def load_for(settings: "Settings") -> None:
    """Load TensorFlow before a run is planned, where it alone knows the GPU's memory."""
    if device.can_have_gpu() and not settings.method.litert_run:
        load_tensorflow()


def load_tensorflow() -> None:
    """Import TensorFlow.

    Raises:
      UserError: it can't be loaded.
    """
    with loading_tensorflow():
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def _announced(text: str) -> Iterator[None]:
    """Show a text on a terminal while something takes seconds."""
    if not shows_bars():
        yield
        return
    print(text, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print("\r" + " " * len(text) + "\r", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python from looking for garbage among the many objects of an import, which would take half a second."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _without(module: str) -> Iterator[None]:
    """Keep Keras from importing a module that it does not need, which would take half a second."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # makes its import an ImportError
    try:
        yield
    finally:
        del sys.modules[module]

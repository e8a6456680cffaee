"""The entry point of the command `neural-style`."""

import io
import os
import sys

from neural_style.cli import signals
from neural_style.cli.terminal import warn
from neural_style.core.errors import Terminated


def console() -> None:
    """Run the command line and end the process."""
    _open_streams()
    try:
        signals.install_handlers()
        with signals.deferred():
            from neural_style.cli.main import main
        code = main(sys.argv[1:]) if _has_working_folder() else 1
    except KeyboardInterrupt as error:
        warn("interrupted.")
        code = getattr(error, "exit_code", Terminated.CTRL_C)
    sys.exit(code)


def _has_working_folder() -> bool:
    """Whether the working folder still exists; prints an error where it does not."""
    try:
        os.getcwd()
    except OSError:
        warn("the working folder does not exist any more: change to another.")
        return False
    return True


def _open_streams() -> None:
    """Open standard input, output and error where they are closed, or the next files would get their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may contain what the terminal can't encode

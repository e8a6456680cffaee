"""The command `neural-style`, and the surroundings that it may be called in."""

import os
import sys

from neural_style.cli import signals
from neural_style.cli.terminal import warn
from neural_style.core.errors import Terminated


def console() -> None:
    """Runs the command line and ends the process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter is not the user's concern
    _open_streams()
    try:
        signals.install_handlers()
        with signals.deferred():
            from neural_style.cli.main import main
        code = main(sys.argv[1:]) if _is_somewhere() else 1
    except KeyboardInterrupt as error:
        warn("interrupted.")
        code = getattr(error, "exit_code", Terminated.CTRL_C)
    sys.exit(code)


def _is_somewhere() -> bool:
    """Whether the folder that this is called in still exists; else the user is told."""
    try:
        os.getcwd()
    except OSError:
        warn("the folder that this was called in does not exist any more: change to another.")
        return False
    return True


def _open_streams() -> None:
    """Opens what is closed of standard input, output and error, or the next files would take their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.reconfigure(errors="backslashreplace")  # a name may hold what the terminal's encoding has not

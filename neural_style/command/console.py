"""The command `neural-style`: the surroundings that it may be called in, and the signals that end it."""

import os
import signal
import sys
from types import FrameType

from neural_style.errors import Ended
from neural_style.terminal import warn


def console() -> None:
    """Runs the command line and ends the process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter is not the user's concern
    _open_streams()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) == signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, _end)
    try:
        from neural_style.command.main import main

        code = main(sys.argv[1:])
    except KeyboardInterrupt as error:
        warn("interrupted.")
        code = getattr(error, "exit_code", Ended.CTRL_C)
    sys.exit(code)


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


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one is not to break off what the first one has written
    raise Ended(number)

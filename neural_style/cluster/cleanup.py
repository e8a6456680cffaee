"""End the processes of a local Ray session that outlive the command which started it.

Ray ends most of its processes with the driver, but some survive by minutes when its `raylet` is killed with it. This
module runs as a small process of its own. It waits until the driver closes the pipe or dies, whichever comes first.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

GRACE_SECONDS = 3
"""How long Ray's processes may take to end by themselves."""


@contextlib.contextmanager
def session_cleanup(session: str) -> Iterator[None]:
    """End a session's processes when the context ends, or when this process dies.

    Args:
      session: Ray's name of the session, such as session_2026-11-28_21-37-42_143113_23964.
    """
    command = [sys.executable, __file__, session]
    # In a session of its own, so that the terminal's Ctrl-C does not reach it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield  # Popen closes the pipe and waits for the process


def session_processes(session: str) -> list[psutil.Process]:
    """Return the processes, but for this one, that have a session's name in their command or their open files."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _uses(process, session)]


def _left_over(session: str, driver: psutil.Process) -> list[psutil.Process]:
    return [process for process in session_processes(session) if process != driver]


def _uses(process: psutil.Process, session: str) -> bool:
    with contextlib.suppress(psutil.Error):
        paths = [file.path for file in process.open_files()]
        return any(session in text for text in (*process.cmdline(), *paths))
    return False


def main(session: str) -> None:
    """Wait for the end of the standard input, then end the session's processes."""
    driver = psutil.Process(os.getppid())
    sys.stdin.read()
    deadline = time.monotonic() + GRACE_SECONDS
    while (processes := _left_over(session, driver)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])

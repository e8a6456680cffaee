"""Ray: whether it is there, and joining it."""

import contextlib
import importlib.util
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from neural_style.core.errors import UserError

LOCAL = "local"
"""The address that stands for this machine alone."""
REACH_SECONDS = 10
"""How long an address is waited for."""
LOCAL_STORE = 1e9
"""Bytes of pictures on their way that Ray holds in memory on this machine alone; beyond that they lie on its disk."""


def check(address: str) -> None:
    """Raises a UserError, within seconds, where Ray is missing or nothing listens at the address."""
    if importlib.util.find_spec("ray") is None:
        raise UserError("--cluster needs the package ray: pip install 'neural-style[cluster]'.")
    if address == LOCAL:
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise UserError(
            f"--cluster takes local, or the HOST:PORT that ray start --head names, received {address!r}.", exit_code=2
        )
    try:
        command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=REACH_SECONDS)  # Ray waits for ever
        refused = "" if asked.returncode == 0 else " ".join(asked.stderr.split())[-200:]
    except subprocess.TimeoutExpired:
        refused = f"no answer within {REACH_SECONDS} seconds"
    if refused:
        raise UserError(
            f"--cluster={address} is no Ray cluster that can be reached ({refused}): start one by ray start --head, "
            "or name the HOST:PORT of one that runs."
        )


@contextlib.contextmanager
def joined(address: str) -> Iterator[None]:
    """Has this process join the cluster for as long as it works with it, as Ray's driver.

    Raises:
      UserError: Ray refuses.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # what is painted here is told nobody
    import ray

    alone = {"object_store_memory": int(LOCAL_STORE), "include_dashboard": False} if address == LOCAL else {}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, logging_level=logging.CRITICAL, log_to_driver=False, **alone)
    except Exception as error:  # Ray raises many kinds
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"--cluster={address} can't be joined from this machine ({reason}): run ray start --address={address} "
            "here first, with the same versions of Ray and Python."
        ) from error
    signal.signal(signal.SIGTERM, handler)  # Ray's own would end the process without writing the best so far
    try:
        yield
    finally:
        ray.shutdown()

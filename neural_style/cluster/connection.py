"""Ray: whether it is installed and answers, and joining its cluster."""

import contextlib
import importlib.util
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from neural_style.cluster.cleanup import session_cleanup
from neural_style.core.errors import UserError

LOCAL = "local"
"""The address that stands for this machine alone."""
REACH_SECONDS = 10
"""How long to wait for an address to answer."""
LOCAL_STORE = 1e9
"""Bytes of images in transit that Ray holds in memory on this machine alone; the rest is on its disk."""


def check(address: str) -> None:
    """Check, within seconds, that Ray is installed and a cluster answers at the address.

    Raises:
      UserError: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError("--cluster needs the package ray: pip install ray.")
    if address == LOCAL:
        return
    _check_spelling(address)
    refusal = _ask(address)
    if refusal:
        raise UserError(
            f"--cluster={address} is no Ray cluster that can be reached ({refusal}): start one by ray start --head, "
            "or name the HOST:PORT of one that runs."
        )


def _check_spelling(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise UserError(
            f"--cluster takes local, or the HOST:PORT that ray start --head names, received {address!r}.", exit_code=2
        )


def _ask(address: str) -> str:
    """Return why no cluster answers at the address; an empty string if one does."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        # In a process of its own, since Ray itself would wait without limit.
        answer = subprocess.run(command, capture_output=True, text=True, timeout=REACH_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {REACH_SECONDS} seconds"
    return "" if answer.returncode == 0 else " ".join(answer.stderr.split())[-200:]


@contextlib.contextmanager
def joined(address: str) -> Iterator[None]:
    """Join the cluster as Ray's driver, and leave it when the context ends.

    A cluster of `LOCAL` is started here, and none of its processes outlives this one.

    Raises:
      UserError: Ray refuses.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # send no statistics to Ray's makers
    import ray

    with contextlib.ExitStack() as stack:
        _connect(address)
        if address == LOCAL:
            stack.enter_context(session_cleanup(ray.get_runtime_context().get_session_name()))
        stack.callback(ray.shutdown)
        yield


def _connect(address: str) -> None:
    import ray

    options = {"object_store_memory": int(LOCAL_STORE), "include_dashboard": False} if address == LOCAL else {}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, logging_level=logging.CRITICAL, log_to_driver=False, **options)
    except Exception as error:  # Ray raises many kinds
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"--cluster={address} can't be joined from this machine ({reason}): run ray start --address={address} "
            "here first, with the same versions of Ray and Python."
        ) from error
    signal.signal(signal.SIGTERM, handler)  # Ray's own would end the process before the best image is written

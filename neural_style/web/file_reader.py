"""Reads visitors' files one at a time, in a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from neural_style.core.errors import UserError
from neural_style.web.refusal import Refusal
from neural_style.web.shares import Shares

MAX_WAITING = 16
"""Files that may wait to be read."""
MAX_WAITING_OF_NETWORK = 8


class FileReader:
    """Reads one file at a time, and never in Gradio's own threads."""

    def __init__(self):
        self._thread = ThreadPoolExecutor(1, "reader")
        self._shares = Shares(
            MAX_WAITING,
            MAX_WAITING_OF_NETWORK,
            "Many pictures are being read at the moment: try again in a few seconds.",
        )

    async def read(self, network: str, function: Callable, *args: Any) -> Any:
        """Return what a function of files returns.

        Args:
          network: of the visitor, see `shares.network_of`.
          function: called with `args` in the thread.

        Raises:
          UserError: too many files wait, of all visitors or of this network; or what the function raises.
        """
        try:
            with self._shares.hold(network):
                return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
        except Refusal as refusal:
            raise UserError(str(refusal)) from refusal

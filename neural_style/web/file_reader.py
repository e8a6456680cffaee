"""Reads visitors' files one at a time, in a thread of its own."""

import asyncio
import collections
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from neural_style.core.errors import UserError
from neural_style.web.refusal import Refusal
from neural_style.web.shares import Shares

MAX_WAITING = 16
"""Files that may wait or be read at the same time."""
MAX_WAITING_OF_SUBNET = 8


class FileReader:
    """Reads one file at a time, and never in Gradio's own threads. Subnets take turns."""

    def __init__(self):
        self._thread = ThreadPoolExecutor(1, "reader")
        self._shares = Shares(
            MAX_WAITING,
            MAX_WAITING_OF_SUBNET,
            "Many pictures are being read at the moment: try again in a few seconds.",
        )
        self._waiting: collections.OrderedDict[str, collections.deque[asyncio.Future]] = collections.OrderedDict()
        self._is_busy = False

    async def read(self, subnet: str, function: Callable, *args: Any) -> Any:
        """Return what a function of files returns.

        Args:
          subnet: of the visitor, see `shares.subnet_of`.
          function: called with `args` in the thread.

        Raises:
          UserError: too many files wait, of all visitors or of this subnet; or what the function raises.
        """
        try:
            with self._shares.hold(subnet):
                await self._wait_for_turn(subnet)
                work = asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
                work.add_done_callback(lambda _: self._start_next())  # also when nobody waits for it any more
                return await asyncio.shield(work)
        except Refusal as refusal:
            raise UserError(str(refusal)) from refusal

    async def _wait_for_turn(self, subnet: str) -> None:
        if not self._is_busy:
            self._is_busy = True
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(subnet, collections.deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._start_next()
            raise

    def _start_next(self) -> None:
        """Give the turn to the subnet that has waited longest, or to nobody."""
        while self._waiting:
            subnet, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[subnet] = turns  # behind the others
            if not turn.cancelled():
                turn.set_result(None)
                return
        self._is_busy = False

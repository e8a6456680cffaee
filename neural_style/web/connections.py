"""Limits connections: their number, those without a whole request, and those that do not read their answers."""

import asyncio
import contextlib
import os

from uvicorn.protocols.http.h11_impl import H11Protocol

from neural_style.web.refusal import Refusal
from neural_style.web.shares import Shares, subnet_of

HEADER_SECONDS = 10
"""Time to send the head of a request."""
MAX_IDLE_OF_SUBNET = 80
"""Connections of a subnet that may be without a request. One more, and its oldest is closed."""
UNREAD_SECONDS = 30
"""Time to read an answer that waits in full buffers."""
MAX_CONNECTIONS = 600
MAX_PER_SUBNET = 200
"""A proxy that `FORWARDED_ALLOW_IPS` names is one subnet here, and may have all."""


class LimitedProtocol(H11Protocol):
    """uvicorn's HTTP connection with these limits, which hold for all servers of the process together."""

    _idle: "dict[LimitedProtocol, asyncio.TimerHandle]" = {}
    _shares = Shares(MAX_CONNECTIONS, MAX_PER_SUBNET, "too many connections")
    _proxy_shares = Shares(MAX_CONNECTIONS, MAX_CONNECTIONS, "too many connections")

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Count the connection, and start to wait for a request."""
        super().connection_made(transport)
        self._held = contextlib.ExitStack()
        self._unread_timer: asyncio.TimerHandle | None = None
        shares = self._proxy_shares if os.environ.get("FORWARDED_ALLOW_IPS") else self._shares
        self._subnet = subnet_of(self.client[0] if self.client else "")
        try:
            self._held.enter_context(shares.hold(self._subnet))
        except Refusal:
            transport.abort()
            return
        self._start_waiting()
        self._abort_oldest()

    def _abort_oldest(self) -> None:
        """Close an idle connection of the subnet where it has too many: the oldest, if possible an unused one."""
        idle = [connection for connection in self._idle if connection._subnet == self._subnet]
        if len(idle) <= MAX_IDLE_OF_SUBNET:
            return
        unused = [connection for connection in idle[:-1] if connection.cycle is None]
        oldest = (unused or idle)[0]
        oldest._stop_waiting()
        oldest.transport.abort()

    def handle_events(self) -> None:
        """Handle what has arrived."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._start_waiting()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note that the buffers are full."""
        super().pause_writing()
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the answer is being read."""
        super().resume_writing()
        self._stop_unread_timer()

    def _stop_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._stop_waiting()
        self._stop_unread_timer()
        self._held.close()
        super().connection_lost(exc)

    def _start_waiting(self) -> None:
        self._stop_waiting()
        self._idle[self] = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        timer = self._idle.pop(self, None)
        if timer is not None:
            timer.cancel()

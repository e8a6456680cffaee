"""Limits connections that send no request, or only a part of its head."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10
"""Time to send the head of a request."""
MAX_IDLE = 100
"""Connections that may be without a request. One more, and one is closed."""


class LimitedProtocol(H11Protocol):
    """uvicorn's HTTP connection with these limits, which hold for all servers of the process together."""

    _idle: "dict[LimitedProtocol, asyncio.TimerHandle]" = {}

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start to wait for a request."""
        super().connection_made(transport)
        self._start_waiting()
        if len(self._idle) > MAX_IDLE:
            self._abort_oldest()

    def _abort_oldest(self) -> None:
        """Close the oldest idle connection, if possible one that has never sent a request."""
        unused = (connection for connection in self._idle if connection.cycle is None)
        oldest = next(unused, None) or next(iter(self._idle))
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

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _start_waiting(self) -> None:
        self._stop_waiting()
        self._idle[self] = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        timer = self._idle.pop(self, None)
        if timer is not None:
            timer.cancel()

"""Who is connected: a visitor is present while the stream of answers to their browser tab is open.

A tab sends a request, and then opens a stream for the answers. Requests whose stream is never opened are forgotten, so
that they take no room. Each session belongs to one browser, known by its cookie. A session is a browser tab here;
elsewhere the word means one scale of a run.
"""

import asyncio
import collections
import contextlib
import itertools
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from neural_style.web import cookies
from neural_style.web.refusal import Refusal
from neural_style.web.shares import Shares

ARRIVAL_SECONDS = 5
"""Time to open the stream after a request."""
MAX_ABSENT = 64
"""Sessions that may be without a stream after a request. One more, and the oldest is forgotten."""
MAX_ABSENT_OF_SUBNET = 32
MAX_SESSIONS = 2000
"""Sessions whose owner is remembered."""
MAX_STREAMS = 300
MAX_STREAMS_OF_SUBNET = 100
MAX_STREAMS_OF_SESSION = 2
TOO_MANY = "Too many streams are open: close other tabs, or come back in a minute."


class Sessions:
    """Tracks owners and open streams. All methods run on the server's event loop."""

    def __init__(self):
        self.forget: Callable[[str], Coroutine[Any, Any, None]] | None = None
        """Drops what the server holds for a session."""
        self.has_answers: Callable[[str], bool] = lambda session: True
        """Returns whether the server has answers for a session, now or later."""
        self._owners: collections.OrderedDict[str, str] = collections.OrderedDict()
        self._streams_of_sessions = Shares(MAX_STREAMS, MAX_STREAMS_OF_SESSION, TOO_MANY)
        self._streams_of_subnets = Shares(MAX_STREAMS, MAX_STREAMS_OF_SUBNET, TOO_MANY)
        self._absent: collections.OrderedDict[str, asyncio.Future[bool]] = collections.OrderedDict()
        self._subnets: dict[str, str] = {}
        """The subnet of each session without a stream."""
        self._tasks: set[asyncio.Task] = set()

    def claim(self, session: str, owner: str) -> None:
        """Check that a session belongs to a browser; a new one does from now on.

        Raises:
          Refusal: it belongs to another browser.
        """
        if self._owners.setdefault(session, owner) != owner:
            raise Refusal(403, "This session belongs to another browser: reload the page.")
        self._owners.move_to_end(session)
        self._drop_old_owners()

    def browser_of(self, session: str) -> str | None:
        """Return the cookie of the browser that a session belongs to; None where it sends none."""
        owner = self._owners.get(session, "")
        return owner if cookies.VALUE.fullmatch(owner) else None

    def expect(self, session: str, subnet: str) -> None:
        """Note a request of a session, which must open its stream soon.

        Args:
          session: its name.
          subnet: the subnet it comes from, see `shares.subnet_of`.
        """
        if self.is_connected(session) or session in self._absent:
            return
        loop = asyncio.get_running_loop()
        arrival = loop.create_future()
        self._absent[session] = arrival
        self._subnets[session] = subnet
        loop.call_later(ARRIVAL_SECONDS, self._give_up, session, arrival)
        of_subnet = [name for name in self._absent if self._subnets[name] == subnet]
        if len(of_subnet) > MAX_ABSENT_OF_SUBNET:
            self._give_up(of_subnet[0], self._absent[of_subnet[0]])
        elif len(self._absent) > MAX_ABSENT:
            self._give_up(*next(iter(self._absent.items())))

    async def wait_until_connected(self, session: str, subnet: str) -> bool:
        """Wait for a session's stream; return whether it was opened in time.

        A stream ends with the answers to all requests before it. One that comes at that moment waits for the next.

        Args:
          session, subnet: see `expect`.
        """
        if session in self._owners:
            self.expect(session, subnet)
        arrival = self._absent.get(session)
        if arrival is None:
            return self.is_connected(session)
        return await asyncio.shield(arrival)  # others may wait for it too

    def is_connected(self, session: str) -> bool:
        """Return whether a stream of the session is open."""
        return self._streams_of_sessions.holds(session)

    @contextlib.contextmanager
    def open_stream(self, session: str, owner: str, subnet: str) -> Iterator[None]:
        """Count a session as connected for as long as the context lasts.

        Args:
          session: its name.
          owner: the browser that asks.
          subnet: the subnet it asks from, see `shares.subnet_of`.

        Raises:
          Refusal: the session has no requests, belongs to another browser, or too many streams are open.
        """
        if session not in self._owners or not self.has_answers(session):
            raise Refusal(404, "This session has no requests: reload the page.")
        self.claim(session, owner)
        with self._streams_of_sessions.hold(session), self._streams_of_subnets.hold(subnet):
            self._end_wait(session)
            yield

    def _end_wait(self, session: str) -> None:
        """Tell those who wait for a session's stream that it is there."""
        self._subnets.pop(session, None)
        arrival = self._absent.pop(session, None)
        if arrival is not None and not arrival.done():
            arrival.set_result(True)

    def _give_up(self, session: str, arrival: "asyncio.Future[bool]") -> None:
        """Forget a session that has not opened its stream."""
        if self._absent.get(session) is not arrival:
            return
        del self._absent[session]
        del self._subnets[session]
        arrival.set_result(False)
        self._owners.pop(session, None)
        if self.forget:
            task = asyncio.get_running_loop().create_task(self.forget(session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _drop_old_owners(self) -> None:
        surplus = len(self._owners) - MAX_SESSIONS
        if surplus <= 0:
            return
        idle = (name for name in self._owners if not (self.is_connected(name) or name in self._absent))
        for session in list(itertools.islice(idle, surplus)):
            del self._owners[session]

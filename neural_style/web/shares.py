"""Bounds on what visitors hold at the same time: all of them together, and those of one network."""

import asyncio
import collections
import contextlib
import ipaddress
import weakref
from collections.abc import AsyncIterator, Iterator

from starlette.types import Scope

from neural_style.web.refusal import Refusal


class Shares:
    """Counts what is held at the same time, by network, so that one network leaves room for others."""

    def __init__(self, total: int, of_one: int, message: str):
        """
        Args:
          total: what all networks may hold together.
          of_one: what one network may hold.
          message: what a visitor beyond these bounds reads.
        """
        self._total = total
        self._of_one = of_one
        self._message = message
        self._held: collections.Counter[str] = collections.Counter()

    @contextlib.contextmanager
    def hold(self, network: str) -> Iterator[None]:
        """Count one more of a network for as long as the context lasts.

        Args:
          network: see `network_of`.

        Raises:
          Refusal: the network, or all together, hold too many.
        """
        if self._held.total() >= self._total or self._held[network] >= self._of_one:
            raise Refusal(503, self._message)
        self._held[network] += 1
        try:
            yield
        finally:
            self._held[network] -= 1
            if not self._held[network]:
                del self._held[network]


class Turns:
    """Lets each network do a few things at the same time. What comes beyond waits for its turn."""

    def __init__(self, of_one: int):
        """
        Args:
          of_one: how many things one network may do at the same time.
        """
        self._of_one = of_one
        self._semaphores: weakref.WeakValueDictionary[str, asyncio.Semaphore] = weakref.WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def take(self, network: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it for as long as the context lasts."""
        semaphore = self._semaphores.get(network) or asyncio.Semaphore(self._of_one)
        self._semaphores[network] = semaphore  # only those who wait or hold it keep it
        async with semaphore:
            yield


def network_of(address: str) -> str:
    """Return the address, or for IPv6 the network of 64 bits that one customer usually has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def network_of_request(scope: Scope) -> str:
    """Return the network that a request comes from."""
    return network_of(scope["client"][0] if scope.get("client") else "")

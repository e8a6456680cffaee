"""Bounds on what visitors hold at the same time: all of them together, and one subnet or session.

A subnet is an IPv4 address or 64 bits of IPv6.
"""

import asyncio
import collections
import contextlib
import ipaddress
import weakref
from collections.abc import AsyncIterator, Iterator

from starlette.types import Scope

from neural_style.web.refusal import Refusal


class Shares:
    """Counts what is held at the same time, by holder, so that one holder leaves room for others.

    A holder is a subnet (see `subnet_of`) or a session.
    """

    def __init__(self, total: int, per_holder: int, message: str):
        """
        Args:
          total: what all may hold together.
          per_holder: what one may hold.
          message: what a visitor beyond these bounds reads.
        """
        self._total = total
        self._per_holder = per_holder
        self._message = message
        self._held: collections.Counter[str] = collections.Counter()

    @contextlib.contextmanager
    def hold(self, holder: str) -> Iterator[None]:
        """Count one more thing that a holder has, for as long as the context lasts.

        Raises:
          Refusal: the holder, or all together, have too many.
        """
        if self._held.total() >= self._total or self._held[holder] >= self._per_holder:
            raise Refusal(503, self._message)
        self._held[holder] += 1
        try:
            yield
        finally:
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]

    def holds(self, holder: str) -> bool:
        """Return whether a holder has anything."""
        return holder in self._held


class Turns:
    """Lets each subnet do a few things at the same time. What comes beyond waits for its turn."""

    def __init__(self, per_subnet: int):
        """
        Args:
          per_subnet: how many things one subnet may do at the same time.
        """
        self._per_subnet = per_subnet
        self._semaphores: weakref.WeakValueDictionary[str, asyncio.Semaphore] = weakref.WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def take(self, subnet: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it for as long as the context lasts."""
        semaphore = self._semaphores.get(subnet) or asyncio.Semaphore(self._per_subnet)
        self._semaphores[subnet] = semaphore  # a weak reference: it goes when nobody waits for it or holds it
        async with semaphore:
            yield


def subnet_of(address: str) -> str:
    """Return the address, or for IPv6 the subnet of 64 bits that one customer usually has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def subnet_of_request(scope: Scope) -> str:
    """Return the subnet that a request comes from."""
    return subnet_of(scope["client"][0] if scope.get("client") else "")

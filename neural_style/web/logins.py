"""Limits how often a password can be tried."""

import collections
import contextlib
import ipaddress
import time
from collections.abc import Callable, Iterator

from neural_style.web.refusal import Refusal

MAX_FAILURES = 10
"""Wrong passwords of an address within `WINDOW`."""
WINDOW = 60
"""Seconds."""
MAX_ADDRESSES = 10_000
"""Addresses that are remembered."""


class LoginLimit:
    """Counts wrong passwords by address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._failures: collections.OrderedDict[str, list[float]] = collections.OrderedDict()

    @contextlib.contextmanager
    def attempt(self, address: str) -> Iterator[Callable[[], None]]:
        """Count an attempt as wrong, unless the function that it gives is called.

        Args:
          address: IP address of the visitor.

        Raises:
          Refusal: too many wrong passwords came from this address.
        """
        failures = self._recent_failures(_network_of(address))
        if len(failures) >= MAX_FAILURES:
            raise Refusal(429, f"Too many wrong passwords: try again in {WINDOW} seconds.")
        now = self._clock()
        failures.append(now)  # counted at once, so that attempts at the same time count too
        yield lambda: failures.remove(now)

    def _recent_failures(self, network: str) -> list[float]:
        failures = self._failures.setdefault(network, [])
        self._failures.move_to_end(network)
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)
        start = self._clock() - WINDOW
        failures[:] = [moment for moment in failures if moment > start]
        return failures


def _network_of(address: str) -> str:
    """Return the address, or for IPv6 the network of 64 bits that one customer usually has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))

"""Limits how often a password can be tried."""

import collections
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from neural_style.web.refusal import Refusal

MAX_FAILURES = 10
"""Wrong passwords of a subnet within `WINDOW`."""
WINDOW = 60
"""Seconds."""
MAX_REMEMBERED = 10_000
"""Subnets, and browsers that have logged in."""


class LoginLimit:
    """Counts wrong passwords by subnet.

    A browser that has logged in before has a count of its own, so others of its subnet do not lock it out: those that
    come through one proxy are one subnet.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._failures: collections.OrderedDict[str, list[float]] = collections.OrderedDict()
        self._known_browsers: collections.OrderedDict[str, None] = collections.OrderedDict()

    @contextlib.contextmanager
    def attempt(self, subnet: str, browser: str | None) -> Iterator[Callable[[], None]]:
        """Count an attempt as wrong, unless the function that it gives is called.

        Args:
          subnet: of the visitor, see `shares.subnet_of`.
          browser: its cookie, if it has one.

        Raises:
          Refusal: too many wrong passwords came from this subnet, or from a browser that has logged in before.
        """
        is_known = browser in self._known_browsers
        failures = self._recent_failures(f"browser {browser}" if is_known else subnet)
        if len(failures) >= MAX_FAILURES:
            raise Refusal(429, f"Too many wrong passwords: try again in {WINDOW} seconds.")
        now = self._clock()
        failures.append(now)  # counted at once, so that attempts at the same time count too

        def mark_correct() -> None:
            failures.remove(now)
            if browser is not None:
                _remember(self._known_browsers, browser, None)

        yield mark_correct

    def _recent_failures(self, source: str) -> list[float]:
        failures = _remember(self._failures, source, [])
        start = self._clock() - WINDOW
        failures[:] = [moment for moment in failures if moment > start]
        return failures


def _remember(items: collections.OrderedDict, name: str, value: Any) -> Any:
    """Return what is kept under a name, by default `value`; the name used longest ago goes where there are too many."""
    value = items.setdefault(name, value)
    items.move_to_end(name)
    if len(items) > MAX_REMEMBERED:
        items.popitem(last=False)
    return value

"""What is kept from run to run, within a bound on memory."""

import collections
import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from neural_style.core.errors import UserError


class Cache:
    """Weights, networks and traces by what they were made for; what was used longest ago goes first.

    One run at a time works with them: a second thread waits.
    """

    def __init__(self, limit: float):
        """
        Args:
          limit: bytes that are kept at most; what is asked for last is kept whatever its size.
        """
        self._limit, self._lock, self._owner = limit, threading.Lock(), None
        self._items: collections.OrderedDict[Hashable, tuple[Any, Callable[[Any], float]]] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def items(self) -> list[Any]:
        """All that is kept, what was used longest ago first."""
        return [item for item, _ in self._items.values()]

    def get(self, key: Hashable, make: Callable[[], Any], size: Callable[[Any], float]) -> Any:
        """What `make` returned when `key` was first asked for.

        Args:
          key: of what it was made for.
          make: makes it.
          size: its bytes, asked for anew each time, since traces grow.
        """
        if key not in self._items:
            self._items[key] = make(), size
        self._items.move_to_end(key)
        while len(self._items) > 1 and sum(size(item) for item, size in self._items.values()) > self._limit:
            self._items.popitem(last=False)
        return self._items[key][0]

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """For the time of a run.

        Raises:
          UserError: this very thread is in the middle of another run, for which it would wait for ever.
        """
        if self._owner == threading.get_ident():
            raise UserError("This engine is in the middle of a run: end that first, or take another engine.")
        with self._lock:
            self._owner = threading.get_ident()
            try:
                yield
            finally:
                self._owner = None

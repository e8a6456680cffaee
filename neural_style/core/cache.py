"""A cache that keeps weights, networks and traces from run to run."""

import collections
import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from neural_style.core.errors import UserError


class Cache:
    """A least-recently-used cache with a limit in bytes.

    One run at a time uses it: a second thread waits.
    """

    def __init__(self, limit: float):
        """
        Args:
          limit: bytes to keep at most; the last item that was requested is kept whatever its size.
        """
        self._limit, self._lock = limit, threading.Lock()
        self._owner: int | None = None
        self._items: collections.OrderedDict[Hashable, tuple[Any, Callable[[Any], float]]] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def items(self) -> list[Any]:
        """All items, the least recently used first."""
        return [item for item, _ in self._items.values()]

    def get(self, key: Hashable, make: Callable[[], Any], size: Callable[[Any], float]) -> Any:
        """Return the item of `key`, which `make` makes when it is missing.

        Args:
          key: identifies the item.
          make: makes the item.
          size: measures the item's bytes, at each call, since traces grow.
        """
        if key not in self._items:
            self._items[key] = make(), size
        self._items.move_to_end(key)
        while len(self._items) > 1 and sum(size(item) for item, size in self._items.values()) > self._limit:
            self._items.popitem(last=False)
        return self._items[key][0]

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """A context for the time of a run, in which other threads wait.

        Raises:
          UserError: this thread is in the middle of another run, and would wait for itself.
        """
        if self._owner == threading.get_ident():
            raise UserError("This engine is in the middle of a run: end that first, or use another engine.")
        with self._lock:
            self._owner = threading.get_ident()
            try:
                yield
            finally:
                self._owner = None

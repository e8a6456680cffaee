"""Many runs at once: as many as there are workers."""

import collections
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from tqdm import tqdm

from neural_style.cluster import connection
from neural_style.results.progress import QUIET_SECONDS
from neural_style.terminal import say

if TYPE_CHECKING:
    from neural_style.cluster.engine import ClusterEngine

POLL_SECONDS = 0.5
"""Between two looks at which machines are there."""
MOST_THREADS = 10_000
"""A thread waits for each worker."""

Row, Outcome = TypeVar("Row"), TypeVar("Outcome")


class Rows:
    """Goes through a table's rows, and has them painted on a cluster."""

    def __init__(self, address: str):
        """
        Args:
          address: "local", or the HOST:PORT of a cluster's head.

        Raises:
          UserError: Ray is missing, or nothing listens there.
        """
        connection.check(address)
        self._address, self._engine = address, None

    def engine(self) -> "ClusterEngine":
        """The engine of all rows, within `map`."""
        return self._engine

    def map(self, function: Callable[[Row], Outcome], rows: Sequence[Row]) -> Iterator[Outcome]:
        """Calls `function` with each row: one for each worker at once, and one that gets ready meanwhile.

        Yields:
          What it returned, as it comes.

        Raises:
          UserError: the cluster can't be joined, or no worker starts.
        """
        with connection.joined(self._address):
            from neural_style.cluster.engine import ClusterEngine
            from neural_style.cluster.pool import Pool

            pool = Pool()
            self._engine = ClusterEngine(pool)
            with ThreadPoolExecutor(MOST_THREADS) as threads, Tally(len(rows)) as tally:
                waiting, running, looked = collections.deque(rows), set(), -POLL_SECONDS
                try:
                    while waiting or running:
                        if time.monotonic() - looked > POLL_SECONDS:
                            pool.refresh()
                            looked = time.monotonic()
                        while waiting and len(running) <= len(pool):
                            running.add(threads.submit(function, waiting.popleft()))
                        done, running = wait(running, POLL_SECONDS, FIRST_COMPLETED)
                        tally.show(len(done), len(pool))
                        yield from (each.result() for each in done)
                finally:
                    pool.close()


class Tally:
    """How many rows are done: a line on a terminal, else one now and then."""

    def __init__(self, count: int):
        """
        Args:
          count: of the rows.
        """
        self._bar = tqdm(total=count, desc="rows", unit="row", disable=None, dynamic_ncols=True)
        self._done, self._told = 0, time.monotonic()

    def show(self, done: int, workers: int) -> None:
        """Takes so many rows more, and shows how many workers there are."""
        self._done += done
        self._bar.set_postfix_str(f"{workers} workers", refresh=False)
        self._bar.update(done)
        if self._bar.disable and time.monotonic() - self._told > QUIET_SECONDS:
            self._told = time.monotonic()
            say(f"{self._done} of {self._bar.total} rows, {workers} workers")

    def __enter__(self) -> "Tally":
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()

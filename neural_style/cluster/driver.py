"""This process as Ray's driver: it joins the cluster once it needs it."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from neural_style.cluster import connection
from neural_style.core.progress import ProgressBar

if TYPE_CHECKING:
    from neural_style.cluster.engine import ClusterEngine
    from neural_style.cluster.pool import Pool
    from neural_style.cluster.tiles import ClusterObjective

Row, Outcome = TypeVar("Row"), TypeVar("Outcome")


class Driver(contextlib.ExitStack):
    """Hands out what has its work done by a cluster; the end of its context leaves the cluster."""

    def __init__(self, address: str):
        """
        Args:
          address: "local", or the HOST:PORT of a cluster's head.

        Raises:
          UserError: Ray is missing, or nothing answers there.
        """
        super().__init__()
        connection.check(address)
        self._address = address

    @functools.cached_property
    def pool(self) -> "Pool":
        """The workers; asked for first, the cluster is joined.

        Raises:
          UserError: it can't be joined.
        """
        self.enter_context(connection.joined(self._address))
        from neural_style.cluster.pool import Pool

        return self.enter_context(contextlib.closing(Pool()))

    def engine(self) -> "ClusterEngine":
        """An engine whose runs are the workers'."""
        from neural_style.cluster.engine import ClusterEngine

        return ClusterEngine(self.pool)

    def tiled(self, *made: Any) -> "ClusterObjective":
        """An objective whose tiles are the workers'; see `tiled_objective.make_tiled_objective`."""
        from neural_style.cluster.tiles import ClusterObjective

        return ClusterObjective(self.pool, *made)

    def map(self, function: Callable[[Row], Outcome], rows: Sequence[Row]) -> Iterator[Outcome]:
        """Calls `function` with each of a table's rows, see `Pool.map`, and shows how many are done."""
        with Tally(len(rows)) as tally:
            for outcome in self.pool.map(function, rows, tally.show):
                tally.add()
                yield outcome


class Tally:
    """Shows how many rows are done."""

    def __init__(self, count: int):
        """
        Args:
          count: of the rows.
        """
        self._bar = ProgressBar(count, desc="rows", unit="row")
        self._done = 0

    def add(self) -> None:
        """Counts one more row."""
        self._done += 1
        self._bar.advance()

    def show(self, workers: int) -> None:
        """Shows how many workers there are."""
        self._bar.show(f"{workers} workers")
        self._bar.log(lambda: f"{self._done} of {self._bar.total} rows, {workers} workers")

    def __enter__(self) -> "Tally":
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()

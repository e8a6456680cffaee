"""This process as Ray's driver: it joins the cluster when it first needs a worker."""

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

Row = TypeVar("Row")
Outcome = TypeVar("Outcome")


class Driver(contextlib.ExitStack):
    """Makes engines and objectives that a cluster computes. The end of its context leaves the cluster."""

    def __init__(self, address: str):
        """
        Args:
          address: "local", or the HOST:PORT of a cluster's head.

        Raises:
          UserError: Ray is not installed, or no cluster answers there.
        """
        super().__init__()
        connection.check(address)
        self._address = address

    @functools.cached_property
    def pool(self) -> "Pool":
        """The workers. The first use joins the cluster.

        Raises:
          UserError: the cluster can't be joined.
        """
        self.enter_context(connection.joined(self._address))
        from neural_style.cluster.pool import Pool

        return self.enter_context(contextlib.closing(Pool()))

    def engine(self) -> "ClusterEngine":
        """Return an engine whose runs the workers compute."""
        from neural_style.cluster.engine import ClusterEngine

        return ClusterEngine(self.pool)

    def tiled(self, *arguments: Any) -> "ClusterObjective":
        """Return an objective whose tiles the workers compute; see `tiled_objective.make_tiled_objective`."""
        from neural_style.cluster.tiles import ClusterObjective

        return ClusterObjective(self.pool, *arguments)

    def map(self, function: Callable[[Row], Outcome], rows: Sequence[Row]) -> Iterator[Outcome]:
        """Call `function` with each row of a table, see `Pool.map_unordered`, and show how many are done."""
        with RowProgress(len(rows)) as progress:
            for outcome in self.pool.map_unordered(function, rows, progress.show_workers):
                progress.add_row()
                yield outcome


class RowProgress:
    """Shows how many rows are done: as a progress bar on a terminal, else as a line now and then."""

    def __init__(self, count: int):
        """
        Args:
          count: the number of rows.
        """
        self._bar = ProgressBar(count, desc="rows", unit="row")
        self._done = 0

    def add_row(self) -> None:
        """Count one more row as done."""
        self._done += 1
        self._bar.advance()

    def show_workers(self, workers: int) -> None:
        """Show the number of workers."""
        self._bar.show(f"{workers} workers")
        self._bar.log(lambda: f"{self._done} of {self._bar.total} rows, {workers} workers")

    def __enter__(self) -> "RowProgress":
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()

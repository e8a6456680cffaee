"""Progress: a bar on a terminal, elsewhere a line in the log every half minute."""

import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

from tqdm import tqdm

from neural_style.core.log import logger

LOG_SECONDS = 30
"""Seconds between two lines where standard error is not a terminal."""


class ProgressBar:
    """A bar of tqdm that is quiet where standard error is not a terminal, or closed.

    Attributes:
      shown: the bars that are on the terminal now.
    """

    shown: "ClassVar[list[ProgressBar]]" = []

    def __init__(self, total: float | None, **options: Any):
        """
        Args:
          total: how many steps there are, or how much work; None where nobody knows.
          **options: of `tqdm`.
        """
        self._bar = tqdm(total=total, disable=None if sys.stderr else True, dynamic_ncols=True, **options)
        self._logged = time.monotonic()
        if not self._bar.disable:
            self.shown.append(self)

    @property
    def total(self) -> float | None:
        """How many steps there are, or how much work."""
        return self._bar.total

    def advance(self, amount: float = 1) -> None:
        """Move on by one step, or by another amount of work."""
        if self._bar.total is not None:
            self._bar.total = max(self._bar.total, self._bar.n + amount)
        self._bar.update(amount)

    def expect(self, left: float) -> None:
        """Corrects how many steps, or how much work, is left."""
        self._bar.total = self._bar.n + left

    def show(self, status: str, refresh: bool = True) -> None:
        """Show a short text after the bar."""
        self._bar.set_postfix_str(status, refresh=refresh)

    def log(self, make_line: Callable[[], str]) -> None:
        """Log a line where there is no bar, at most every `LOG_SECONDS`."""
        if self._bar.disable and time.monotonic() - self._logged > LOG_SECONDS:
            self._logged = time.monotonic()
            logger.info(make_line())

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self in self.shown:
            self.shown.remove(self)
        self._bar.close()

    def hide(self) -> None:
        """Clear the bar's line, for a message."""
        self._bar.clear()

    def redraw(self) -> None:
        """Draw the bar again."""
        self._bar.refresh()

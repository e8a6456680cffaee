"""The sessions that the benchmarks measure, and the time of their evaluations."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

DATA = Path(__file__).parents[2] / "tests" / "data"
PAIR = [str(DATA / "coffee.png"), str(DATA / "swirls.png")]
ROWS, COLS = 400, 533
MAX_SECONDS = 60
"""Seconds after which a session is not measured again."""


def sessions(*arguments: str, rows: int = ROWS, cols: int = COLS, watch: Callable | None = None) -> Iterator:
    """Yield the sessions of a run on coffee and swirls with seeded weights; `watch` is called at each evaluation."""
    from neural_style.cli import flags
    from neural_style.engine import Engine
    from neural_style.planning.plan import prepare

    settings = flags.parse(["--weights=random", *arguments, f"--rows={rows}", f"--cols={cols}"]).settings()
    return Engine().run(*prepare(PAIR[0], PAIR[1:], settings), watch=watch).sessions()


def session(*arguments: str, **given):
    """Return the first of `sessions`."""
    return next(sessions(*arguments, **given))


def median_seconds(run) -> float:
    """Return the median seconds of three evaluations, or fewer within `MAX_SECONDS`; the first one only traces."""
    x = run.scene.start.astype("float64").reshape(-1)
    seconds: list[float] = []
    while len(seconds) < 4 and sum(seconds) < MAX_SECONDS:
        began = time.perf_counter()
        run.evaluator.at(x + len(seconds))
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:] or seconds)

"""Measure how many workers a cluster's driver can keep busy. Needs neural-style[cluster].

    python scripts/benchmarks/cluster.py

It measures what a row costs its worker and the driver, what a tile costs, and what L-BFGS costs. A model predicts the
times for many workers. The prediction is checked with one and two workers, each on a core of its own.
"""

import heapq
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from neural_style.cluster.driver import Driver
from neural_style.images import geometry, reading
from neural_style.images.scene import Region, Scene
from neural_style.optimize.curvature import Curvature
from neural_style.settings.settings import Settings
from neural_style.vgg import weights

DATA = Path(__file__).parents[2] / "tests" / "data"
LOOK = "--weights=random --rows=96 --iterations=5 --evaluations_per_iteration=4"
LARGE = "--weights=random --rows=400 --evaluations_per_iteration=1 --style_layers=block1_conv1"
LARGE += " --content_layers=block1_conv1"
"""Steps of the size and number of a picture's by default, in little time."""
BARE = LARGE + " --noplots --nokeep_state --save_every=0"
ROWS, TILE, SIZE = 6, 256, (512, 768)
MANY = (1, 2, 8, 32, 128, 512)
ROW_COSTS = ((120, 1.87), (120, 0.26), (10, 1.87), (10, 0.26))
"""Seconds of a worker and of the driver for a row: of two minutes and of ten seconds, with all files and the least."""
PIXELS, LINK = 100e6, 1.25e9
"""Of a huge picture, and the bytes a second of a network of 10 Gbit/s, which the loopback does not measure."""
TILES = 96
"""Of 1024 pixels, in 100 megapixels; with their halo they have 1216."""
SEEN = 1216**2
SECONDS_PER_PIXEL, DRIVER_PER_PIXEL, BYTES_PER_PIXEL = 21e-6, 2e-7, 3 * 12 + 2 * 8
"""Of what a tile sees: of its worker, of the driver, and sent (the tile twice, what it compares with, its gradient)."""
TILE_COSTS = (TILES, SEEN * SECONDS_PER_PIXEL, SEEN * DRIVER_PER_PIXEL, (SEEN * BYTES_PER_PIXEL + 5e6) / LINK)


def started(nodes: int):
    """A cluster of so many machines of one core each, each worker on a core of its own."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster, cores = Cluster(), sorted(os.sched_getaffinity(0))
    for core in cores[:nodes]:
        os.sched_setaffinity(0, {core})  # what is started now keeps to it
        cluster.add_node(num_cpus=1, object_store_memory=300_000_000, include_dashboard=False)
    os.sched_setaffinity(0, cores)
    return cluster


class Clock:
    """Seconds since it was made: the wall's, the driver's own, and those of all workers together."""

    def __init__(self, driver: int):
        self._driver, self._began = psutil.Process(driver), None
        self._began = self._now()

    def since(self) -> np.ndarray:
        """The three of them."""
        return self._now() - self._began

    def _now(self) -> np.ndarray:
        processes = [each for each in psutil.process_iter(["cmdline"]) if "ray::Worker" in str(each.info["cmdline"])]
        return np.array([time.monotonic(), used([self._driver]), used(processes)])


def used(processes: list[psutil.Process]) -> float:
    """The processes' seconds of computing."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def rows(address: str, workers: int, look: str = LOOK) -> np.ndarray:
    """A row's share of a `Clock`, from where all workers are at it."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{DATA / 'coffee.png'},{DATA / 'swirls.png'},{number}" for number in range(ROWS + workers)]
        (Path(folder) / "pairs.csv").write_text("\n".join(["content,style,prefix", *lines]))
        command = [sys.executable, "-m", "neural_style", "--manifest=pairs.csv", f"--cluster={address}", *look.split()]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            ended = 0
            for line in process.stdout:
                ended += line.startswith("Wrote")
                if ended == workers and line.startswith("Wrote"):
                    clock = Clock(process.pid)
                elif ended == ROWS and line.startswith("Wrote"):
                    found = clock.since() / (ROWS - workers)
    return found


def evaluation(address: str) -> np.ndarray:
    """An evaluation's share of a `Clock`."""
    content, style = (geometry.resize(reading.load(DATA / name), *SIZE) for name in ("coffee.png", "swirls.png"))
    settings = Settings.read(weights="random", tile=TILE)
    with Driver(address) as driver:
        made = driver.tiled(settings, weights.random("vgg19", 0), TILE, "float32", 0)
        bound = made.bind_scene(Scene(content, [Region([style], [1.0], 1.0, None)], content))
        bound(content)  # the first one traces
        clock = Clock(os.getpid())
        bound(content)
        return clock.since()


def lbfgs(pixels: int = 2_000_000) -> float:
    """Seconds that L-BFGS takes for each pixel and evaluation, with ten pairs."""
    rng, curvature = np.random.default_rng(0), Curvature()
    for _ in range(10):
        move = rng.standard_normal(3 * pixels)
        curvature.remember(move, move * rng.uniform(0.5, 1.5, move.size))
    began = time.perf_counter()
    for _ in range(3):
        curvature.direction(move)
    return (time.perf_counter() - began) / 3 / pixels


def throughput(workers: int, worker: float, driver: float, steps: int = 11) -> float:
    """Rows a second, simulated: each step is a worker's for a while, then the driver's, who does one at a time."""
    free, done, rows = 0.0, 0, max(4 * workers, 200)
    coming = [(worker / steps * (1 + number / workers), number) for number in range(workers)]
    heapq.heapify(coming)
    while done < rows * steps:
        at, number = heapq.heappop(coming)
        free = max(free, at) + driver / steps
        heapq.heappush(coming, (free + worker / steps, number))
        done += 1
    return rows / free


def by_tiles(workers: int, count: int, tile: float, driver: float, sent: float, after: float) -> float:
    """Seconds of an evaluation, simulated: each tile goes out, is done and comes back, twice; then L-BFGS.

    Args:
      workers: how many there are.
      count: of the tiles.
      tile: seconds of a tile's work, both passes.
      driver: the driver's seconds for a tile, both passes.
      sent: seconds that a tile is on the driver's link, both passes.
      after: seconds that L-BFGS takes.
    """
    now = 0.0
    for share in (1 / 3, 2 / 3):  # the second pass is twice the work
        idle, free, end = [now] * workers, now, now
        for _ in range(count):
            free = max(free, heapq.heappop(idle)) + (driver + sent) / 2
            heapq.heappush(idle, free + tile * share)
            end = max(end, free + tile * share)
        now = end
    return now + after


def main() -> None:
    """Prints the figures."""
    for workers in (1, 2):
        cluster = started(workers)
        for what, found in (("row", rows(cluster.address, workers)), ("evaluation", evaluation(cluster.address))):
            print(
                f"{workers} workers, a {what}: {found[0]:.2f} s, driver {found[1]:.2f}, workers {found[2]:.2f}",
                flush=True,
            )
        for look in (LARGE, BARE) if workers == 1 else ():
            print(f"a row of 400 x 600, driver: {rows(cluster.address, 1, look)[1]:.2f} s ({look})", flush=True)
        cluster.shutdown()
    each = lbfgs()
    print(f"L-BFGS: {each * 1e9:.0f} ns for each pixel and evaluation")
    for workers in MANY:
        counted = [f"{throughput(workers, *costs) * 3600:.0f}" for costs in ROW_COSTS]
        evaluated = by_tiles(workers, *TILE_COSTS, PIXELS * each)
        print(f"{workers} workers: rows an hour {', '.join(counted)}; an evaluation {evaluated:.0f} s")


if __name__ == "__main__":
    main()

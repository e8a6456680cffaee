"""How many workers a cluster's driver can keep busy: scripts/cluster.py, where neural-style[cluster] is installed.

Measures on this machine what a row costs its worker and the driver, what a tile does, and what L-BFGS does; checks with
one and two workers, each on a core of its own, what the model makes of them; and says what the model makes of many.
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

DATA = Path(__file__).parent.parent / "tests" / "data"
LOOK = "--weights=random --rows=96 --iterations=5 --evaluations_per_iteration=4"
ROWS, TILE, SIZE = 6, 256, (512, 768)
LINK = 1.25e9
"""Bytes a second of a network of 10 Gbit/s, which the loopback does not measure."""


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


def rows(address: str, workers: int) -> tuple[float, float]:
    """Seconds from one row's end to the next, once all workers are at it; and the driver's own for each row."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{DATA / 'coffee.png'},{DATA / 'swirls.png'},{number}" for number in range(ROWS + workers)]
        (Path(folder) / "pairs.csv").write_text("\n".join(["content,style,prefix", *lines]))
        command = [sys.executable, "-m", "neural_style", "--manifest=pairs.csv", f"--cluster={address}", *LOOK.split()]
        ends, process = [], subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        own = psutil.Process(process.pid)
        for line in process.stdout:
            if line.startswith("Wrote"):
                ends.append((time.monotonic(), sum(own.cpu_times()[:2])))
        process.wait()
    first, last, count = ends[workers - 1], ends[-1], len(ends) - workers
    return (last[0] - first[0]) / count, (last[1] - first[1]) / count


def evaluation(address: str) -> tuple[float, float]:
    """Seconds of an evaluation by tiles, and the driver's own."""
    content, style = (geometry.resize(reading.load(DATA / name), *SIZE) for name in ("coffee.png", "swirls.png"))
    settings = Settings.read(weights="random", tile=TILE)
    with Driver(address) as driver:
        made = driver.tiled(settings, weights.random("vgg19", 0), TILE, "float32", 0)
        bound = made.bind(Scene(content, [Region([style], [1.0], 1.0, None)], content))
        bound(content)  # the first one traces
        began, used = time.perf_counter(), time.process_time()
        bound(content)
        return time.perf_counter() - began, time.process_time() - used


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
    measured = {}
    for workers in (1, 2):
        cluster = started(workers)
        measured[workers] = (*rows(cluster.address, workers), *evaluation(cluster.address))
        cluster.shutdown()
        each, own, whole, used = measured[workers]
        print(
            f"{workers} workers: a row each {each:.2f} s, driver {own:.2f}; evaluation {whole:.2f} s, driver {used:.2f}"
        )
    each, own, whole, used = measured[1]
    print(f"a row each, predicted for two: {(each + own) / 2:.2f} s")  # two cores do what there is to do
    tiles = -(-SIZE[0] // TILE) * -(-SIZE[1] // TILE)
    predicted = by_tiles(2, tiles, (whole - used) / tiles, used / tiles, 0, 0)
    print(f"evaluation, predicted for two: {predicted:.2f} s")
    print(f"L-BFGS: {lbfgs() * 1e9:.0f} ns for each pixel and evaluation")


if __name__ == "__main__":
    main()

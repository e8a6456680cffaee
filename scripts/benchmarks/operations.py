"""The seconds of each kind of operation in an evaluation, measured by TensorFlow's profiler."""

import collections
import tempfile
from pathlib import Path

from sessions import session

PAINT = ("--recipe=paint", "--scales=1", "--weights=random")
"""The objective of `paint`, without coarser scales."""
KINDS = {
    "float32": ("--precision=float32", "--convolution=direct"),
    "float32, Winograd": ("--precision=float32", "--convolution=winograd"),
    "bfloat16": ("--precision=bfloat16",),
}
EVALUATIONS = 5
SHOWN = 12


def measure_operations() -> dict[str, dict[str, float]]:
    """Measure seconds of each kind of operation in one evaluation of paint's loss and gradient at 400 x 533."""
    results = {}
    for kind, flags in KINDS.items():
        seconds = seconds_by_operation(session(*PAINT, *flags))
        results[kind] = seconds
        total = sum(seconds.values())
        print(f"\n| one evaluation in {kind} | seconds | share |\n|---|---|---|")
        for name, value in list(seconds.items())[:SHOWN]:
            print(f"| {name} | {value:.3f} | {value / total:.1%} |")
        print(f"| all {len(seconds)} | {total:.3f} | |", flush=True)
    return results


def seconds_by_operation(run) -> dict[str, float]:
    """Return operation → mean seconds of `EVALUATIONS` evaluations of a session, the longest first.

    Each operation counts its own time, also if it runs in parallel with others. Waiting does not count.
    """
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    x = run.scene.start.astype("float64").reshape(-1)
    run.evaluator.at(x)  # traces
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for number in range(EVALUATIONS):
                run.evaluator.at(x + number + 1)
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    seconds = collections.Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            node, colon, operation = plane.event_metadata[event.metadata_id].name.rpartition(":")
            if colon and operation.isidentifier() and not node.endswith(":"):
                seconds[operation.removeprefix("_MklNative").removeprefix("_Mkl")] += event.duration_ps / 1e12
    return {name: spent / EVALUATIONS for name, spent in seconds.most_common()}

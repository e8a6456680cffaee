"""Where an evaluation's time goes: the seconds of each kind of operation, as TensorFlow's profiler sees them."""

import collections
import tempfile
from pathlib import Path

from sessions import session

PAINT = ("--recipe=paint", "--scales=1", "--weights=random")
"""The objective of `paint`, whole."""
KINDS = {
    "float32": ("--precision=float32", "--convolution=direct"),
    "float32, Winograd": ("--precision=float32", "--convolution=winograd"),
    "bfloat16": ("--precision=bfloat16",),
}
EVALUATIONS = 5
SHOWN = 12


def measure_operations() -> dict[str, dict[str, float]]:
    """Seconds of each kind of operation in one evaluation of paint's loss and gradient at 400 x 533."""
    results = {}
    for kind, how in KINDS.items():
        results[kind] = found = seconds_by_operation(session(*PAINT, *how))
        whole = sum(found.values())
        print(f"\n| one evaluation in {kind} | seconds | share |\n|---|---|---|")
        for name, seconds in list(found.items())[:SHOWN]:
            print(f"| {name} | {seconds:.3f} | {seconds / whole:.1%} |")
        print(f"| all {len(found)} | {whole:.3f} | |", flush=True)
    return results


def seconds_by_operation(run) -> dict[str, float]:
    """Means of `EVALUATIONS` evaluations of a session, the longest first.

    Operations that run side by side are counted each with its own time; what waits is not counted.
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

"""Seconds and memory of universal style transfer, beside PyTorch's same work: a part of `scripts/benchmark`."""

import statistics
import sys
import time
from collections.abc import Callable

ROUNDS = 7
SIDE = 512
WORK = {"wct": (4, 3, 2, 1), "adain": (4,)}
"""The levels of each method that is measured."""


def measure(pair: list[str]) -> dict[str, dict[str, float]]:
    """Seconds from two images at 512 x 512 to the picture, by method and contender: medians of rounds in turns."""
    import numpy as np
    import torch_universal

    from neural_style.engine import Engine
    from neural_style.images import geometry, reading
    from neural_style.planning.plan import prepare
    from neural_style.pretrained import decoders
    from neural_style.settings.settings import Settings
    from neural_style.universal import decoder
    from neural_style.vgg import weights

    content, style = (geometry.resize(reading.load(path), SIDE, SIDE) for path in pair)
    engine, found = Engine(), {}
    for method, levels in WORK.items():
        common = dict(alpha=1.0, rows=SIDE, style_frame="stretch", levels=levels, precision="float32")
        settings = Settings.read(method, **common)
        _, kernels = weights.resolve(settings.network, 0)
        files = decoders.find(levels, settings.network, 0, None)
        theirs = torch_universal.Painter(kernels, {level: decoder.load(path) for level, path in files.items()})
        prepared = prepare(content, [style], settings)

        def ours(prepared: tuple = prepared) -> np.ndarray:
            *_, last = engine.run(*prepared).steps()
            return last.image

        def torchs(theirs=theirs, levels=levels, method=method) -> np.ndarray:
            return theirs.paint(content, style, levels, method)

        seconds = in_turns({"neural_style": ours, "PyTorch": torchs})
        difference = np.abs(ours() - torchs()).mean()
        if difference > 1:
            sys.exit(f"benchmark: the pictures of {method} differ by {difference:.1f} grey levels: not the same work.")
        found[method] = {**seconds, "mean difference": float(difference)}
    print(
        f"\n| {SIDE} x {SIDE}, everything loaded, float32 | neural_style | PyTorch | times faster |\n|---|---|---|---|"
    )
    for method, each in found.items():
        ratio = each["PyTorch"] / each["neural_style"]
        levels = ", ".join(map(str, WORK[method]))
        print(f"| {method}, levels {levels} | {each['neural_style']:.2f} s | {each['PyTorch']:.2f} s | {ratio:.2f} |")
    return found


def in_turns(contenders: dict[str, Callable]) -> dict[str, float]:
    """The median seconds of each contender's rounds; the first one loads and traces, and does not count."""
    seconds = {name: [] for name in contenders}
    for _ in range(ROUNDS + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}

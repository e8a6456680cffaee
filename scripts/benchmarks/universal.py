"""Seconds and memory of universal style transfer, beside PyTorch's same work: a part of `scripts/benchmark`."""

import functools
import statistics
import sys
import time
from collections.abc import Callable

ROUNDS = 7
SIDE = 512
WORK = {"wct": (4, 3, 2, 1), "adain": (4,)}
"""The levels of each method that is measured."""


def measure(pair: list[str]) -> dict[str, dict[str, float]]:
    """Seconds from two images at 512 x 512 to the picture, by method and contender: medians of rounds in turns.

    PyTorch does the work of --nobands. With --bands the painting is known in all rounds but the first.
    """
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
        common = dict(alpha=1.0, rows=SIDE, style_frame="stretch", precision="float32")
        common |= dict(recolor_content=False, trim_frame=False)
        settings = Settings.read(method, bands=False, levels=levels, **common)
        _, kernels = weights.resolve(settings.network, 0)
        files = decoders.find(levels, settings.network, 0, None)
        theirs = torch_universal.Painter(kernels, {level: decoder.load(path) for level, path in files.items()})
        prepared = prepare(content, [style], settings)
        one_pass = prepare(content, [style], Settings.read(method, **common))

        def ours(prepared: tuple = prepared) -> np.ndarray:
            *_, last = engine.run(*prepared).steps()
            return last.image

        def torchs(theirs=theirs, levels=levels, method=method) -> np.ndarray:
            return theirs.paint(content, style, levels, method)

        seconds = in_turns({"bands": functools.partial(ours, one_pass), "neural_style": ours, "PyTorch": torchs})
        difference = np.abs(ours() - torchs()).mean()
        if difference > 1:
            sys.exit(f"benchmark: the pictures of {method} differ by {difference:.1f} grey levels: not the same work.")
        found[method] = {**seconds, "mean difference": float(difference)}
    print(
        f"\n| {SIDE} x {SIDE}, everything loaded, float32 | --bands | --nobands | PyTorch | times faster |"
        "\n|---|---|---|---|---|"
    )
    for method, each in found.items():
        ratio = each["PyTorch"] / each["neural_style"]
        levels = ", ".join(map(str, WORK[method]))
        cells = " | ".join(f"{each[name]:.2f} s" for name in ("bands", "neural_style", "PyTorch"))
        print(f"| {method}, levels {levels} | {cells} | {ratio:.2f} |")
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

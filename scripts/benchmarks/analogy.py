"""What deep image analogy costs: seconds by level as images grow, and PatchMatch beside exact search."""

import time
from unittest import mock

import numpy as np
from sessions import PAIR

ROWS = (160, 320, 640)
SIDES = (16, 32, 64)
"""Of the maps that are searched, in positions."""


def measure_analogy() -> dict[str, list[dict]]:
    """Seconds by level at each of `ROWS`; seconds and energy of each way to search at each of `SIDES`."""
    return {"levels": measure_levels(), "search": measure_search()}


def measure_levels() -> list[dict]:
    """One run at each size, on coffee and swirls with seeded weights."""
    import neural_style

    print("\n| pixels | level | reconstruction | matching |\n|---|---|---|---|", flush=True)
    found = []
    for rows in ROWS:
        began = time.perf_counter()
        record = neural_style.stylize(*PAIR, method="analogy", weights="random", rows=rows).record
        spent = time.perf_counter() - began
        levels = [
            {name: level[name] for name in ("layer", "seconds_reconstructing", "seconds_matching")}
            for level in record["levels"]
        ]
        found.append({"rows": record["rows"], "cols": record["cols"], "seconds": spent, "levels": levels})
        frame = f"{record['rows']} x {record['cols']}"
        for level in levels:
            seconds = f"{level['seconds_reconstructing']:.1f} s | {level['seconds_matching']:.1f} s"
            print(f"| {frame} | {level['layer']} | {seconds} |")
        print(f"| {frame} | all | {spent:.0f} s in all | |", flush=True)
    return found


def measure_search() -> list[dict]:
    """Each way to search from the identity, everywhere, on maps of block3_conv1 of the two images."""
    import neural_style
    from neural_style.analogy import fields
    from neural_style.analogy.matching import normalize, search, search_exactly

    print("\n| map | search | seconds | mean energy |\n|---|---|---|---|", flush=True)
    found = []
    for side in SIDES:
        given = dict(weights="random", rows=4 * side, cols=4 * side)
        a, b = (
            normalize(neural_style.features(image, ["block3_conv1"], **given)["block3_conv1"]).astype(np.float32)
            for image in PAIR
        )
        start = fields.scaled_identity((side, side), (side, side))
        ways = {
            "exact": lambda a=a, b=b, start=start: search_exactly(a, b, start, 3),
            "PatchMatch": lambda a=a, b=b, start=start, side=side: search(a, b, start, 3, side, [0]),
        }
        ways["PatchMatch"]()  # compiled by now
        for name, way in {**ways, "PatchMatch without numba": without_numba(ways["PatchMatch"])}.items():
            began = time.perf_counter()
            _, energies = way()
            one = {"side": side, "search": name, "seconds": time.perf_counter() - began, "energy": energies[-1]}
            print(f"| {side} x {side} | {name} | {one['seconds']:.2f} | {one['energy']:.4f} |", flush=True)
            found.append(one)
    return found


def without_numba(way):
    """`way` as where numba is not installed."""

    def run():
        with mock.patch.dict("sys.modules", {"numba": None}):
            return way()

    return run

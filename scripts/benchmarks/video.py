"""How much a painted film flickers, and what its frames cost, beside the same frames painted one by one."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from sessions import DATA

CLIP, PAINTING = (
    str(DATA / "bunny.mp4"),
    str(Path(__file__).parents[2] / "neural_style/samples/van_gogh_starry_night.jpg"),
)
PHOTOGRAPH = str(DATA / "coffee.png")
HOW = {"weights": "hed", "recipe": "paint"}
FRAMES = 6
STEP = 3
"""Pixels by which a window moves over a photograph from frame to frame."""


def measure_video() -> dict[str, dict]:
    """The warping error (Lai et al. 2018), the losses, evaluations and seconds of both, at 240 and 360 rows."""
    print("\n| | error, the frames' own | one by one | as a film | times less | loss one by one | as a film |")
    print("|---|---|---|---|---|---|---|", flush=True)
    results = {}
    with TemporaryDirectory() as folder:
        moved_window(Path(folder))
        for name, clip, rows in (("bunny", CLIP, 240), ("window", folder, 240), ("bunny", CLIP, 360)):
            film, alone = measured_film(clip, rows), measured_alone(clip, rows)
            results[f"{name} {rows}"] = {"film": film, "alone": alone}
            errors = film["own"], alone["error"], film["error"]
            cells = [*(f"{error:.6f}" for error in errors), f"{errors[1] / errors[2]:.1f}"]
            cells += [f"{found['loss']:.3f}" for found in (alone, film)]
            print(f"| {name}, {rows} rows | {' | '.join(cells)} |", flush=True)
    print("\n| a following frame | evaluations one by one | as a film | seconds one by one | as a film |")
    print("|---|---|---|---|---|")
    for name, both in results.items():
        cells = (f"{both[kind][what]:.1f}" for what in ("evaluations", "seconds") for kind in ("alone", "film"))
        print(f"| {name} rows | {' | '.join(cells)} |", flush=True)
    return results


def moved_window(folder: Path) -> None:
    """Frames of a window that moves over a photograph."""
    from PIL import Image

    with Image.open(PHOTOGRAPH) as photograph:
        rows, cols = photograph.height * 4 // 5, photograph.width * 4 // 5
        for number in range(FRAMES):
            left = STEP * number
            photograph.crop((left, 20, left + cols, 20 + rows)).save(folder / f"{number:03d}.png")


def measured_film(clip: str, rows: int) -> dict[str, float]:
    """Of a film: means over the frames after the first."""
    import neural_style

    _, *rest = [f.facts for f in neural_style.stylize_film(clip, PAINTING, rows=rows, last_frame=FRAMES, **HOW)]
    losses = [sum(value for name, value in facts["terms"].items() if "temporal" not in name) for facts in rest]
    means = {name: statistics.fmean(facts[name] for facts in rest) for name in ("error", "evaluations", "seconds")}
    return {
        **means,
        "own": statistics.fmean(facts["photograph_error"] for facts in rest),
        "loss": statistics.fmean(losses),
    }


def measured_alone(clip: str, rows: int) -> dict[str, float]:
    """Of the same frames, each painted as a picture of its own."""
    import numpy as np

    import neural_style
    from neural_style.video import consistency

    engine, losses, evaluations, seconds, errors, before = neural_style.Engine(), [], [], [], [], None
    for moved in moved_frames(clip, rows):
        began = time.perf_counter()
        image, record = neural_style.stylize(moved.image, PAINTING, rows=rows, engine=engine, **HOW)
        if before is not None:
            seconds.append(time.perf_counter() - began)
            losses.append(record["iterations"][-1]["loss"])
            evaluations.append(sum(len(scale["losses"]) for scale in record["scales"]))
            motion = moved.motion_to_previous
            errors.append(consistency.warping_error(np.asarray(image, np.float32), before, motion.flow, motion.trusted))
        before = np.asarray(image, np.float32)
    lists = {"error": errors, "loss": losses, "evaluations": evaluations, "seconds": seconds}
    return {name: statistics.fmean(values) for name, values in lists.items()}


def moved_frames(clip: str, rows: int) -> Iterator:
    """The clip's frames with their motion."""
    from neural_style import api
    from neural_style.settings.settings import Settings
    from neural_style.video.motion import estimate_motion

    settings = Settings.read(rows=rows, last_frame=FRAMES, **HOW)
    opened, _, plan = api.prepare_film(clip, [PAINTING], settings)
    return estimate_motion(opened.frames(settings.video), plan.result_size, settings.video, settings.picture.resample)

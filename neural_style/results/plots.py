"""Plots and previews of a run: its losses, its images side by side, an animation."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neural_style.results import files

GAP = 8
"""White pixels between the images of a comparison."""
FRAME_SIDE = 480
"""The longer side of a preview's frames, in pixels."""
FRAME_MILLISECONDS, LAST_MILLISECONDS = 250, 2000


def losses(path: str, scales: Sequence[Mapping[str, Any]]) -> None:
    """Draws each term and the loss over the iterations, on a log scale; scales follow each other.

    Args:
      path: of the PNG.
      scales: of the run's record.
    """
    from matplotlib.figure import Figure  # takes a second to import, and most runs need it only at their end
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    points = [point for scale in scales for point in (scale["initial"], *scale["iterations"])]
    yscale = "log" if any(point["loss"] for point in points) else "linear"
    axes = figure.add_subplot(xlabel="iteration", ylabel="loss", yscale=yscale)
    for index, name in enumerate(points[0]["terms"]):
        values = [point["terms"][name] or math.nan for point in points]  # a log scale has no 0
        if not all(map(math.isnan, values)):  # a term without weight would have only a legend
            axes.plot(values, label=name.replace("_", " "), color=f"C{index}", marker=".")
    axes.plot([point["loss"] for point in points], label="loss", color="black", marker=".")
    start = 0
    for scale in scales[:-1]:
        start += 1 + len(scale["iterations"])
        axes.axvline(start - 0.5, color="grey", linewidth=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    files.write_whole(path, lambda partial: figure.savefig(partial, format="png", dpi=120))


def errors(path: str, facts: Sequence[Mapping[str, Any]]) -> None:
    """Draws the warping errors of a film: of its painted frames and of its own frames.

    Args:
      path: of the PNG.
      facts: of each frame, in order: "number", and except at cuts "error" and "photograph_error".
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot(xlabel="frame", ylabel="warping error (mean square, values 0 to 1)", yscale="log")
    numbers = [each["number"] for each in facts]
    for name, label in (("error", "painted"), ("photograph_error", "the film's own")):
        axes.plot(numbers, [each.get(name) or math.nan for each in facts], label=label, marker=".")
    axes.grid(alpha=0.3)
    axes.legend()
    files.write_whole(path, lambda partial: figure.savefig(partial, format="png", dpi=120))


def comparison(images: Sequence[Image.Image]) -> Image.Image:
    """Images side by side, at the last one's height."""
    shown = [_at_height(image, images[-1].height) for image in images[:-1]] + [images[-1]]
    width = sum(image.width for image in shown) + GAP * (len(shown) - 1)
    sheet, left = Image.new("RGB", (width, shown[-1].height), "white"), 0
    for image in shown:
        sheet.paste(image, (left, 0))
        left += image.width + GAP
    return sheet


def _at_height(image: Image.Image, rows: int) -> Image.Image:
    return image.resize((max(1, round(image.width * rows / image.height)), rows), Image.Resampling.LANCZOS)


def frame(image: Image.Image) -> np.ndarray:
    """Shrinks an image to a frame of the preview: at most `FRAME_SIDE` pixels long, [rows, cols, 3] uint8."""
    small = image.copy()
    small.thumbnail((FRAME_SIDE, FRAME_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(small)


def preview(path: str, frames: Sequence[np.ndarray]) -> None:
    """Write an animated WebP or GIF, by the path's ending, that repeats for ever and pauses on its last frame."""
    rows, cols = frames[-1].shape[:2]  # coarser scales' frames are enlarged
    first, *rest = [Image.fromarray(frame).resize((cols, rows), Image.Resampling.BICUBIC) for frame in frames]
    durations = [FRAME_MILLISECONDS] * len(rest) + [LAST_MILLISECONDS]
    kind = Path(path).suffix[1:].upper()
    files.write_whole(
        path,
        lambda partial: first.save(partial, kind, save_all=True, append_images=rest, duration=durations, loop=0),
    )

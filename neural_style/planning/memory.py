"""Estimates whether a run fits into memory, and which tiles make it fit."""

import math
from pathlib import Path

import psutil

from neural_style.core.errors import UserError
from neural_style.planning import device
from neural_style.settings import vgg_layers
from neural_style.settings.settings import Settings

BASE = {"direct": 0.8e9, "winograd": 1.1e9}
"""TensorFlow, the libraries and VGG's weights, in bytes; Winograd's tiles need larger kernels."""
PER_PIXEL = {"float32": 5100, "float64": 12000, "bfloat16": 2900}
"""Of one evaluation through block 5, forward and back, in bytes for each pixel; bfloat16 is in proportion to float32,
the others are measured (scripts/NOTES.md)."""
PER_PIXEL_ONEDNN = {"float32": 2500, "float64": 12000, "bfloat16": 1500}
"""The same on processors with AVX-512, where oneDNN computes the convolutions (except in float64); measured."""
FORWARD = 0.3
"""Share of these bytes where an image goes through the network forward only, as styles do: 710 of 2500, measured."""
FLOAT64_PIXEL = 3 * 8
"""Bytes of a pixel of a float64 image."""
PER_PIXEL_KEPT = {
    "lbfgs": 26 * FLOAT64_PIXEL,
    "adam": 10 * FLOAT64_PIXEL,
    "sgd": 8 * FLOAT64_PIXEL,
    "normalized_gradient": 8 * FLOAT64_PIXEL,
}
"""Bytes for each pixel of optimiser and evaluator, as a number of images."""
PER_PIXEL_CONTINUOUS = 20 * FLOAT64_PIXEL
"""The same for L-BFGS that keeps its curvature; the moves that it remembers are float32."""
PER_BORDER_PIXEL = 6000
"""Bytes that one tile hands on to the next, for each pixel of the line between them."""
TILES = (1536, 1024, 768, 512, 384, 256)
SHARE_PLANNED = 0.8
"""Share of the free memory that a plan may use."""
CGROUPS = {
    "": (Path("/sys/fs/cgroup"), "memory.max", "memory.current"),
    "memory": (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""Where Linux shows the limits and use of control groups, by the controller's name in its two versions."""
OWN_CGROUPS = Path("/proc/self/cgroup")


def estimate_evaluation(
    rows: int, cols: int, tile: int | None, precision: str, settings: Settings, largest_style: int = 0, images: int = 1
) -> float:
    """Estimates the bytes that an evaluation of `rows` x `cols` pixels needs on its device.

    Args:
      tile: size of the tiles in pixels, or None where the image is taken whole.
      precision: "float32", "float64" or "bfloat16".
      settings: of the run; the convolution counts.
      largest_style: pixels of the largest style image, which goes through the network once, forward. It does not count
        with a tile, since styles are then taken tile by tile too.
      images: how many go through the network together; without a tile.
    """
    onednn = device.cpu_has_any("avx512f") and device.gpu_memory() is None
    per_pixel, base = (PER_PIXEL_ONEDNN if onednn else PER_PIXEL)[precision], BASE[settings.network.convolution]
    if tile is None:
        return base + per_pixel * max(rows * cols * images, FORWARD * largest_style)
    border_length = max(0, rows - tile) * cols / tile + max(0, cols - tile) * rows / tile
    return base + per_pixel * min(tile, rows) * min(tile, cols) + PER_BORDER_PIXEL * border_length


def estimate_kept(rows: int, cols: int, settings: Settings, largest_style: int = 0) -> float:
    """Estimates the bytes that a run keeps in the machine's memory: optimiser and evaluator, or the whole method.

    Args:
      rows, cols: of the picture.
      settings: of the run.
      largest_style: pixels of the largest style image, for methods that keep their images (`memory_per_pixel`).
    """
    optimizer = settings.optimizer
    if settings.method.memory_per_pixel:
        return settings.method.memory_per_pixel * max(rows * cols, largest_style)
    per_pixel = PER_PIXEL_CONTINUOUS if optimizer.keeps_curvature else PER_PIXEL_KEPT[optimizer.optimizer]
    return per_pixel * rows * cols


def free_bytes() -> float:
    """Return the free bytes of the machine or its container, whichever is less; infinity where they are unknown."""
    try:
        machine = psutil.virtual_memory().available
    except (OSError, RuntimeError):  # no /proc
        machine = math.inf
    return min(machine, _left_in_container())


def _left_in_container() -> float:
    """Return the bytes that this process's control groups leave, each within another (a container, a service).

    Within a container, the paths are often those outside it: a path that does not exist is skipped.
    """
    left = math.inf
    for line in OWN_CGROUPS.read_text().splitlines() if OWN_CGROUPS.exists() else ():
        _, controller, group = line.split(":", 2)
        if controller not in CGROUPS:
            continue
        root, limit, used = CGROUPS[controller]
        within = root / group.lstrip("/")
        for folder in (within, *within.parents):
            if folder.is_relative_to(root) and (folder / limit).exists():
                most = (folder / limit).read_text().strip()
                left = min(left, int(most) - int((folder / used).read_text()) if most.isdigit() else math.inf)
    return left


def choose_tile(
    rows: int, cols: int, precision: str, settings: Settings, largest_style: int = 0, styles: int = 1
) -> int | None:
    """Chooses the tile that --tile means; None takes the image whole.

    A size is rounded up to a multiple of the deepest layer's stride. "auto" takes the image whole if that fits into the
    free memory, else the largest tiles that fit.

    Args:
      rows, cols, precision, settings, largest_style: see `estimate_evaluation`.
      styles: how many style images there are; with --noreuse_constant_rows they are in the same batch.

    Raises:
      UserError: nothing fits.
    """
    wanted, host, gpu = settings.optimizer.tile, free_bytes(), device.gpu_memory()
    images = 1 if settings.optimizer.reuse_constant_rows else 2 + styles
    candidates: list[int | None]
    if isinstance(wanted, int):
        stride = max(map(vgg_layers.stride, settings.loss.layers))
        candidates = [-(-wanted // stride) * stride]
    elif wanted == "auto" and settings.tileable:
        candidates = [None, *TILES]
    else:
        candidates = [None]
    # Styles lie in memory as float32 images until they were measured.
    own = estimate_kept(rows, cols, settings, largest_style) + 12 * largest_style * styles
    for tile in candidates:
        work = estimate_evaluation(rows, cols, tile, precision, settings, largest_style, images)
        if _fits(work, own, host, gpu):
            return tile
    least = (work + own) / 1e9
    lighter = own - estimate_kept(rows, cols, settings, largest_style) + PER_PIXEL_KEPT["adam"] * rows * cols
    smallest = estimate_evaluation(rows, cols, TILES[-1], precision, settings)
    advice = {
        "a smaller --style_scale": largest_style > 4 * rows * cols,
        "--tile=auto": wanted != "auto" and settings.tileable and _fits(smallest, own, host, gpu),
        "--optimizer=adam": settings.optimizes and _fits(work, lighter, host, gpu),
    }
    helpful = [*(flag for flag, helps in advice.items() if helps), "fewer --rows"]
    there = f"{host / 1e9:.1f} GB" + (f" and {gpu / 1e9:.1f} GB of the GPU" if gpu is not None else "")
    raise UserError(
        f"{rows} x {cols} pixels would need about {least:.1f} GB of memory, and {there} "
        f"are free (of which {SHARE_PLANNED:.0%} are planned with): try {' or '.join(helpful)}."
    )


def check_forward(rows: int, cols: int, precision: str, settings: Settings, advice: str = "fewer rows") -> None:
    """Raise a UserError, with `advice`, where an image of `rows` x `cols` can't go through the network forward."""
    work, host, gpu = (
        estimate_evaluation(0, 0, None, precision, settings, rows * cols),
        free_bytes(),
        device.gpu_memory(),
    )
    if not _fits(work, 12 * rows * cols, host, gpu):
        raise UserError(
            f"The features of {rows} x {cols} pixels would need about {work / 1e9:.1f} GB of memory, and "
            f"{host / 1e9:.1f} GB are free: choose {advice}."
        )


def _fits(work: float, own: float, host: float, gpu: float | None) -> bool:
    """Whether computation and kept values fit: on one machine, or on a GPU and its host."""
    if gpu is None:
        return work + own <= SHARE_PLANNED * host
    return work <= SHARE_PLANNED * gpu and own <= SHARE_PLANNED * host

"""Estimates whether a run fits into memory, and which tiles make it fit."""

import math
from pathlib import Path
from typing import NamedTuple

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
FORWARD_SHARE = 0.3
"""Share of these bytes where an image goes through the network forward only, as styles do: 710 of 2500, measured."""
FLOAT32_PIXEL, FLOAT64_PIXEL = 3 * 4, 3 * 8
"""Bytes of an image's pixel."""
PER_PIXEL_KEPT = {
    "lbfgs": 26 * FLOAT64_PIXEL,
    "adam": 10 * FLOAT64_PIXEL,
    "sgd": 8 * FLOAT64_PIXEL,
    "normalized_gradient": 8 * FLOAT64_PIXEL,
}
"""Bytes for each pixel that optimiser and evaluator keep, written as so many float64 images."""
PER_PIXEL_CONTINUOUS = 20 * FLOAT64_PIXEL
"""The same for L-BFGS that keeps its curvature; the moves that it remembers are float32."""
PER_BORDER_PIXEL = 6000
"""Bytes that one tile hands on to the next, for each pixel of the line between them."""
TILES = (1536, 1024, 768, 512, 384, 256)
"""The tiles that --tile=auto tries, in pixels."""
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
    """Estimate the bytes that an evaluation of `rows` x `cols` pixels needs on its device.

    Args:
      tile: size of the tiles in pixels, or None where the image is taken whole.
      precision: "float32", "float64" or "bfloat16".
      settings: of the run; only --convolution matters.
      largest_style: pixels of the largest style image, which goes through the network once, forward. It does not count
        with a tile, since styles are then taken tile by tile too.
      images: how many go through the network together; without a tile.
    """
    if tile is None:
        together = _base(settings) + _per_pixel(precision) * rows * cols * images
        return max(together, estimate_forward(largest_style, precision, settings))
    border_length = max(0, rows - tile) * cols / tile + max(0, cols - tile) * rows / tile
    in_tile = _per_pixel(precision) * min(tile, rows) * min(tile, cols)
    return _base(settings) + in_tile + PER_BORDER_PIXEL * border_length


def estimate_forward(pixels: int, precision: str, settings: Settings) -> float:
    """Estimate the bytes that an image of so many pixels needs on its device, to go through the network forward."""
    return _base(settings) + FORWARD_SHARE * _per_pixel(precision) * pixels


def _base(settings: Settings) -> float:
    return BASE[settings.network.convolution]


def _per_pixel(precision: str) -> float:
    onednn = device.cpu_has_any("avx512f") and device.gpu_memory() is None
    return (PER_PIXEL_ONEDNN if onednn else PER_PIXEL)[precision]


def estimate_kept(rows: int, cols: int, settings: Settings, largest_style: int = 0) -> float:
    """Estimate the bytes that a run keeps in the machine's memory: optimiser and evaluator, or the whole method.

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
    """Return the least that any control group of this process, or one around it, leaves; infinity without a limit.

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
    """Choose the tile that --tile means; None takes the image whole.

    A size is rounded up to a multiple of the deepest layer's stride. "auto" takes the image whole if that fits into the
    free memory, else the largest tiles that fit.

    Args:
      rows, cols, precision, settings, largest_style: see `estimate_evaluation`.
      styles: how many style images there are, each size and rotation counted; with --noreuse_constant_rows they are in
        the same batch.

    Raises:
      UserError: nothing fits.
    """
    free, images = _Free.now(), 1 if settings.optimizer.reuse_constant_rows else 2 + styles
    styles_kept = FLOAT32_PIXEL * largest_style * styles  # they lie in memory as images until they were measured
    kept = estimate_kept(rows, cols, settings, largest_style)
    evaluations = []
    for tile in _tile_candidates(settings):
        evaluation = estimate_evaluation(rows, cols, tile, precision, settings, largest_style, images)
        if free.fits(evaluation, kept + styles_kept):
            return tile
        evaluations.append(evaluation)
    least = min(evaluations)  # not always of the smallest tile: smaller ones have longer borders
    least_tiled = min(estimate_evaluation(rows, cols, tile, precision, settings) for tile in TILES)
    kept_by_adam = PER_PIXEL_KEPT["adam"] * rows * cols
    could_tile = settings.optimizer.tile != "auto" and settings.tileable
    advice = {
        "a smaller --style_scale": largest_style > 4 * rows * cols,  # then the style needs more than the picture
        "--tile=auto": could_tile and free.fits(least_tiled, kept + styles_kept),
        "--optimizer=adam": settings.optimizes and free.fits(least, kept_by_adam + styles_kept),
    }
    helpful = [*(flag for flag, helps in advice.items() if helps), "fewer --rows"]
    raise free.error(f"{rows} x {cols} pixels", least, kept + styles_kept, f"try {' or '.join(helpful)}")


def check_forward(rows: int, cols: int, precision: str, settings: Settings, advice: str = "choose fewer rows") -> None:
    """Raise a UserError, with `advice`, where an image of `rows` x `cols` can't go through the network forward."""
    free = _Free.now()
    forward, kept = estimate_forward(rows * cols, precision, settings), FLOAT32_PIXEL * rows * cols
    if not free.fits(forward, kept):
        raise free.error(f"The features of {rows} x {cols} pixels", forward, kept, advice)


def _tile_candidates(settings: Settings) -> list[int | None]:
    """The tiles that --tile allows, the largest first; None is the whole image."""
    wanted = settings.optimizer.tile
    if isinstance(wanted, int):
        stride = max(map(vgg_layers.stride, settings.loss.layers))
        return [-(-wanted // stride) * stride]
    return [None, *TILES] if wanted == "auto" and settings.tileable else [None]


class _Free(NamedTuple):
    """The bytes that are free on the machine, and those of a GPU, where there is one."""

    host: float
    gpu: float | None

    @classmethod
    def now(cls) -> "_Free":
        """What is free now."""
        return cls(free_bytes(), device.gpu_memory())

    def fits(self, on_device: float, kept: float) -> bool:
        """Whether bytes fit that the device needs, and those that the machine keeps; without a GPU they share."""
        if self.gpu is None:
            return on_device + kept <= SHARE_PLANNED * self.host
        return on_device <= SHARE_PLANNED * self.gpu and kept <= SHARE_PLANNED * self.host

    def error(self, what: str, on_device: float, kept: float, advice: str) -> UserError:
        """The error where `what` does not fit; see `fits`."""
        host = _gigabytes(self.host)
        if self.gpu is None:
            needed = f"{_gigabytes(on_device + kept)} of memory, and {host} are free"
        else:
            gpu = _gigabytes(self.gpu)
            needed = f"{_gigabytes(on_device)} of the GPU's {gpu}, and {_gigabytes(kept)} of {host} of memory"
        return UserError(f"{what} would need about {needed} (of which {SHARE_PLANNED:.0%} may be used): {advice}.")


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"

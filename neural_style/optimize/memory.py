"""Whether a run fits into memory, and which tiles make it fit: an estimate before any heavy work."""

import psutil

from neural_style.command.flags import Options
from neural_style.errors import UserError
from neural_style.vgg import processor

BASE = {"direct": 0.8e9, "winograd": 1.1e9}
"""TensorFlow, the libraries and VGG's weights, in bytes; Winograd's tiles need larger kernels."""
PER_PIXEL = {"float32": 5100, "float64": 12000, "bfloat16": 2900}
"""Of one evaluation through block 5, forward and back, in bytes for each pixel; bfloat16 is in proportion to float32,
the others are measured (README, "Large pictures")."""
PER_PIXEL_ONEDNN = {"float32": 2500, "float64": 12000, "bfloat16": 1500}
"""The same on processors with AVX-512, where TensorFlow leaves the convolutions to oneDNN (but float64's); measured."""
PER_PIXEL_KEPT = {"lbfgs": 26 * 24, "adam": 10 * 24, "sgd": 8 * 24, "normalized_gradient": 8 * 24}
"""Of the optimiser and the evaluator, in bytes for each pixel: so many float64 images."""
PER_PIXEL_CONTINUOUS = 20 * 24
"""The same of L-BFGS that keeps its curvature, in float32."""
PER_SEAM = 6000
"""What one tile hands on to the next (see `seams`), in bytes for each pixel of the line between them."""
TILES = (1536, 1024, 768, 512, 384, 256)
SHARE = 0.8
"""Of the free memory that a run may plan with."""


def needed(rows: int, cols: int, tile: int | None, precision: str, options: Options) -> float:
    """Bytes that a run of `rows` x `cols` pixels needs at its peak.

    Args:
      tile: size of the tiles in pixels, or None where the image is taken whole.
      precision: "float32", "float64" or "bfloat16".
      options: of the run; the optimiser and the convolution count.
    """
    per_pixel = (PER_PIXEL_ONEDNN if processor.has_any("avx512f") else PER_PIXEL)[precision]
    continuous = options.optimizer == "lbfgs" and not options.restart_each_iteration
    per_pixel_kept = PER_PIXEL_CONTINUOUS if continuous else PER_PIXEL_KEPT[options.optimizer]
    kept = BASE[options.convolution] + per_pixel_kept * rows * cols
    if tile is None:
        return kept + per_pixel * rows * cols
    lines = max(0, rows - tile) * cols / tile + max(0, cols - tile) * rows / tile
    return kept + per_pixel * min(tile, rows) * min(tile, cols) + PER_SEAM * lines


def choose_tile(rows: int, cols: int, precision: str, options: Options, tileable: bool) -> int | None:
    """The tile that --tile stands for: None takes the image whole.

    "auto" takes it whole where that fits into the free memory, else by the largest tiles that fit.

    Args:
      tileable: whether the loss is a sum over positions.

    Raises:
      UserError: nothing fits.
    """
    wanted, free = options.tile, SHARE * psutil.virtual_memory().available
    if wanted not in ("auto", "none"):
        candidates = [int(wanted)]
    elif wanted == "auto" and tileable:
        candidates = [None, *TILES]
    else:
        candidates = [None]
    for tile in candidates:
        if needed(rows, cols, tile, precision, options) <= free:
            return tile
    least = needed(rows, cols, candidates[-1], precision, options) / 1e9
    advice = {"--tile=auto": wanted != "auto", "--optimizer=adam": options.optimizer == "lbfgs"}
    advice = [*(flag for flag, helps in advice.items() if helps), "fewer --rows"]
    raise UserError(
        f"{rows} x {cols} pixels would need about {least:.1f} GB of memory, and {free / SHARE / 1e9:.1f} GB are free "
        f"(of which {SHARE:.0%} are planned with): try {' or '.join(advice)}."
    )

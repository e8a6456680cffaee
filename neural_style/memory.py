"""Whether a run fits into memory, and which tiles make it fit: an estimate before any heavy work."""

import psutil

from neural_style import processor
from neural_style.errors import UserError

BASE = 1.1e9
"""TensorFlow, the libraries and VGG's weights, in bytes, 0.3e9 of them for what Winograd's tiles need more."""
PER_PIXEL = {"float32": 5100, "float64": 12000, "bfloat16": 2900}
"""Of one evaluation through block 5, forward and back, in bytes for each pixel; bfloat16 is in proportion to float32,
the others are measured (README, "Large pictures")."""
PER_PIXEL_ONEDNN = {"float32": 2500, "float64": 12000, "bfloat16": 1500}
"""The same on processors with AVX-512, where TensorFlow leaves the convolutions to oneDNN (but float64's); measured."""
PER_PIXEL_KEPT = {"lbfgs": 26 * 24, "adam": 10 * 24, "sgd": 8 * 24, "normalized_gradient": 8 * 24}
"""Of the optimiser and the evaluator, in bytes for each pixel: so many float64 images."""
TILES = (1536, 1024, 768, 512, 384, 256)
HALO = 96
SHARE = 0.8
"""Of the free memory that a run may plan with."""


def needed(rows: int, cols: int, tile: int | None, precision: str, optimizer: str) -> float:
    """Bytes that a run of `rows` x `cols` pixels needs at its peak.

    Args:
      tile: size of the tiles in pixels, or None where the image is taken whole.
      precision: "float32", "float64" or "bfloat16".
      optimizer: a choice of --optimizer.
    """
    pixels = rows * cols if tile is None else min(rows * cols, (tile + 2 * HALO) ** 2)
    per_pixel = PER_PIXEL_ONEDNN if processor.has_any("avx512f") else PER_PIXEL
    return BASE + per_pixel[precision] * pixels + PER_PIXEL_KEPT[optimizer] * rows * cols


def choose_tile(wanted: str, rows: int, cols: int, precision: str, optimizer: str, tileable: bool) -> int | None:
    """The tile that --tile=`wanted` stands for: None takes the image whole.

    "auto" takes it whole where that fits into the free memory, else by the largest tiles that fit.

    Args:
      tileable: whether the loss is a sum over positions.

    Raises:
      UserError: nothing fits.
    """
    free = SHARE * psutil.virtual_memory().available
    if wanted not in ("auto", "none"):
        candidates = [int(wanted)]
    elif wanted == "auto" and tileable:
        candidates = [None, *TILES]
    else:
        candidates = [None]
    for tile in candidates:
        if needed(rows, cols, tile, precision, optimizer) <= free:
            return tile
    least = needed(rows, cols, candidates[-1], precision, optimizer) / 1e9
    advice = {"--tile=auto": wanted != "auto", "--optimizer=adam": optimizer == "lbfgs"}
    advice = [*(flag for flag, helps in advice.items() if helps), "fewer --rows"]
    raise UserError(
        f"{rows} x {cols} pixels would need about {least:.1f} GB of memory, and {free / SHARE / 1e9:.1f} GB are free "
        f"(of which {SHARE:.0%} are planned with): try {' or '.join(advice)}."
    )

"""Settings of the picture: how it is painted, its size, its start, and how images are prepared."""

import dataclasses
import os
from typing import Any

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.method_table import DEFAULT, METHODS
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import (
    Choice,
    Many,
    Number,
    Optional,
    Picture,
    Switch,
    Whole,
    WholeOrWord,
    WordOr,
    setting,
)

STARTS = ("content", "style", "noise", "instant")
"""The choices of --init besides an image."""
COARSEST = {"gentle": 320, "medium": 160, "bold": 96}
"""The fewest rows of the coarsest scale of --scales=auto, by --boldness."""
ORIGINAL = "original"
"""The word of --rows for the photograph's own size."""
MAX_REGIONS = 3
"""The most regions that --regions=auto finds."""
MAX_SIDE = 100_000
"""The most rows or columns of a picture."""
LARGEST_IMAGE = 250
"""The most millions of pixels of an input image: the largest of today's phones have 200."""


@dataclasses.dataclass(frozen=True)
class PictureSettings(Checked):
    """The picture."""

    method: str = setting(
        DEFAULT,
        Choice(METHODS),
        f"How the picture is painted. {' '.join(f'{name}: {row.summary}' for name, row in METHODS.items())} Each but "
        f"{DEFAULT} starts from its own recipe.",
    )
    largest_image: int = setting(
        LARGEST_IMAGE,
        Whole(1, 100_000),
        "The most millions of pixels of a photograph, style or mask; a larger file is refused before it is decoded.",
    )
    rows: int | str = setting(
        400,
        WholeOrWord(1, MAX_SIDE, ORIGINAL),
        "Height of the result, in pixels; original is the photograph's own size.",
    )
    longest: int | None = setting(
        None,
        Optional(Whole(1, MAX_SIDE)),
        "The longer side of the result, in pixels, whichever it is; instead of --rows.",
    )
    cols: int | None = setting(
        None,
        Optional(Whole(1, MAX_SIDE)),
        "Width of the result, in pixels; by default as the content's aspect requires.",
    )
    scales: tuple[int, ...] | str = setting(
        (),
        WordOr(["auto"], Many(Whole(1, MAX_SIDE), max_count=16)),
        "Coarse to fine: the rows of each scale (128,256,512; the last is the result's), their number (3: --rows, half "
        "of it, and a quarter), or auto, which halves --rows until the size that --boldness means, so that a picture "
        "looks alike at any size. Each scale starts from the coarser one's result, enlarged.",
    )
    boldness: str = setting(
        "bold",
        Choice(tuple(COARSEST)),
        "The coarsest scale of --scales=auto: gentle (320 to 639 rows) keeps every detail, medium (160 to 319) has "
        "larger strokes, bold (96 to 191) has the largest and loses small things.",
    )
    resample: str = setting(
        "nearest", Choice(["nearest", "lanczos"]), "How images are resized: as Keras does, or smoothly."
    )
    trim_frame: bool = setting(
        False,
        Switch(),
        "Leave out what scanners leave around a photograph: a frame of a few flat pixels, or a line along a side. "
        "Films keep theirs.",
    )
    style_blend: tuple[float, ...] = setting(
        (),
        Many(Number(0, 1e6)),
        "The weight of each style, relative to their sum. By default all are equal.",
    )
    style_frame: str = setting(
        "stretch",
        Choice(["stretch", "aspect"]),
        "Stretch each style to the content's size, as Keras does, or keep its own aspect at about as many pixels.",
    )
    style_scale: tuple[float, ...] = setting(
        (1.0,),
        Many(Number(0.01, 100), min_count=1),
        "Size of the strokes: a further factor for the size of each style. Several factors give as many versions of "
        "each style.",
    )
    style_rotation: tuple[float, ...] = setting(
        (0.0,),
        Many(Number(-360, 360), min_count=1),
        "Degrees by which each style is rotated. Several angles give as many versions of each style.",
    )
    style_masks: tuple[Any, ...] = setting(
        (),
        Many(Picture()),
        "Images that cover the result, one for each style: white where that style applies, black where not. Numbers of "
        "classes (0, 1, …), flat colours and cut-outs with transparency are understood too. For several styles, one "
        "image with a colour for each, in the order in which they appear; black may belong to none.",
    )
    regions: str = setting(
        "none",
        Choice(["none", "auto"]),
        "auto finds up to three regions that photograph and painting have in common, such as sky and ground, and gives "
        "each the strokes of its counterpart. PREFIX_regions.png shows them.",
    )
    content_mask: Any = setting(
        None,
        Optional(Picture()),
        "An image that covers the result: white where the photograph is painted, black where it stays as it is. The "
        "kinds of --style_masks are understood.",
    )
    init: Any = setting(
        "content",
        WordOr(STARTS, Picture()),
        "The image that the optimisation starts from: content, style, noise, instant (the result of "
        "--recipe=instant), or the path of an image.",
    )
    noise_range: tuple[float, float] = setting(
        (0.0, 255.0),
        Many(Number(-1000, 1000), min_count=2, max_count=2),
        "Minimum and maximum of --init=noise, in grey levels (0 to 255).",
    )
    noise_space: str = setting(
        "image",
        Choice(["image", "network"]),
        "The space of --noise_range: the RGB image, or the input of the network (blue, green, red minus ImageNet's "
        "mean).",
    )
    preserve_color: str = setting(
        "none",
        Choice(["none", "match", "luminance"]),
        "Keep the photograph's colours: match first recolours the style to its mean and covariance; luminance paints "
        "only the luminance and adds the photograph's chroma. It switches off a recipe's --recolor_content.",
    )
    color_match: str = setting(
        "pca",
        Choice(["pca", "cholesky", "symmetric"]),
        "The map of --preserve_color=match and --recolor_content; symmetric changes colours least.",
    )
    recolor_content: bool = setting(
        False, Switch(), "First give the content the style's palette (mean and covariance of colour)."
    )
    init_blend: float = setting(
        0.0,
        Number(0, 1),
        "Share of the style image in the start, so that strokes can grow in flat regions.",
    )
    seed: int = setting(0, Whole(0, 2**32 - 1), "Seed of the noise and of learned or random weights.")
    denoise: int = setting(
        0,
        Whole(0, 31),
        "Width in pixels of a median filter over each output image; 0 means no filter.",
    )

    def __post_init__(self):
        super().__post_init__()
        low, high = self.noise_range
        if low > high:
            raise UserError(f"--noise_range takes the minimum first, received {low:g},{high:g}: swap them.")
        if self.recolor_content and self.preserve_color != "none":
            raise UserError(
                "--recolor_content gives the photograph the style's colours and --preserve_color keeps its own: leave "
                "out one of the two (--norecolor_content)."
            )
        if self.finds_regions and self.style_masks:
            raise UserError("--regions=auto finds the regions that --style_masks names: leave out one of the two.")
        self._check_scales()

    def _check_scales(self) -> None:
        if isinstance(self.scales, str):  # "auto"
            return
        scales = self.scales
        if len(scales) > 1 and scales != tuple(sorted(set(scales))):
            raise UserError(f"--scales takes rows from coarse to fine, received {','.join(map(str, scales))}.")
        if self.follows_photograph:
            return
        if len(scales) == 1 and self.known_rows >> (scales[0] - 1) < 1:
            raise UserError(f"--scales={scales[0]} would halve {self.rows} rows to nothing: name fewer scales.")
        if len(scales) > 1 and scales[-1] != self.rows:
            raise UserError(
                f"--scales ends at {scales[-1]} rows and --rows asks for {self.rows}: leave out one of the two."
            )

    def check_files(self) -> None:
        """Raise a UserError where a file is missing."""
        named = isinstance(self.init, str) and self.init not in STARTS
        if named and not (storage.is_url(self.init) or os.path.isfile(self.init)):
            raise UserError(f"--init takes {', '.join(STARTS)} or a file, and {self.init!r} is not a file.")

    @property
    def finds_regions(self) -> bool:
        """Whether regions of photograph and painting are found by themselves."""
        return self.regions == "auto"

    @property
    def starts_instant(self) -> bool:
        """Whether the run starts from the result of the fastest method; --init may be an array as well."""
        return isinstance(self.init, str) and self.init == "instant"

    @property
    def follows_photograph(self) -> bool:
        """Whether the rows depend on the photograph, by --longest or --rows=original."""
        return self.longest is not None or self.rows == ORIGINAL

    @property
    def known_rows(self) -> int:
        """The rows of the result; a RuntimeError where the photograph decides them, see `fit`."""
        if self.follows_photograph or not isinstance(self.rows, int):
            raise RuntimeError("Expected settings that are fitted to the photograph: call `fit` first.")
        return self.rows

    def fit(self, height: int, width: int) -> "PictureSettings":
        """The settings with the rows that --longest or --rows=original mean for a photograph.

        A list of scales changes in proportion.

        Args:
          height, width: of the photograph, in pixels.
        """
        if not self.follows_photograph:
            return self
        rows, cols = height, self.cols
        if self.longest is not None:
            rows, cols = self.longest, None
            if width > height:
                rows, cols = max(1, round(height * self.longest / width)), self.longest
        scales = self.scales
        if not isinstance(scales, str) and len(scales) > 1:
            scales = tuple(sorted({max(1, round(scale * rows / scales[-1])) for scale in scales}))
        return dataclasses.replace(self, rows=rows, cols=cols, longest=None, scales=scales)

    @property
    def scale_count(self) -> int:
        """The number of scales; 1 for --scales=auto where the photograph decides the rows."""
        if isinstance(self.scales, str):
            return 1 if self.follows_photograph else len(self.scale_rows)
        return count_scales(self.scales)

    @property
    def scale_rows(self) -> tuple[int, ...]:
        """The rows of each scale, coarse to fine; a RuntimeError where the photograph decides them."""
        rows = self.known_rows
        if isinstance(self.scales, str):  # "auto"
            count = max(1, (rows // COARSEST[self.boldness]).bit_length())
        elif len(self.scales) == 1:
            count = self.scales[0]
        else:
            return self.scales or (rows,)
        return tuple(rows >> halvings for halvings in reversed(range(count)))


def count_scales(scales: tuple[int, ...]) -> int:
    """The number of scales that --scales means: a single number is it, several are the rows of each."""
    return scales[0] if len(scales) == 1 else max(1, len(scales))

"""Settings of the picture: its size, where it starts, and how the images given are prepared."""

import dataclasses
import os
from typing import Any

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, Many, Number, Optional, Picture, Switch, Whole, WordOr, setting

STARTS = ("content", "style", "noise", "instant")
"""What --init takes besides an image."""
COARSEST = {"gentle": 320, "medium": 160, "bold": 96}
"""Rows of the coarsest scale of --scales=auto, at least, by --boldness."""
LONGEST = 100_000
"""Rows or columns of a picture at most."""
LARGEST_IMAGE = 250
"""Millions of pixels of an image that is read, at most: the largest of today's phones have 200."""


@dataclasses.dataclass(frozen=True)
class PictureSettings(Checked):
    """The picture."""

    largest_image: int = setting(
        LARGEST_IMAGE,
        Whole(1, 100_000),
        "Millions of pixels that a photograph, style or mask may hold; a larger file is refused before it is decoded.",
    )
    rows: int = setting(400, Whole(1, LONGEST), "Height of the result, in pixels.")
    cols: int | None = setting(
        None,
        Optional(Whole(1, LONGEST)),
        "Width of the result, in pixels; by default it follows the content's aspect.",
    )
    scales: tuple[int, ...] | str = setting(
        (),
        WordOr(["auto"], Many(Whole(1, LONGEST), max_count=16)),
        "Coarse to fine: the rows of each scale (128,256,512; the last is the result's), their number (3: --rows, half "
        "of it, and a quarter), or auto, which halves --rows down to what --boldness says, so that a picture looks "
        "alike at any size. Each starts from the one before, enlarged.",
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
    style_blend: tuple[float, ...] = setting(
        (),
        Many(Number(0, 1e6)),
        "The weight of each style; they are divided by their sum. By default all are equal.",
    )
    style_frame: str = setting(
        "stretch",
        Choice(["stretch", "aspect"]),
        "Stretch each style to the content's size, as Keras does, or keep its own aspect at about as many pixels.",
    )
    style_scale: tuple[float, ...] = setting(
        (1.0,),
        Many(Number(0.01, 100), min_count=1),
        "Size of the strokes: each style is resized by this much more. Several give as many versions of each style.",
    )
    style_rotation: tuple[float, ...] = setting(
        (0.0,),
        Many(Number(-360, 360), min_count=1),
        "Degrees by which each style is turned. Several give as many versions of it.",
    )
    style_masks: tuple[Any, ...] = setting(
        (),
        Many(Picture()),
        "Images in the result's frame, one for each style: white where that style applies, black where not.",
    )
    content_mask: Any = setting(
        None,
        Optional(Picture()),
        "An image in the result's frame: white where the photograph is painted, black where it stays as it is.",
    )
    init: Any = setting(
        "content",
        WordOr(STARTS, Picture()),
        "Where the combination starts: content, style, noise, instant (the picture of --recipe=instant), or an image's "
        "path.",
    )
    noise_range: tuple[float, float] = setting(
        (0.0, 255.0),
        Many(Number(-1000, 1000), min_count=2, max_count=2),
        "Least and greatest value of --init=noise, in grey levels (0 to 255).",
    )
    noise_space: str = setting(
        "image",
        Choice(["image", "network"]),
        "What --noise_range is drawn for: the RGB image, or the image as the network sees it (blue, green, red "
        "without ImageNet's mean).",
    )
    preserve_color: str = setting(
        "none",
        Choice(["none", "match", "luminance"]),
        "Keep the photograph's colours: match recolours the style to its mean and covariance first, luminance paints "
        "the luminance alone and puts the photograph's chroma back. A recipe's --recolor_content gives way to it.",
    )
    color_match: str = setting(
        "pca",
        Choice(["pca", "cholesky", "symmetric"]),
        "The map of --preserve_color=match and --recolor_content; symmetric moves colours least.",
    )
    recolor_content: bool = setting(
        False, Switch(), "Give the content the style's palette (mean and covariance of colour) first."
    )
    init_blend: float = setting(
        0.0,
        Number(0, 1),
        "Share of the style image that is mixed into the start; it gives flat regions strokes to grow from.",
    )
    seed: int = setting(0, Whole(0, 2**32 - 1), "Seed of the noise and of the learned or random weights.")
    denoise: int = setting(
        0,
        Whole(0, 31),
        "Width in pixels of a median filter over each image that is written; 0 filters nothing.",
    )

    def __post_init__(self):
        super().__post_init__()
        least, greatest = self.noise_range
        if least > greatest:
            raise UserError(
                f"--noise_range takes the least value first, received {least:g},{greatest:g}: turn them round."
            )
        if self.recolor_content and self.preserve_color != "none":
            raise UserError(
                "--recolor_content gives the photograph the style's colours and --preserve_color keeps its own: leave "
                "out one of the two (--norecolor_content)."
            )
        self._check_scales()

    def _check_scales(self) -> None:
        if self.scales == "auto":
            return
        given = self.scales
        if len(given) == 1 and self.rows >> (given[0] - 1) < 1:
            raise UserError(f"--scales={given[0]} would halve {self.rows} rows to nothing: name fewer scales.")
        if len(given) > 1 and given != tuple(sorted(set(given))):
            raise UserError(f"--scales takes rows from coarse to fine, received {','.join(map(str, given))}.")
        if len(given) > 1 and given[-1] != self.rows:
            raise UserError(
                f"--scales ends at {given[-1]} rows and --rows asks for {self.rows}: leave out one of the two."
            )

    def check_files(self) -> None:
        """Raises a UserError where a file named here is none."""
        named = isinstance(self.init, str) and self.init not in STARTS
        if named and not (storage.is_url(self.init) or os.path.isfile(self.init)):
            raise UserError(f"--init takes {', '.join(STARTS)} or a file, and {self.init!r} is no file.")

    @property
    def starts_instant(self) -> bool:
        """Whether the combination starts from the arbitrary network's picture; --init may be an array as well."""
        return isinstance(self.init, str) and self.init == "instant"

    @property
    def scale_rows(self) -> tuple[int, ...]:
        """The rows of each scale, coarse to fine."""
        if self.scales == "auto":
            count = max(1, (self.rows // COARSEST[self.boldness]).bit_length())
        elif len(self.scales) == 1:
            count = self.scales[0]
        else:
            return self.scales or (self.rows,)
        return tuple(self.rows >> halvings for halvings in reversed(range(count)))

"""Settings of universal style transfer."""

import dataclasses

from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import File, Many, Number, Optional, Switch, Whole, setting

LEVELS = 5
"""VGG has five blocks; level L means the features of blockL_conv1, called reluL_1 in papers."""
BAND_LEVELS = (4, 3, 2, 1)
"""The levels of a band decoder, in its order."""


@dataclasses.dataclass(frozen=True)
class UniversalSettings(Checked):
    """Universal style transfer: any painting in seconds."""

    alpha: float = setting(
        1.0,
        Number(0, 1),
        "For wct, adain and arbitrary: strength of the style. 1 takes all of the painting's style; 0 none, and the "
        "photograph is only decoded.",
    )
    levels: tuple[int, ...] = setting(
        (4, 3, 2, 1),
        Many(Whole(1, LEVELS), min_count=1, max_count=16),
        "For wct and adain: the levels, in order. Level L means the features of blockL_conv1; with --bands that is so "
        "for level 4, and levels 3 to 1 are the bands of the block's last layer. Higher levels change shapes, lower "
        "ones colours and fine strokes. With --nobands 4,3,2,1,4,3,2,1 runs through them twice.",
    )
    bands: bool = setting(
        False,
        Switch(),
        "For wct and adain: all levels in one pass, by one decoder that also gets the photograph's details: faces and "
        "letters stay. --nobands: level after level, each by a decoder of its own.",
    )
    detail: float = setting(
        0.85,
        Number(0, 1),
        "For wct and adain with --bands: the share that is added again of what decoding loses of the photograph. 0 "
        "paints most, 1 keeps every detail.",
    )
    refine: int = setting(
        0,
        Whole(0, 10**9),
        "For wct and adain: optimise their picture with this many evaluations of the loss at each scale.",
    )
    decoders: str | None = setting(
        None,
        Optional(File()),
        "A folder of decoders, for levels and weights without a bundled one (neural-style train --help).",
    )

    def __post_init__(self):
        super().__post_init__()
        if self.bands and self.levels != tuple(level for level in BAND_LEVELS if level in self.levels):
            raise UserError(
                f"--bands paints in one pass, from deep to shallow: --levels takes some of "
                f"{','.join(map(str, BAND_LEVELS))} in this order, received {','.join(map(str, self.levels))}. "
                "Change it, or add --nobands."
            )

    @property
    def pass_count(self) -> int:
        """How many times the picture is decoded."""
        return 1 if self.bands else len(self.levels)

    @property
    def min_side(self) -> int:
        """Rows and columns that an image needs: two positions of the deepest level."""
        return 2 ** max(BAND_LEVELS if self.bands else self.levels)

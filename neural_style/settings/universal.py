"""Settings of the method and of universal style transfer."""

import dataclasses

from neural_style.method_table import DEFAULT, METHODS
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, File, Many, Number, Optional, Whole, setting

LEVELS = 5
"""VGG has five blocks; level L means the features of blockL_conv1, called reluL_1 in papers."""


@dataclasses.dataclass(frozen=True)
class UniversalSettings(Checked):
    """The method, and universal style transfer: any painting in seconds."""

    method: str = setting(
        DEFAULT,
        Choice(METHODS),
        f"How the picture is painted. {' '.join(f'{name}: {row.summary}' for name, row in METHODS.items())} Each but "
        f"{DEFAULT} starts from its own recipe.",
    )
    alpha: float = setting(
        1.0,
        Number(0, 1),
        "For wct, adain and arbitrary: strength of the style. 1 takes all of the painting's style; 0 none, and the "
        "photograph is only decoded.",
    )
    levels: tuple[int, ...] = setting(
        (4, 3, 2, 1),
        Many(Whole(1, LEVELS), min_count=1, max_count=16),
        "For wct and adain: the levels, in order; level L means the features of blockL_conv1. Higher levels change "
        "shapes, lower ones colours and fine strokes. 4,3,2,1,4,3,2,1 runs through them twice.",
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

    @property
    def min_side(self) -> int:
        """Rows and columns that an image needs: two positions of the deepest level."""
        return 2 ** max(self.levels)

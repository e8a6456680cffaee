"""Settings of universal style transfer."""

import dataclasses

from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, File, Many, Number, Optional, Whole, setting

DECODED = ("wct", "adain")
"""Methods that decode features."""
RECIPE_OF = {
    "wct": "wct",
    "adain": "adain",
    "analogy": "analogy",
    "feedforward": "feedforward",
    "arbitrary": "instant",
}
"""The recipe that each method but optimize begins with."""
PREDICTOR_SIDE = 256
"""Rows and columns at which the arbitrary network's predictor sees a painting, times --style_scale."""
LARGEST_SCALE = 8
"""The largest --style_scale of the arbitrary network, which then sees 2048 x 2048 pixels in about 2 GB."""
LEVELS = 5
"""Of VGG's blocks; level L works on the features of blockL_conv1, reluL_1 in papers."""


@dataclasses.dataclass(frozen=True)
class UniversalSettings(Checked):
    """Universal style transfer: any painting in seconds."""

    method: str = setting(
        "optimize",
        Choice(["optimize", *RECIPE_OF]),
        "How the picture is painted. optimize: by going downhill on the loss. wct: features are whitened and coloured, "
        "and decoded by trained networks (Li et al. 2017), in seconds. adain: the same with each channel's mean and "
        "deviation (Huang & Belongie 2017), quicker. analogy: what corresponds to what is found, and the two images "
        "swap their looks (Liao et al. 2017). feedforward: by a trained network, in a fraction of a second, chosen by "
        "naming one as the style. arbitrary: by one network for all paintings (Ghiasi et al. 2017), in a fraction of a "
        "second. All but optimize begin with the recipe of that name; arbitrary with instant.",
    )
    alpha: float = setting(
        1.0,
        Number(0, 1),
        "Strength of wct, adain and arbitrary: 1 takes all of the painting's style, 0 none: the photograph is decoded, "
        "or painted in its own style.",
    )
    levels: tuple[int, ...] = setting(
        (4, 3, 2, 1),
        Many(Whole(1, LEVELS), min_count=1),
        "Of wct and adain: which levels follow each other, where L stands for the features of blockL_conv1. Higher "
        "ones change shapes, lower ones colours and fine strokes; 4,3,2,1,4,3,2,1 goes round twice.",
    )
    refine: int = setting(
        0,
        Whole(0, 10**9),
        "Of wct and adain: the optimiser goes on from their picture by so many evaluations of the loss at each scale.",
    )
    decoders: str | None = setting(
        None,
        Optional(File()),
        "A folder of decoders, for levels and weights that the package has none for (neural-style train --help).",
    )

    @property
    def optimizes(self) -> bool:
        """Whether the loss is gone downhill on, from the photograph or from what another method painted."""
        return self.method == "optimize" or (self.decodes and self.refine > 0)

    @property
    def decodes(self) -> bool:
        """Whether features are decoded."""
        return self.method in DECODED

    @property
    def min_side(self) -> int:
        """Rows and columns that an image needs at least: two positions of the deepest level."""
        return 2 ** max(self.levels)

"""Settings of deep image analogy."""

import dataclasses
from typing import NamedTuple

from neural_style.core.errors import UserError
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, Many, Number, Whole, setting

DEEPEST = 5
"""Level L means the features of blockL_conv1, called reluL_1 in papers; 0 means the image itself."""


class LevelParameters(NamedTuple):
    """The parameters of a level: the paper's values (Liao et al. 2017); the radius is that of its authors' program.

    Attributes:
      patch_size: rows and columns of the patches that are compared.
      radius: how far from the best match so far the random search looks, in positions.
      structure_weight: share of the image's own features in the blend, where they are strong.
    """

    patch_size: int
    radius: int
    structure_weight: float


LEVELS = {
    5: LevelParameters(3, 6, 1.0),
    4: LevelParameters(3, 6, 0.8),
    3: LevelParameters(3, 6, 0.7),
    2: LevelParameters(5, 4, 0.6),
    1: LevelParameters(5, 4, 0.1),
}


@dataclasses.dataclass(frozen=True)
class AnalogySettings(Checked):
    """Deep image analogy: two pictures of similar things exchange their appearance."""

    analogy_levels: tuple[int, ...] = setting(
        tuple(LEVELS),
        Many(Whole(1, DEEPEST), min_count=1),
        "For analogy: the levels of which corresponding features are found, from coarse to fine; L means the features "
        "of blockL_conv1.",
    )
    patch_sizes: tuple[int, ...] = setting(
        (),
        Many(Whole(1, 15)),
        "For analogy: side of the patches that are compared at each level, odd; by default 3,3,3,5,5.",
    )
    structure_weights: tuple[float, ...] = setting(
        (),
        Many(Number(0, 1)),
        "For analogy: share of an image's own features at each level but the first; by default 0.8,0.7,0.6,0.1. "
        "Higher values keep more of the photograph's shapes; the authors' program also uses 0.9,0.8,0.7,0.2 and "
        "0.7,0.6,0.5,0.",
    )
    swap: str = setting(
        "look",
        Choice(["look", "mean"]),
        "For analogy: what is exchanged. look: colour and detail. mean: only the local mean of the colours, while each "
        "image keeps its detail (for two photographs).",
    )

    def __post_init__(self):
        super().__post_init__()
        levels = self.analogy_levels
        if levels != tuple(sorted(set(levels), reverse=True)):
            raise UserError(f"--analogy_levels takes levels from coarse to fine, received {_listed(levels)}.")
        if any(size % 2 == 0 for size in self.patch_sizes):
            raise UserError(f"--patch_sizes takes odd sizes, received {_listed(self.patch_sizes)}.")
        for name, count in (("patch_sizes", len(levels)), ("structure_weights", len(levels) - 1)):
            if len(getattr(self, name)) not in (0, count):
                raise UserError(
                    f"--{name} takes {count} numbers with --analogy_levels={_listed(levels)}, received "
                    f"{len(getattr(self, name))}."
                )

    @property
    def level_parameters(self) -> dict[int, LevelParameters]:
        """The parameters of each level, from coarse to fine."""
        defaults = [LEVELS[level] for level in self.analogy_levels]
        sizes = self.patch_sizes or [default.patch_size for default in defaults]
        weights = (1.0, *(self.structure_weights or [default.structure_weight for default in defaults[1:]]))
        return {
            level: LevelParameters(size, default.radius, weight)
            for level, default, size, weight in zip(self.analogy_levels, defaults, sizes, weights, strict=True)
        }

    @property
    def min_side(self) -> int:
        """Rows and columns that an image needs: two positions of the deepest level."""
        return 2 ** self.analogy_levels[0]


def _listed(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values))

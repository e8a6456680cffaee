"""Settings of painting by trained networks."""

import dataclasses

from neural_style.method_table import METHODS, MIN_NETWORK_SIDE
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Kind, Many, Whole, setting

MIN_SIDE = MIN_NETWORK_SIDE
NETWORK_METHOD = next(name for name, row in METHODS.items() if row.style_is_network)
"""The method of trained networks."""


@dataclasses.dataclass(frozen=True)
class FeedforwardSettings(Checked):
    """Trained networks: a picture in a fraction of a second."""

    style: tuple[str, ...] = setting(
        (),
        Many(Kind()),
        "Which of a trained network's styles, by name; several are blended (--style_blend) or each painted in its mask "
        "(--style_masks). neural-style --show=NETWORK lists them.",
    )
    shifts: int = setting(
        1,
        Whole(1, 4),
        "The mean of so many passes over the photograph, shifted by some pixels. More leave less of the network's fine "
        "lattice in textures, and take as many times the time.",
    )

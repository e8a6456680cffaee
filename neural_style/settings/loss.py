"""Settings of the loss: its terms, their weights, and how they are measured."""

import dataclasses
from typing import NamedTuple

from neural_style.core.errors import UserError
from neural_style.settings import vgg_layers
from neural_style.settings.checked import Checked
from neural_style.settings.kinds import Choice, Kind, Many, Number, Optional, setting

NORMALIZATIONS = ("none", "keras", "gatys", "mean", "pytorch", "scale")
FOR_ANY_LOSS = ("scale", "none")
BALANCES = ("none", "log")


class StyleLoss(NamedTuple):
    """Properties of a style loss.

    Attributes:
      summed: whether it depends on sums over positions, so that an image can be evaluated tile by tile.
      normalizations: the choices of --normalization that it allows.
      side: rows and columns of a layer that it needs.
      regional: whether it can compare a region of a style mask.
    """

    summed: bool
    normalizations: tuple[str, ...]
    side: int = 1
    regional: bool = False


STYLE_LOSSES = {
    "gram": StyleLoss(True, NORMALIZATIONS, regional=True),
    "bures": StyleLoss(True, FOR_ANY_LOSS, regional=True),
    "linear": StyleLoss(True, FOR_ANY_LOSS),
    "polynomial": StyleLoss(True, FOR_ANY_LOSS),
    "gaussian": StyleLoss(False, FOR_ANY_LOSS),
    "batch_norm": StyleLoss(True, FOR_ANY_LOSS),
    "mrf": StyleLoss(False, FOR_ANY_LOSS, side=3),
    "sliced_wasserstein": StyleLoss(False, FOR_ANY_LOSS),
    "earth_mover": StyleLoss(False, FOR_ANY_LOSS),
}
"""The choices of --style_loss; `losses.style` computes them."""

WEIGHT = Number(0, 1e30)
"""A larger weight would overflow float32."""


@dataclasses.dataclass(frozen=True)
class LossSettings(Checked):
    """The loss."""

    content_weight: float = setting(0.025, WEIGHT, "Weight of the content term: higher keeps more of the photograph.")
    style_weight: float = setting(1.0, WEIGHT, "Weight of the style term: higher paints more.")
    tv_weight: float = setting(1.0, WEIGHT, "Weight of the total variation: higher is smoother.")
    temporal_weight: float = setting(
        8.0,
        WEIGHT,
        "For films: weight of the difference from earlier frames that are warped by the motion: higher flickers less.",
    )
    matching_weight: float = setting(
        0.0,
        WEIGHT,
        "Weight of the matching term: each feature is to point where the style's feature points that is most like the "
        "photograph's. It makes strokes long and keeps objects, and leaves contrast to the style term.",
    )
    matching_layers: tuple[str, ...] = setting(
        ("block3_conv1", "block4_conv1"),
        Many(Kind(), min_count=1),
        "Convolutions of the matching term, which share its weight.",
    )
    tv_exponent: float = setting(
        1.25,
        Number(0.5, 4),
        "Exponent of the total variation's squared differences: at 0.5 it spares edges and smooths what lies between.",
    )
    content_layers: tuple[str, ...] = setting(
        ("block5_conv2",), Many(Kind(), min_count=1), "Convolutions whose features keep the content."
    )
    style_layers: tuple[str, ...] = setting(
        ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1"),
        Many(Kind(), min_count=1),
        "Convolutions whose features carry the style.",
    )
    content_layer_weights: tuple[float, ...] | None = setting(
        None,
        Optional(Many(WEIGHT)),
        "One weight for each content layer; by default they share 1 equally.",
    )
    style_layer_weights: tuple[float, ...] | None = setting(
        None,
        Optional(Many(WEIGHT)),
        "One weight for each style layer; by default they share 1 equally.",
    )
    style_loss: str = setting(
        "gram",
        Choice(STYLE_LOSSES),
        "How style is compared: by Gram matrices; by means and covariances (bures); as distributions of features, "
        "with the linear, polynomial or Gaussian kernel, batch-norm statistics or sorted projections "
        "(sliced_wasserstein); by matching features (earth_mover) or 3x3 patches (mrf, Markov random fields). All but "
        "gram want --normalization=scale or none.",
    )
    balance: str = setting(
        "none",
        Choice(BALANCES),
        "How terms become the loss. none: they are added. log: their logarithms are added, so that each term's "
        "gradient is divided by its present value, and weights say how large the terms' shares of the gradient are.",
    )
    normalization: str = setting(
        "keras",
        Choice(NORMALIZATIONS),
        "The divisor of a layer's distance. keras: style by 4 * 9 * (rows * cols)^2. gatys: content by 2, style by "
        "4 N^2 M^2. mean: mean squares. pytorch: mean squares, Gram matrices divided by rows * cols * channels. "
        "scale: content by its own energy, style by the content image's distance from the style, total variation by "
        "content's and style's own, so that weights mean the same for any network and size. none: 1.",
    )

    def __post_init__(self):
        super().__post_init__()
        for kind in ("content", "style"):
            layers, weights = getattr(self, f"{kind}_layers"), getattr(self, f"{kind}_layer_weights")
            if weights is not None and len(weights) != len(layers):
                raise UserError(
                    f"--{kind}_layer_weights takes one number for each of the {len(layers)} layers of "
                    f"--{kind}_layers, received {len(weights)}."
                )
        if not (self.content_weight or self.style_weight or self.tv_weight or self.matching_weight):
            raise UserError("--content_weight, --style_weight and --tv_weight are all 0: nothing would be painted.")
        allowed = STYLE_LOSSES[self.style_loss].normalizations
        if self.normalization not in allowed:
            raise UserError(
                f"--style_loss={self.style_loss} takes --normalization={' or '.join(allowed)}, received "
                f"{self.normalization}, which is made for Gram matrices."
            )

    @property
    def kind_weights(self) -> dict[str, float]:
        """The weight of each kind of term, by the name that terms begin with."""
        return {
            "content": self.content_weight,
            "style": self.style_weight,
            "total_variation": self.tv_weight,
            "matching": self.matching_weight,
            "temporal": self.temporal_weight,
        }

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer whose features are compared."""
        return self.content_layers + self.style_layers + (self.matching_layers if self.matching_weight else ())

    @property
    def whole_images_only(self) -> str | None:
        """The flag whose term is no sum over positions, so that tiles would not add up; None where all are sums."""
        if not STYLE_LOSSES[self.style_loss].summed:
            return f"--style_loss={self.style_loss}"
        return f"--matching_weight={self.matching_weight:g}" if self.matching_weight else None

    @property
    def min_side(self) -> int:
        """Rows and columns that an image needs."""
        side = STYLE_LOSSES[self.style_loss].side
        return max(
            [2, *map(vgg_layers.stride, self.layers), *(side * vgg_layers.stride(name) for name in self.style_layers)]
        )

    def layer_weights(self, kind: str) -> dict[str, float]:
        """The weight of each layer of a kind, "content" or "style"."""
        layers, weights = getattr(self, f"{kind}_layers"), getattr(self, f"{kind}_layer_weights")
        return dict(zip(layers, weights or [1 / len(layers)] * len(layers), strict=True))

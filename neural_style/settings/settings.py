"""Everything that a run takes, from flags, Python or a recipe."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from neural_style.core.errors import UserError
from neural_style.settings import combining, recipes, vgg_layers
from neural_style.settings.analogy import AnalogySettings
from neural_style.settings.feedforward import MIN_SIDE, FeedforwardSettings
from neural_style.settings.loss import STYLE_LOSSES, LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.optimizer import OptimizerSettings
from neural_style.settings.output import OutputSettings
from neural_style.settings.picture import PictureSettings
from neural_style.settings.schema import FIELDS, PARTS
from neural_style.settings.universal import LARGEST_SCALE, RECIPE_OF, UniversalSettings
from neural_style.settings.video import VideoSettings


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of a run; `read` makes them from names and values.

    Attributes:
      picture, loss, network, optimizer, universal, feedforward, analogy, video, output: see their classes.
      recipe: the recipe that they began with; None where there was none.
    """

    picture: PictureSettings = PictureSettings()
    loss: LossSettings = LossSettings()
    network: NetworkSettings = NetworkSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    analogy: AnalogySettings = AnalogySettings()
    video: VideoSettings = VideoSettings()
    universal: UniversalSettings = UniversalSettings()
    feedforward: FeedforwardSettings = FeedforwardSettings()
    output: OutputSettings = OutputSettings()
    recipe: str | None = None

    def __post_init__(self):
        for kind in ("content", "style"):
            vgg_layers.check_layers(self.network.network, getattr(self.loss, f"{kind}_layers"), f"{kind}_layers")
        if self.picture.style_masks and self.loss.style_loss != "gram":
            raise UserError(f"--style_masks takes --style_loss=gram, received {self.loss.style_loss}.")
        if self.is_analogy:
            self._make_analogy()
        if self.universal.decodes:
            self._count_iterations()
        if self.is_feedforward:
            self._make_feedforward()
        if self.is_arbitrary:
            self._make_arbitrary()
        self._check_instant()
        if self.universal.optimizes and self.video.frame_blend:
            raise UserError("--frame_blend is of methods that do not optimise, and this one does: leave it out.")
        scales, given = len(self.picture.scale_rows), len(self.optimizer.scale_iterations)
        if given not in (0, scales) and self.picture.scales != "auto":
            raise UserError(f"--scale_iterations takes one number for each of the {scales} scales, received {given}.")
        self._check_tile()
        self._check_batch()

    def _make_feedforward(self) -> None:
        """Checks what trained networks can't do, and makes one iteration of the picture."""
        picture = self.picture
        unfit = {
            "several --scales": len(picture.scale_rows) > 1,
            "--preserve_color=match (luminance it can)": picture.preserve_color == "match",
            "--recolor_content": picture.recolor_content,
            "--refine": self.universal.refine,
            "--style_scale": picture.style_scale != (1.0,),
            "--style_rotation": picture.style_rotation != (0.0,),
        }
        self._refuse(unfit, "A trained network")
        self._count_one_iteration()

    def _make_arbitrary(self) -> None:
        """Checks what the arbitrary style network can't do, and makes one iteration of the picture."""
        picture = self.picture
        unfit = {"several --scales": len(picture.scale_rows) > 1, "--refine": self.universal.refine}
        self._refuse(unfit, "--method=arbitrary")
        self._count_one_iteration()

    def _check_instant(self) -> None:
        """Raises a UserError where --init=instant has no effect, or its network can't do what is asked for."""
        picture, starts = self.picture, self.picture.starts_instant
        if starts and self.universal.method != "optimize":
            raise UserError(
                f"--init=instant is of --method=optimize, and the method is {self.universal.method}: leave it out."
            )
        if (starts or self.is_arbitrary) and max(picture.style_scale) > LARGEST_SCALE:
            named = "--init=instant" if starts else "--method=arbitrary"
            raise UserError(
                f"--style_scale takes at most {LARGEST_SCALE} with {named}, received {max(picture.style_scale):g}."
            )

    def _count_one_iteration(self) -> None:
        counted = dict(iterations=1, scale_iterations=(), evaluations_per_iteration=1)
        object.__setattr__(self, "optimizer", dataclasses.replace(self.optimizer, **counted))

    @staticmethod
    def _refuse(unfit: Mapping[str, Any], what: str) -> None:
        """Raises a UserError where one of `unfit`, by the flags' names, is asked for."""
        named = [flag for flag, given in unfit.items() if given]
        if named:
            raise UserError(f"{what} can't take {' or '.join(named)}: leave that out.")

    def _make_analogy(self) -> None:
        """Checks what analogies can't do, and makes an iteration of each level."""
        picture, optimizer, levels = self.picture, self.optimizer, self.analogy.analogy_levels
        versions = len(picture.style_scale) * len(picture.style_rotation)
        unfit = {
            "several --scales": len(picture.scale_rows) > 1,
            "--style_masks": picture.style_masks,
            "several of --style_scale or --style_rotation": versions > 1,
            "--tile": isinstance(optimizer.tile, int),
            "--preserve_color=luminance": picture.preserve_color == "luminance",
            "--refine": self.universal.refine,
        }
        self._refuse(unfit, "--method=analogy")
        counted = dict(iterations=len(levels), scale_iterations=(), tile="none")
        object.__setattr__(self, "optimizer", dataclasses.replace(optimizer, **counted))

    def _count_iterations(self) -> None:
        """Makes iterations of what wct and adain do: each level is one, or so many evaluations that refine them."""
        universal, optimizer = self.universal, self.optimizer
        if not universal.refine and len(self.picture.scale_rows) > 1:
            raise UserError(f"--method={universal.method} paints at one scale: leave out --scales, or say --refine=N.")
        count = -(-universal.refine // optimizer.evaluations_per_iteration) or len(universal.levels)
        each = -(-universal.refine // count) or 1
        counted = dict(iterations=count, scale_iterations=(), evaluations_per_iteration=each)
        object.__setattr__(self, "optimizer", dataclasses.replace(optimizer, **counted))

    def _check_tile(self) -> None:
        tile, loss = self.optimizer.tile, self.loss.style_loss
        if not (isinstance(tile, int) and self.universal.optimizes):
            return
        least = vgg_layers.smallest_tile(self.network.network, self.loss.layers)
        if tile < least:
            raise UserError(
                f"--tile takes auto, none or a size of at least {least} pixels with these layers, received {tile}."
            )
        if not STYLE_LOSSES[loss].summed:
            raise UserError(
                f"--style_loss={loss} is no sum over positions and can't be taken tile by tile: use --tile=none, or "
                "another style loss."
            )

    def _check_batch(self) -> None:
        picture = self.picture
        if self.optimizer.reuse_constant_rows:
            return
        if isinstance(self.optimizer.tile, int):
            raise UserError("--noreuse_constant_rows stacks whole images and can't be tiled: leave out one of the two.")
        if picture.style_frame != "stretch" or picture.style_scale != (1.0,):
            raise UserError(
                "--noreuse_constant_rows stacks content and style into one batch, which needs them in one size: leave "
                "out --style_frame=aspect and --style_scale, or --noreuse_constant_rows."
            )

    @property
    def is_analogy(self) -> bool:
        """Whether two images swap their looks, instead of one that goes downhill."""
        return self.universal.method == "analogy"

    @property
    def is_feedforward(self) -> bool:
        """Whether a trained network paints."""
        return self.universal.method == "feedforward"

    @property
    def is_arbitrary(self) -> bool:
        """Whether the arbitrary style network paints."""
        return self.universal.method == "arbitrary"

    @property
    def planned_evaluations(self) -> int:
        """How many evaluations an iteration is to take; an analogy reconstructs in both directions."""
        return self.optimizer.evaluations_per_iteration * (2 if self.is_analogy else 1)

    @property
    def companions(self) -> tuple[str, ...]:
        """Names of further images of the result, see `Step`."""
        return ("back", "field") if self.is_analogy else ()

    @property
    def min_side(self) -> int:
        """Rows and columns that an image needs at least."""
        if self.is_analogy:
            return self.analogy.min_side
        if self.is_feedforward or self.is_arbitrary:
            return MIN_SIDE
        of_loss = self.loss.min_side if self.universal.optimizes else 1
        return max(of_loss, self.universal.min_side) if self.universal.decodes else of_loss

    @property
    def tileable(self) -> bool:
        """Whether an image may be taken tile by tile."""
        return STYLE_LOSSES[self.loss.style_loss].summed and self.optimizer.reuse_constant_rows

    def instant(self) -> "Settings":
        """The settings of --init=instant's picture: the arbitrary network's, in the result's size."""
        picture = dict(
            rows=self.picture.scale_rows[-1], scales=(), style_frame="stretch", init="content", init_blend=0.0
        )
        return dataclasses.replace(
            self,
            picture=dataclasses.replace(self.picture, **picture),
            universal=dataclasses.replace(self.universal, method="arbitrary"),
        )

    @classmethod
    def read(cls, /, recipe: str | None = None, **given: Any) -> "Settings":
        """Settings by their names, such as rows=300; what is given wins over the recipe, and that over the defaults.

        Where the recipe names scales or columns and only --rows is given, these change in proportion; --iterations
        sets the iterations of every scale.

        Args:
          recipe: the name of one of `recipes.by_name`; by default the method's, where that is not optimize.
          **given: values, or text as the command line takes it; None undoes what the recipe sets.

        Raises:
          UserError: a name or value is none, values contradict each other,
        """
        if recipe is None:
            recipe = RECIPE_OF.get(given.get("method"))
        values = combining.combine(recipes.read(recipe) if recipe else {}, given)
        combining.check_method(values, given)
        combining.check_boldness(values, given)
        parts = {part: {} for part in PARTS}
        for name, value in values.items():
            parts[FIELDS[name][0]][name] = value
        return cls(**{part: settings(**parts[part]) for part, settings in PARTS.items()}, recipe=recipe)

    @staticmethod
    def defaults(recipe: str | None = None) -> dict[str, Any]:
        """Every setting's value by its name, where only a recipe is named."""
        base = {name: field.default for name, (_, field) in FIELDS.items()}
        return {**base, **combining.combine(recipes.read(recipe) if recipe else {}, {})}

    def values(self) -> dict[str, Any]:
        """Every setting's value by its name."""
        return {name: getattr(getattr(self, part), name) for name, (part, _) in FIELDS.items()}

"""Everything that a run takes, from flags, Python or a recipe."""

import dataclasses
from typing import Any, Unpack

from neural_style.core.errors import UserError
from neural_style.method_table import DEFAULT, INSTANT, METHODS, REGIONS, Method
from neural_style.settings import combining, recipes, vgg_layers
from neural_style.settings.analogy import AnalogySettings
from neural_style.settings.feedforward import FeedforwardSettings
from neural_style.settings.keywords import Keywords
from neural_style.settings.loss import STYLE_LOSSES, LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.settings.optimizer import OptimizerSettings
from neural_style.settings.output import OutputSettings
from neural_style.settings.picture import PictureSettings
from neural_style.settings.schema import FIELDS, PARTS
from neural_style.settings.universal import UniversalSettings
from neural_style.settings.video import VideoSettings


@dataclasses.dataclass(frozen=True, init=False)
class Settings:
    """The settings of a run: Settings(rows=300) is Settings.read(rows=300).

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

    def __init__(self, recipe: str | None = None, **given: Any):
        """
        Args:
          recipe: see `read`.
          **given: settings by name, as for `read`; or the parts that are the attributes, each by default its own.

        Raises:
          UserError: see `read`.
        """
        parts = {name: value for name, value in given.items() if isinstance(value, PARTS.get(name, ()))}
        if len(parts) < len(given):
            vars(self).update(vars(Settings.read(recipe, **given)))  # which has checked them
            return
        for part, kind in PARTS.items():
            object.__setattr__(self, part, parts.get(part) or kind())
        object.__setattr__(self, "recipe", recipe)
        self._check()

    def _check(self) -> None:
        """Raise a UserError where settings contradict each other."""
        for kind in ("content", "style", "matching"):
            vgg_layers.check_layers(self.network.network, getattr(self.loss, f"{kind}_layers"), f"{kind}_layers")
        self._check_regions()
        self._check_method()
        if self.optimizes and self.video.frame_blend:
            raise UserError(
                f"--frame_blend is for methods that do not optimise, and --method={self.picture.method} does here: "
                "leave it out."
            )
        scales, given = self.picture.scale_count, len(self.optimizer.scale_iterations)
        if self.method.schedule is None and given not in (0, scales) and self.picture.scales != "auto":
            raise UserError(f"--scale_iterations takes one number for each of the {scales} scales, received {given}.")
        self._check_tile()
        self._check_batch()

    def _check_regions(self) -> None:
        """Raise a UserError where the style can't be compared region by region."""
        has_regions = self.picture.style_masks or self.picture.finds_regions
        if has_regions and not STYLE_LOSSES[self.loss.style_loss].regional:
            flag = "--style_masks" if self.picture.style_masks else "--regions=auto"
            regional = " or ".join(name for name, loss in STYLE_LOSSES.items() if loss.regional)
            raise UserError(
                f"{flag} needs --style_loss={regional}, received {self.loss.style_loss}: leave out one of the two."
            )

    def _check_method(self) -> None:
        """Raise a UserError where the method can't do what is asked for."""
        method, starts_instant = self.method, self.picture.starts_instant
        title = method.title or f"--method={self.picture.method}"
        refused = [flag for flag, is_requested in method.refuses.items() if is_requested(self)]
        if refused:
            raise UserError(f"{title} can't take {' or '.join(refused)}: {method.refusal_hint}.")
        if starts_instant and not method.optimizes:
            raise UserError(
                f"--init=instant is for --method={DEFAULT}, and the method is {self.picture.method}: leave it out."
            )
        limit = METHODS[INSTANT].max_style_scale if starts_instant else method.max_style_scale
        if limit and max(self.picture.style_scale) > limit:
            title = "--init=instant" if starts_instant else title
            raise UserError(
                f"--style_scale takes at most {limit:g} with {title}, received {max(self.picture.style_scale):g}."
            )

    def _check_tile(self) -> None:
        tile, flag = self.optimizer.tile, self.loss.whole_images_only
        if not (isinstance(tile, int) and self.optimizes):
            return
        least = vgg_layers.smallest_tile(self.network.network, self.loss.layers)
        if tile < least:
            raise UserError(
                f"--tile takes auto, none or a size of at least {least} pixels with these layers, received {tile}."
            )
        if flag:
            raise UserError(
                f"{flag} is no sum over positions and can't be taken tile by tile: use --tile=none, or leave it out."
            )

    def _check_batch(self) -> None:
        picture = self.picture
        if self.optimizer.reuse_constant_rows:
            return
        if isinstance(self.optimizer.tile, int):
            raise UserError("--noreuse_constant_rows stacks whole images and can't be tiled: leave out one of the two.")
        if picture.style_frame != "stretch" or picture.style_scale != (1.0,) or self.optimizer.margin:
            raise UserError(
                "--noreuse_constant_rows stacks content and style into one batch, which needs them in one size: leave "
                "out --style_frame=aspect, --style_scale and --margin, or --noreuse_constant_rows."
            )

    @property
    def method(self) -> Method:
        """The row of the method."""
        return METHODS[self.picture.method]

    @property
    def optimizes(self) -> bool:
        """Whether the loss is minimised, from --init or from the method's own picture (--refine)."""
        return self.method.optimizes or self.refines

    @property
    def final_method(self) -> Method:
        """The row of the method that runs last: the default one where --refine optimises another method's picture."""
        return METHODS[DEFAULT] if self.refines else self.method

    @property
    def refines(self) -> bool:
        """Whether the loss is minimised from the method's own picture."""
        return self.method.can_refine and self.universal.refine > 0

    @property
    def companions(self) -> tuple[str, ...]:
        """Names of further images of the result, see `core.step.Step`."""
        return self.method.companions + ((REGIONS,) if self.picture.finds_regions else ())

    @property
    def tileable(self) -> bool:
        """Whether an image may be taken tile by tile."""
        return not self.loss.whole_images_only and self.optimizer.reuse_constant_rows and self.method.tileable

    @property
    def schedule(self) -> tuple[tuple[int, ...], int]:
        """The iterations of each scale, coarse to fine, and the evaluations of the loss in each iteration."""
        scales = self.picture.scale_count
        if self.method.schedule:
            iterations, evaluations = self.method.schedule(self)
            return (iterations,) * scales, evaluations
        return self.optimizer.iterations_at(scales), self.optimizer.evaluations_per_iteration

    def fit(self, height: int, width: int) -> "Settings":
        """The settings in the size that they mean for a photograph; see `PictureSettings.fit`."""
        picture = self.picture.fit(height, width)
        return self if picture is self.picture else dataclasses.replace(self, picture=picture)

    def for_instant_start(self) -> "Settings":
        """The settings of --init=instant's picture: the arbitrary network's, in the result's size."""
        rows = self.picture.known_rows
        return dataclasses.replace(
            self,
            picture=dataclasses.replace(
                self.picture,
                method=INSTANT,
                rows=rows,
                scales=(),
                style_frame="stretch",
                init="content",
                init_blend=0.0,
            ),
        )

    @classmethod
    def read(cls, /, recipe: str | None = None, **given: Unpack[Keywords]) -> "Settings":
        """Make settings by name, such as rows=300; what is given wins over the recipe, and that over the defaults.

        Where the recipe names scales or columns and only --rows is given, these change in proportion; --iterations
        sets the iterations of every scale.

        Args:
          recipe: the name of one of `recipes.by_name`; by default the method's, where that is not optimize.
          **given: values, or text as the command line takes it; None undoes what the recipe sets.

        Raises:
          UserError: a name is unknown, a value is not allowed, or values contradict each other.
        """
        if recipe is None and given.get("method") in METHODS:
            recipe = METHODS[str(given["method"])].recipe
        values = combining.combine(recipes.read(recipe) if recipe else {}, given)
        combining.check_method(values, given)
        combining.check_boldness(values, given)
        parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
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

"""The table of methods: how each one runs, which settings it uses and what it refuses.

Everything that depends on the method reads its row here: settings, planning, the engine, help and the page. To add a
method, write a module with a run (see `core.run.Run`) and add a row.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

Settings = Any
"""Stands for `settings.settings.Settings`, which reads this table and can't be imported here."""

DEFAULT = "optimize"
INSTANT = "arbitrary"
"""The method that paints the start of `--init=instant`."""

REGIONS = "regions"
"""The name of the companion that shows the regions which `--regions=auto` finds."""

VGG_SETTINGS = frozenset({"network", "style_scale", "style_rotation", "style_frame"})
"""Settings of methods for which VGG compares or encodes the images."""
DECODER_SETTINGS = frozenset({"alpha", "levels", "bands", "detail", "decoders"})
"""Settings of methods that decode VGG's features."""
OPTIMIZATION_SETTINGS = frozenset({"loss", "optimizer", "boldness", "regions"})
"""Settings of methods that minimise a loss."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to paint.

    Attributes:
      summary: one sentence or two for --help.
      run: "module:Class" of its run, imported when the first picture is painted.
      litert_run: the same without TensorFlow, where there is one.
      recipe: the recipe that --method=NAME starts from.
      title: what error messages call it; by default --method=NAME.
      uses: names of settings, or of groups of settings, that not all methods use and this one does. A setting that no
        row names is used by every method.
      uses_when_refining: the same with --refine, which optimises the method's picture.
      ignores: settings that it does not use although it uses their group.
      refuses: what it can't do, as it is called on the command line → whether settings ask for it.
      refusal_hint: what to do instead.
      optimizes: whether it minimises the loss.
      can_refine: whether the loss may be minimised from its picture (--refine).
      decodes: whether it needs decoders of VGG's features.
      style_is_network: whether the style is the file of a trained network instead of a painting.
      style_side: rows and columns at which it sees a painting; None: about the size of the result.
      max_style_scale: the largest --style_scale.
      max_styles: how many paintings it takes.
      paints_films: whether it can paint films.
      recolors_content: whether a recipe's --recolor_content applies to it.
      companions: names of further images of the result, see `core.step.Step`.
      min_side: settings → rows and columns that an image needs.
      schedule: settings → (iterations, evaluations in each); None: as the optimiser's settings say.
      evaluates_both_ways: whether an iteration evaluates a loss for each of the two images.
      tileable: whether an image may be evaluated tile by tile.
      auto_tile: the tile, or the rows of a band, that --tile=auto takes for large pictures.
      memory_per_pixel: bytes kept in memory for each pixel; None: as the optimiser keeps.
      memory_check: what is estimated before it runs: an "evaluation" of the loss (and which tiles fit) or a "forward"
        pass; None: nothing.
    """

    summary: str
    run: str
    litert_run: str | None = None
    recipe: str | None = None
    title: str = ""
    uses: frozenset[str] = frozenset()
    uses_when_refining: frozenset[str] = frozenset()
    ignores: frozenset[str] = frozenset()
    refuses: Mapping[str, Callable[[Settings], Any]] = dataclasses.field(default_factory=dict)
    refusal_hint: str = "leave that out"
    optimizes: bool = False
    can_refine: bool = False
    decodes: bool = False
    style_is_network: bool = False
    style_side: int | None = None
    max_style_scale: float | None = None
    max_styles: int | None = None
    paints_films: bool = True
    recolors_content: bool = True
    companions: tuple[str, ...] = ()
    min_side: Callable[[Settings], int] = lambda settings: 1
    schedule: Callable[[Settings], tuple[int, int]] | None = None
    evaluates_both_ways: bool = False
    tileable: bool = True
    auto_tile: int | None = None
    memory_per_pixel: float | None = None
    memory_check: Literal["evaluation", "forward"] | None = None

    @property
    def needs_vgg(self) -> bool:
        """Whether it needs VGG's weights: it does where VGG's settings have an effect."""
        return "network" in self.uses


def _has_several_scales(settings: Settings) -> bool:
    return settings.picture.scale_count > 1


def _has_several_versions(settings: Settings) -> bool:
    return len(settings.picture.style_scale) * len(settings.picture.style_rotation) > 1


def _schedule_one_pass(settings: Settings) -> tuple[int, int]:
    return 1, 1


def _schedule_levels(settings: Settings) -> tuple[int, int]:
    """One iteration a pass; with --refine as many iterations as its evaluations fill."""
    universal, evaluations = settings.universal, settings.optimizer.evaluations_per_iteration
    if not universal.refine:
        return universal.pass_count, 1
    iterations = -(-universal.refine // evaluations)
    return iterations, -(-universal.refine // iterations)


def _make_decoder_method(summary: str, recipe: str) -> Method:
    """The row of a method that transforms VGG's features and decodes them."""
    return Method(
        summary,
        run="neural_style.universal.run:Run",
        recipe=recipe,
        uses=VGG_SETTINGS | DECODER_SETTINGS | {"precision", "tile", "refine", "frame_blend"},
        uses_when_refining=OPTIMIZATION_SETTINGS,
        ignores=frozenset({"iterations", "scale_iterations"}),
        refuses={"several --scales": lambda s: _has_several_scales(s) and not s.universal.refine},
        refusal_hint="leave that out, or add --refine=N",
        can_refine=True,
        decodes=True,
        min_side=lambda s: max(s.universal.min_side, s.loss.min_side if s.universal.refine else 1),
        schedule=_schedule_levels,
        auto_tile=1024,
        memory_check="forward",
    )


MIN_NETWORK_SIDE = 9
"""Rows and columns that trained networks need: after three halvings, two positions are left for mirrored padding."""

METHODS: dict[str, Method] = {
    "optimize": Method(
        "minimises a loss of VGG's features, starting from --init (Gatys et al. 2016).",
        run="neural_style.optimize.run:Run",
        uses=VGG_SETTINGS | OPTIMIZATION_SETTINGS | {"precision", "tile"},
        optimizes=True,
        min_side=lambda s: s.loss.min_side,
        memory_check="evaluation",
    ),
    "wct": _make_decoder_method(
        "whitens and colours VGG's features and decodes them by trained networks (Li et al. 2017), in seconds.", "wct"
    ),
    "adain": _make_decoder_method(
        "gives each channel of VGG's features the style's mean and deviation and decodes them (Huang & Belongie 2017).",
        "adain",
    ),
    "analogy": Method(
        "finds corresponding places in two images and exchanges their appearance (Liao et al. 2017).",
        run="neural_style.analogy.run:Run",
        recipe="analogy",
        uses=VGG_SETTINGS | {"precision", "tile", "analogy", "evaluations_per_iteration"},
        refuses={
            "several --scales": _has_several_scales,
            "--style_masks": lambda s: s.picture.style_masks,
            "several of --style_scale or --style_rotation": _has_several_versions,
            "--tile": lambda s: isinstance(s.optimizer.tile, int),
            "--preserve_color=luminance": lambda s: s.picture.preserve_color == "luminance",
            "--refine": lambda s: s.universal.refine,
        },
        max_styles=1,
        paints_films=False,
        recolors_content=False,
        companions=("back", "field"),
        min_side=lambda s: s.analogy.min_side,
        schedule=lambda s: (len(s.analogy.analogy_levels), s.optimizer.evaluations_per_iteration),
        evaluates_both_ways=True,
        tileable=False,
        memory_per_pixel=9500,  # features of both images, and L-BFGS over the 64 channels of block1_conv1; measured
        memory_check="evaluation",
    ),
    "feedforward": Method(
        "a trained network paints in a fraction of a second; chosen by giving a network as the style.",
        run="neural_style.feedforward.run:Run",
        litert_run="neural_style.feedforward.litert:LiteRun",
        recipe="feedforward",
        title="A trained network",
        uses=frozenset({"precision", "tile", "style", "shifts", "frame_blend"}),
        refuses={
            "several --scales": _has_several_scales,
            "--preserve_color=match": lambda s: s.picture.preserve_color == "match",
            "--recolor_content": lambda s: s.picture.recolor_content,
            "--refine": lambda s: s.universal.refine,
            "--style_scale": lambda s: s.picture.style_scale != (1.0,),
            "--style_rotation": lambda s: s.picture.style_rotation != (0.0,),
        },
        style_is_network=True,
        recolors_content=False,
        min_side=lambda s: MIN_NETWORK_SIDE,
        schedule=_schedule_one_pass,
        auto_tile=256,
    ),
    "arbitrary": Method(
        "one trained network paints in the manner of any painting (Ghiasi et al. 2017), in a fraction of a second.",
        run="neural_style.feedforward.run:ArbitraryRun",
        litert_run="neural_style.feedforward.litert:LiteArbitraryRun",
        recipe="instant",
        uses=frozenset(
            {"precision", "tile", "alpha", "shifts", "frame_blend", "style_scale", "style_rotation", "style_frame"}
        ),
        refuses={"several --scales": _has_several_scales, "--refine": lambda s: s.universal.refine},
        style_side=256,
        max_style_scale=8,
        min_side=lambda s: MIN_NETWORK_SIDE,
        schedule=_schedule_one_pass,
        auto_tile=256,
    ),
}


def users_of(name: str, group: str) -> list[str]:
    """The methods that use a setting, as --method names them; empty where all do.

    Args:
      name: of the setting.
      group: the part of the settings that it belongs to.
    """
    users = []
    for name_of_method, method in METHODS.items():
        if name in method.ignores:
            continue
        if name in method.uses or group in method.uses:
            users.append(name_of_method)
        elif name in method.uses_when_refining or group in method.uses_when_refining:
            users.append(f"{name_of_method} with --refine")
    return users


def is_used(name: str, group: str, method: str, refine: int) -> bool:
    """Whether a setting has an effect.

    Args:
      name, group: see `users_of`.
      method: the name of a method.
      refine: evaluations of --refine.
    """
    users = users_of(name, group)
    return not users or method in users or (refine > 0 and f"{method} with --refine" in users)

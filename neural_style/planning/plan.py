"""Decides how a run paints, before TensorFlow is loaded."""

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.core.errors import UserError
from neural_style.images import scene_building
from neural_style.images.inputs import Inputs
from neural_style.images.inputs import read as read_images
from neural_style.images.reading import Picture, Pictures, as_list
from neural_style.images.scene_building import Size
from neural_style.planning import device, memory
from neural_style.pretrained import required_files, style_networks
from neural_style.pretrained.style_networks import NetworkStyles
from neural_style.settings.picture import MAX_REGIONS
from neural_style.settings.settings import Settings
from neural_style.vgg import weights

MAX_UNTILED_PIXELS = 2.2e6
"""The largest picture that a network paints in one piece with --tile=auto, or with LiteRT; it takes about 2 GB."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a run paints: everything that follows from settings, images and this machine.

    Attributes:
      settings: of the run.
      sizes: rows and columns of each scale, coarse to fine.
      iterations: of each scale.
      evaluations_per_iteration: of the loss, for one image.
      precision: of the arithmetic: "float32", "float64" or "bfloat16".
      tiles: for each scale the side of the square tiles in pixels, or for a trained network the rows of its strips;
        None where the image is taken whole.
      uses_litert: whether LiteRT paints, without TensorFlow.
      network_styles: the trained network that paints, and its styles.
      adaptation_size: rows and columns of the images to which weights are adapted.
      start_origin: where the network of --init=instant comes from, for the record; None without it.
      start_plan: of the picture to start from, by another method; None where the run starts from an image.
    """

    settings: Settings
    sizes: tuple[Size, ...]
    iterations: tuple[int, ...]
    evaluations_per_iteration: int
    precision: str
    tiles: tuple[int | None, ...]
    uses_litert: bool
    network_styles: NetworkStyles | None
    adaptation_size: Size
    start_origin: str | None = None
    start_plan: "Plan | None" = None

    @property
    def result_size(self) -> Size:
        """Rows and columns of the result."""
        return self.sizes[-1]

    @property
    def evaluations_over_both_images(self) -> int:
        """The evaluations of an iteration over all images: an analogy paints two."""
        return self.evaluations_per_iteration * (2 if self.settings.final_method.evaluates_both_ways else 1)

    def for_frame_without_start(self) -> "Plan":
        """The plan of a frame that does not start from another: the first of a shot, or any if there is no loss."""
        iterations = self.settings.video.first_iterations
        if iterations is None or not self.settings.optimizes:
            return self
        return dataclasses.replace(self, iterations=(iterations,) * len(self.sizes))

    def for_following_frame(self) -> "Plan":
        """The plan of a frame that starts from another: the finest scale alone."""
        last = slice(-1, None)
        return dataclasses.replace(
            self, sizes=self.sizes[last], iterations=self.iterations[last], tiles=self.tiles[last], start_plan=None
        )


def read_settings(styles: Sequence[Any], values: Mapping[str, Any]) -> Settings:
    """Read settings by name; a trained network among the styles chooses its method.

    Args:
      styles: what was given as styles.
      values: the settings, and "recipe".

    Raises:
      UserError: a name or value is wrong, or does not fit the styles.
    """
    return Settings.read(**{**values, **style_networks.method_setting(styles, values)})


def prepare(content: Picture, styles: Pictures, settings: Settings) -> tuple[Inputs, Plan]:
    """Read the images and plan the run; everything wrong with them is an error here, before any heavy work.

    Args:
      content: the photograph: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
      styles: the paintings, likewise, or one trained network.
      settings: of the run.

    Raises:
      UserError: what is asked for can't be done.
    """
    inputs, network_styles = read_inputs(content, styles, settings)
    return inputs, make_plan(inputs, settings, network_styles)


def read_inputs(content: Picture, styles: Pictures, settings: Settings) -> tuple[Inputs, NetworkStyles | None]:
    """Read and check the images; see `prepare`."""
    if not isinstance(settings, Settings):
        raise UserError(f"Expected Settings, such as Settings.read(rows=300), received a {type(settings).__name__}.")
    required_files.check(settings)
    styles = as_list(styles)
    network_styles = style_networks.choose_styles(styles, settings)
    if network_styles:  # small pictures in the network's file stand for the paintings
        styles = [style_networks.read_picture(network_styles.path, number) for number in network_styles.numbers]
    inputs = read_images(content, styles, settings)
    scene_building.check_sizes(inputs, settings)
    return inputs, network_styles


def make_plan(inputs: Inputs, settings: Settings, network_styles: NetworkStyles | None = None) -> Plan:
    """Plan a run.

    Raises:
      UserError: it does not fit into memory.
    """
    settings = scene_building.fit_settings(inputs, settings)
    sizes = scene_building.scale_sizes(inputs, settings)
    start_plan = _plan_start(inputs, settings) if settings.refines or settings.picture.starts_instant else None
    if settings.refines:
        picture = dataclasses.replace(settings.picture, init_blend=0.0)  # the start plan's picture is blended already
        settings = dataclasses.replace(settings, picture=picture)
    if settings.final_method.needs_vgg and "tensorflow" not in sys.modules:
        # A process with TensorFlow has most likely painted before; otherwise loading the weights raises the same error.
        weights.check(settings.network)
    iterations, evaluations = settings.schedule
    plan = Plan(
        settings,
        sizes,
        iterations,
        evaluations,
        precision="float32",  # this, the tiles and LiteRT are decided by `plan_for_this_machine`
        tiles=(None,) * len(sizes),
        uses_litert=False,
        network_styles=network_styles,
        adaptation_size=sizes[0],
        start_origin=style_networks.arbitrary_origin() if settings.picture.starts_instant else None,
        start_plan=start_plan,
    )
    return plan_for_this_machine(plan, inputs)


def plan_for_this_machine(plan: Plan, inputs: Inputs) -> Plan:
    """Decide what depends on the machine: whether LiteRT paints, precision and tiles.

    Args:
      plan: just made, or made on another machine.
      inputs: the images.

    Raises:
      UserError: the run does not fit into memory.
    """
    if _can_use_litert(plan, inputs):
        return dataclasses.replace(plan, uses_litert=True, precision="float32", tiles=(None,) * len(plan.sizes))
    precision = device.resolve_precision(plan.settings.network.precision)
    tiles = tuple(_choose_tile(plan, inputs, size, precision) for size in plan.sizes)
    start_plan = plan.start_plan and plan_for_this_machine(plan.start_plan, inputs)
    return dataclasses.replace(plan, uses_litert=False, precision=precision, tiles=tiles, start_plan=start_plan)


def _plan_start(inputs: Inputs, settings: Settings) -> Plan:
    """Return the plan of the picture to start from, which another method paints.

    It has the size of the coarsest scale for --refine, and of the result for --init=instant.
    """
    if settings.refines:
        rows, cols = scene_building.scale_sizes(inputs, settings)[0]
        picture = dataclasses.replace(
            settings.picture, rows=rows, cols=cols if settings.picture.cols else None, scales=()
        )
        universal = dataclasses.replace(settings.universal, refine=0)
        settings = dataclasses.replace(settings, picture=picture, universal=universal)
    else:
        settings = settings.for_instant_start()
    return make_plan(inputs, settings)


def _choose_tile(plan: Plan, inputs: Inputs, size: Size, precision: str) -> int | None:
    """The side of the tiles at a scale; None takes the image whole."""
    settings, method = plan.settings, plan.settings.final_method
    largest_style = scene_building.largest_style_pixels(inputs, settings, size)
    if method.memory_check == "evaluation":
        rows, cols = (side + 2 * settings.optimizer.margin for side in size)
        picture = settings.picture
        versions = len(inputs.styles) * len(picture.style_scale) * len(picture.style_rotation)
        versions *= MAX_REGIONS if picture.finds_regions else 1  # each region has copies of all styles
        return memory.choose_tile(rows, cols, precision, settings, largest_style, versions)
    tile = settings.optimizer.tile
    if tile == "none" and method.memory_check == "forward":
        memory.check_forward(*size, precision, settings, "choose --tile=auto, or fewer rows")
    if tile != "auto":
        return tile if isinstance(tile, int) else None
    largest = max(math.prod(size), largest_style if method.needs_vgg else 0)
    return method.auto_tile if largest > MAX_UNTILED_PIXELS else None


def _can_use_litert(plan: Plan, inputs: Inputs) -> bool:
    """Whether LiteRT can paint.

    It can't for pictures of more than `MAX_UNTILED_PIXELS`, styles by mask, a precision or tile that is asked for, a
    network without an export, or where it is not installed.
    """
    settings, network_styles = plan.settings, plan.network_styles
    if not settings.method.litert_run or inputs.masks or math.prod(plan.result_size) > MAX_UNTILED_PIXELS:
        return False
    if settings.network.precision != "auto" or settings.optimizer.tile != "auto":
        return False
    if network_styles and not style_networks.lite_file(network_styles.path):
        return False
    return device.has_litert()

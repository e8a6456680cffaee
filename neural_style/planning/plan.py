"""What a run is going to take, decided before TensorFlow is loaded: the precision, and the tile of each scale."""

import dataclasses

from neural_style.images.inputs import Sources
from neural_style.planning import device, memory


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a run is carried out.

    Attributes:
      precision: of the arithmetic: "float32", "float64" or "bfloat16".
      tiles: of each scale, in pixels; None where the image is taken whole.
    """

    precision: str
    tiles: tuple[int | None, ...]


def plan(given: Sources) -> Plan:
    """The plan of a run.

    Raises:
      UserError: the run does not fit into memory.
    """
    settings, picture = given.settings, given.settings.picture
    precision = device.resolve_precision(settings.network.precision)
    versions = len(given.styles) * len(picture.style_scale) * len(picture.style_rotation)
    tiles = (
        memory.choose_tile(*size, precision, settings, given.largest_style(*size), versions) for size in given.sizes
    )
    return Plan(precision, tuple(tiles))

"""Two images by their features, and the correspondence between them, refined level by level."""

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from neural_style.analogy import fields
from neural_style.analogy.blending import blend
from neural_style.analogy.inversion import Network
from neural_style.analogy.matching import EXACT_PAIRS, mean_energy, normalize, search, search_exactly
from neural_style.optimize.evaluator import Watch
from neural_style.settings import vgg_layers
from neural_style.settings.analogy import Level
from neural_style.settings.vgg_layers import level_layer

INVERTED_LEVELS = 2
"""How many levels finer the features are that are optimised to make a level's, see `Network.reconstruct`."""


@dataclasses.dataclass(frozen=True)
class Correspondence:
    """Fields between the maps of a content image and a style, at one level.

    Attributes:
      level: of the maps.
      to_style: [rows, cols, 2] int32, for each position of the content the row and column in the style.
      to_content: likewise, for each position of the style.
      levels: the record's entries of this level and of those before.
    """

    level: int
    to_style: np.ndarray
    to_content: np.ndarray
    levels: tuple[dict[str, Any], ...] = ()

    def state(self) -> dict[str, Any]:
        """Return the state for a .state file."""
        return {"level": self.level, "forth": self.to_style, "back": self.to_content, "levels": self.levels}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Correspondence":
        """Make the correspondence of a `state`."""
        return cls(state["level"], state["forth"], state["back"], state["levels"])


class ImagePair:
    """A content image (A) and a style (B'). Each gets the other's look: A' and B (Liao et al. 2017).

    Attributes:
      content, style: the features of each level; level 0 is the image.
    """

    def __init__(
        self,
        network: Network,
        content: np.ndarray,
        style: np.ndarray,
        plan: Mapping[int, Level],
        evaluations: int,
        watch: Watch | None = None,
    ):
        """
        Args:
          network: makes features.
          content, style: RGB [rows, cols, 3] in 0..255, in any two sizes.
          plan: the parameters of each level, from coarse to fine.
          evaluations: of each reconstruction.
          watch: called after each of them.
        """
        self._network = network
        self._plan = plan
        self._evaluations = evaluations
        self._watch = watch
        self.content = network.features(content)
        self.style = network.features(style)

    def start(self) -> Correspondence:
        """Return the correspondence of equal relative positions, at the coarsest level."""
        level = next(iter(self._plan))
        content, style = self.shapes(level)
        return Correspondence(level, fields.scaled_identity(content, style), fields.scaled_identity(style, content))

    def shapes(self, level: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return (rows, cols) of the content's and the style's maps at a level."""
        return self.content[level].shape[:2], self.style[level].shape[:2]

    def distances(self, correspondence: Correspondence) -> dict[str, float]:
        """Compute the mean squared distance of corresponding patches, in each direction.

        It is |u - v|^2 = 2 - 2 u v, added up over image and look.
        """
        if correspondence.levels:
            energies = {name: values[-1] for name, values in correspondence.levels[-1]["energies"].items()}
        else:
            energies = self._start_energies(correspondence)
        return {f"distance/{name}": 4 + 2 * energy for name, energy in energies.items()}

    def refine(self, coarser: Correspondence, level: int, seed: int) -> tuple[Correspondence, list[float]]:
        """Find the correspondence at a level.

        Args:
          coarser: of the level before, or the start.
          level: whose features are compared.
          seed: of the random search, the same in both directions.

        Returns:
          The correspondence, and the losses of the reconstructions.
        """
        start_time = time.perf_counter()
        content_look, style_look, losses = self._looks(coarser, level)
        matching_time = time.perf_counter()
        content = _concatenate(self.content[level], content_look)
        style = _concatenate(style_look, self.style[level])
        first = not coarser.levels
        start = self._enlarge(coarser.to_style, coarser.level, level, content, style)
        to_style, style_energies = self._search(content, style, start, level, seed, first)
        start = self._enlarge(coarser.to_content, coarser.level, level, style, content)
        to_content, content_energies = self._search(style, content, start, level, seed, first)
        record = {
            "layer": level_layer(level),
            "positions": [list(shape) for shape in self.shapes(level)],
            "energies": {"forth": style_energies, "back": content_energies},
            "seconds_reconstructing": round(matching_time - start_time, 3),
            "seconds_matching": round(time.perf_counter() - matching_time, 3),
        }
        return Correspondence(level, to_style, to_content, (*coarser.levels, record)), losses

    def _start_energies(self, start: Correspondence) -> dict[str, float]:
        """The mean energy in each direction before the first search."""
        content, style = (_concatenate(image[start.level], image[start.level]) for image in (self.content, self.style))
        patch_size = self._plan[start.level].patch_size
        return {
            "forth": mean_energy(content, style, start.to_style, patch_size),
            "back": mean_energy(style, content, start.to_content, patch_size),
        }

    def _looks(self, coarser: Correspondence, level: int) -> tuple[np.ndarray, np.ndarray, list[float]]:
        """The features of each image in the other's look: A' and B; and the losses of the reconstructions.

        At the first level each image's own features take their place.
        """
        content, style = self.content[level], self.style[level]
        if not coarser.levels:
            return content, style, []
        weight = self._plan[level].structure_weight
        reconstructed, losses = self._reconstruct(self.style, self.content, coarser.to_style, coarser.level, level)
        content_look = blend(content, reconstructed, weight)
        reconstructed, more = self._reconstruct(self.content, self.style, coarser.to_content, coarser.level, level)
        return content_look, blend(style, reconstructed, weight), losses + more

    def _reconstruct(
        self, image: list[np.ndarray], other: list[np.ndarray], field: np.ndarray, level: int, wanted: int
    ) -> tuple[np.ndarray, list[float]]:
        """An image's features at level `wanted`, arranged as a field of `level` says; and the losses.

        Args:
          image: the features that are arranged.
          other: those of the image whose positions the field has.
          field: [rows, cols, 2], from `other` to `image`.
          level: of the field.
          wanted: a finer level.
        """
        source = min(wanted, max(0, level - INVERTED_LEVELS))
        patch_size = self._plan[level].patch_size
        target = fields.vote(image[level], field, patch_size)
        finer = self._enlarge(field, level, source, other[source], image[source])
        start = fields.vote(image[source], finer, patch_size)
        return self._network.reconstruct(target, level, start, source, wanted, self._evaluations, self._watch)

    def _enlarge(
        self, field: np.ndarray, level: int, finer_level: int, maps: np.ndarray, other: np.ndarray
    ) -> np.ndarray:
        """A field of `level` from `maps` to `other` of a finer level."""
        factor = vgg_layers.stride(level_layer(level)) // vgg_layers.stride(level_layer(finer_level))
        return fields.enlarge(field, factor, maps.shape[:2], other.shape[:2])

    def _search(
        self, maps: np.ndarray, other: np.ndarray, start: np.ndarray, level: int, seed: int, first: bool
    ) -> tuple[np.ndarray, list[float]]:
        """The field from `maps` to `other`; at the first level the whole of `other` is searched."""
        plan = self._plan[level]
        if first and math.prod(maps.shape[:2] + other.shape[:2]) <= EXACT_PAIRS:
            return search_exactly(maps, other, start, plan.patch_size)
        radius = max(other.shape[:2]) if first else plan.radius
        return search(maps, other, start, plan.patch_size, radius, [seed, level])


def _concatenate(image: np.ndarray, look: np.ndarray) -> np.ndarray:
    """The normalised maps of an image and of its look side by side, so that their inner products add up."""
    return np.concatenate([normalize(image), normalize(look)], axis=-1)

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
from neural_style.settings.analogy import LevelParameters
from neural_style.settings.vgg_layers import level_layer

INVERSION_DEPTH = 2
"""L-BFGS optimises features this many levels finer than those that they must produce, see `Network.reconstruct`."""


@dataclasses.dataclass(frozen=True)
class Correspondence:
    """Fields between a content image and a style, at one level.

    Attributes:
      level: whose positions the fields have.
      to_style: [rows, cols, 2] int32, for each position of the content the row and column in the style; "forth" in
        states and records.
      to_content: likewise, for each position of the style; "back" in states and records.
      level_records: the record's entries of this level and of those before; empty before the first search.
    """

    level: int
    to_style: np.ndarray
    to_content: np.ndarray
    level_records: tuple[dict[str, Any], ...] = ()

    @property
    def is_start(self) -> bool:
        """Whether nothing has been searched yet."""
        return not self.level_records

    def state(self) -> dict[str, Any]:
        """Return what `from_state` takes: JSON types and arrays."""
        return {"level": self.level, "forth": self.to_style, "back": self.to_content, "levels": self.level_records}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Correspondence":
        """Make the correspondence of a `state`; a KeyError where something is missing."""
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
        parameters: Mapping[int, LevelParameters],
        evaluations: int,
        watch: Watch | None = None,
    ):
        """
        Args:
          network: makes features.
          content, style: RGB [rows, cols, 3] in 0..255, in any two sizes.
          parameters: of each level, from coarse to fine.
          evaluations: of each reconstruction.
          watch: called after each evaluation.
        """
        self._network = network
        self._parameters = parameters
        self._evaluations = evaluations
        self._watch = watch
        self.content = network.features(content)
        self.style = network.features(style)

    def start(self) -> Correspondence:
        """Return the correspondence of equal relative positions, at the coarsest level."""
        level = next(iter(self._parameters))
        content_shape, style_shape = self.shapes(level)
        to_style = fields.scaled_identity(content_shape, style_shape)
        return Correspondence(level, to_style, fields.scaled_identity(style_shape, content_shape))

    def shapes(self, level: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return (rows, cols) of the content's and the style's features at a level."""
        return self.content[level].shape[:2], self.style[level].shape[:2]

    def distances(self, correspondence: Correspondence) -> dict[str, float]:
        """Compute the mean squared distance of corresponding patches, in each direction.

        |u - v|^2 = 2 - 2 u v for unit vectors, added up over both looks of an image. An energy is the sum of the two
        -u v, so the distance is 4 + 2 energy: in 0..4, since features are not negative.

        Returns:
          "distance/forth" (content to style) and "distance/back".
        """
        if correspondence.is_start:
            energies = self._start_energies(correspondence)
        else:
            energies = {name: values[-1] for name, values in correspondence.level_records[-1]["energies"].items()}
        return {f"distance/{name}": 4 + 2 * energy for name, energy in energies.items()}

    def refine(self, previous: Correspondence, level: int, seed: int) -> tuple[Correspondence, list[float]]:
        """Find the correspondence at a level.

        Args:
          previous: of the next coarser level, or the start.
          level: whose features are compared.
          seed: of the random search, the same in both directions.

        Returns:
          The correspondence, and the loss of each evaluation of both reconstructions; none at the first level.
        """
        start_time = time.perf_counter()
        content_in_style_look, style_in_content_look, losses = self._exchange_looks(previous, level)
        matching_time = time.perf_counter()
        content = _concatenate(self.content[level], content_in_style_look)
        style = _concatenate(style_in_content_look, self.style[level])
        start = self._enlarge(previous.to_style, previous.level, level, content, style)
        to_style, to_style_energies = self._search(content, style, start, level, seed, previous.is_start)
        start = self._enlarge(previous.to_content, previous.level, level, style, content)
        to_content, to_content_energies = self._search(style, content, start, level, seed, previous.is_start)
        record = {
            "layer": level_layer(level),
            "positions": [list(shape) for shape in self.shapes(level)],
            "energies": {"forth": to_style_energies, "back": to_content_energies},
            "seconds_reconstructing": round(matching_time - start_time, 3),
            "seconds_matching": round(time.perf_counter() - matching_time, 3),
        }
        return Correspondence(level, to_style, to_content, (*previous.level_records, record)), losses

    def _start_energies(self, start: Correspondence) -> dict[str, float]:
        """The mean energy in each direction before the first search."""
        content, style = (_concatenate(image[start.level], image[start.level]) for image in (self.content, self.style))
        patch_size = self._parameters[start.level].patch_size
        return {
            "forth": mean_energy(content, style, start.to_style, patch_size),
            "back": mean_energy(style, content, start.to_content, patch_size),
        }

    def _exchange_looks(self, previous: Correspondence, level: int) -> tuple[np.ndarray, np.ndarray, list[float]]:
        """The features of the content in the style's look (A'), of the style in the content's look (B), and the losses.

        At the first level each image's own features take their place.
        """
        content, style = self.content[level], self.style[level]
        if previous.is_start:
            return content, style, []
        weight, coarse = self._parameters[level].structure_weight, previous.level
        from_style, losses = self._reconstruct(self.content, self.style, previous.to_style, coarse, level)
        from_content, more = self._reconstruct(self.style, self.content, previous.to_content, coarse, level)
        return blend(content, from_style, weight), blend(style, from_content, weight), losses + more

    def _reconstruct(
        self,
        source: list[np.ndarray],
        target: list[np.ndarray],
        field: np.ndarray,
        field_level: int,
        wanted_level: int,
    ) -> tuple[np.ndarray, list[float]]:
        """Find features of `wanted_level` that make the target's, arranged by a field; return the losses too.

        Args:
          source: the features of the image whose positions the field has, by level.
          target: those of the image that it points into.
          field: [rows, cols, 2], from `source` to `target`.
          field_level: of the field.
          wanted_level: a finer level.
        """
        start_level = min(wanted_level, max(0, field_level - INVERSION_DEPTH))
        patch_size = self._parameters[field_level].patch_size
        arranged = fields.vote(target[field_level], field, patch_size)
        finer = self._enlarge(field, field_level, start_level, source[start_level], target[start_level])
        start = fields.vote(target[start_level], finer, patch_size)
        return self._network.reconstruct(
            arranged, field_level, start, start_level, wanted_level, self._evaluations, self._watch
        )

    def _enlarge(
        self, field: np.ndarray, level: int, finer_level: int, source: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        """The field of `level`, enlarged to the features `source` and `target` of a finer level."""
        factor = vgg_layers.stride(level_layer(level)) // vgg_layers.stride(level_layer(finer_level))
        return fields.enlarge(field, factor, source.shape[:2], target.shape[:2])

    def _search(
        self, source: np.ndarray, target: np.ndarray, start: np.ndarray, level: int, seed: int, is_first: bool
    ) -> tuple[np.ndarray, list[float]]:
        """The field from `source` to `target`; at the first level the search may reach all of the target."""
        patch_size, radius, _ = self._parameters[level]
        if is_first and math.prod(source.shape[:2] + target.shape[:2]) <= EXACT_PAIRS:
            return search_exactly(source, target, start, patch_size)
        return search(source, target, start, patch_size, max(target.shape[:2]) if is_first else radius, [seed, level])


def _concatenate(in_content_look: np.ndarray, in_style_look: np.ndarray) -> np.ndarray:
    """An image's normalised features in both looks side by side, so that their inner products add up."""
    return np.concatenate([normalize(in_content_look), normalize(in_style_look)], axis=-1)

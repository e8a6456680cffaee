"""Two images by their features, and what corresponds to what in them, level by level."""

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from neural_style.analogy import fields
from neural_style.analogy.blending import blend
from neural_style.analogy.inversion import Network, layer
from neural_style.analogy.matching import EXACT_PAIRS, mean_energy, search, search_exactly, unit
from neural_style.optimize.evaluator import Watch
from neural_style.settings import vgg_layers
from neural_style.settings.analogy import Level

INVERTED = 2
"""How many levels down the features are sought that make a level's, see `Network.reconstruct`."""


@dataclasses.dataclass(frozen=True)
class Match:
    """What corresponds to what on the maps of a level.

    Attributes:
      level: of the maps.
      forth: the field from the photograph to the style, [rows, cols, 2] int32.
      back: the field from the style to the photograph.
      levels: of the record: what came of this level and of those before.
    """

    level: int
    forth: np.ndarray
    back: np.ndarray
    levels: tuple[dict[str, Any], ...] = ()


class Pair:
    """A photograph (A) and a style (B'); of each the other's look is sought, A' and B (Liao et al. 2017)."""

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
          content, style: RGB [rows, cols, 3] in 0..255, each in its own size.
          plan: what is done at each level, from coarse to fine.
          evaluations: of each reconstruction.
          watch: called after each of them.
        """
        self._network, self._plan, self._evaluations, self._watch = network, plan, evaluations, watch
        self.content, self.style = (network.features(image) for image in (content, style))

    def start(self) -> Match:
        """What lies at the same place corresponds."""
        level = next(iter(self._plan))
        a, b = self.shapes(level)
        return Match(level, fields.scaled_identity(a, b), fields.scaled_identity(b, a))

    def shapes(self, level: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """(rows, cols) of the photograph's and the style's maps at a level."""
        return self.content[level].shape[:2], self.style[level].shape[:2]

    def distances(self, match: Match) -> dict[str, float]:
        """The mean squared distance of corresponding patches, |u - v|^2 = 2 - 2 u v for image and look each."""
        if match.levels:
            energies = {name: values[-1] for name, values in match.levels[-1]["energies"].items()}
        else:
            a, b = (_joined(image[match.level], image[match.level]) for image in (self.content, self.style))
            patch_size = self._plan[match.level].patch_size
            energies = {
                "forth": mean_energy(a, b, match.forth, patch_size),
                "back": mean_energy(b, a, match.back, patch_size),
            }
        return {f"distance/{name}": 4 + 2 * energy for name, energy in energies.items()}

    def refine(self, before: Match, level: int, seed: int) -> tuple[Match, list[float]]:
        """What corresponds at a level.

        Args:
          before: of the coarser level, or the start.
          level: whose features are compared.
          seed: of the random search, which is the same in both directions.

        Returns:
          The match, and the losses of the reconstructions.
        """
        began = time.perf_counter()
        own, other = self.content[level], self.style[level]
        own_look, other_look, losses = own, other, []
        if before.levels:
            weight = self._plan[level].structure_weight
            made, first = self._reconstruct(self.style, before.forth, before.level, level)
            own_look = blend(own, made, weight)
            made, second = self._reconstruct(self.content, before.back, before.level, level)
            other_look, losses = blend(other, made, weight), first + second
        reconstructed = time.perf_counter()
        a, b = _joined(own, own_look), _joined(other_look, other)
        forth, energies_forth = self._search(a, b, before.forth, before, level, seed)
        back, energies_back = self._search(b, a, before.back, before, level, seed)
        found = {
            "layer": layer(level),
            "positions": [list(shape) for shape in self.shapes(level)],
            "energies": {"forth": energies_forth, "back": energies_back},
            "seconds_reconstructing": round(reconstructed - began, 3),
            "seconds_matching": round(time.perf_counter() - reconstructed, 3),
        }
        return Match(level, forth, back, (*before.levels, found)), losses

    def _reconstruct(
        self, image: list[np.ndarray], field: np.ndarray, level: int, wanted: int
    ) -> tuple[np.ndarray, list[float]]:
        """An image's features arranged as a field of `level` says, at level `wanted`; and the losses on the way."""
        source, patch_size = min(wanted, max(0, level - INVERTED)), self._plan[level].patch_size
        target = fields.vote(image[level], field, patch_size)
        other = self.content if image is self.style else self.style
        finer = fields.enlarge(field, _finer(level, source), other[source].shape[:2], image[source].shape[:2])
        begin = fields.vote(image[source], finer, patch_size)
        return self._network.reconstruct(target, level, begin, source, wanted, self._evaluations, self._watch)

    def _search(
        self, a: np.ndarray, b: np.ndarray, field: np.ndarray, before: Match, level: int, seed: int
    ) -> tuple[np.ndarray, list[float]]:
        """The field from `a` to `b`, beginning with that of `before`; the first level's is sought everywhere."""
        how, begin = self._plan[level], fields.enlarge(field, _finer(before.level, level), a.shape[:2], b.shape[:2])
        if not before.levels and math.prod(a.shape[:2] + b.shape[:2]) <= EXACT_PAIRS:
            return search_exactly(a, b, begin, how.patch_size)
        radius = how.radius if before.levels else max(b.shape[:2])
        return search(a, b, begin, how.patch_size, radius, [seed, level])


def _finer(level: int, other: int) -> int:
    """How many times finer the maps of level `other` are than those of `level`; level 1 is as fine as the image."""
    return vgg_layers.stride(layer(level)) // vgg_layers.stride(layer(other))


def _joined(image: np.ndarray, look: np.ndarray) -> np.ndarray:
    """An image's maps and those of its look side by side, so that inner products add up."""
    return np.concatenate([unit(image), unit(look)], axis=-1)

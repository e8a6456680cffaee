"""Which position of one map corresponds to which of another: PatchMatch, and exact search where maps are small.

A field [rows, cols, 2] int32 holds for each position of the first map the row and column in the second.
"""

import numpy as np

from neural_style.analogy.energies import energies
from neural_style.analogy.fields import overlap

ITERATIONS = 10
JUMPS = (8, 4, 2, 1)
"""How far away, in positions, the neighbours lie whose matches are tried."""
MARGIN = 1e-5
"""Less is rounding, and no better match."""
EXACT_PAIRS = 4096**2
"""Pairs of positions up to which all are compared, in 0.3 GB."""


def unit(features: np.ndarray) -> np.ndarray:
    """Each position's vector [rows, cols, channels] divided by its length; zero stays zero."""
    length = np.sqrt(np.einsum("ijc,ijc->ij", features, features))[..., np.newaxis]
    return features / np.where(length > 0, length, 1)


def search(
    a: np.ndarray, b: np.ndarray, start: np.ndarray, patch_size: int, radius: int, seed: list[int]
) -> tuple[np.ndarray, list[float]]:
    """PatchMatch (Barnes et al. 2009): neighbours' matches are tried, then positions around the best so far.

    Departs from the paper as the programs for many cores do: all positions try the same neighbour at once, by jumps, so
    that the result does not depend on the order in which they are computed.

    Args:
      a, b: maps [rows, cols, channels] float32, in sizes of their own.
      start: the field to begin with.
      patch_size: rows and columns of a patch, odd.
      radius: of the random search, halved down to 1.
      seed: of the random search.

    Returns:
      The field, and its mean energy at the start and after each iteration, which never rises.
    """
    match, rng = _Best(a, b, start, patch_size), np.random.RandomState(seed)
    history = [match.mean]
    for _ in range(ITERATIONS):
        for jump in JUMPS:
            for step in ((-jump, 0), (0, -jump), (jump, 0), (0, jump)):
                match.propagate(step)
        reach = radius
        while reach >= 1:
            match.shift(rng.randint(-reach, reach + 1, start.shape))
            reach //= 2
        history.append(match.mean)
    return match.field, history


def mean_energy(a: np.ndarray, b: np.ndarray, field: np.ndarray, patch_size: int) -> float:
    """The mean energy of a field, see `search`."""
    return _Best(a, b, field, patch_size).mean


class _Best:
    """The best match of each position so far."""

    def __init__(self, a: np.ndarray, b: np.ndarray, start: np.ndarray, patch_size: int):
        self._a, self._b, self._patch_size = a, b, patch_size
        self.field = np.array(start, np.int32, order="C")
        self._places = np.indices(start.shape[:2], np.int32).reshape(2, -1).T.copy()
        self._energies = self._compare(self._places, self.field.reshape(-1, 2))

    @property
    def mean(self) -> float:
        """The mean energy of the field."""
        return float(self._energies.mean(dtype=np.float64))

    def propagate(self, step: tuple[int, int]) -> None:
        """Tries what the neighbour `step` away matches, moved back by the step."""
        own, other = overlap(step, self.field.shape[:2])
        candidates = self.field.copy()
        candidates[own] = self.field[other] - np.array(step, np.int32)
        self._take(candidates)

    def shift(self, by: np.ndarray) -> None:
        """Tries the matches moved `by` [rows, cols, 2]."""
        last = np.array(self._b.shape[:2]) - 1
        self._take(np.clip(self.field + by, 0, last).astype(np.int32))

    def _take(self, candidates: np.ndarray) -> None:
        """Takes the candidates [rows, cols, 2] that are better; those outside of the map are none."""
        flat, best = candidates.reshape(-1, 2), self.field.reshape(-1, 2)
        inside = ((flat >= 0) & (flat < self._b.shape[:2])).all(-1)
        tried = np.flatnonzero(inside & (flat != best).any(-1))
        found = self._compare(self._places[tried], flat[tried])
        better = found < self._energies[tried] - MARGIN
        taken = tried[better]
        best[taken], self._energies[taken] = flat[taken], found[better]

    def _compare(self, places: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        return energies(self._a, self._b, places, candidates, self._patch_size)


def search_exactly(a: np.ndarray, b: np.ndarray, start: np.ndarray, patch_size: int) -> tuple[np.ndarray, list[float]]:
    """As `search`, by comparing every position with every other: one product of matrices, added up over patches.

    `start` stays where nothing is better.
    """
    reach, shape = patch_size // 2, (*a.shape[:2], *b.shape[:2])
    products = (a.reshape(-1, a.shape[-1]) @ b.reshape(-1, b.shape[-1]).T).reshape(shape)
    total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for offset in np.ndindex(patch_size, patch_size):
        at, moved = overlap(np.array(offset * 2) - reach, shape)
        total[at] += products[moved]
        count[at] += 1
    all_energies = (-total / count).reshape(-1, shape[2] * shape[3])
    rows = np.arange(len(all_energies))
    before, best = np.ravel_multi_index(start.reshape(-1, 2).T, shape[2:]), all_energies.argmin(1)
    best = np.where(all_energies[rows, best] < all_energies[rows, before] - MARGIN, best, before)
    field = np.stack(np.unravel_index(best, shape[2:]), axis=-1).reshape(start.shape).astype(np.int32)
    return field, [float(all_energies[rows, of].mean(dtype=np.float64)) for of in (before, best)]

"""The search for correspondence between two maps: PatchMatch, and exact search in small maps; see `fields`."""

import numpy as np

from neural_style.analogy.energies import energies
from neural_style.analogy.fields import shifted_slices

ITERATIONS = 10
"""Of PatchMatch."""
JUMPS = (8, 4, 2, 1)
"""Distances, in positions, of the neighbours whose matches are tried."""
MARGIN = 1e-5
"""The minimum gain of a better match; smaller ones are rounding."""
EXACT_PAIRS = 4096**2
"""Number of pairs of positions up to which all are compared, in 0.3 GB."""


def normalize(features: np.ndarray) -> np.ndarray:
    """Divide each position's vector, of features [rows, cols, channels], by its length; zero stays zero."""
    length = np.sqrt(np.einsum("ijc,ijc->ij", features, features))[..., np.newaxis]
    return features / np.where(length > 0, length, 1)


def search(
    a: np.ndarray, b: np.ndarray, start: np.ndarray, patch_size: int, radius: int, seed: list[int]
) -> tuple[np.ndarray, list[float]]:
    """Search by PatchMatch (Barnes et al. 2009): try the matches of neighbours, then positions near the best one.

    As in parallel versions of PatchMatch, all positions try the same neighbour at once, by jumps, so that the result
    does not depend on the order of computation.

    Args:
      a, b: maps [rows, cols, channels] float32, in any two sizes.
      start: the first field.
      patch_size: rows and columns of a patch, odd.
      radius: of the random search, halved down to 1.
      seed: of the random search.

    Returns:
      The field, and its mean energy at the start and after each iteration, which never rises.
    """
    matches, rng = _BestMatches(a, b, start, patch_size), np.random.RandomState(seed)
    history = [matches.mean_energy]
    for _ in range(ITERATIONS):
        for jump in JUMPS:
            for step in ((-jump, 0), (0, -jump), (jump, 0), (0, jump)):
                matches.propagate(step)
        reach = radius
        while reach >= 1:
            matches.shift(rng.randint(-reach, reach + 1, start.shape))
            reach //= 2
        history.append(matches.mean_energy)
    return matches.field, history


def mean_energy(a: np.ndarray, b: np.ndarray, field: np.ndarray, patch_size: int) -> float:
    """Compute the mean energy of a field, see `search`."""
    return _BestMatches(a, b, field, patch_size).mean_energy


class _BestMatches:
    """The best match of each position so far."""

    def __init__(self, a: np.ndarray, b: np.ndarray, start: np.ndarray, patch_size: int):
        self._a, self._b, self._patch_size = a, b, patch_size
        self.field = np.array(start, np.int32, order="C")
        self._positions = np.indices(start.shape[:2], np.int32).reshape(2, -1).T.copy()
        self._energies = self._compare(self._positions, self.field.reshape(-1, 2))

    @property
    def mean_energy(self) -> float:
        """The mean energy of the field."""
        return float(self._energies.mean(dtype=np.float64))

    def propagate(self, step: tuple[int, int]) -> None:
        """Try the match of the neighbour `step` away, moved back by the step."""
        positions, neighbours = shifted_slices(step, self.field.shape[:2])
        candidates = self.field.copy()
        candidates[positions] = self.field[neighbours] - np.array(step, np.int32)
        self._keep_better(candidates)

    def shift(self, offsets: np.ndarray) -> None:
        """Try the matches moved by `offsets` [rows, cols, 2]."""
        last = np.array(self._b.shape[:2]) - 1
        self._keep_better(np.clip(self.field + offsets, 0, last).astype(np.int32))

    def _keep_better(self, candidates: np.ndarray) -> None:
        """Keep the candidates [rows, cols, 2] that are better and lie inside the map."""
        flat, best = candidates.reshape(-1, 2), self.field.reshape(-1, 2)
        inside = ((flat >= 0) & (flat < self._b.shape[:2])).all(-1)
        tried = np.flatnonzero(inside & (flat != best).any(-1))
        new_energies = self._compare(self._positions[tried], flat[tried])
        better = new_energies < self._energies[tried] - MARGIN
        kept = tried[better]
        best[kept] = flat[kept]
        self._energies[kept] = new_energies[better]

    def _compare(self, positions: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        return energies(self._a, self._b, positions, candidates, self._patch_size)


def search_exactly(a: np.ndarray, b: np.ndarray, start: np.ndarray, patch_size: int) -> tuple[np.ndarray, list[float]]:
    """Search as `search` does, by comparing all pairs: one matrix product, added up over patches.

    Positions where nothing is better keep their match of `start`.
    """
    reach, shape = patch_size // 2, (*a.shape[:2], *b.shape[:2])
    products = (a.reshape(-1, a.shape[-1]) @ b.reshape(-1, b.shape[-1]).T).reshape(shape)
    total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for offset in np.ndindex(patch_size, patch_size):
        pairs, shifted = shifted_slices(np.array(offset * 2) - reach, shape)
        total[pairs] += products[shifted]
        count[pairs] += 1
    all_energies = (-total / count).reshape(-1, shape[2] * shape[3])
    rows = np.arange(len(all_energies))
    before = np.ravel_multi_index(start.reshape(-1, 2).T, shape[2:])
    best = all_energies.argmin(1)
    best = np.where(all_energies[rows, best] < all_energies[rows, before] - MARGIN, best, before)
    field = np.stack(np.unravel_index(best, shape[2:]), axis=-1).reshape(start.shape).astype(np.int32)
    history = [float(all_energies[rows, matches].mean(dtype=np.float64)) for matches in (before, best)]
    return field, history

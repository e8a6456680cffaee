"""The search for the best field from a source to a target, see `fields`: PatchMatch, and exact search."""

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
"""Number of pairs of positions up to which all are compared; that takes 0.3 GB."""


def normalize(features: np.ndarray) -> np.ndarray:
    """Divide each position's vector, of features [rows, cols, channels], by its length; zero stays zero."""
    length = np.sqrt(np.einsum("ijc,ijc->ij", features, features))[..., np.newaxis]
    return features / np.where(length > 0, length, 1)


def search(
    source: np.ndarray, target: np.ndarray, start: np.ndarray, patch_size: int, radius: int, seed: list[int]
) -> tuple[np.ndarray, list[float]]:
    """Search by PatchMatch (Barnes et al. 2009): try the matches of neighbours, then positions near the best one.

    As in parallel versions of PatchMatch, all positions try the same neighbour at once, by jumps, so that the result
    does not depend on the order of computation.

    Args:
      source, target: normalised features [rows, cols, channels] float32, in any two sizes.
      start: the first field, [rows, cols, 2] int32; all its positions are inside the target.
      patch_size: rows and columns of a patch, odd.
      radius: of the random search, halved down to 1.
      seed: of the random search.

    Returns:
      The field, and its mean energy at the start and after each iteration, which never rises; see `energies.energies`.
    """
    matches, rng = _BestMatches(source, target, start, patch_size), np.random.RandomState(seed)
    history = [matches.mean_energy]
    for _ in range(ITERATIONS):
        for jump in JUMPS:
            for along_axes in ((-jump, 0), (0, -jump), (jump, 0), (0, jump)):
                matches.try_neighbours(along_axes)
        reach = radius
        while reach >= 1:
            matches.try_offsets(rng.randint(-reach, reach + 1, start.shape))
            reach //= 2
        history.append(matches.mean_energy)
    return matches.field, history


def mean_energy(source: np.ndarray, target: np.ndarray, field: np.ndarray, patch_size: int) -> float:
    """Compute the mean energy of a field, see `energies.energies`."""
    return _BestMatches(source, target, field, patch_size).mean_energy


class _BestMatches:
    """The best match of each position so far."""

    def __init__(self, source: np.ndarray, target: np.ndarray, start: np.ndarray, patch_size: int):
        self._source, self._target, self._patch_size = source, target, patch_size
        self.field = np.array(start, np.int32, order="C")  # so that `_keep_better` can write to a flat view
        self._positions = np.indices(start.shape[:2], np.int32).reshape(2, -1).T.copy()
        self._energies = self._compare(self._positions, self.field.reshape(-1, 2))

    @property
    def mean_energy(self) -> float:
        """The mean energy of the field."""
        return float(self._energies.mean(dtype=np.float64))

    def try_neighbours(self, jump: tuple[int, int]) -> None:
        """Try the match of the neighbour `jump` away, moved back by the jump."""
        positions, neighbours = shifted_slices(jump, self.field.shape[:2])
        candidates = self.field.copy()
        candidates[positions] = self.field[neighbours] - np.array(jump, np.int32)
        self._keep_better(candidates)

    def try_offsets(self, offsets: np.ndarray) -> None:
        """Try the matches moved by `offsets` [rows, cols, 2]."""
        last = np.array(self._target.shape[:2]) - 1
        self._keep_better(np.clip(self.field + offsets, 0, last).astype(np.int32))

    def _keep_better(self, candidates: np.ndarray) -> None:
        """Keep the candidates [rows, cols, 2] that are better and lie inside the target."""
        flat, best = candidates.reshape(-1, 2), self.field.reshape(-1, 2)
        inside = ((flat >= 0) & (flat < self._target.shape[:2])).all(-1)
        tried = np.flatnonzero(inside & (flat != best).any(-1))
        new_energies = self._compare(self._positions[tried], flat[tried])
        better = new_energies < self._energies[tried] - MARGIN
        kept = tried[better]
        best[kept] = flat[kept]
        self._energies[kept] = new_energies[better]

    def _compare(self, positions: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        return energies(self._source, self._target, positions, candidates, self._patch_size)


def search_exactly(
    source: np.ndarray, target: np.ndarray, start: np.ndarray, patch_size: int
) -> tuple[np.ndarray, list[float]]:
    """Find the best match of every position by comparing all pairs: one matrix product, added up over patches.

    Args:
      source, target, start, patch_size: see `search`. Positions where nothing is better keep their match of `start`.

    Returns:
      The field, and its mean energy at the start and at the end.
    """
    reach, shape = patch_size // 2, (*source.shape[:2], *target.shape[:2])
    products = (source.reshape(-1, source.shape[-1]) @ target.reshape(-1, target.shape[-1]).T).reshape(shape)
    total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for row, col in np.ndindex(patch_size, patch_size):
        shift = np.array((row, col, row, col)) - reach  # the same one in source and target
        pairs, shifted = shifted_slices(shift, shape)
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

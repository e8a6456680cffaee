"""How well patches of two maps agree: the one place where the search for correspondence computes."""

import functools
import importlib.util
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

CHUNK = 4096
"""Pairs that NumPy compares at a time, so that they stay in the processor's cache."""
_ONE_AT_A_TIME = threading.Lock()
"""numba's own pool of threads may be entered by one thread only."""


def energies(a: np.ndarray, b: np.ndarray, at: np.ndarray, candidates: np.ndarray, patch_size: int) -> np.ndarray:
    """The energy of pairs of patches: minus the mean inner product over the offsets that lie within both maps.

    For unit vectors of image and look side by side this orders pairs as the paper's sum of squared distances does
    (Liao et al. 2017, eq. 4), since |u - v|^2 = 2 - 2 u v.

    Args:
      a, b: maps [rows, cols, channels] float32, each in its own size.
      at: positions in `a` [pairs, 2], row and column.
      candidates: positions in `b` [pairs, 2].
      patch_size: rows and columns of a patch, odd.

    Returns:
      [pairs] float32; the same for any number of threads.
    """
    if has_numba():
        with _ONE_AT_A_TIME:
            return _compiled()(a, b, at, candidates, patch_size // 2)
    return by_numpy(a, b, at, candidates, patch_size)


def has_numba() -> bool:
    """Whether numba, which takes a few times less long, is installed."""
    return importlib.util.find_spec("numba") is not None


def by_numpy(a: np.ndarray, b: np.ndarray, at: np.ndarray, candidates: np.ndarray, patch_size: int) -> np.ndarray:
    """`energies` without numba."""
    reach, found = patch_size // 2, np.empty(len(at), np.float32)
    for begin in range(0, len(at), CHUNK):
        part = slice(begin, begin + CHUNK)
        total, count = np.zeros(len(at[part]), np.float32), np.zeros(len(at[part]), np.float32)
        for offset in np.ndindex(patch_size, patch_size):
            p, q = at[part] + offset - reach, candidates[part] + offset - reach
            inside = np.flatnonzero(_within(p, a) & _within(q, b))
            (p_rows, p_cols), (q_rows, q_cols) = p[inside].T, q[inside].T
            total[inside] += np.einsum("pc,pc->p", a[p_rows, p_cols], b[q_rows, q_cols])
            count[inside] += 1
        found[part] = -total / count
    return found


def _within(places: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Which positions [pairs, 2] lie in maps [rows, cols, channels]."""
    return ((places >= 0) & (places < maps.shape[:2])).all(-1)


@functools.cache
def _compiled() -> Callable:
    import numba  # takes half a second, and methods that match nothing need it not

    @numba.njit(parallel=True, fastmath=True)
    def compute(a: Any, b: Any, at: Any, candidates: Any, reach: Any) -> np.ndarray:
        found = np.empty(len(at), np.float32)
        for pair in numba.prange(len(at)):
            total, count = np.float32(0), 0
            for down in range(-reach, reach + 1):
                for right in range(-reach, reach + 1):
                    i, j = at[pair, 0] + down, at[pair, 1] + right
                    k, m = candidates[pair, 0] + down, candidates[pair, 1] + right
                    in_a = 0 <= i < a.shape[0] and 0 <= j < a.shape[1]
                    if in_a and 0 <= k < b.shape[0] and 0 <= m < b.shape[1]:
                        product = np.float32(0)
                        for channel in range(a.shape[2]):
                            product += a[i, j, channel] * b[k, m, channel]
                        total += product
                        count += 1
            found[pair] = -total / count
        return found

    return compute

"""The energy of pairs of patches: the only heavy computation of PatchMatch."""

import functools
import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

CHUNK = 4096
"""Pairs that a thread compares at a time; their features fit into the processor's cache."""


def energies(a: np.ndarray, b: np.ndarray, at: np.ndarray, candidates: np.ndarray, patch_size: int) -> np.ndarray:
    """Compute the energy of pairs of patches: minus the mean inner product over offsets inside both maps.

    For unit vectors it orders pairs as the squared distance of Liao et al. 2017 does, since |u - v|^2 = 2 - 2 u v.

    Args:
      a, b: maps [rows, cols, channels] float32, in any two sizes.
      at: positions in `a` [pairs, 2], row and column; inside the map.
      candidates: positions in `b` [pairs, 2], likewise.
      patch_size: rows and columns of a patch, odd.

    Returns:
      [pairs] float32; the same for any number of threads.
    """
    compute = _compiled() if has_numba() else by_numpy

    def compute_chunk(start: int) -> np.ndarray:
        pairs = slice(start, start + CHUNK)
        return compute(a, b, at[pairs], candidates[pairs], patch_size)

    # Not numba's own threads: beside TensorFlow's they need about 15 ms per call, more than most calls take.
    map_chunks = map if len(at) <= CHUNK else _threads().map
    return np.concatenate([np.empty(0, np.float32), *map_chunks(compute_chunk, range(0, len(at), CHUNK))])


def has_numba() -> bool:
    """Return whether numba is installed, which makes `energies` faster."""
    return importlib.util.find_spec("numba") is not None


def by_numpy(a: np.ndarray, b: np.ndarray, at: np.ndarray, candidates: np.ndarray, patch_size: int) -> np.ndarray:
    """Compute `energies` without numba, in one thread."""
    total, count = np.zeros(len(at), np.float32), np.zeros(len(at), np.float32)
    for offset in np.ndindex(patch_size, patch_size):
        p, q = (places + np.array(offset) - patch_size // 2 for places in (at, candidates))
        inside = np.flatnonzero(_within(p, a) & _within(q, b))
        (p_rows, p_cols), (q_rows, q_cols) = p[inside].T, q[inside].T
        total[inside] += np.einsum("pc,pc->p", a[p_rows, p_cols], b[q_rows, q_cols])
        count[inside] += 1
    return -total / count


def _within(places: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Whether each of the positions [pairs, 2] lies inside maps [rows, cols, channels]."""
    return np.all((places >= 0) & (places < maps.shape[:2]), axis=-1)


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """A pool with one thread for each core that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # only Linux has it
    return ThreadPoolExecutor(len(affinity(0)) if affinity else os.cpu_count())


@functools.cache
def _compiled() -> Callable:
    """The computation of `by_numpy` once more, as loops that numba compiles. Threads run it in parallel."""
    import numba  # takes half a second, and other methods don't need it

    @numba.njit(nogil=True, fastmath=True)
    def compute(a: Any, b: Any, at: Any, candidates: Any, patch_size: Any) -> np.ndarray:
        results, reach = np.empty(len(at), np.float32), patch_size // 2
        for pair in range(len(at)):
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
            results[pair] = -total / count
        return results

    return compute

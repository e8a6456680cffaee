"""How well patches of two maps agree: the one place where the search for correspondence computes."""

import functools
import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

CHUNK = 4096
"""Pairs that a thread compares at a time; what NumPy gathers for them stays in the processor's cache."""


def energies(a: np.ndarray, b: np.ndarray, at: np.ndarray, candidates: np.ndarray, patch_size: int) -> np.ndarray:
    """The energy of pairs of patches: minus the mean inner product over the offsets that lie within both maps.

    For unit vectors of image and look side by side this orders pairs as the squared distances of Liao et al. 2017 do,
    since |u - v|^2 = 2 - 2 u v.

    Args:
      a, b: maps [rows, cols, channels] float32, each in its own size.
      at: positions in `a` [pairs, 2], row and column.
      candidates: positions in `b` [pairs, 2].
      patch_size: rows and columns of a patch, odd.

    Returns:
      [pairs] float32; the same for any number of threads.
    """
    compute = _compiled() if has_numba() else by_numpy

    def part(begin: int) -> np.ndarray:
        pairs = slice(begin, begin + CHUNK)
        return compute(a, b, at[pairs], candidates[pairs], patch_size)

    # numba's own threads need some 15 ms a call beside TensorFlow's, which is more than most calls take.
    run = map if len(at) <= CHUNK else _threads().map
    return np.concatenate([np.empty(0, np.float32), *run(part, range(0, len(at), CHUNK))])


def has_numba() -> bool:
    """Whether numba is installed, with which the same takes less long."""
    return importlib.util.find_spec("numba") is not None


def by_numpy(a: np.ndarray, b: np.ndarray, at: np.ndarray, candidates: np.ndarray, patch_size: int) -> np.ndarray:
    """`energies` without numba, in one thread."""
    total, count = np.zeros(len(at), np.float32), np.zeros(len(at), np.float32)
    for offset in np.ndindex(patch_size, patch_size):
        p, q = (places + np.array(offset) - patch_size // 2 for places in (at, candidates))
        inside = np.flatnonzero(_within(p, a) & _within(q, b))
        (p_rows, p_cols), (q_rows, q_cols) = p[inside].T, q[inside].T
        total[inside] += np.einsum("pc,pc->p", a[p_rows, p_cols], b[q_rows, q_cols])
        count[inside] += 1
    return -total / count


def _within(places: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Which positions [pairs, 2] lie in maps [rows, cols, channels]."""
    return ((places >= 0) & (places < maps.shape[:2])).all(-1)


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """One for each core that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return ThreadPoolExecutor(len(affinity(0)) if affinity else os.cpu_count())


@functools.cache
def _compiled() -> Callable:
    """`by_numpy`, compiled; it lets other threads run meanwhile."""
    import numba  # takes half a second, and methods that match nothing need it not

    @numba.njit(nogil=True, fastmath=True)
    def compute(a: Any, b: Any, at: Any, candidates: Any, patch_size: Any) -> np.ndarray:
        found, reach = np.empty(len(at), np.float32), patch_size // 2
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
            found[pair] = -total / count
        return found

    return compute

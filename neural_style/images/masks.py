"""Where the photograph stays as it is: the image as a blend of the content and of what is optimised."""

from collections.abc import Callable

import numpy as np


def blend(content: np.ndarray, painted: np.ndarray, keep: np.ndarray | None) -> np.ndarray:
    """`painted` where the mask is 1, `content` where it is 0.

    Args:
      content, painted: [rows, cols, 3].
      keep: [rows, cols] in 0..1; None is 1 everywhere.
    """
    return painted if keep is None else content + keep[..., np.newaxis] * (painted - content)


def through(objective: Callable, content: np.ndarray, keep: np.ndarray | None) -> Callable:
    """`objective` of the blend, as a function of what is painted: its gradient is masked (the chain rule)."""
    if keep is None:
        return objective

    def of_painted(painted: np.ndarray):
        loss, gradient, terms = objective(blend(content, painted, keep))
        return loss, gradient * keep[..., np.newaxis], terms

    return of_painted

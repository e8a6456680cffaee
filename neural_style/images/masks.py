"""Where the photograph stays as it is: the image as a blend of the content and of what is optimised."""

from collections.abc import Callable

import numpy as np


def blend(content: np.ndarray, painted: np.ndarray, paint_mask: np.ndarray | None) -> np.ndarray:
    """`painted` where the mask is 1, `content` where it is 0.

    Args:
      content, painted: [rows, cols, 3].
      paint_mask: [rows, cols] in 0..1; None is 1 everywhere.
    """
    return painted if paint_mask is None else content + paint_mask[..., np.newaxis] * (painted - content)


def wrap_objective(objective: Callable, content: np.ndarray, paint_mask: np.ndarray | None) -> Callable:
    """`objective` of the blend, as a function of what is painted: its gradient is masked (the chain rule)."""
    if paint_mask is None:
        return objective

    def of_painted(painted: np.ndarray):
        loss, gradient, terms = objective(blend(content, painted, paint_mask))
        return loss, gradient * paint_mask[..., np.newaxis], terms

    return of_painted

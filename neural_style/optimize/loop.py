"""The loop, as a generator: it prints nothing and writes no file."""

import time
from collections.abc import Iterator

import numpy as np

from neural_style.core.step import Step
from neural_style.optimize.evaluator import Evaluator
from neural_style.optimize.optimizers import Optimizer


def transfer(
    evaluator: Evaluator, optimizer: Optimizer, image: np.ndarray, iterations: int, first: int = 0
) -> Iterator[Step]:
    """Optimises `image`.

    Args:
      evaluator: of the objective.
      optimizer: whose `step` is one iteration.
      image: RGB [rows, cols, 3] in 0..255.
      iterations: the index of the last step.
      first: the index of the step that `image` is; 0 for the start.

    Yields:
      `image` as step `first`, then each iteration.
    """
    x = image.astype(np.float64).reshape(-1)
    for index in range(first, iterations + 1):
        began, before = time.perf_counter(), evaluator.evaluations
        if index > first:
            moved = optimizer.step(evaluator, x)
            if np.array_equal(moved, x) and evaluator.refine():
                # Coarse arithmetic's noise hides what is lower; the finer one sees it.
                moved = optimizer.step(evaluator, x)
            x = moved
        reached = evaluator.at(x)
        yield Step(
            index,
            x.reshape(image.shape).astype(np.float32),
            reached.loss,
            reached.terms,
            float(np.linalg.norm(reached.gradient)),
            tuple(evaluator.losses[before:]),
            time.perf_counter() - began,
        )

"""The optimisation loop, as a generator: it prints nothing and writes no file."""

import time
from collections.abc import Iterator

import numpy as np

from neural_style.core.step import Step
from neural_style.optimize.evaluator import Evaluator
from neural_style.optimize.optimizers import Optimizer


def optimize_image(
    evaluator: Evaluator, optimizer: Optimizer, image: np.ndarray, iterations: int, first: int = 0
) -> Iterator[Step]:
    """Optimise `image`.

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
        start_time = time.perf_counter()
        evaluations_before = evaluator.evaluations
        if index > first:
            x = _move(evaluator, optimizer, x)
        evaluation = evaluator.at(x)
        yield Step(
            index,
            x.reshape(image.shape).astype(np.float32),
            evaluation.loss,
            evaluation.terms,
            float(np.linalg.norm(evaluation.gradient)),
            tuple(evaluator.losses[evaluations_before:]),
            time.perf_counter() - start_time,
        )


def _move(evaluator: Evaluator, optimizer: Optimizer, x: np.ndarray) -> np.ndarray:
    """One iteration. If it finds nothing lower, a finer precision may: the noise of a coarse one hides small gains."""
    moved = optimizer.step(evaluator, x)
    if np.array_equal(moved, x) and evaluator.switch_to_float32():
        moved = optimizer.step(evaluator, x)
    return moved

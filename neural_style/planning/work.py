"""How much of a run is done: evaluations of the loss, each counted by the megapixels of its scale."""

from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.core.step import Step
from neural_style.planning.plan import Plan


class Work:
    """Counts the evaluations of a run over all scales.

    Attributes:
      done, left: evaluations, each times the megapixels of its scale.
    """

    def __init__(self, plan: Plan, scales: Sequence[Mapping[str, Any]] = ()):
        """
        Args:
          plan: of the run.
          scales: what the record holds of each scale ("iterations", "losses"), where the run resumes; else empty.
        """
        self._plan = plan
        complete_scales, evaluations_done = _resume_point(plan, scales)
        self._scale = min(complete_scales, len(plan.sizes) - 1)
        self.done = sum(map(self._work_of, range(complete_scales))) + evaluations_done * self._megapixels
        self.left = max(0.0, sum(map(self._work_of, range(len(plan.sizes)))) - self.done)

    def count(self) -> float:
        """Count an evaluation; return its megapixels."""
        self.done += self._megapixels
        self.left = max(0.0, self.left - self._megapixels)
        return self._megapixels

    def take(self, step: Step) -> None:
        """Correct what is left after an iteration: line searches may need more evaluations than planned, or fewer."""
        self._scale = min(step.scale, len(self._plan.sizes) - 1)
        evaluations_left = step.iterations_left * self._plan.evaluations_over_both_images
        later = range(self._scale + 1, len(self._plan.sizes))
        self.left = evaluations_left * self._megapixels + sum(map(self._work_of, later))
        if not step.iterations_left and step.scales_left:
            self._scale += 1

    @property
    def share(self) -> float:
        """The share that is done, 0..1."""
        return self.done / (self.done + self.left) if self.done else 0.0

    @property
    def size_text(self) -> str:
        """How wide the picture is at this scale; with its height, a bar would not fit 80 columns."""
        _, cols = self._plan.sizes[self._scale]
        return f"{cols} wide"

    @property
    def _megapixels(self) -> float:
        rows, cols = self._plan.sizes[self._scale]
        return rows * cols / 1e6

    def _work_of(self, scale: int) -> float:
        """Return how much a scale costs; its start is evaluated too."""
        rows, cols = self._plan.sizes[scale]
        return (1 + self._plan.iterations[scale] * self._plan.evaluations_over_both_images) * rows * cols / 1e6


def _resume_point(plan: Plan, scales: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return how many scales are complete, and how many evaluations the next one has had."""
    if not scales:
        return 0, 0
    last = len(scales) - 1
    if len(scales[last]["iterations"]) == plan.iterations[last]:
        return len(scales), 0
    return last, len(scales[last]["losses"])

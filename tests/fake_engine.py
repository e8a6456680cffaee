"""An engine without a network: its runs fade the photograph, for tests of all that surrounds painting."""

import numpy as np

from neural_style.core.step import Step
from neural_style.images import geometry


class Killed(BaseException):
    """Ends a run as SIGKILL does: nothing is written after it."""


class FakeEngine:
    """Makes runs whose steps take no time."""

    def __init__(self, on_step=lambda step: None, killed_after=None):
        """
        Args:
          on_step: called with each Step before it is yielded.
          killed_after: the number of steps after which a run is killed; None lets it end.
        """
        self.on_step, self.killed_after = on_step, killed_after

    def run(self, inputs, plan, resumed=None, watch=None):
        """See `Engine.run`."""
        return FakeRun(self, inputs, plan, resumed, watch)


class FakeRun:
    """Yields the start and each iteration of each scale, and resumes from a state, as a real run does."""

    def __init__(self, engine, inputs, plan, resumed, watch):
        self.content, self.sizes, self.iterations = inputs.content, plan.sizes, plan.iterations
        self.resumed, self.watch = resumed or {"scale": 0}, watch or (lambda step: None)
        self.on_step, self.killed_after = engine.on_step, engine.killed_after
        self.last = None

    def steps(self):
        """All steps that are left; raises Killed where the run is killed."""
        for number, step in enumerate(self._steps_left()):
            if number == self.killed_after:
                raise Killed
            self.on_step(step)
            self.watch(step)
            self.last = step.image
            yield step
        if self.killed_after is not None:
            raise Killed

    def best(self):
        """The last image; None before any."""
        if self.killed_after is not None:
            raise Killed
        return self.last

    def result(self):
        """The last image, also where a resumed run had nothing left to do."""
        scale = len(self.sizes) - 1
        return self._image(scale, self.iterations[scale]) if self.last is None else self.last

    def _steps_left(self):
        done = self.resumed["session"]["index"] if "session" in self.resumed else -1
        for scale, count in enumerate(self.iterations):
            first = 0 if scale > self.resumed["scale"] else done + 1
            if scale >= self.resumed["scale"]:
                yield from (self._step(scale, index, count - index) for index in range(first, count + 1))

    def _step(self, scale, index, iterations_left):
        terms = {"content/block5_conv2": 5.0 * (index > 0), "style/block1_conv1": 100.0 / (1 + index)}
        loss = sum(terms.values())
        return Step(
            index=index,
            image=self._image(scale, index),
            loss=loss,
            layers=terms,
            gradient_norm=1.0,
            losses=(loss,) * (2 if index else 1),
            seconds=0.001,
            scale=scale,
            iterations_left=iterations_left,
            scales_left=len(self.sizes) - 1 - scale,
            facts={"device": "fake", "precision": "float32", "tile": None, "weights": "random"},
            state=lambda: {"index": index},
        )

    def _image(self, scale, index):
        """The photograph, somewhat paler with each step."""
        content = geometry.resize(self.content, *self.sizes[scale])
        return (content + 10.0 * (1 + scale + index)).astype(np.float32)

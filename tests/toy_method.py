"""A method as small as one can be: the photograph's negative."""

import time

import numpy as np

from neural_style.core.step import Step
from neural_style.images.scene_building import build_scene


class Run:
    """See `neural_style.core.run.Run`."""

    def __init__(self, inputs, plan, tools, resumed=None):
        self._scene = build_scene(inputs, plan.settings, plan.result_size)
        self._image = self._scene.start

    def steps(self):
        start = time.perf_counter()
        yield Step(0, self._image, 0.0, {}, 0.0, (), 0.0, iterations_left=1)
        self._image = np.float32(255) - self._scene.content
        yield Step(1, self._image, 0.0, {}, 0.0, (), time.perf_counter() - start)

    def best(self):
        return self._image

    def result(self):
        return self._image

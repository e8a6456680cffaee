"""The engine: from images and settings to Steps, with networks and traces kept from run to run."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from neural_style.analogy.run import Run as AnalogyRun
from neural_style.core.cache import Cache
from neural_style.core.step import Step
from neural_style.feedforward import litert
from neural_style.feedforward.one_pass import OnePassRun
from neural_style.feedforward.run import ArbitraryRun
from neural_style.feedforward.run import Run as FeedforwardRun
from neural_style.images import geometry, inputs, reading, writing
from neural_style.images.inputs import Sources
from neural_style.images.reading import Picture
from neural_style.optimize import tiled_objective
from neural_style.optimize.evaluator import Watch
from neural_style.optimize.run import Run, Tiled
from neural_style.planning import device, memory
from neural_style.settings import vgg_layers
from neural_style.settings.settings import Settings
from neural_style.universal.run import Run as UniversalRun
from neural_style.vgg import adaptation, model, weights
from neural_style.video.clip import Clip
from neural_style.video.film import Film

MEMORY = 2e9
"""Bytes of weights, networks and traces that an engine keeps."""


class Engine:
    """Makes runs, and keeps what the next one can use.

    It may be called from any thread; one run at a time is carried out, by the thread that began it, and a second one
    waits: a run whose `steps` are not taken to their end is to be closed (`steps.close()`).
    """

    def __init__(self, memory: float = MEMORY, tiled: Tiled = tiled_objective.make_tiled_objective):
        """
        Args:
          memory: bytes of weights, networks and traces to keep at most.
          tiled: makes the objective of an image that is taken tile by tile.
        """
        self.cache, self._tiled = Cache(memory), tiled

    @property
    def traces(self) -> int:
        """How often the objectives that are kept were traced: each once for each size of picture."""
        return sum(getattr(item, "traces", 0) for item in self.cache.items())

    def run(
        self,
        given: Sources,
        resumed: Mapping[str, Any] | None = None,
        watch: Watch | None = None,
    ) -> "Run | UniversalRun | AnalogyRun | FeedforwardRun | _Refined":
        """A run, to be carried out by its `steps`.

        Args:
          given: the images, with their settings.
          resumed: the "scale" and "session" (`Step.state`) to go on from.
          watch: called after each evaluation, between two Steps.
        """
        settings = given.settings
        if settings.is_analogy:
            return AnalogyRun(given, self.cache, resumed, watch)
        quick = litert.run_of(given, self.cache)
        if quick:
            return quick
        if settings.is_feedforward:
            return FeedforwardRun(given, self.cache)
        if settings.is_arbitrary:
            return ArbitraryRun(given, self.cache)
        if not settings.universal.optimizes:
            return UniversalRun(given, self.cache, resumed)
        optimize = functools.partial(Run, cache=self.cache, watch=watch, tiled=self._tiled)
        if resumed or isinstance(given.start, np.ndarray):  # a start of another method is behind it
            return optimize(given, resumed=resumed)
        if settings.universal.decodes:
            picture = dataclasses.replace(settings.picture, init_blend=0.0)  # it is in the decoded picture already
            optimized = dataclasses.replace(given, settings=dataclasses.replace(settings, picture=picture))
            return _Refined(optimized, UniversalRun(given, self.cache), optimize)
        if settings.picture.starts_instant:
            instant = dataclasses.replace(given, settings=settings.instant())
            first = litert.run_of(instant, self.cache) or ArbitraryRun(instant, self.cache)
            return _Refined(given, first, optimize)
        return optimize(given)

    def film(self, clip: Clip, given: Sources, folder: Path, watch: Watch | None = None) -> Film:
        """A film, to be painted by its `frames`.

        Args:
          clip: the film.
          given: the images and settings of its first frame.
          folder: keeps the painted frames.
          watch: called after each evaluation.
        """
        return Film(clip, given, folder, lambda each: self.run(each, watch=watch))

    def steps(self, content: Picture, styles: Sequence[Picture], settings: Settings) -> Iterator[Step]:
        """Paints `content` in the manner of `styles`: the start, then each iteration, scale by scale.

        Args:
          content: the photograph: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
          styles: the paintings, likewise.
          settings: of the run.

        Raises:
          UserError: what is asked for can't be done.
        """
        return self.run(inputs.read(content, styles, settings)).steps()


class _Refined:
    """A run that optimises another method's picture."""

    def __init__(self, given: Sources, first: UniversalRun | OnePassRun, optimize: Callable[[Sources], Run]):
        """
        Args:
          given: the images and settings of the optimisation.
          first: paints the picture that it starts from.
          optimize: makes the run of images whose `start` is that picture.
        """
        self._given, self._first, self._optimize = given, first, optimize
        self._run: Run | None = None

    def steps(self) -> Iterator[Step]:
        """The steps of the optimisation; see `Run.steps`."""
        *_, painted = self._first.steps()
        start = writing.to_image(painted.image, denoise=0)
        self._run = self._optimize(dataclasses.replace(self._given, start=start))
        yield from self._run.steps()

    def best(self) -> np.ndarray | None:
        """See `Run.best`."""
        return self._run and self._run.best()

    def result(self) -> np.ndarray:
        """See `Run.result`."""
        return self._run.result()


def features(picture: Picture, layers: Sequence[str], **given: Any) -> dict[str, np.ndarray]:
    """What the network makes of an image.

    Args:
      picture: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
      layers: convolutions by Keras' names, such as "block4_conv2".
      **given: settings by name; those of the network and of the picture's size count.

    Returns:
      By layer [rows / stride, cols / stride, filters] float32, and "image" [rows, cols, 3].

    Raises:
      UserError: the image, a layer or the weights can't be had.
    """
    settings = Settings.read(**{**given, "content_layers": layers})
    how, seed, wanted = settings.network, settings.picture.seed, settings.loss.content_layers
    read = reading.load(picture, settings.picture.largest_image)
    rows, cols = geometry.size_of(read, settings.picture.rows, settings.picture.cols)
    vgg_layers.check_size(rows, cols, settings.loss.min_side, "the image")
    precision = device.resolve_precision(how.precision)
    memory.check_forward(rows, cols, precision, settings)
    image = geometry.resize(read, rows, cols, settings.picture.resample)
    _, kernels = weights.resolve(how, seed)
    kernels = adaptation.adapt_weights(how, kernels, [image], seed, wanted)
    built = model.build(how, kernels, wanted, precision)
    found = built(image[np.newaxis].astype(np.float64))
    return {name: tf.cast(maps[0], tf.float32).numpy() for name, maps in found.items()}

"""From images to a painting: what the command line and Python share."""

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.step import Step
from neural_style.feedforward import litert
from neural_style.images import inputs, writing
from neural_style.images.inputs import Sources
from neural_style.images.reading import Picture
from neural_style.planning import device, memory
from neural_style.planning.plan import plan
from neural_style.pretrained import style_networks
from neural_style.results.record import Record, header
from neural_style.settings.settings import Settings
from neural_style.vgg import weights

if TYPE_CHECKING:
    from neural_style.engine import Engine
    from neural_style.feedforward.one_pass import OnePassRun
    from neural_style.optimize.evaluator import Watch
    from neural_style.optimize.run import Run


def check(given: Sources) -> None:
    """Raises a UserError where a run's weights can't be had or where it does not fit into memory.

    The engine would tell the same, but seconds later: it has nothing to say once TensorFlow is loaded.
    """
    if "tensorflow" in sys.modules or given.settings.is_feedforward or given.settings.is_arbitrary:
        return
    settings = given.settings
    weights.check(settings.network)
    if device.can_have_gpu():
        return
    if settings.universal.optimizes or settings.is_analogy:
        plan(given)
    elif settings.optimizer.tile == "none":
        precision = device.resolve_precision(settings.network.precision)
        memory.check_forward(*given.sizes[-1], precision, settings, "--tile=auto, or fewer rows")


def run_of(
    given: Sources,
    engine: "Callable[[], Engine]",
    cache: Cache | None,
    resumed: Mapping[str, Any] | None = None,
    watch: "Watch | None" = None,
) -> "Run | OnePassRun":
    """A run of images and settings, without the engine (and TensorFlow) where it can do without.

    Args:
      given: the images and settings.
      engine: makes the engine.
      cache: keeps what the next run without it can use; None leaves every run to the engine.
      resumed, watch: see `Engine.run`.
    """
    quick = None if cache is None else litert.run_of(given, cache)
    return quick or engine().run(given, resumed, watch)


class Follower(Protocol):
    """What follows a run."""

    def add(self, step: Step) -> None:
        """Takes a step."""

    def finish(self, result: np.ndarray) -> None:
        """The run is complete; `result` is its last image [rows, cols, 3]."""

    def break_off(self, best: np.ndarray | None, reason: str) -> None:
        """The run broke off; `best` [rows, cols, 3] is its image of the lowest loss, None before any."""


def follow(run: "Run", follower: Follower) -> None:
    """Carries out a run, to its end or to where an exception (Ctrl-C too) breaks it off."""
    finished = False
    try:
        for step in run.steps():
            follower.add(step)
        finished = True
        follower.finish(run.result())
    except BaseException as error:
        # A UserError of `finish` has the result written already, Ctrl-C may have come before it was.
        if not (finished and isinstance(error, UserError)):
            follower.break_off(run.best(), str(error) or type(error).__name__)
        raise


@dataclasses.dataclass(frozen=True)
class Painting:
    """What `stylize` returns; it unpacks as (image, record).

    Attributes:
      image: the result, 8-bit RGB, with the photograph's EXIF and ICC profile in its `info`.
      record: what the command line writes as PREFIX.json.
      array: the result before it was clipped to 8 bits, RGB [rows, cols, 3] float32, about 0..255.
      companions: further images of the result by name, of a method that has any, see `Step`.
      fields: which position corresponds to which by direction, [rows, cols, 2] int32, likewise.
    """

    image: Image.Image
    record: dict[str, Any]
    array: np.ndarray
    companions: Mapping[str, Image.Image] = dataclasses.field(default_factory=dict)
    fields: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.image, self.record))

    def save(self, path: str | os.PathLike, quality: int = 95) -> None:
        """Writes the image with the photograph's EXIF data and colour profile, which Pillow's own `save` leaves out.

        Args:
          path: of a PNG, JPEG, WebP or TIFF file.
          quality: of JPEG and WebP, 1 to 100.

        Raises:
          UserError: the ending is none of these.
          OSError: the file can't be written.
        """
        if os.path.splitext(path)[1].lower() not in writing.FORMATS:
            raise UserError(f"Expected a path that ends in {', '.join(writing.FORMATS)}, received {str(path)!r}.")
        writing.save(path, writing.kind_of(path), self.image, quality, self.image.info)


class _InMemory:
    """Follows a run that writes no files."""

    def __init__(self, record: Record, callback: Callable[[Step], Any] | None):
        self.record, self.result, self._callback = record, None, callback
        self.last: Step | None = None

    def add(self, step: Step) -> None:
        """See `Follower`."""
        self.record.add(step)
        self.last = step
        if self._callback:
            self._callback(dataclasses.replace(step, image=step.image.copy()))

    def finish(self, result: np.ndarray) -> None:
        """See `Follower`."""
        self.result = result
        self.record.end(broken_off=None)

    def break_off(self, best: np.ndarray | None, reason: str) -> None:
        """See `Follower`."""


def stylize(
    content: Picture,
    styles: Picture | Sequence[Picture],
    /,
    *,
    callback: Callable[[Step], Any] | None = None,
    engine: "Engine | None" = None,
    recipe: str | None = None,
    **settings: Any,
) -> Painting:
    """Paints `content` in the manner of `styles`; writes no file.

    Args:
      content: the photograph: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
      styles: the painting, likewise, a list of several, or a trained network: the path of one, or the name of one that
        comes along.
      callback: called with each `Step`, the start's first; an exception that it raises ends the run.
      engine: keeps networks and traces for the next call; without one each call makes its own.
      recipe: the name of a recipe that the settings begin with.
      **settings: the command line's flags by name, such as rows=300, content_layers=["block4_conv2"]; None undoes what
        a recipe sets. Masks and `init` may be paths, Pillow images or arrays. Those about files have no effect.

    Returns:
      The result; `image, record = stylize(…)` takes what most want of it.

    Raises:
      UserError: what is asked for can't be done.
    """
    if not (callback is None or callable(callback)):
        raise UserError(f"Expected a function of a Step as callback, received a {type(callback).__name__}.")
    styles = list(styles) if isinstance(styles, list | tuple) else [styles]
    read = inputs.read(
        content, styles, Settings.read(recipe, **{**settings, **style_networks.method(styles, settings)})
    )
    check(read)

    def make_engine() -> "Engine":
        from neural_style.engine import Engine  # TensorFlow takes seconds, and not every picture needs it

        return engine or Engine()

    follower = _InMemory(Record(header(content, styles, ("", ""), read.settings)), callback)
    follow(run_of(read, make_engine, engine.cache if engine else Cache(0)), follower)
    array, last, denoise = follower.result.copy(), follower.last, read.settings.picture.denoise
    image = writing.to_image(array, denoise)
    image.info.update(read.content.info)
    companions = {name: writing.to_image(shown, denoise=0) for name, shown in last.companions.items()}
    return Painting(image, follower.record.as_dict(), array, companions, last.fields)

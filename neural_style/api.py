"""What Python calls: a picture, a film, or the features of an image."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.core.run import follow
from neural_style.core.step import Step
from neural_style.engine import Engine
from neural_style.images import geometry, reading, writing
from neural_style.images.inputs import Inputs
from neural_style.images.reading import Picture, Pictures
from neural_style.planning import device, memory
from neural_style.planning.plan import Plan, prepare, read_settings
from neural_style.results import measures
from neural_style.results.measures import Figures
from neural_style.results.record import Record, RunInfo
from neural_style.settings import vgg_layers
from neural_style.settings.settings import Settings

if TYPE_CHECKING:
    from neural_style.video.clip import Clip
    from neural_style.video.film import Frame

WHOLE: Mapping[str, Any] = {"scales": (), "scale_iterations": (), "margin": 0, "trim_frame": False}
"""Settings by which a picture is measured at once and as it is."""


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
        """Write the image with the photograph's EXIF data and colour profile.

        Pillow's own `save` leaves them out for some formats.

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


def stylize(
    content: Picture,
    styles: Pictures,
    /,
    *,
    callback: Callable[[Step], Any] | None = None,
    engine: Engine | None = None,
    recipe: str | None = None,
    **settings: Any,
) -> Painting:
    """Paints `content` in the manner of `styles`; writes no file.

    Args:
      content: the photograph: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
      styles: the painting, likewise, a list of several, or a trained network: its path, or the name of a bundled one.
      callback: called with each `Step`, the start's first; an exception that it raises ends the run.
      engine: keeps networks and traces for the next call; without one each call makes its own.
      recipe: the name of the recipe that the settings start from.
      **settings: the command line's flags by name, such as rows=300, content_layers=["block4_conv2"]; None restores the
        default where a recipe sets another value. Masks and `init` may be paths, Pillow images or arrays. Flags about
        files have no effect.

    Returns:
      The result; `image, record = stylize(…)` unpacks the two that most people want.

    Raises:
      UserError: what is asked for can't be done.
    """
    if not (callback is None or callable(callback)):
        raise UserError(f"Expected a function of a Step as callback, received a {type(callback).__name__}.")
    styles, read = _read_settings(styles, recipe, settings)
    inputs, plan = prepare(content, styles, read)
    follower = _InMemory(Record(RunInfo.of_run(content, styles, ("", ""), read)), callback)
    follow((engine or Engine()).run(inputs, plan), follower)
    last, denoise = follower.last, read.picture.denoise
    image = writing.to_image(follower.result, denoise)
    image.info.update(inputs.content.info)
    companions = {name: writing.to_image(companion, denoise=0) for name, companion in last.companions.items()}
    return Painting(image, follower.record.as_dict(), follower.result.copy(), companions, last.fields)


def stylize_film(
    clip: str,
    styles: Pictures,
    /,
    *,
    engine: Engine | None = None,
    recipe: str | None = None,
    **settings: Any,
) -> "Iterator[Frame]":
    """Paints a film in the manner of `styles`, frame by frame.

    Args:
      clip: the path of a film or of a folder of frames, or a pattern such as "frames/*.png".
      styles: the painting: a path, a Pillow image or an array, a list of several, or a trained network.
      engine: keeps networks and traces for the next call.
      recipe: the name of the recipe that the settings start from.
      **settings: the command line's flags by name.

    Returns:
      An iterator over the frames of the last pass, each as soon as it is painted: `frame.image` (Pillow, 8-bit RGB),
      `frame.number` and `frame.facts`.

    Raises:
      UserError: what is asked for can't be done; at once where that is known before the first frame.
    """
    styles, read = _read_settings(styles, recipe, settings)
    return _paint_frames(engine or Engine(), *prepare_film(clip, styles, read))


def prepare_film(path: str, styles: Sequence[Picture], settings: Settings) -> "tuple[Clip, Inputs, Plan]":
    """Open a film and plan its first frame; everything wrong with them is an error here.

    Args:
      path: a film, a folder of frames, or a pattern such as "frames/*.png".
      styles: the paintings.
      settings: of the film.

    Raises:
      UserError: what is asked for can't be done.
    """
    if not isinstance(path, str | os.PathLike):
        raise UserError(f"Expected the path of a film, a folder or a pattern, received a {type(path).__name__}.")
    if not settings.method.paints_films:
        raise UserError(f"--method={settings.universal.method} is for pictures, not films: leave it out.")
    storage.check_here(path, "a film")
    settings.video.check_surroundings()
    from neural_style.video import clip as clips  # needs packages that pictures do not need

    clip = clips.open_clip(str(path))
    first = next((image for _, image in clip.frames(settings.video)), None)
    if first is None:
        length = f"it has {clip.count}" if clip.count else "it is shorter"
        raise UserError(f"--first_frame={settings.video.first_frame} is to be a frame of {str(path)!r}, and {length}.")
    # Each frame would be trimmed by itself, so films keep their frames.
    settings = dataclasses.replace(settings, picture=dataclasses.replace(settings.picture, trim_frame=False))
    return clip, *prepare(first, styles, settings)


def features(picture: Picture, layers: Sequence[str], **settings: Any) -> dict[str, np.ndarray]:
    """Compute VGG's features of an image.

    Args:
      picture: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
      layers: convolutions by Keras' names, such as "block4_conv2".
      **settings: the command line's flags by name; those of the network and of the picture's size have an effect.

    Returns:
      By layer [rows / stride, cols / stride, filters] float32, and "image" [rows, cols, 3].

    Raises:
      UserError: the image, a layer or the weights can't be had.
    """
    read = Settings.read(**{**settings, "content_layers": layers})
    network, seed, wanted = read.network, read.picture.seed, read.loss.content_layers
    photograph = reading.load(picture, read.picture.largest_image)
    fitted = read.picture.fit(photograph.height, photograph.width)
    size = geometry.size_of(photograph, fitted.known_rows, fitted.cols)
    vgg_layers.check_size(*size, read.loss.min_side, "the image")
    precision = device.resolve_precision(network.precision)
    memory.check_forward(*size, precision, read)
    image = geometry.resize(photograph, *size, read.picture.resample)
    from neural_style.vgg import adaptation, model, weights  # TensorFlow takes seconds to load

    _, kernels = weights.resolve(network, seed)
    kernels = adaptation.adapt_weights(network, kernels, [image], seed, wanted)
    encoder = model.build(network, kernels, wanted, precision)
    maps = encoder(image[np.newaxis].astype(np.float64))
    return {name: np.asarray(values[0], np.float32) for name, values in maps.items()}


def compare(
    content: Picture,
    style: Picture,
    results: Sequence[Picture],
    /,
    *,
    rows: int = 256,
    recipe: str = "paint",
    weights: str = "auto",
    engine: Engine | None = None,
) -> list[Figures]:
    """Measure results of one photograph and one painting, by any program.

    Args:
      content: the photograph: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
      style: the painting, likewise.
      results: the pictures that were painted, likewise, in any size.
      rows: height at which loss and distances are measured, so that results of different sizes can be compared. Grain
        and border are measured in each result's own size.
      recipe: whose loss is measured.
      weights: source of VGG16's features, see `--weights`.
      engine: keeps the network for the next call.

    Returns:
      The figures of each result, in order.

    Raises:
      UserError: an image can't be read, photograph and painting are the same, or the recipe has no loss.
    """
    if not Settings.read(recipe).optimizes:
        raise UserError(f"--recipe={recipe} has no loss to measure: take paint, keras or another that optimises.")
    images = [reading.load(picture) for picture in (content, style, *results)]
    layers = (*measures.STYLE_LAYERS, *measures.CONTENT_LAYERS)
    photograph, painting, *maps = (
        features(image, layers, network="vgg16", weights=weights, rows=rows) for image in images
    )
    engine = engine or Engine()
    found = []
    for image, result in zip(images[2:], maps, strict=True):
        style_distance = measures.style_distance(result, photograph, painting)
        content_distance = measures.content_distance(result, photograph)
        start = image.resize(geometry.size_of(images[0], rows)[::-1], Image.Resampling.LANCZOS)
        at_start: dict[str, Any] = {"init": start, "rows": rows, "iterations": 0, **WHOLE}
        initial = stylize(*images[:2], engine=engine, recipe=recipe, weights=weights, **at_start).record["initial"]
        grain, border = measures.grain_and_border(image, images[0])
        found.append(Figures(initial["loss"], initial["terms"], style_distance, content_distance, grain, border))
    return found


class _InMemory:
    """Follows a run that writes no files."""

    def __init__(self, record: Record, callback: Callable[[Step], Any] | None):
        self.record, self._callback = record, callback
        self.result: np.ndarray  # set by `finish`
        self.last: Step  # set by `add`

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


def _read_settings(styles: Pictures, recipe: str | None, settings: Mapping[str, Any]) -> tuple[list[Picture], Settings]:
    """The styles as a list, and the settings that flags by name mean for them."""
    paintings = reading.as_list(styles)
    return paintings, read_settings(paintings, {"recipe": recipe, **settings})


def _paint_frames(engine: Engine, clip: "Clip", inputs: Inputs, plan: Plan) -> "Iterator[Frame]":
    with tempfile.TemporaryDirectory() as folder:
        film = engine.film(clip, inputs, plan, Path(folder))
        with contextlib.closing(film.frames()) as frames:
            for frame in frames:
                if frame.facts["pass"] == plan.settings.video.passes:
                    yield frame

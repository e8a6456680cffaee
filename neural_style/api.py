"""What Python calls: a picture, a film, or the features of an image."""

import builtins
import contextlib
import dataclasses
import functools
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack

import numpy as np
from PIL import Image

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.core.run import Evaluated, follow
from neural_style.core.step import Step
from neural_style.engine import Engine
from neural_style.images import geometry, reading
from neural_style.images.inputs import Inputs
from neural_style.images.reading import Picture, Pictures
from neural_style.method_table import METHODS
from neural_style.planning import device, memory
from neural_style.planning.plan import Plan, prepare, read_settings
from neural_style.planning.work import Work
from neural_style.results import measures
from neural_style.results.measures import Figures
from neural_style.results.painting import InMemoryFollower, Painting
from neural_style.results.record import Record, RunInfo
from neural_style.settings import recipes as recipes_by_name
from neural_style.settings import vgg_layers
from neural_style.settings.keywords import Keywords
from neural_style.settings.schema import FIELDS
from neural_style.settings.settings import Settings

if TYPE_CHECKING:
    from neural_style.video.clip import Clip
    from neural_style.video.film import PaintedFrame

P = ParamSpec("P")
Result = TypeVar("Result")
Item = TypeVar("Item")
FLAG = re.compile(r"--(?P<name>\w+)(?P<value>=)?")
"""A flag in a message."""
MEASURE_ONLY: Mapping[str, Any] = dict(scales=(), scale_iterations=(), margin=0, trim_frame=False, iterations=0)
"""Settings by which the loss of the start is measured: one scale, no margin, nothing trimmed, no iteration."""


def _naming_keywords(function: Callable[P, Result]) -> Callable[P, Result]:
    """Make the errors of a call, but not of its iterator, name settings as Python does: rows=300 and not --rows=300."""

    @functools.wraps(function)
    def call(*args: P.args, **keywords: P.kwargs) -> Result:
        try:
            return function(*args, **keywords)
        except UserError as error:
            error.args = (FLAG.sub(_as_keyword, str(error)), *error.args[1:])
            raise

    return call


def _as_keyword(match: re.Match) -> str:
    """Return how Python calls what a message calls a flag."""
    name, rest = match["name"], match["value"] or ""
    if name in FIELDS or name == "recipe":
        return name + rest
    is_off = name.startswith("no") and name.removeprefix("no") in FIELDS
    return f"{name.removeprefix('no')}=False" if is_off else match[0]


def recipes() -> dict[str, recipes_by_name.Description]:
    """Return the description of each recipe by its name, the first ones to try first."""
    return recipes_by_name.describe()


def methods() -> dict[str, str]:
    """Return what each method does, in a sentence or two, by its name: the values of `method`."""
    return {name: method.summary for name, method in METHODS.items()}


@_naming_keywords
def stylize(
    content: Picture,
    styles: Pictures,
    /,
    *,
    callback: Callable[[Step], Any] | None = None,
    engine: Engine | None = None,
    recipe: str | None = None,
    progress: bool = False,
    **settings: Unpack[Keywords],
) -> Painting:
    """Paints `content` in the manner of `styles`; writes no file.

    Args:
      content: the photograph: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
      styles: the painting, likewise, a list of several, or a trained network: its path, or the name of a bundled one.
      callback: called with each `Step`, the start's first; an exception that it raises ends the run.
      engine: keeps networks and traces for the next call; without one each call makes its own.
      recipe: the name of the recipe that the settings start from.
      progress: whether a bar shows how far the run is, also in a notebook.
      **settings: the command line's flags by name, such as rows=300, content_layers=["block4_conv2"]; None restores the
        default where a recipe sets another value. Masks and `init` may be paths, Pillow images or arrays. Flags about
        files have no effect.

    Returns:
      The result; `image, record = stylize(…)` unpacks the two that most people want. In a notebook, an interrupted cell
      gets the best picture so far, and `is_complete` is false.

    Raises:
      UserError: what is asked for can't be done.
      KeyboardInterrupt, Exception: Ctrl-C outside notebooks; whatever `callback` raises.
    """
    if not (callback is None or callable(callback)):
        raise UserError(f"Expected a function of a Step as callback, received a {type(callback).__name__}.")
    styles, parsed = _read_settings(styles, recipe, settings)
    inputs, plan = prepare(content, styles, parsed)
    bar = _Bar(plan) if progress else None
    follower = InMemoryFollower(Record(RunInfo.of_run(content, styles, ("", ""), parsed)), callback, bar)
    try:
        follow((engine or Engine()).run(inputs, plan, watch=bar.watch if bar else None), follower)
    except KeyboardInterrupt:
        if not (follower.has_picture and _is_notebook()):
            raise
        logger.warning("interrupted: the best picture so far is returned, and its is_complete is false.")
    finally:
        if bar is not None:
            bar.close()
    return follower.make_painting(parsed.picture.denoise, inputs.content.info)


def _with_bar(items: Iterable[Item], count: int, description: str) -> Iterable[Item]:
    """Show a bar of tqdm while items are taken, in a notebook or on a terminal."""
    from tqdm.auto import tqdm  # looks for a notebook, which takes a while

    return tqdm(items, total=count, desc=description)


class _Bar:
    """A bar of tqdm, in a notebook or on a terminal, which advances with each evaluation of the loss."""

    def __init__(self, plan: Plan):
        from tqdm.auto import tqdm  # looks for a notebook, which takes a while

        self._work = Work(plan)
        self._tqdm = tqdm(total=100, desc="painting", bar_format="{l_bar}{bar}| {elapsed}, {remaining} left{postfix}")

    def watch(self, evaluation: Evaluated) -> None:
        """Count an evaluation."""
        self._work.count()
        self._tqdm.set_postfix(loss=f"{evaluation.loss:.4g}", refresh=False)
        self._tqdm.update(max(0.0, 100 * self._work.share - self._tqdm.n))

    def add(self, step: Step) -> None:
        """Count a step."""
        self._work.take(step)
        if not (step.iterations_left or step.scales_left):
            self._tqdm.update(100 - self._tqdm.n)

    def close(self) -> None:
        """Stop the bar; it stays visible."""
        self._tqdm.close()


def _is_notebook() -> bool:
    """Return whether a notebook or IPython runs this, where an interrupt ends a cell and not the program."""
    return hasattr(builtins, "__IPYTHON__")


@_naming_keywords
def stylize_film(
    clip: str,
    styles: Pictures,
    /,
    *,
    engine: Engine | None = None,
    recipe: str | None = None,
    **settings: Unpack[Keywords],
) -> "Iterator[PaintedFrame]":
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
    styles, parsed = _read_settings(styles, recipe, settings)
    return _paint_frames(engine or Engine(), *prepare_film(clip, styles, parsed))


def prepare_film(clip_path: str, styles: Sequence[Picture], settings: Settings) -> "tuple[Clip, Inputs, Plan]":
    """Open a film and plan its first frame; everything wrong with them is an error here.

    Args:
      clip_path: a film, a folder of frames, or a pattern such as "frames/*.png".
      styles: the paintings.
      settings: of the film.

    Returns:
      The film, the images of its first frame, and the plan of every frame.

    Raises:
      UserError: what is asked for can't be done.
    """
    if not isinstance(clip_path, str | os.PathLike):
        raise UserError(f"Expected the path of a film, a folder or a pattern, received a {type(clip_path).__name__}.")
    if not settings.method.paints_films:
        raise UserError(f"--method={settings.picture.method} is for pictures, not films: leave it out.")
    if settings.picture.finds_regions:
        raise UserError("--regions=auto is for pictures, not films: leave it out.")
    storage.check_here(clip_path, "a film")
    settings.video.check_surroundings()
    from neural_style.video import clip as clips  # needs packages that pictures do not need

    clip = clips.open_clip(str(clip_path))
    first = next((image for _, image in clip.frames(settings.video)), None)
    if first is None:
        length = f"it has {clip.count} frames" if clip.count else "it is shorter"
        raise UserError(f"--first_frame={settings.video.first_frame} names no frame of {str(clip_path)!r}: {length}.")
    # Each frame would be trimmed by itself, so films keep their frames.
    settings = dataclasses.replace(settings, picture=dataclasses.replace(settings.picture, trim_frame=False))
    return clip, *prepare(first, styles, settings)


@_naming_keywords
def features(picture: Picture, layers: Sequence[str], **settings: Unpack[Keywords]) -> dict[str, np.ndarray]:
    """Compute VGG's features of an image.

    Args:
      picture: a path, a Pillow image, or an array RGB [rows, cols, 3] in 0..255.
      layers: convolutions by Keras' names, such as "block4_conv2".
      **settings: the command line's flags by name; those of the network and of the picture's size have an effect.

    Returns:
      By layer [rows / stride, cols / stride, channels] float32, and "image", RGB [rows, cols, 3] in 0..255.

    Raises:
      UserError: the image, a layer or the weights can't be had.
    """
    named: dict[str, Any] = {**settings, "content_layers": layers}
    return _compute_features([picture], Settings.read(**named))[0]


def _compute_features(pictures: Sequence[Picture], settings: Settings) -> list[dict[str, np.ndarray]]:
    """Compute the features of several images by one network; see `features`."""
    network, seed, layers = settings.network, settings.picture.seed, settings.loss.content_layers
    precision = device.resolve_precision(network.precision)
    images = []
    for picture in pictures:
        photograph = reading.load(picture, settings.picture.largest_image)
        fitted = settings.picture.fit(photograph.height, photograph.width)
        size = geometry.size_of(photograph, fitted.known_rows, fitted.cols)
        vgg_layers.check_size(*size, settings.loss.min_side, "the image")
        memory.check_forward(*size, precision, settings)
        images.append(geometry.resize(photograph, *size, settings.picture.resample))
    from neural_style.vgg import adaptation, model, weights  # TensorFlow takes seconds to load

    _, kernels = weights.resolve(network, seed)
    kernels = adaptation.adapt_weights(network, kernels, images, seed, layers)
    encoder = model.build(network, kernels, layers, precision)
    maps = (encoder(image[np.newaxis].astype(np.float64)) for image in images)
    return [{name: np.asarray(values[0], np.float32) for name, values in by_layer.items()} for by_layer in maps]


@_naming_keywords
def compare(
    content: Picture,
    style: Picture,
    results: Sequence[Picture],
    /,
    *,
    rows: int = 256,
    recipe: str = "paint",
    weights: str | None = None,
    engine: Engine | None = None,
    progress: bool = False,
) -> list[Figures]:
    """Measure pictures, painted by any program, against one photograph and one painting.

    Args:
      content: the photograph: a path, a Pillow image, or an array [rows, cols, 3] in 0..255.
      style: the painting, likewise.
      results: the pictures that were painted, likewise, in any size.
      rows: height at which loss and distances are measured. Grain and border are measured in each result's own size.
      recipe: whose loss is measured.
      weights: source of VGG16's features, see `--weights`; by default auto for the distances, and the recipe's for the
        loss.
      engine: keeps the network of the loss for the next call; that of the distances is built each time.
      progress: whether a bar shows how many results are measured, also in a notebook.

    Returns:
      The figures of each result, in order.

    Raises:
      UserError: an image can't be read or is below 32 x 32, photograph and style are equal, or the recipe has no loss.
    """
    if not Settings.read(recipe).optimizes:
        raise UserError(f"--recipe={recipe} has no loss to measure: take paint, keras or another that optimises.")
    photograph, painting, *pictures = (reading.load(picture) for picture in (content, style, *results))
    for picture in pictures:
        measures.check_size(picture)
    layers = (*measures.STYLE_LAYERS, *measures.CONTENT_LAYERS)
    vgg = Settings.read(network="vgg16", weights=weights or "auto", rows=rows, content_layers=layers)
    of_photograph, of_painting, *of_pictures = map(
        measures.make_profile, _compute_features([photograph, painting, *pictures], vgg)
    )
    engine = engine or Engine()
    figures = []
    measured = zip(pictures, of_pictures, strict=True)
    for picture, profile in _with_bar(measured, len(pictures), "measuring") if progress else measured:
        style_distance = measures.style_distance(profile, of_photograph, of_painting)
        content_distance = measures.content_distance(profile, of_photograph)
        # Its loss is that of a run which starts from it and does nothing.
        start = picture.resize(geometry.size_of(photograph, rows)[::-1], Image.Resampling.LANCZOS)
        of_start: dict[str, Any] = {"init": start, "rows": rows, **MEASURE_ONLY}
        if weights:
            of_start["weights"] = weights
        initial = stylize(photograph, painting, engine=engine, recipe=recipe, **of_start).record["initial"]
        grain, border = measures.grain_and_border(picture, photograph)
        figures.append(Figures(initial["loss"], initial["terms"], style_distance, content_distance, grain, border))
    return figures


def _read_settings(styles: Pictures, recipe: str | None, settings: Mapping[str, Any]) -> tuple[list[Picture], Settings]:
    """The styles as a list, and the settings that flags by name mean for them."""
    paintings = reading.as_list(styles)
    return paintings, read_settings(paintings, {"recipe": recipe, **settings})


def _paint_frames(engine: Engine, clip: "Clip", inputs: Inputs, plan: Plan) -> "Iterator[PaintedFrame]":
    with tempfile.TemporaryDirectory() as folder:
        painter = engine.film_painter(clip, inputs, plan, Path(folder))
        with contextlib.closing(painter.frames()) as frames:
            for frame in frames:
                if frame.facts["pass"] == plan.settings.video.passes:
                    yield frame

"""The job of training a network that paints in a few styles."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.images import geometry, reading
from neural_style.pretrained import exports, style_networks
from neural_style.results import files
from neural_style.settings import recipes, vgg_layers
from neural_style.settings.feedforward import MIN_SIDE
from neural_style.settings.loss import STYLE_LOSSES
from neural_style.training.job import TrainingJob, train
from neural_style.training.network_report import NetworkReport

ENDING = style_networks.KERAS
SHOWN_ROWS = 256
"""Rows of the pictures that --shows writes."""


def defaults(paths: Sequence[str]) -> Mapping[str, str | bool]:
    """The flags that the command line overrides, as text by name."""
    return recipes.read("networks")


def run(job: TrainingJob, make_cache: Callable[[], Cache]) -> None:
    """Train a network to the end and write it.

    Args:
      job: the request.
      make_cache: loads TensorFlow, and returns the cache that keeps VGG's weights.

    Raises:
      UserError: the network can't be trained, or the loss is not finite, after the state before that is saved.
      KeyboardInterrupt: after the state is saved.
    """
    earlier_training = _check_start(job)
    names = style_names(job)
    pictures, styles = load_styles(job, names)
    photograph = load_shown(job.styles.shows) if job.styles.shows else None
    _check_loss(job)
    identity = job.identity(job.training, job.styles, job.loss, job.network, inputs=job.paintings)
    crops = job.crops()
    cache = make_cache()
    from neural_style.feedforward.network import save
    from neural_style.training import network_setup

    network, trainer = network_setup.start_training(
        job.training, job.styles, job.loss, job.network, names, styles, cache
    )
    report = NetworkReport(job, network, photograph, earlier_training)

    def finish() -> None:
        trainer.finish()
        record = report.record()
        files.write_whole(job.path, lambda partial: save(partial, network, pictures, record))

    train(job, trainer, identity, crops, report, finish)
    report.plot()
    if job.styles.export:
        export_for_litert(job.path)
    logger.info(f"Wrote {job.path}: {', '.join(names)}; {report.text()}")


def export_for_litert(path: Path) -> None:
    """Export a network for LiteRT; a failure is a warning, since TensorFlow can paint with the network."""
    try:
        from neural_style.feedforward.network import load
        from neural_style.training.export import tflite

        export = exports.path_of(path)
        export.parent.mkdir(parents=True, exist_ok=True)
        content = tflite(load(path), half=True)
        files.write_whole(export, lambda partial: partial.write_bytes(content))
    except Exception as error:  # the converter raises many kinds
        logger.warning(f"{str(path)!r} is not exported for LiteRT, and paints by TensorFlow: {error}")


def _check_start(job: TrainingJob) -> dict[str, Any] | None:
    """Return how the network of --init_from was trained, if there is one.

    Raises:
      UserError: it is not a network, or its architecture or width is not the requested one.
    """
    path = job.training.init_from
    metadata = style_networks.metadata_of(Path(path)) if path else None
    if metadata is None:
        return None
    for name in ("architecture", "width"):
        if name in job.given and metadata[name] != getattr(job.styles, name):
            actual = "its own" if metadata[name] is None else str(metadata[name]).removesuffix(".0")
            raise UserError(f"--{name}={job.given[name]}, and {path!r} has {actual}: leave it out.")
    return metadata["training"]


def style_names(job: TrainingJob) -> list[str]:
    """The styles' names: those of their files without endings.

    Raises:
      UserError: there are none, two are equal, or one contains a comma.
    """
    names = [Path(path).stem for path in job.paintings]
    if not names:
        raise UserError("Expected at least one PAINTING before MODEL.keras, received none.", exit_code=2)
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise UserError(f"Styles are named by their files, and two are called {duplicates[0]!r}: rename one.")
    with_comma = [name for name in names if "," in name]
    if with_comma:
        raise UserError(
            f"Styles are named by their files, and --style separates names by commas: rename {with_comma[0]!r}."
        )
    return names


def load_styles(job: TrainingJob, names: Sequence[str]) -> tuple[list[Image.Image], list[np.ndarray]]:
    """The paintings as they are, and [rows, cols, 3] in the size of --style_size.

    Raises:
      UserError: one can't be read, or would be too small for the loss.
    """
    pictures = [reading.load(path) for path in job.paintings]
    return pictures, [_fit_style(picture, name, job) for picture, name in zip(pictures, names, strict=True)]


def _fit_style(picture: Image.Image, name: str, job: TrainingJob) -> np.ndarray:
    """Resize a style to about --style_size squared pixels, [rows, cols, 3].

    Where the loss compares styles of one size only, the picture's middle square is taken.

    Raises:
      UserError: a side would be too small for the loss.
    """
    if not STYLE_LOSSES[job.loss.style_loss].summed:
        picture = _middle_square(picture)
    scale = job.styles.style_size / math.sqrt(picture.width * picture.height)
    rows, cols = round(picture.height * scale), round(picture.width * scale)
    min_side = max(job.loss.min_side, MIN_SIDE)
    vgg_layers.check_size(rows, cols, min_side, f"the style {name!r}", "raise --style_size, or crop it to be less long")
    return geometry.resize(picture, rows, cols, "lanczos")


def _middle_square(picture: Image.Image) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def load_shown(path: str) -> np.ndarray:
    """The photograph of --shows [rows, cols, 3]; a UserError where it is too narrow."""
    picture = reading.load(path)
    size = geometry.size_of(picture, SHOWN_ROWS, None)
    vgg_layers.check_size(*size, MIN_SIDE, "the picture of --shows", "choose one that is less narrow")
    return geometry.resize(picture, *size, "lanczos")


def check_crop(job: TrainingJob) -> None:
    """Raise a UserError where crops are too small for the loss."""
    side = job.training.crop
    vgg_layers.check_size(side, side, job.loss.min_side, "a crop", "raise --crop, or choose shallower layers")


def _check_loss(job: TrainingJob) -> None:
    """Raise a UserError where crops are too small for the loss, or --content_energy has no effect."""
    check_crop(job)
    normalization = job.loss.normalization
    if "content_energy" in job.given and normalization != "scale":
        raise UserError(f"--content_energy is of --normalization=scale, and that is {normalization}: leave it out.")

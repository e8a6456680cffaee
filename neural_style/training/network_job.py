"""The training of a network that paints."""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from neural_style.core.cache import Cache
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.images import geometry, reading
from neural_style.pretrained import style_networks
from neural_style.results import files, plots
from neural_style.results.record import by_kind
from neural_style.results.tensorboard import Board
from neural_style.settings import vgg_layers
from neural_style.settings.feedforward import MIN_SIDE
from neural_style.settings.loss import STYLE_LOSSES
from neural_style.training.crops import Crops, taken
from neural_style.training.job import REPORTING, TrainingJob, resume, save_state

if TYPE_CHECKING:
    from neural_style.core.cache import Cache
    from neural_style.feedforward.network import Network
    from neural_style.training.network_training import Progress, Training

ENDING, RECIPE = style_networks.KERAS, "networks"
KEPT_EVERY = 100
"""Steps between two states that a training can go on from, and between two lines."""
SHOWN_ROWS = 256
"""Of the pictures that show how far a training is."""


def run(job: TrainingJob, make_cache: Callable[[], Cache]) -> None:
    """Trains a network to the end and writes it.

    Args:
      job: the training.
      make_cache: loads TensorFlow, and returns the cache that keeps VGG's weights.

    Raises:
      UserError: it can't be trained; where the loss is not finite, after the state before that is written.
      KeyboardInterrupt: after the state is written.
    """
    before = _before(job)
    names, pictures, arrays = _styles(job)
    shown = _shown(job.styles.shows) if job.styles.shows else None
    _check_loss(job)
    identity = job.identity(job.training, job.styles, job.loss, job.network, read=job.words)
    crops = Crops(job.photos, job.training.crop, job.training.batch, job.training.seed)
    cache = make_cache()
    network, training = _begun(job, names, arrays, cache)
    resume(job, training, identity)
    log = _Log(job, network, shown, before)
    try:
        _steps(job, training, crops, log, identity)
        _save(job, training, network, pictures, log.record())
    except BaseException:
        save_state(job, training, identity)
        raise
    job.state.unlink(missing_ok=True)
    log.plot()
    logger.info(f"Wrote {job.path}: {', '.join(names)}; {log.text()}")


def _before(job: TrainingJob) -> dict[str, Any] | None:
    """How the network of --begin was trained; a UserError where it is none, or another one than is asked for."""
    begin = style_networks.facts(Path(job.training.begin)) if job.training.begin else None
    if job.styles.only_styles and not begin:
        raise UserError("--only_styles leaves the convolutions of --begin=MODEL.keras as they are: name that.")
    if job.styles.only_styles and begin["architecture"] == "msg":
        raise UserError(f"--only_styles is of johnson and deep, and {job.training.begin!r} is msg: leave it out.")
    for name in ("architecture", "width"):
        if begin and name in job.given and begin[name] != getattr(job.styles, name):
            kept = begin[name] or "its own"
            raise UserError(f"--{name}={job.given[name]}, and {job.training.begin!r} has {kept}: leave it out.")
    return begin and begin["training"]


def _check_loss(job: TrainingJob) -> None:
    """Raises a UserError where the loss can't be taken of the crops, or not in the way that is asked for."""
    side, normalization = job.training.crop, job.loss.normalization
    vgg_layers.check_size(side, side, job.loss.min_side, "a crop", "raise --crop, or choose shallower layers")
    if "content_energy" in job.given and normalization != "scale":
        raise UserError(f"--content_energy is of --normalization=scale, and that is {normalization}: leave it out.")


def _save(job: TrainingJob, training: "Training", network: "Network", pictures: list[Image.Image], made: dict) -> None:
    """Ends a training, and writes the network's file."""
    from neural_style.feedforward.network import save

    training.finish()
    files.write_whole(job.path, lambda partial: save(partial, network, pictures, made))


def _styles(job: TrainingJob) -> tuple[list[str], list[Image.Image], list[np.ndarray]]:
    """The styles' names, pictures, and what is measured of them."""
    names = [Path(word).stem for word in job.words]
    if not names:
        raise UserError("Expected at least one STYLE before MODEL.keras, received none.", exit_code=2)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"Styles are named by their files, and two are called {twice[0]!r}: rename one.")
    parted = [name for name in names if "," in name]
    if parted:
        raise UserError(f"Styles are named by their files, and --style parts names by commas: rename {parted[0]!r}.")
    pictures = [reading.load(word) for word in job.words]
    return names, pictures, [_measured(picture, name, job) for picture, name in zip(pictures, names, strict=True)]


def _measured(picture: Image.Image, name: str, job: TrainingJob) -> np.ndarray:
    """A style [rows, cols, 3] of about --style_size squared pixels; its middle square where all have to be alike."""
    size, square = job.styles.style_size, not STYLE_LOSSES[job.loss.style_loss].summed
    if square:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        picture = picture.crop((left, top, left + side, top + side))
    scale = size / math.sqrt(picture.width * picture.height)
    rows, cols = round(picture.height * scale), round(picture.width * scale)
    least = max(job.loss.min_side, MIN_SIDE)
    vgg_layers.check_size(rows, cols, least, f"the style {name!r}", "raise --style_size, or crop it to be less long")
    return geometry.resize(picture, rows, cols, "lanczos")


def _shown(path: str) -> np.ndarray:
    """The photograph [rows, cols, 3] that shows how far a training is."""
    picture = reading.load(path)
    size = geometry.size_of(picture, SHOWN_ROWS, None)
    vgg_layers.check_size(*size, MIN_SIDE, "the picture of --shows", "choose one that is less narrow")
    return geometry.resize(picture, *size, "lanczos")


def _begun(
    job: TrainingJob, names: list[str], styles: list[np.ndarray], cache: "Cache"
) -> tuple["Network", "Training"]:
    from neural_style.training import network_setup

    return network_setup.start_training(job.training, job.styles, job.loss, job.network, names, styles, cache)


def _steps(job: TrainingJob, training: "Training", crops: Crops, log: "_Log", identity: dict[str, str]) -> None:
    settings = job.training
    for _, images in taken(crops, training.step, settings.steps):
        log.add(training.run(images))
        if training.step % KEPT_EVERY == 0 and training.step < settings.steps:
            save_state(job, training, identity)


class _Log:
    """What is seen of a training: lines, pictures, a plot, TensorBoard, and what the network's file says of it."""

    def __init__(self, job: TrainingJob, network: "Network", shown: np.ndarray | None, before: Any):
        self._job, self._network, self._shown, self._before = job, network, shown, before
        self._board = Board(job.styles.tensorboard) if job.styles.tensorboard else None
        self._waiting: list[Progress] = []
        self._points: list[dict[str, Any]] = []
        self._began, self._first = time.monotonic(), None

    def add(self, progress: "Progress") -> None:
        """Takes a step."""
        steps = self._job.training.steps
        self._first = progress.step - 1 if self._first is None else self._first
        self._waiting.append(progress)
        if progress.step % KEPT_EVERY == 0 or progress.step == steps:
            self._points.append(self._mean())
            each = (time.monotonic() - self._began) / (progress.step - self._first)
            left = f", {each * (steps - progress.step) / 60:.0f} minutes left" if progress.step < steps else ""
            logger.info(f"step {progress.step} of {steps}: {self.text()}{left}")
            if self._board:
                self._board.add(progress.step, {"loss": progress.loss, **by_kind(progress.terms)})
        if self._shown is not None and progress.step % self._job.styles.shows_every == 0:
            self._show(progress.step)

    def _mean(self) -> dict[str, Any]:
        """The means of the steps since the last line."""
        names = self._waiting[0].terms
        terms = by_kind({name: float(np.mean([each.terms[name] for each in self._waiting])) for name in names})
        step, self._waiting = self._waiting[-1].step, []
        return {"step": step, "loss": sum(terms.values()), "terms": terms}

    def text(self) -> str:
        """The last point's loss and terms."""
        if not self._points:
            return "nothing was left to do."
        last = self._points[-1]
        terms = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in last["terms"].items())
        return f"loss {last['loss']:.4g} ({terms})"

    def _show(self, step: int) -> None:
        from neural_style.feedforward import painter

        painted = painter.sheet(self._network, self._shown)
        path = f"{self._job.path.with_suffix('')}_at_step_{step}.png"
        files.write_whole(path, lambda partial: Image.fromarray(painted).save(partial, "PNG"))
        if self._board:
            self._board.add(step, {}, painted)

    def record(self) -> dict[str, Any]:
        """How the network was trained, for its file."""
        groups = self._job.training, self._job.styles, self._job.loss, self._job.network
        fields = {field.name: (group, field) for group in groups for field in dataclasses.fields(group)}
        flags = {
            name: field.metadata["kind"].text(getattr(group, name))
            for name, (group, field) in fields.items()
            if getattr(group, name) is not None and name not in REPORTING
        }
        built = {"architecture": self._network.architecture, "width": f"{self._network.width:g}"}  # may be of --begin
        return {
            "flags": flags | built,
            "before": self._before,
            "photographs": len(self._job.photos),
            "losses": self._points,
            "seconds": round(time.monotonic() - self._began),
        }

    def plot(self) -> None:
        """Draws the losses beside the network."""
        if len(self._points) > 1:
            first, *rest = self._points
            plots.losses(f"{self._job.path.with_suffix('')}_losses.png", [{"initial": first, "iterations": rest}])

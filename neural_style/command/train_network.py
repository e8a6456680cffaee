"""The training of a network that paints."""

import dataclasses
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from neural_style.command.loading import engine_maker
from neural_style.command.train import SHOWN, Asked, go_on, keep_state
from neural_style.errors import UserError
from neural_style.images import geometry, reading
from neural_style.results import files, plots
from neural_style.results.record import by_kind
from neural_style.results.tensorboard import Board
from neural_style.settings import networks, trained
from neural_style.settings.feedforward import LEAST_SIDE
from neural_style.settings.loss import STYLE_LOSSES
from neural_style.terminal import say
from neural_style.training.crops import Crops, taken

if TYPE_CHECKING:
    from neural_style.cache import Cache
    from neural_style.feedforward.network import Network
    from neural_style.feedforward.training import Progress, Training

ENDING, RECIPE = trained.KERAS, "networks"
KEPT_EVERY = 100
"""Steps between two states that a training can go on from, and between two lines."""
SHOWN_ROWS = 256
"""Of the pictures that show how far a training is."""


def run(asked: Asked) -> None:
    """Trains a network to the end and writes it.

    Raises:
      UserError: it can't be trained; where the loss is not finite, after the state before that is written.
      KeyboardInterrupt: after the state is written.
    """
    before = _before(asked)
    names, pictures, arrays = _styles(asked)
    shown = _shown(asked.styles.shows) if asked.styles.shows else None
    _check_loss(asked)
    identity = asked.identity(asked.training, asked.styles, asked.loss, asked.network, read=asked.words)
    crops = Crops(asked.photos, asked.training.crop, asked.training.batch, asked.training.seed)
    cache = engine_maker()().cache
    network, training = _begun(asked, names, arrays, cache)
    go_on(asked, training, identity)
    log = _Log(asked, network, shown, before)
    try:
        _steps(asked, training, crops, log, identity)
        _save(asked, training, network, pictures, log.record())
    except BaseException:
        keep_state(asked, training, identity)
        raise
    asked.state.unlink(missing_ok=True)
    log.plot()
    say(f"Wrote {asked.path}: {', '.join(names)}; {log.text()}")


def _before(asked: Asked) -> dict[str, Any] | None:
    """How the network of --begin was trained; a UserError where it is none, or another one than is asked for."""
    begin = trained.facts(Path(asked.training.begin)) if asked.training.begin else None
    if asked.styles.only_styles and not begin:
        raise UserError("--only_styles leaves the convolutions of --begin=MODEL.keras as they are: name that.")
    if asked.styles.only_styles and begin["architecture"] == "msg":
        raise UserError(f"--only_styles is of johnson and deep, and {asked.training.begin!r} is msg: leave it out.")
    for name in ("architecture", "width"):
        if begin and name in asked.given and begin[name] != getattr(asked.styles, name):
            kept = begin[name] or "its own"
            raise UserError(f"--{name}={asked.given[name]}, and {asked.training.begin!r} has {kept}: leave it out.")
    return begin and begin["training"]


def _check_loss(asked: Asked) -> None:
    """Raises a UserError where the loss can't be taken of the crops, or not in the way that is asked for."""
    side, normalization = asked.training.crop, asked.loss.normalization
    networks.check_size(side, side, asked.loss.least_side, "a crop", "raise --crop, or choose shallower layers")
    if "content_energy" in asked.given and normalization != "scale":
        raise UserError(f"--content_energy is of --normalization=scale, and that is {normalization}: leave it out.")


def _save(asked: Asked, training: "Training", network: "Network", pictures: list[Image.Image], made: dict) -> None:
    """Ends a training, and writes the network's file."""
    from neural_style.feedforward.network import save

    training.finish()
    files.write_whole(asked.path, lambda partial: save(partial, network, pictures, made))


def _styles(asked: Asked) -> tuple[list[str], list[Image.Image], list[np.ndarray]]:
    """The styles' names, pictures, and what is measured of them."""
    names = [Path(word).stem for word in asked.words]
    if not names:
        raise UserError("Expected at least one STYLE before MODEL.keras, received none.", exit_code=2)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"Styles are named by their files, and two are called {twice[0]!r}: rename one.")
    parted = [name for name in names if "," in name]
    if parted:
        raise UserError(f"Styles are named by their files, and --style parts names by commas: rename {parted[0]!r}.")
    pictures = [reading.load(word) for word in asked.words]
    return names, pictures, [_measured(picture, name, asked) for picture, name in zip(pictures, names, strict=True)]


def _measured(picture: Image.Image, name: str, asked: Asked) -> np.ndarray:
    """A style [rows, cols, 3] of about --style_size squared pixels; its middle square where all have to be alike."""
    size, square = asked.styles.style_size, not STYLE_LOSSES[asked.loss.style_loss].summed
    if square:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        picture = picture.crop((left, top, left + side, top + side))
    scale = size / math.sqrt(picture.width * picture.height)
    rows, cols = round(picture.height * scale), round(picture.width * scale)
    least = max(asked.loss.least_side, LEAST_SIDE)
    networks.check_size(rows, cols, least, f"the style {name!r}", "raise --style_size, or crop it to be less long")
    return geometry.resize(picture, rows, cols, "lanczos")


def _shown(path: str) -> np.ndarray:
    """The photograph [rows, cols, 3] that shows how far a training is."""
    picture = reading.load(path)
    size = geometry.size_of(picture, SHOWN_ROWS, None)
    networks.check_size(*size, LEAST_SIDE, "the picture of --shows", "choose one that is less narrow")
    return geometry.resize(picture, *size, "lanczos")


def _begun(asked: Asked, names: list[str], styles: list[np.ndarray], cache: "Cache") -> tuple["Network", "Training"]:
    from neural_style.feedforward import beginning

    return beginning.begun(asked.training, asked.styles, asked.loss, asked.network, names, styles, cache)


def _steps(asked: Asked, training: "Training", crops: Crops, log: "_Log", identity: dict[str, str]) -> None:
    settings = asked.training
    for _, images in taken(crops, training.step, settings.steps):
        log.add(training.run(images))
        if training.step % KEPT_EVERY == 0 and training.step < settings.steps:
            keep_state(asked, training, identity)


class _Log:
    """What is seen of a training: lines, pictures, a plot, TensorBoard, and what the network's file says of it."""

    def __init__(self, asked: Asked, network: "Network", shown: np.ndarray | None, before: Any):
        self._asked, self._network, self._shown, self._before = asked, network, shown, before
        self._board = Board(asked.styles.tensorboard) if asked.styles.tensorboard else None
        self._waiting: list[Progress] = []
        self._points: list[dict[str, Any]] = []
        self._began, self._first = time.monotonic(), None

    def add(self, progress: "Progress") -> None:
        """Takes a step."""
        steps = self._asked.training.steps
        self._first = progress.step - 1 if self._first is None else self._first
        self._waiting.append(progress)
        if progress.step % KEPT_EVERY == 0 or progress.step == steps:
            self._points.append(self._mean())
            each = (time.monotonic() - self._began) / (progress.step - self._first)
            left = f", {each * (steps - progress.step) / 60:.0f} minutes left" if progress.step < steps else ""
            say(f"step {progress.step} of {steps}: {self.text()}{left}")
            if self._board:
                self._board.add(progress.step, {"loss": progress.loss, **by_kind(progress.terms)})
        if self._shown is not None and progress.step % self._asked.styles.shows_every == 0:
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
        path = f"{self._asked.path.with_suffix('')}_at_step_{step}.png"
        files.write_whole(path, lambda partial: Image.fromarray(painted).save(partial, "PNG"))
        if self._board:
            self._board.add(step, {}, painted)

    def record(self) -> dict[str, Any]:
        """How the network was trained, for its file."""
        groups = self._asked.training, self._asked.styles, self._asked.loss, self._asked.network
        fields = {field.name: (group, field) for group in groups for field in dataclasses.fields(group)}
        flags = {
            name: field.metadata["kind"].text(getattr(group, name))
            for name, (group, field) in fields.items()
            if getattr(group, name) is not None and name not in SHOWN
        }
        built = {"architecture": self._network.architecture, "width": f"{self._network.width:g}"}  # may be of --begin
        return {
            "flags": flags | built,
            "before": self._before,
            "photographs": len(self._asked.photos),
            "losses": self._points,
            "seconds": round(time.monotonic() - self._began),
        }

    def plot(self) -> None:
        """Draws the losses beside the network."""
        if len(self._points) > 1:
            first, *rest = self._points
            plots.losses(f"{self._asked.path.with_suffix('')}_losses.png", [{"initial": first, "iterations": rest}])

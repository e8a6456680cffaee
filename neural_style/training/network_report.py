"""What is reported of a network's training: losses, pictures, a plot, TensorBoard, and the record in its file."""

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from neural_style.core.step import by_kind
from neural_style.results import files, plots
from neural_style.results.tensorboard import Board
from neural_style.settings.training import OF_WHOLE_NETWORKS
from neural_style.training.job import REPORTING, TrainingJob, is_due

if TYPE_CHECKING:
    from neural_style.feedforward.network import Network
    from neural_style.training.network_training import NetworkProgress


class NetworkReport:
    """Collects the losses of a training and writes what shows them.

    Attributes:
      sheet: the photograph in every style, side by side, as it was written last; None before that.
    """

    def __init__(
        self,
        job: TrainingJob,
        network: "Network",
        photograph: np.ndarray | None,
        earlier_training: Any,
        shown_styles: int | None = None,
    ):
        """
        Args:
          job: the request.
          network: the network that is trained.
          photograph: [rows, cols, 3], painted in every trained style now and then; None paints nothing.
          earlier_training: the record of the network that this training starts from, if any.
          shown_styles: how many of the first styles are painted; None paints all.
        """
        self._job, self._network, self._photograph = job, network, photograph
        self._earlier_training, self._shown_styles = earlier_training, shown_styles
        self._board = Board(job.styles.tensorboard) if job.styles.tensorboard else None
        self.sheet: np.ndarray | None = None
        self._new: list[NetworkProgress] = []
        self._points: list[dict[str, Any]] = []
        self._started = time.monotonic()

    def add(self, progress: "NetworkProgress") -> None:
        """Take the progress of a step."""
        self._new.append(progress)
        if is_due(progress.step, self._job.training.steps):
            self._add_point()
            if self._board:
                self._board.add(progress.step, {"loss": progress.loss, **by_kind(progress.terms)})
        if self._photograph is not None and self._is_shown(progress.step):
            self._write_picture(self._photograph, progress.step)

    def _is_shown(self, step: int) -> bool:
        settings = self._job.styles
        return step % settings.shows_every == 0 or bool(settings.add_to and step == self._job.training.steps)

    def _add_point(self) -> None:
        """Add the means of the steps since the last point."""
        means = {name: float(np.mean([step.terms[name] for step in self._new])) for name in self._new[0].terms}
        terms = by_kind(means)
        self._points.append({"step": self._new[-1].step, "loss": sum(terms.values()), "terms": terms})
        self._new = []

    def text(self) -> str:
        """The last point's loss and terms, in words."""
        if not self._points:
            return "no steps were left."
        last = self._points[-1]
        terms = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in last["terms"].items())
        return f"loss {last['loss']:.4g} ({terms})"

    def _write_picture(self, photograph: np.ndarray, step: int) -> None:
        """Write the photograph in every style, side by side, beside the network's file."""
        from neural_style.feedforward import painter

        self.sheet = sheet = painter.paint_sheet(self._network, photograph, self._shown_styles)
        job = self._job
        numbered = job.path.with_name(f"{job.path.stem}_at_step_{step}.png")
        path = job.preview if job.styles.add_to else numbered
        files.write_whole(path, lambda partial: Image.fromarray(sheet).save(partial, "PNG"))
        if self._board:
            self._board.add(step, {}, sheet)

    def record(self) -> dict[str, Any]:
        """How the network was trained, for its file, in JSON's types."""
        return {
            "flags": self._flags(),
            "before": self._earlier_training,
            "photographs": len(self._job.photos),
            "losses": self._points,
            "seconds": round(time.monotonic() - self._started),
        }

    def _flags(self) -> dict[str, str]:
        """The flags that determine the training, as text by name."""
        adds_styles = bool(self._job.styles.add_to)
        # Architecture and width may be of the network that the training started from.
        unused = {*REPORTING, "architecture", "width", *(OF_WHOLE_NETWORKS if adds_styles else ())}
        flags = {}
        for group in (self._job.training, self._job.styles, self._job.loss, self._job.network):
            for field in dataclasses.fields(group):
                value = getattr(group, field.name)
                if value is not None and field.name not in unused:
                    flags[field.name] = field.metadata["kind"].text(value)
        if not adds_styles:
            flags["architecture"], flags["width"] = self._network.architecture, f"{self._network.width:g}"
        return flags

    def plot(self) -> None:
        """Draw the losses beside the network's file, where there are several points."""
        if len(self._points) > 1:
            first, *rest = self._points
            plots.losses(f"{self._job.path.with_suffix('')}_losses.png", [{"initial": first, "iterations": rest}])

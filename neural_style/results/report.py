"""What follows a run from the command line: the progress line, images, record, state, and pictures about it."""

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.core.step import Step
from neural_style.results import checkpoint, files, plots
from neural_style.results.advice import advice
from neural_style.results.checkpoint import Checkpoint
from neural_style.results.record import Record, RunInfo
from neural_style.results.tensorboard import Board
from neural_style.results.writer import Writer
from neural_style.settings.network import SOURCES
from neural_style.settings.output import OutputSettings


class Progress(Protocol):
    """Shows how far a run is."""

    def add(self, step: Step) -> None:
        """Takes a step."""

    def close(self) -> None:
        """Ends the display."""


class Report:
    """Takes a run's steps; however the run ends, the result and PREFIX.json are written.

    The result is the last step's image, or, where the run broke off, that of the lowest loss.
    """

    def __init__(
        self,
        info: RunInfo,
        digests: Mapping[str, str],
        output: OutputSettings,
        shown: Sequence[Image.Image],
        progress: Progress,
        state: Checkpoint | None = None,
    ):
        """
        Args:
          info: of the run.
          digests: of the files that it reads.
          output: what the run is to leave behind.
          shown: the photograph and the styles.
          progress: the line that moves on with the steps, and between them.
          state: where an interrupted run is taken up again.
        """
        self._prefix, self._info, self._digests = info.prefix, info, digests
        self._output, self._shown = output, shown
        self._record = Record(info, state.scales if state else (), digests)
        self._writer = Writer(info, output, shown[0].info)
        self._frames: list[np.ndarray] = list(state.frames) if state else []
        self._progress = progress
        self._board = Board(output.tensorboard) if output.tensorboard else None
        self._said = False
        self._given_up: set[str] = set()
        self._has_state = state is not None

    def add(self, step: Step) -> None:
        """Takes a step into everything that follows the run; the state to resume from comes last."""
        if not self._said and self._info.flags["weights"] == "auto" and "weights" in step.facts:
            self._said = True
            logger.info(f"Weights: {SOURCES[step.facts['weights']].chosen}.")
        self._progress.add(step)
        self._record.add(step)
        self._beside("images along the way", lambda: self._writer.add(step))
        if self._output.preview != "none":
            self._frames.append(plots.frame(self._writer.painted(step.image)))
        if self._board:
            self._beside("what TensorBoard shows", lambda: self._show(step))
        self._beside("the record", self._write_record)
        if self._output.keep_state:
            self._beside("the state that --resume needs", lambda: self._write_state(step))

    def finish(self, image: np.ndarray) -> None:
        """Takes the last image and writes what a complete run leaves; the record, which says so, comes last.

        Raises:
          UserError: the result could not be written where it was to lie; it lies elsewhere, or nowhere.
        """
        self._progress.close()
        result, scales = self._writer.painted(image), self._record.scales
        misplaced = self._save_result(result)
        drawn = self._output.plots and any(scale["losses"] for scale in scales)  # not every method has a loss
        if drawn:
            self._beside("the plot of the losses", lambda: plots.losses(f"{self._prefix}_losses.png", scales))
        if self._output.plots:
            shown = [*self._shown, result]
            self._beside("the comparison", lambda: self._writer.save("_comparison", plots.comparison(shown), ".png"))
        if self._output.preview != "none":
            path = f"{self._prefix}_preview.{self._output.preview}"
            self._beside("the preview", lambda: plots.preview(path, self._frames))
        if misplaced:
            raise UserError(misplaced)
        self._record.end(broken_off=None)
        self._given_up.discard("the record")
        self._beside("the record", self._write_record)
        if self._has_state:
            self._beside("removing the state", lambda: checkpoint.remove(self._prefix))
        end = [scales[0]["initial"], *scales[0]["iterations"]][-1]
        sentence = advice(self._info.flags, scales[0]["initial"]["terms"], end["terms"], len(scales[0]["losses"]))
        if sentence:
            logger.warning(sentence)

    def break_off(self, best: np.ndarray | None, reason: str) -> None:
        """Writes the best image so far and the record, which says what broke the run off."""
        self._progress.close()
        self._record.end(broken_off=reason)
        misplaced = self._save_result(self._writer.painted(best)) if best is not None else None
        if self._record.scales:
            self._beside("the record", self._write_record)
        if misplaced:
            logger.warning(misplaced)
        elif best is not None:
            how = "; with --resume the run goes on" if self._has_state else ""
            logger.info(f"{self._prefix}{self._info.ending} is the best so far{how}.")

    def _beside(self, what: str, write: Callable[[], Any]) -> None:
        """Writes what the picture can do without; where that fails it is told, once, and not tried again."""
        if what in self._given_up:
            return
        try:
            write()
        except Exception as error:  # whatever it is, the picture counts more
            self._given_up.add(what)
            logger.warning(f"the run goes on without {what}: {error}")

    def _save_result(self, image: Image.Image) -> str | None:
        """Writes the result, elsewhere if need be; then a sentence says where it lies."""
        try:
            self._writer.save("", image)
        except Exception as error:  # whatever it is, the picture is tried elsewhere
            for folder in (tempfile.gettempdir, Path.home, Path.cwd):
                with contextlib.suppress(Exception):
                    return f"{error} The picture lies in {self._writer.save_elsewhere(folder(), image)!r}."
            return f"{error} It could not be written elsewhere either."
        return None

    def _show(self, step: Step) -> None:
        number = sum(1 + len(scale["iterations"]) for scale in self._record.scales) - 1
        self._board.add(number, {"loss": step.loss, **step.terms}, np.asarray(self._writer.painted(step.image)))

    def _write_state(self, step: Step) -> None:
        found = Checkpoint(self._info, self._digests, self._record.scales, step.state(), self._frames)
        checkpoint.save(self._prefix, found)
        self._has_state = True

    def _write_record(self) -> None:
        text = json.dumps(self._record.as_dict(), indent=1)
        files.write_whole(f"{self._prefix}.json", lambda partial: Path(partial).write_text(text))

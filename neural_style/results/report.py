"""The report of a run on the command line: progress, images, record, state, plots."""

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
from neural_style.settings.output import OutputSettings
from neural_style.settings.weight_sources import SOURCES


class Progress(Protocol):
    """Shows how far a run is."""

    def add(self, step: Step) -> None:
        """Take a step."""

    def close(self) -> None:
        """End the display."""


class Report:
    """Follows a run and writes its output files, however the run ends.

    The result is the last step's image or, when the run was interrupted, the image of the lowest loss.
    """

    def __init__(
        self,
        info: RunInfo,
        digests: Mapping[str, str],
        output: OutputSettings,
        shown: Sequence[Image.Image],
        progress: Progress,
        state: Checkpoint | None = None,
        painted_share: float = 1.0,
    ):
        """
        Args:
          info: of the run.
          digests: of the files that it reads.
          output: which output files to write.
          shown: the photograph and the styles.
          progress: shows how far the run is.
          state: of an interrupted run that resumes.
          painted_share: of the picture, which masks may limit.
        """
        self._painted_share = painted_share
        self._prefix, self._info, self._digests = info.prefix, info, digests
        self._output, self._shown = output, shown
        self._record = Record(info, state.scales if state else (), digests)
        self._writer = Writer(info, output, shown[0].info)
        self._frames: list[np.ndarray] = list(state.frames) if state else []
        self._progress = progress
        self._board = Board(output.tensorboard) if output.tensorboard else None
        self._has_named_weights = False
        self._failed: set[str] = set()
        self._has_state = state is not None

    def add(self, step: Step) -> None:
        """Write everything that follows from a step; the state to resume from comes last."""
        if not self._has_named_weights and self._info.flags["weights"] == "auto" and "weights" in step.facts:
            self._has_named_weights = True
            logger.info(f"Weights: {SOURCES[step.facts['weights']].reason}.")
        self._progress.add(step)
        self._record.add(step)
        self._try("intermediate images", lambda: self._writer.add(step))
        if self._output.preview != "none":
            self._frames.append(plots.frame(self._writer.painted(step.image)))
        board = self._board
        if board:
            self._try("TensorBoard's data", lambda: self._show(board, step))
        self._try("the record", self._write_record)
        if self._output.keep_state:
            self._try("the state for --resume", lambda: self._write_state(step))

    def finish(self, image: np.ndarray) -> None:
        """Write the files of a complete run; the record, which says that it is complete, comes last.

        Raises:
          UserError: the result could not be written at its place; the message says whether it is elsewhere.
        """
        self._progress.close()
        result, scales = self._writer.painted(image), self._record.scales
        misplaced = self._save_result(result)
        has_loss = any(scale["losses"] for scale in scales)  # not every method has one
        if self._output.plots and has_loss:
            self._try("the plot of the losses", lambda: plots.losses(f"{self._prefix}_losses.png", scales))
        if self._output.plots:
            shown = [*self._shown, result]
            self._try("the comparison", lambda: self._writer.save("_comparison", plots.comparison(shown), ".png"))
        if self._output.preview != "none":
            path = f"{self._prefix}_preview.{self._output.preview}"
            self._try("the preview", lambda: plots.preview(path, self._frames))
        if misplaced:
            raise UserError(misplaced)
        self._record.end(broken_off=None)
        self._failed.discard("the record")
        self._try("the record", self._write_record)
        if self._has_state:
            self._try("removing the state", lambda: checkpoint.remove(self._prefix))
        self._advise()

    def _advise(self) -> None:
        """Logs which weight to change, where one has no influence."""
        scale = self._record.scales[0]
        initial, final = scale["initial"], [scale["initial"], *scale["iterations"]][-1]
        evaluations = len(scale["losses"])
        sentence = advice(self._info.flags, initial["terms"], final["terms"], evaluations, self._painted_share)
        if sentence:
            logger.warning(sentence)

    def break_off(self, best: np.ndarray | None, reason: str) -> None:
        """Write the best image so far, and the record with the reason of the interruption."""
        self._progress.close()
        self._record.end(broken_off=reason)
        misplaced = self._save_result(self._writer.painted(best)) if best is not None else None
        if self._record.scales:
            self._try("the record", self._write_record)
        if misplaced:
            logger.warning(misplaced)
        elif best is not None:
            hint = "; --resume continues the run" if self._has_state else ""
            logger.info(f"{self._prefix}{self._info.ending} is the best so far{hint}.")

    def _try(self, name: str, write: Callable[[], Any]) -> None:
        """Write what the picture can do without; after a failure there is one warning and no second try."""
        if name in self._failed:
            return
        try:
            write()
        except Exception as error:  # whatever it is, the picture counts more
            self._failed.add(name)
            logger.warning(f"the run continues without {name}: {error}")

    def _save_result(self, image: Image.Image) -> str | None:
        """Write the result, elsewhere if need be; then return a sentence that says where."""
        try:
            self._writer.save("", image)
        except Exception as error:  # whatever it is, the picture is tried elsewhere
            for folder in (tempfile.gettempdir, Path.home, Path.cwd):
                with contextlib.suppress(Exception):
                    return f"{error} The picture is saved as {self._writer.save_elsewhere(folder(), image)!r}."
            return f"{error} It could not be written elsewhere either."
        return None

    def _show(self, board: Board, step: Step) -> None:
        number = sum(1 + len(scale["iterations"]) for scale in self._record.scales) - 1
        board.add(number, {"loss": step.loss, **step.layers}, np.asarray(self._writer.painted(step.image)))

    def _write_state(self, step: Step) -> None:
        state = Checkpoint(self._info, self._digests, self._record.scales, step.state(), self._frames)
        checkpoint.save(self._prefix, state)
        self._has_state = True

    def _write_record(self) -> None:
        text = json.dumps(self._record.as_dict(), indent=1)
        files.write_whole(f"{self._prefix}.json", lambda partial: Path(partial).write_text(text))

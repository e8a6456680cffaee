"""What follows a run from the command line: the progress line, images, record, state, and pictures about it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neural_style.results import checkpoint, files, plots
from neural_style.results.advice import advice
from neural_style.results.checkpoint import Checkpoint
from neural_style.results.progress import Progress
from neural_style.results.record import Record
from neural_style.results.tensorboard import Board
from neural_style.results.writer import Writer
from neural_style.settings.network import SOURCES
from neural_style.settings.output import OutputSettings
from neural_style.step import Step
from neural_style.terminal import say, warn


class Report:
    """Takes a run's steps; however the run ends, the result and PREFIX.json are written.

    The result is the last step's image, or, where the run broke off, that of the lowest loss.
    """

    def __init__(
        self,
        header: Mapping[str, Any],
        digests: Mapping[str, str],
        output: OutputSettings,
        shown: Sequence[Image.Image],
        progress: Progress,
        state: Checkpoint | None = None,
    ):
        """
        Args:
          header, digests: see `record`.
          output: what the run is to leave behind.
          shown: the photograph and the styles.
          progress: the line that moves on with the steps, and between them.
          state: where an interrupted run is taken up again.
        """
        self._prefix, self._header, self._digests = header["prefix"], header, digests
        self._output, self._shown = output, shown
        self._record = Record({**header, "digests": digests}, state.scales if state else ())
        self._writer = Writer(header, output, shown[0].info)
        self._frames: list[np.ndarray] = list(state.frames) if state else []
        self._progress = progress
        self._board = Board(output.tensorboard) if output.tensorboard else None
        self._said = False

    def add(self, step: Step) -> None:
        """Takes a step into everything that follows the run; the state to resume from comes last."""
        if not self._said and self._header["flags"]["weights"] == "auto":
            self._said = True
            say(f"Weights: {SOURCES[step.facts['weights']].chosen}.")
        self._progress.add(step)
        self._record.add(step)
        self._writer.add(step)
        if self._output.preview != "none":
            self._frames.append(plots.frame(self._writer.painted(step.image)))
        if self._board:
            number = sum(1 + len(scale["iterations"]) for scale in self._record.scales) - 1
            self._board.add(number, {"loss": step.loss, **step.terms}, np.asarray(self._writer.painted(step.image)))
        self._write_record()
        if self._output.keep_state:
            found = Checkpoint(self._header, self._digests, self._record.scales, step.state(), self._frames)
            checkpoint.save(self._prefix, found)

    def finish(self, image: np.ndarray) -> None:
        """Takes the last image and writes what a complete run leaves; the record, which says so, comes last."""
        self._progress.close()
        result, scales = self._writer.painted(image), self._record.scales
        self._writer.save("", result)
        if self._output.plots:
            plots.losses(f"{self._prefix}_losses.png", scales)
            self._writer.save("_comparison", plots.comparison([*self._shown, result]), ".png")
        if self._output.preview != "none":
            plots.preview(f"{self._prefix}_preview.{self._output.preview}", self._frames)
        self._record.end(broken_off=None)
        self._write_record()
        checkpoint.remove(self._prefix)
        end = [scales[0]["initial"], *scales[0]["iterations"]][-1]
        sentence = advice(self._header["flags"], scales[0]["initial"]["terms"], end["terms"], len(scales[0]["losses"]))
        if sentence:
            warn(sentence)

    def break_off(self, best: np.ndarray | None, reason: str) -> None:
        """Writes the best image so far and the record, which says what broke the run off."""
        self._progress.close()
        self._record.end(broken_off=reason)
        if best is not None:
            self._writer.save("", self._writer.painted(best))
        if self._record.scales:
            self._write_record()
        if best is not None:
            how = "; with --resume the run goes on" if checkpoint.path(self._prefix).exists() else ""
            say(f"{self._prefix}{self._header['ending']} is the best so far{how}.")

    def _write_record(self) -> None:
        text = json.dumps(self._record.as_dict(), indent=1)
        files.write_whole(f"{self._prefix}.json", lambda partial: Path(partial).write_text(text))

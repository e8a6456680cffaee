"""What a run leaves behind: the progress line, the images, the record, the state, and pictures about it."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from neural_style.images import reading
from neural_style.images.sources import Sources, scales
from neural_style.optimize.evaluator import Evaluation
from neural_style.optimize.loop import Step
from neural_style.optimize.studio import Session
from neural_style.results import advice, checkpoint, files, plots
from neural_style.results.checkpoint import Checkpoint
from neural_style.results.record import Record, sums
from neural_style.results.tensorboard import Board


class Report:
    """A context that follows a run: `begin` each scale, `add` each step.

    However the run ends, the result and PREFIX.json are written on the way out: with the last step's image,
    or, where the run broke off, with the lowest loss's.
    """

    def __init__(
        self, sources: Sources, output: tuple[str, str], header: dict, digests: dict, state: Checkpoint | None
    ):
        """
        Args:
          sources: the images and options.
          output: prefix and ending of the images' names.
          header, digests: see `record`.
          state: where an interrupted run is taken up again.
        """
        self._sources, self._options = sources, sources.options
        self._prefix, self._ending = output
        self._header, self._digests = header, digests
        self._record = Record({**header, "digests": digests}, state.scales if state else ())
        self._frames: list[np.ndarray] = list(state.frames) if state else []
        self._board = Board(self._options.tensorboard) if self._options.tensorboard else None
        self._session: Session | None = None
        self._bar: tqdm | None = None

    def begin(self, session: Session) -> None:
        """Follows another scale; a coarser one that ended leaves PREFIX_scale_ROWS."""
        if self._session is None:
            self._warn_of_learned_weights(session.facts["weights"])
        else:
            self._bar.close()
            self._save(f"_scale_{self._record.scales[-1]['rows']}", self._painted(self._session.last.image))
        self._session = session
        self._record.begin(session)
        session.evaluator.on_evaluation = self._show
        rows, cols = session.pictures.content.shape[:2]
        # tqdm itself stays quiet where the output is no terminal.
        self._bar = tqdm(
            total=1 + session.iterations * self._options.evaluations_per_iteration,
            initial=session.evaluator.evaluations,
            disable=None,
            desc=f"{rows} x {cols}",
            dynamic_ncols=True,
            bar_format="{desc} {percentage:3.0f}%|{bar:16}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]",
        )

    def _warn_of_learned_weights(self, origin: str) -> None:
        if self._options.weights == "auto" and origin == "learned":
            _warn(
                "the ImageNet weights are not cached and could not be had within seconds, so filters are "
                "learned from the images; --weights=imagenet says what is missing."
            )

    def _show(self, evaluation: Evaluation) -> None:
        """Moves the progress line on by one evaluation."""
        parts = " ".join(f"{name} {value:.3g}" for name, value in sums(evaluation.terms).items())
        self._bar.set_postfix_str(f"loss {evaluation.loss:.4g} = {parts}", refresh=False)
        self._bar.update()

    def add(self, step: Step) -> None:
        """Takes a step into the record, writes its image where one is due, and the state to resume from."""
        self._record.add(step)
        image, every = self._painted(step.image), self._options.save_every
        at_last_scale = len(self._record.scales) == len(scales(self._options))
        if at_last_scale and step.index and every and step.index % every == 0:
            self._save(f"_at_iteration_{step.index}", image)
        if self._options.preview != "none":
            self._frames.append(plots.frame(image))
        if self._board:
            number = sum(1 + len(scale["iterations"]) for scale in self._record.scales) - 1
            self._board.add(number, {"loss": step.loss, **step.terms}, np.asarray(image))
        self._write_record()
        if self._options.keep_state:
            state = Checkpoint(self._header, self._digests, self._record.scales, self._session.state(), self._frames)
            checkpoint.save(self._prefix, state)

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self._session is None:
            return
        self._bar.close()
        if kind is None:
            self._finish(self._painted(self._session.last.image))
        else:
            best = self._session.best()
            self._record.end(broken_off=str(error) or kind.__name__)
            if best is not None:
                self._save("", self._painted(best))
                self._write_record()

    def _finish(self, result: Image.Image) -> None:
        """Writes what a complete run leaves; the record, which says so, comes last."""
        self._save("", result)
        record = self._record.scales
        if self._options.plots:
            plots.losses(f"{self._prefix}_losses.png", record)
            sheet = plots.comparison(self._sources.content, self._sources.styles, result)
            self._save("_comparison", sheet, ".png")
        if self._options.preview != "none":
            plots.preview(f"{self._prefix}_preview.{self._options.preview}", self._frames)
        self._record.end(broken_off=None)
        self._write_record()
        checkpoint.remove(self._prefix)
        coarsest = record[0]
        end = [coarsest["initial"], *coarsest["iterations"]][-1]
        sentence = advice.advice(self._options, coarsest["initial"]["terms"], end["terms"], len(coarsest["losses"]))
        if sentence:
            _warn(sentence)

    def _painted(self, image: np.ndarray) -> Image.Image:
        return reading.to_image(reading.denoise(image, self._options.denoise))

    def _save(self, name: str, image: Image.Image, ending: str | None = None) -> None:
        path = f"{self._prefix}{name}{ending or self._ending}"
        files.save(path, image, self._options.output_quality, self._sources.content, self._header)

    def _write_record(self) -> None:
        text = json.dumps(self._record.as_dict(), indent=1)
        files.write_whole(f"{self._prefix}.json", lambda partial: Path(partial).write_text(text))


def _warn(sentence: str) -> None:
    print(f"neural-style: {sentence}", file=sys.stderr)

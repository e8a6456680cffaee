"""What a run leaves behind: the progress line, the images and the record."""

import importlib.metadata
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from neural_style import __version__, images
from neural_style.evaluator import Evaluation
from neural_style.flags import Options
from neural_style.pictures import scales
from neural_style.studio import Session
from neural_style.transfer import Step


class Report:
    """A context that follows a run: `begin` each scale, `add` each step.

    However the run ends, PREFIX.png and PREFIX.json are written on the way out: with the last step's image,
    or, where the run broke off, with the lowest loss's.

    Attributes:
      last: the last step.
    """

    def __init__(self, content: str, styles: Sequence[str], prefix: str, options: Options):
        self._prefix, self._options = prefix, options
        self._session: Session | None = None
        self._bar: tqdm | None = None
        self.last: Step | None = None
        self._header = {
            "content": str(content),
            "styles": [str(style) for style in styles],
            "prefix": str(prefix),
            "flags": vars(options),
            "versions": _versions(),
        }
        self._scales: list[dict] = []

    def begin(self, session: Session) -> None:
        """Follows another scale; a coarser one that ended leaves PREFIX_scale_ROWS.png."""
        if self._session is None:
            self._warn(session)
        else:
            self._bar.close()
            self._save(f"_scale_{self._scales[-1]['rows']}", self.last.image)
        self._session = session
        self._header |= {
            "device": session.device,
            "precision": session.precision,
            "tile": session.tile,
            "weights": session.origin,
        }
        rows, cols = session.pictures.content.shape[:2]
        losses = session.evaluator.losses
        self._scales.append({"rows": rows, "cols": cols, "initial": None, "iterations": [], "losses": losses})
        session.evaluator.on_evaluation = self._show
        # tqdm itself stays quiet where the output is no terminal.
        self._bar = tqdm(
            total=1 + session.iterations * self._options.evaluations_per_iteration,
            disable=None,
            desc=f"{rows} x {cols}",
            dynamic_ncols=True,
            bar_format="{desc} {percentage:3.0f}%|{bar:16}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]",
        )

    def _warn(self, session: Session) -> None:
        if self._options.weights == "auto" and session.origin == "learned":
            print(
                "neural-style: the ImageNet weights are not cached and could not be had within seconds, so filters are "
                "learned from the images; --weights=imagenet says what is missing.",
                file=sys.stderr,
            )

    def _show(self, evaluation: Evaluation) -> None:
        """Moves the progress line on by one evaluation."""
        parts = " ".join(f"{name} {value:.3g}" for name, value in sums(evaluation.terms).items())
        self._bar.set_postfix_str(f"loss {evaluation.loss:.4g} = {parts}", refresh=False)
        self._bar.update()

    def add(self, step: Step) -> None:
        """Takes a step into the record, and writes its image where one is due."""
        self.last, scale = step, self._scales[-1]
        measured = {"loss": step.loss, "terms": sums(step.terms), "layers": step.terms}
        if step.index == 0:
            scale["initial"] = {**measured, "gradient_norm": step.gradient_norm}
            return
        scale["iterations"].append(
            {"index": step.index, **measured, "evaluations": step.evaluations, "seconds": round(step.seconds, 3)}
        )
        every = self._options.save_every
        if len(self._scales) == len(scales(self._options)) and every and step.index % every == 0:
            self._save(f"_at_iteration_{step.index}", step.image)
        self._write_record()

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self._session is None:
            return
        self._bar.close()
        best = self._session.best()
        if kind is None:
            self._save("", self.last.image)
        elif best is not None:
            self._header["broken_off"] = str(error) or kind.__name__
            self._save("", best)
        self._write_record()

    def _save(self, ending: str, image: np.ndarray) -> None:
        images.save(f"{self._prefix}{ending}.png", images.denoise(image, self._options.denoise))

    def _write_record(self) -> None:
        """The record: of the finest scale so far, and of each where there are several."""
        several = {"scales": self._scales} if len(self._scales) > 1 else {}
        text = json.dumps({**self._header, **self._scales[-1], **several}, indent=1)
        images.write_whole(f"{self._prefix}.json", lambda partial: Path(partial).write_text(text))


def sums(terms: Mapping[str, float]) -> dict[str, float]:
    """The layers' terms added up by kind: content, style, total_variation."""
    added = {"content": 0.0, "style": 0.0, "total_variation": 0.0}
    for name, value in terms.items():
        added[name.split("/")[0]] += value
    return added


def _versions() -> dict[str, str]:
    names = ("tensorflow", "keras", "scipy", "numpy", "pillow")
    return {"neural_style": __version__, **{name: importlib.metadata.version(name) for name in names}}

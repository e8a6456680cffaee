"""What a run leaves behind: the progress line, the images and the record."""

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from neural_style import __version__, images
from neural_style.evaluator import Evaluation
from neural_style.flags import Options
from neural_style.studio import Session
from neural_style.transfer import Step


class Report:
    """A context that follows a run: `show` each evaluation, `add` each step.

    However the run ends, PREFIX.png and PREFIX.json are written on the way out: with the last step's image,
    or, where the run broke off, with the lowest loss's.
    """

    def __init__(self, content: str, style: str, prefix: str, options: Options, session: Session):
        self._prefix, self._session = prefix, session
        self._save_every, self._denoise = options.save_every, options.denoise
        rows, cols = session.pictures.content.shape[:2]
        self._record = {
            "content": str(content),
            "style": str(style),
            "prefix": str(prefix),
            "flags": vars(options),
            "versions": _versions(),
            "device": session.device,
            "precision": session.precision,
            "weights": session.origin,
            "rows": rows,
            "cols": cols,
            "initial": None,
            "iterations": [],
        }
        self._last: Step | None = None
        # tqdm itself stays quiet where the output is no terminal.
        self._bar = tqdm(
            total=1 + options.iterations * options.evaluations_per_iteration,
            disable=None,
            unit="evaluation",
            dynamic_ncols=True,
            bar_format="{l_bar}{bar:16}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]",
        )

    def show(self, evaluation: Evaluation) -> None:
        """Moves the progress line on by one evaluation."""
        parts = " ".join(f"{name} {value:.3g}" for name, value in sums(evaluation.terms).items())
        self._bar.set_postfix_str(f"loss {evaluation.loss:.4g} = {parts}", refresh=False)
        self._bar.update()

    def add(self, step: Step) -> None:
        """Takes a step into the record, and writes its image where one is due."""
        self._last = step
        measured = {"loss": step.loss, "terms": sums(step.terms), "layers": step.terms}
        if step.index == 0:
            self._record["initial"] = {**measured, "gradient_norm": step.gradient_norm}
            return
        self._record["iterations"].append(
            {"index": step.index, **measured, "evaluations": step.evaluations, "seconds": round(step.seconds, 3)}
        )
        if self._save_every and step.index % self._save_every == 0:
            self._save(f"_at_iteration_{step.index}", step.image)
        self._write_record()

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        self._bar.close()
        best = self._session.evaluator.best
        if kind is None:
            self._save("", self._last.image)
        elif best is not None:
            self._record["broken_off"] = str(error) or kind.__name__
            shape = self._session.pictures.content.shape
            self._save("", best.x.reshape(shape).astype(np.float32))
        self._record["losses"] = self._session.evaluator.losses
        self._write_record()

    def _save(self, ending: str, image: np.ndarray) -> None:
        images.save(f"{self._prefix}{ending}.png", images.denoise(image, self._denoise))

    def _write_record(self) -> None:
        text = json.dumps(self._record, indent=1)
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

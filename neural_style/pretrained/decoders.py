"""Finds the files of decoders and the networks that they were trained for, without TensorFlow."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

from neural_style.core.errors import UserError
from neural_style.settings.network import NetworkSettings
from neural_style.settings.universal import UniversalSettings
from neural_style.settings.weight_sources import SOURCES

BUILT_IN = Path(__file__).parent.parent / "universal" / "decoders"
"""The folder of the bundled decoders."""
ENDING = ".safetensors"
HAAR = "haar"
"""What files of band decoders name as the network's pooling."""


def encoder(network: NetworkSettings, seed: int) -> dict[str, str]:
    """Describe the network whose features a decoder inverts, as its file does.

    Args:
      network: whose weights are named ("auto" decided).
      seed: of random weights.

    Raises:
      UserError: these features change from picture to picture, or decoders do not support them.
    """
    flags = {"taps": "after_relu", "normalize_weights": "none"}
    wrong = [f"--{name}={value}" for name, value in flags.items() if getattr(network, name) != value]
    if network.weights in ("learned", "auto"):
        wrong.append(
            f"--weights=hed, imagenet or a file, not {network.weights}, which depends on the picture or the day"
        )
    if wrong:
        raise UserError(f"Decoders take {', '.join(wrong)}.")
    weights = network.weights
    if weights not in SOURCES:
        weights = f"SHA-256 {hashlib.sha256(Path(weights).read_bytes()).hexdigest()}"
    elif SOURCES[weights].uses_seed:
        weights = f"{weights} {seed}"
    kept = {name: getattr(network, name) for name in ("network", "pooling", "padding", "preprocess")}
    return {**kept, "weights": weights}


def band_encoder(network: NetworkSettings, seed: int) -> dict[str, str]:
    """Describe the network whose features a band decoder inverts, see `encoder`: its pooling is always Haar's."""
    return {**encoder(network, seed), "pooling": HAAR}


def find_for(universal: UniversalSettings, network: NetworkSettings, seed: int) -> dict[int, Path]:
    """Find what settings need: the band decoder, by its deepest level, or the decoder of each level.

    Raises:
      UserError: one is missing; the message says how to train it.
    """
    if not universal.bands:
        return find(universal.levels, network, seed, universal.decoders)
    by_level = _fitting(band_encoder(network, seed), universal.decoders)
    if not by_level:
        flags = _format_flags(network, "network", "weights", "padding")
        raise UserError(
            f"--bands needs a band decoder for {flags}, and there is none (--recipe=wct selects the network of the "
            f"bundled one). Train one: neural-style train --band_decoder --photos=FOLDER "
            f"{universal.decoders or 'DECODERS'}/bands.safetensors {flags}, then name its folder by --decoders; or "
            "leave --bands out (--nobands)."
        )
    return by_level


def find(levels: Sequence[int], network: NetworkSettings, seed: int, folder: str | None) -> dict[int, Path]:
    """Find the decoder of each level: in the folder, else among the bundled ones.

    Args:
      levels: the levels.
      network, seed: see `encoder`.
      folder: of --decoders.

    Raises:
      UserError: there is none for a level; the message says how to train one.
    """
    by_level = _fitting(encoder(network, seed), folder)
    missing = sorted(set(levels) - set(by_level))
    if missing:
        raise UserError(_missing(missing[0], network, sorted(by_level), folder))
    return {level: by_level[level] for level in levels}


def _fitting(encoder_metadata: Mapping[str, str], folder: str | None) -> dict[int, Path]:
    """The decoders for a network by level: those of a folder, and bundled ones."""
    if folder is not None and not os.path.isdir(folder):
        raise UserError(f"--decoders takes a folder, and {folder!r} is not a folder.")
    own = sorted(Path(folder).glob(f"*{ENDING}")) if folder else []
    if folder is not None and not own:
        raise UserError(f"--decoders takes a folder of decoders, and {folder!r} contains no {ENDING} file.")
    by_level = {}
    for path in [*sorted(BUILT_IN.glob(f"*{ENDING}")), *own]:
        metadata = metadata_of(path)
        if metadata.items() >= encoder_metadata.items():
            by_level[int(metadata["level"])] = path
    return by_level


def _missing(level: int, network: NetworkSettings, there: Sequence[int], folder: str | None) -> str:
    flags = _format_flags(network, "network", "weights", "pooling", "padding")
    known = f"levels {', '.join(map(str, there))} have one" if there else "no level has one"
    where = f"the package and {folder!r}" if folder else "the package"
    return (
        f"--levels={level} needs a decoder for {flags}, and {where} has none ({known}; --recipe=wct selects the "
        f"network of the bundled ones). Train one: neural-style train --decoder={level} --photos=FOLDER "
        f"{folder or 'DECODERS'}/relu{level}_1.safetensors {flags}, then name its folder by --decoders."
    )


def _format_flags(network: NetworkSettings, *names: str) -> str:
    return " ".join(f"--{name}={getattr(network, name)}" for name in names)


def metadata_of(path: Path) -> dict[str, str]:
    """Read the description of a decoder's file; empty where it is not one of ours.

    Raises:
      UserError: the file can't be read.
    """
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise UserError(f"Expected a decoder in {str(path)!r}, but it can't be read as one: {error}") from error
    return metadata if metadata.get("level", "").isdigit() else {}

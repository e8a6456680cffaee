"""Finds trained networks and reads their descriptions, without TensorFlow."""

import dataclasses
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors import safe_open

from neural_style.core import storage
from neural_style.core.archives import read_member
from neural_style.core.errors import UserError
from neural_style.pretrained import exports, onnx_files
from neural_style.settings.combining import did_you_mean
from neural_style.settings.feedforward import NETWORK_METHOD
from neural_style.settings.settings import Settings

BUILT_IN = Path(__file__).parent.parent / "feedforward" / "networks"
"""The folder of the bundled networks, which are found by name."""
ARBITRARY = BUILT_IN / "arbitrary.safetensors"
"""The arbitrary style network's weights (`scripts/convert_arbitrary.py`)."""
LITE_PREDICTOR, LITE_TRANSFORMER = (
    BUILT_IN / f"arbitrary_{part}{exports.ENDING}" for part in ("predictor", "transformer")
)
KERAS, TORCH = ".keras", (".pth", ".pt", ".model")
"""Endings of our own files, and of those of pytorch/examples' fast_neural_style."""
FOREIGN = (*TORCH, onnx_files.ENDING)
"""Endings of networks that other programs trained, which keep no pictures of their styles."""
PICKLE = b"\x80"
"""The first byte of torch's files before they were zips."""
METADATA, WEIGHTS, PICTURES = "neural_style.json", "model.weights.h5", "styles"
"""Members of a .keras file: its description, its weights, and the folder of its styles' pictures."""
MAX_WIDTH = 4
"""Maximum share of the published number of channels that a network of a file has."""
NAMED = 8
"""Maximum number of styles that a message names."""
LARGEST = 512 * 2**20
"""The most bytes that a member of a file may unpack to."""


def arbitrary_metadata() -> dict[str, str]:
    """Read the description of the arbitrary network: "architecture", "paper", "origin", "license" and "format"."""
    with safe_open(ARBITRARY, framework="numpy") as file:
        return file.metadata()


def arbitrary_origin() -> str:
    """The source of the arbitrary network's weights, and their licence."""
    metadata = arbitrary_metadata()
    return f"{metadata['origin']}, {metadata['license']}"


def lite_file(path: Path) -> Path | None:
    """Return the path of a network's export for LiteRT: a bundled one, or one that its training made; else None."""
    if path.parent == BUILT_IN:
        export = path.with_suffix(exports.ENDING)
    elif path.suffix.lower() == KERAS and path.is_file():
        export = exports.path_of(path)
    else:
        return None
    return export if export.is_file() else None


@dataclasses.dataclass(frozen=True)
class NetworkStyles:
    """The styles of a trained network that a run uses.

    Attributes:
      path: of the network's file.
      numbers: of these styles, in the order of its tables.
    """

    path: Path
    numbers: tuple[int, ...]


def choose_styles(styles: Sequence[Any], settings: Settings) -> NetworkStyles | None:
    """The network and its styles that a run uses; None where its method takes paintings.

    Args:
      styles: what was given as styles.
      settings: of the run.

    Raises:
      UserError: no network is given, it can't be read, or it has no style of that name.
    """
    if not settings.method.style_is_network:
        return None
    path = find(styles[0]) if len(styles) == 1 else None
    if path is None:
        known = ", ".join(by_name())
        raise UserError(
            f"--method={settings.picture.method} takes a trained network as the style ({known}, or a file that "
            f"neural-style train wrote), received {', '.join(map(repr, styles))}."
        )
    picture = settings.picture
    has_weights = bool(picture.style_blend or picture.style_masks)
    return NetworkStyles(path, tuple(chosen(metadata_of(path)["styles"], settings.feedforward.style, has_weights)))


def read_picture(path: Path, number: int) -> Image.Image:
    """Read the small picture that a network's file keeps of a style; a grey one where another program wrote it."""
    if path.suffix.lower() in FOREIGN:
        return Image.new("RGB", (64, 64), "grey")
    packed = member(path, f"{PICTURES}/{number}.jpg", 2**24)
    try:
        with Image.open(io.BytesIO(packed), formats=["JPEG"]) as image:
            return image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"The picture of style {number} in {str(path)!r} can't be read: {error}") from error


def by_name() -> dict[str, Path]:
    """The bundled networks by name."""
    return {path.stem: path for path in sorted(BUILT_IN.glob(f"*{KERAS}"))}


def find(word: Any) -> Path | None:
    """Return the network that a style names; None for an image. A URL of a network is a UserError."""
    if not isinstance(word, str | os.PathLike):
        return None
    path = Path(word)
    if path.suffix.lower() in (KERAS, *FOREIGN):
        storage.check_here(word, "a trained network")
        return path
    return None if os.path.isfile(path) else by_name().get(os.fspath(word))  # Path.is_file() raises for a long name


def method_setting(styles: Sequence[Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Return the setting that follows from the styles: the method that a trained network needs.

    Raises:
      UserError: another method is requested, a network has other styles beside it, or a name resembles a network's.
    """
    networks = [word for word in styles if find(word)]
    if not networks:
        _check_names(styles)
        return {}
    if len(styles) > 1:
        raise UserError(
            f"A trained network is the only style of a run, and {os.fspath(networks[0])!r} is given with others: "
            "choose among its styles by --style."
        )
    if given.get("method") not in (None, NETWORK_METHOD):
        raise UserError(
            f"{os.fspath(networks[0])!r} is a trained network, which --method={given['method']} can't use: leave that "
            "out."
        )
    return {"method": NETWORK_METHOD}


def _check_names(styles: Sequence[Any]) -> None:
    for word in styles:
        if isinstance(word, str) and not Path(word).suffix and not os.path.exists(word):
            hint = did_you_mean(word, by_name())
            if hint:
                raise UserError(f"{word!r} is neither a file nor a trained network.{hint}")


def metadata_of(path: Path) -> dict[str, Any]:
    """Read a network's description: "architecture", "width" (torch's: None), "styles" (names) and "training".

    Raises:
      UserError: it can't be read, or is not a network of this kind.
    """
    if path.suffix.lower() == onnx_files.ENDING:
        return onnx_files.metadata_of(onnx_files.read(path), path)
    if path.suffix.lower() in TORCH:
        if not os.path.isfile(path):
            raise UserError(f"Expected a trained network, but {str(path)!r} does not exist.")
        with open(path, "rb") as file:
            first = file.read(1)
        if first != PICKLE and not zipfile.is_zipfile(path):
            raise UserError(f"Expected a trained network, but {str(path)!r} is not a file that torch wrote.")
        return {"architecture": "johnson", "width": None, "styles": [path.stem], "training": {}}
    text = member(path, METADATA, 2**20)
    try:
        description = json.loads(text)
        _check_description(description)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unfit(path, error) from error
    return description


def _check_description(description: Any) -> None:
    """Raise a ValueError, or another error, where a network's description is incomplete."""
    names, width = description["styles"], description["width"]
    has_names = isinstance(names, list) and names and all(isinstance(name, str) and name for name in names)
    is_repeated = has_names and len(set(names)) < len(names)
    has_width = isinstance(width, int | float) and 0 < width <= MAX_WIDTH
    has_others = isinstance(description["architecture"], str) and isinstance(description["training"], dict)
    if not (has_names and has_width and has_others) or is_repeated:
        raise ValueError("its description is incomplete")


def member(path: Path, name: str, max_bytes: int = LARGEST) -> bytes:
    """A part of a .keras file.

    Raises:
      UserError: it can't be read, or unpacks to more than `max_bytes` bytes.
    """
    try:
        with zipfile.ZipFile(path) as file:
            return read_member(file, name, max_bytes)
    except FileNotFoundError:
        raise UserError(f"Expected a trained network, but {str(path)!r} does not exist.") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise _unfit(path, error) from error


def _unfit(path: Path, error: Exception) -> UserError:
    return UserError(
        f"Expected a network that neural-style train wrote, and {str(path)!r} can't be read as one: "
        f"{' '.join(str(error).split())[:200]}"
    )


def chosen(names: Sequence[str], wanted: Sequence[str], blended: bool) -> list[int]:
    """Return the numbers of the chosen styles.

    Args:
      names: of a network's styles.
      wanted: of --style; empty takes all if there is one style, or if a weight or mask of each is given.
      blended: whether a weight or a mask of each is given.

    Raises:
      UserError: a name is unknown, given twice, or missing.
    """
    known = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        known += f" and {len(names) - NAMED} more (neural-style --show=NETWORK lists them)"
    if not wanted:
        if len(names) > 1 and not blended:
            raise UserError(f"This network paints in {len(names)} styles: choose by --style={names[0]} (or {known}).")
        return list(range(len(names)))
    for name in wanted:
        if name not in names:
            raise UserError(f"--style takes one or several of {known}, received {name!r}.{did_you_mean(name, names)}")
    if len(set(wanted)) < len(wanted):
        raise UserError(f"--style takes each style once, received {','.join(wanted)}.")
    return [list(names).index(name) for name in wanted]

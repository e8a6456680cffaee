"""--show: the command that made an image or a trained network."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

from PIL import Image

from neural_style.cli.terminal import printable
from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.images.writing import TEXT_KEY
from neural_style.pretrained import style_networks
from neural_style.results.record import changed_flags
from neural_style.settings import recipes
from neural_style.settings.schema import FIELDS, as_flag


def text(path: str) -> str:
    """Describe a file: the command that makes an image again, or what is known of a trained network.

    Args:
      path: a PNG or a record (.json) that neural_style wrote, a trained network's file, or the name of a bundled one.

    Raises:
      UserError: `path` is something else, or the recipe of a record is unknown to this version.
    """
    storage.check_here(path, "what --show reads")
    if path == style_networks.ARBITRARY.stem:
        return "\n".join(f"# {name}: {fact}" for name, fact in sorted(style_networks.arbitrary_metadata().items()))
    network = style_networks.find(path)
    if network:
        return _of_network(network)
    try:
        record = _read_record(path)
        paths = [record["content"], *record["styles"], record["prefix"] + record["ending"].removesuffix(".png")]
        has_dash = any(name.startswith("-") for name in paths)  # such a path would be read as a flag
        dashes = ["--"] if has_dash else []
        recipe, version = record["flags"].get("recipe"), record["versions"]["neural_style"]
        known = recipe is None or recipe in recipes.by_name()
        flags = changed_flags(recipe, record["flags"]) if known else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = "says nothing of how it was made" if os.path.exists(path) else "does not exist"
        raise UserError(
            f"--show takes a PNG, a record or a trained network that neural-style wrote, and {path!r} {reason}: name "
            "PREFIX.json, the record beside a picture."
        ) from error
    if not known:
        raise UserError(
            f"{path!r} was made with the recipe {recipe!r}, which this version does not have: its flags stand in the "
            "record."
        )
    options = [] if recipe is None else [f"--recipe={recipe}"]
    options += [as_flag(name, value) for name, value in flags.items() if _changes_picture(name)]
    command = [*options, *dashes, *paths] if dashes else [*paths, *options]
    version_text = printable(str(version)).replace("\n", "\\n")  # a second line would not be a comment
    return f"# neural-style {version_text}\nneural-style {shlex.join(command)}"


def _of_network(path: Path) -> str:
    """Describe a trained network: its styles, and the commands that trained it, the last one first."""
    metadata = style_networks.metadata_of(path)
    width = f", width {metadata['width']:g}" if metadata["width"] else ""
    lines = [f"# {path.name}: {metadata['architecture']}{width}, {len(metadata['styles'])} styles"]
    lines += [f"--style={printable(name)}".replace("\n", "\\n") for name in metadata["styles"]]
    training = metadata["training"]
    while isinstance(training, dict) and isinstance(training.get("flags"), dict):
        flags = [f"--{name}={value}" for name, value in training["flags"].items() if value not in (None, False)]
        photographs, seconds = training.get("photographs"), training.get("seconds")
        lines += [
            f"# trained on {photographs} photographs in {seconds} s{_final_loss_text(training)}",
            f"# neural-style train STYLE ... {shlex.quote(path.name)} {shlex.join(flags)}",
        ]
        training = training.get("before")
    return printable("\n".join(lines))


def _final_loss_text(training: dict[str, Any]) -> str:
    """ ", loss 1.23" for the end of a line; "" where no loss is recorded."""
    points = training.get("losses")
    last = points[-1] if isinstance(points, list) and points else {}
    return f", loss {last['loss']:.4g}" if isinstance(last, dict) and isinstance(last.get("loss"), float) else ""


def _read_record(path: str) -> Any:
    """The record in a JSON file, or the one that a PNG contains as text; a ValueError where there is none."""
    if not os.path.isfile(path):
        raise ValueError
    if Path(path).suffix.lower() == ".json":
        return json.loads(Path(path).read_text())
    with Image.open(path) as image:
        return json.loads(image.info.get(TEXT_KEY, "null"))


def _changes_picture(name: str) -> bool:
    """Whether a flag of a record changes the picture."""
    return FIELDS[name][0] != "output"

"""Requests of visitors: pictures, settings without files, and records, all within the page's bounds."""

import dataclasses
import json
import math
import os
import shlex
import threading
from collections.abc import Mapping
from typing import Any

from PIL import Image

from neural_style.core.errors import UserError
from neural_style.images import scene_building
from neural_style.images.inputs import Inputs
from neural_style.images.writing import TEXT_KEY
from neural_style.planning.plan import Plan, make_plan, read_inputs
from neural_style.pretrained import required_files
from neural_style.results.record import RunInfo, changed_flags, upgrade_value
from neural_style.settings import checked, recipes
from neural_style.settings.combining import did_you_mean
from neural_style.settings.kinds import File, Kind, Many, Optional, Picture, WordOr
from neural_style.settings.schema import FIELDS, as_flag
from neural_style.settings.settings import Settings
from neural_style.settings.web import WebSettings
from neural_style.web import pictures
from neural_style.web.controls import NETWORK

EXCLUDED_PARTS = ("output", "video")
"""Parts of the settings that do not affect the picture."""
MAX_STYLE_RATIO = 4
"""The largest number of pixels of all versions of a painting, relative to the largest result."""
MAX_RECORD_BYTES = 10**6
MAX_RECORD_FLAGS = 500

OWN_STYLE_IS_GONE = "A style of your own is not here, or not any more: train it first."

_PARSING = threading.Lock()
"""One record at a time, since a parsed record takes many times its size in memory."""


@dataclasses.dataclass(frozen=True)
class PaintRequest:
    """A picture that a visitor wants.

    Attributes:
      photo: path of the uploaded photograph, or of a sample.
      painting: path of the painting; None, and ignored, with a trained network.
      settings: settings of the run.
      bounds: settings of the page.
      network: the trained network that paints, where the settings need one: a bundled one, or the file of the visitor's
        own style.
    """

    photo: str
    painting: str | None
    settings: Settings
    bounds: WebSettings
    network: str = NETWORK

    def prepare(self) -> tuple[Inputs, Plan]:
        """Read the pictures and plan the run.

        Raises:
          UserError: a picture can't be read, or the request exceeds the page's bounds.
        """
        photo = pictures.read(self.photo, "the photograph", self.bounds)
        style = (
            self._find_network()
            if self._uses_network
            else pictures.read(self.painting or "", "the painting", self.bounds)
        )
        inputs, network_styles = read_inputs(photo, [style], self.settings)
        self._check_pixels(inputs)
        return inputs, make_plan(inputs, self.settings, network_styles)

    def _find_network(self) -> str:
        """Return the network; a UserError where the file of the visitor's own style has been removed."""
        if self.network != NETWORK and not os.path.isfile(self.network):
            raise UserError(OWN_STYLE_IS_GONE)
        return self.network

    def _check_pixels(self, inputs: Inputs) -> None:
        rows, cols = size = scene_building.scale_sizes(inputs, self.settings)[-1]
        limit = self.bounds.max_pixels
        if rows * cols > limit:
            raise UserError(
                f"Expected a result of at most {limit:,} pixels, and {rows} x {cols} is requested: take "
                f"{self._describe_allowed_size(rows, cols)}."
            )
        picture = self.settings.picture
        versions = len(picture.style_scale) * len(picture.style_rotation)
        if versions * scene_building.largest_style_pixels(inputs, self.settings, size) > MAX_STYLE_RATIO * limit:
            raise UserError(
                f"Expected a painting of at most {MAX_STYLE_RATIO * limit:,} pixels in all its versions: take a "
                "smaller --style_scale, or fewer values of --style_scale and --style_rotation."
            )

    def _describe_allowed_size(self, rows: int, cols: int) -> str:
        """What to ask for instead of a result of `rows` x `cols`, which is too large."""
        picture, limit = self.settings.picture, self.bounds.max_pixels
        share = math.sqrt(limit / (rows * cols))
        if picture.longest:
            return f"--longest={int(share * max(rows, cols))}"
        if picture.cols:
            return f"at most {max(1, limit // cols)} rows with {cols} columns, or leave out --cols"
        return f"at most {int(share * rows)} rows"

    def info(self) -> RunInfo:
        """Return what the record says of the request: names of files without the server's folders."""
        style = os.path.basename((self.network if self._uses_network else self.painting) or "")
        return RunInfo.of_run(os.path.basename(self.photo), [style], ("painted", ".png"), self.settings)

    @property
    def _uses_network(self) -> bool:
        return self.settings.method.style_is_network


def read_settings(recipe: str, values: Mapping[str, Any]) -> Settings:
    """Read settings that a visitor named.

    Args:
      recipe: the recipe that they change.
      values: values by name, or text as on the command line.

    Raises:
      UserError: a name or value does not exist, visitors may not use it (see `check_allowed`), or the weights are not
        on this machine.
    """
    check_allowed(values)
    settings = Settings.read(recipe, **values)
    if not required_files.weights_are_here(settings):
        raise UserError(
            f"This needs the {settings.network.weights} weights of {settings.network.network}, which are not on this "
            "machine: choose another recipe."
        )
    return settings


def check_allowed(values: Mapping[str, Any]) -> None:
    """Check that visitors may use these settings.

    Raises:
      UserError: a name or value does not exist, names a file, or decides what is written to the disk.
    """
    for name, value in values.items():
        if name not in FIELDS:
            raise UserError(f"Unknown flag --{checked.short(name)}.{did_you_mean(name, FIELDS)}")
        field = FIELDS[name][1]
        if not _affects_picture(name):
            raise UserError(f"--{name} can't be chosen by visitors: leave it out.")
        if names_file(field.metadata["kind"], checked.read(field, value)):
            raise UserError(
                f"--{name} names a file here, {checked.short(value)}, and visitors can't name the server's files: "
                "leave it out."
            )


def names_file(kind: Kind, value: Any) -> bool:
    """Return whether a value is a file, folder or image, given the kind that read it."""
    if isinstance(kind, Optional):
        return value is not None and names_file(kind.other, value)
    if isinstance(kind, Many):
        return any(names_file(kind.each, item) for item in value)
    if isinstance(kind, WordOr):
        is_word = isinstance(value, str) and value in kind.words
        return not is_word and names_file(kind.other, value)
    return isinstance(kind, File | Picture)


def parse_flags(text: str) -> dict[str, Any]:
    """Parse flags as they stand on the command line; return values by name.

    Raises:
      UserError: the text is not a list of flags.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"Expected flags, such as --pooling=avg, and a quotation mark is left open: {error}") from error
    return dict(map(_parse_flag, words))


def _parse_flag(word: str) -> tuple[str, Any]:
    if not word.startswith("--"):
        raise UserError(f"Expected flags, such as --pooling=avg, received {checked.short(word)}.")
    name, equals, value = word.removeprefix("--").partition("=")
    if equals:
        return name, value
    if name.startswith("no") and name.removeprefix("no") in FIELDS:
        return name.removeprefix("no"), False
    return name, True


def format_flags(values: Mapping[str, Any]) -> str:
    """Write flags as on the command line; the inverse of `parse_flags`."""
    return shlex.join(as_flag(name, value) for name, value in values.items())


@dataclasses.dataclass(frozen=True)
class RecordedRun:
    """How a picture was painted, according to its record.

    Attributes:
      recipe: name of the recipe.
      flags: settings that differ from the recipe, by name.
      photo: file name of the photograph.
      painting: file name of the painting, or of the trained network.
      uses_network: whether a trained network painted.
    """

    recipe: str
    flags: dict[str, Any]
    photo: str
    painting: str
    uses_network: bool


def read_record(path: str, bounds: WebSettings) -> RecordedRun:
    """Read a record (JSON), or the record within a PNG.

    Raises:
      UserError: the file is not a record, or it uses what visitors may not use.
    """
    try:
        pictures.check_size(path, "the record", bounds)
        with _PARSING:
            record = _load_record(path)
        flags = record["flags"]
        recipe = flags.get("recipe") or "keras"
        names = [str(name) for name in (record["content"], record["styles"][0])]
        is_known = isinstance(recipe, str) and recipe in recipes.by_name()
        changed = changed_flags(recipe, flags) if is_known else {}
    except UserError:
        raise
    except Exception as error:  # a file of a visitor may be anything
        pictures.log_unreadable(path, error)
        raise UserError(
            "Expected a record (.json of at most 1 MB) or a PNG that neural-style wrote, and this file does not say "
            "how it was painted: choose another."
        ) from error
    if not is_known:
        raise UserError(
            f"This picture was painted with a recipe, {checked.short(recipe)}, that this version does not have."
        )
    known = {name: value for name, value in flags.items() if name in FIELDS and _affects_picture(name)}
    check_allowed({name: upgrade_value(name, value) for name, value in known.items()})
    changed = {name: value for name, value in changed.items() if _affects_picture(name)}
    settings = read_settings(recipe, changed)
    photo, painting = (os.path.basename(name.replace("\\", "/")) for name in names)
    return RecordedRun(recipe, changed, photo, painting, settings.method.style_is_network)


def _load_record(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        is_png = file.read(8).startswith(b"\x89PNG")
        file.seek(0)
        text = b"" if is_png else file.read(MAX_RECORD_BYTES + 1)
    if is_png:
        with Image.open(path, formats=["PNG"]) as image:
            text = image.info[TEXT_KEY]
    if len(text) > MAX_RECORD_BYTES:
        raise ValueError("too large")
    record = json.loads(text)
    if len(record["flags"]) > MAX_RECORD_FLAGS:
        raise ValueError("too many flags")
    return record


def _affects_picture(name: str) -> bool:
    return FIELDS[name][0] not in EXCLUDED_PARTS and name != "largest_image"

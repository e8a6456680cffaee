"""What visitors ask for: settings without files, within the page's bounds."""

import dataclasses
import json
import math
import os
import shlex
from collections.abc import Mapping
from typing import Any

from PIL import Image

from neural_style.core.errors import UserError
from neural_style.images.inputs import Inputs
from neural_style.images.scene_building import largest_style_pixels
from neural_style.images.writing import TEXT_KEY
from neural_style.planning.plan import Plan, prepare
from neural_style.results.record import RunInfo, changed_flags, upgrade_value
from neural_style.settings import checked, recipes
from neural_style.settings.combining import did_you_mean
from neural_style.settings.kinds import File, Kind, Many, Optional, Picture, WordOr
from neural_style.settings.schema import FIELDS
from neural_style.settings.settings import Settings
from neural_style.settings.web import WebSettings
from neural_style.web import pictures
from neural_style.web.controls import NETWORK

OTHERS = ("output", "video")
"""The parts of the settings that make no picture."""
STYLES_SHARE = 4
"""A painting may have so many times the pixels that a result may have, all its versions together."""


@dataclasses.dataclass(frozen=True)
class Wish:
    """A picture that a visitor asks for.

    Attributes:
      photo, painting: paths of the files that were uploaded, or of samples; with a trained network the painting does
        not count.
      settings: of the run.
      bounds: of the page.
    """

    photo: str
    painting: str | None
    settings: Settings
    bounds: WebSettings

    def prepare(self) -> tuple[Inputs, Plan]:
        """Reads the images and plans the run.

        Raises:
          UserError: an image can't be read, or the request exceeds the page's limits.
        """
        photo = pictures.read(self.photo, "the photograph", self.bounds)
        style = NETWORK if self._uses_network else pictures.read(self.painting, "the painting", self.bounds)
        inputs, plan = prepare(photo, [style], self.settings)
        rows, cols = plan.result_size
        if rows * cols > self.bounds.most_pixels:
            fitting = int(math.sqrt(self.bounds.most_pixels * rows / cols))
            raise UserError(
                f"Expected a result of at most {self.bounds.most_pixels:,} pixels, and {rows} x {cols} is asked for: "
                f"take at most {fitting} rows."
            )
        picture = self.settings.picture
        versions = len(picture.style_scale) * len(picture.style_rotation)
        pixels = versions * largest_style_pixels(inputs, self.settings, plan.result_size)
        if pixels > STYLES_SHARE * self.bounds.most_pixels:
            raise UserError(
                f"Expected a painting of at most {STYLES_SHARE * self.bounds.most_pixels:,} pixels in all its "
                "versions: take a smaller --style_scale, or fewer of them."
            )
        return inputs, plan

    def info(self) -> RunInfo:
        """What the record says of the request: the files by their names, without the server's folders."""
        style = NETWORK if self._uses_network else os.path.basename(self.painting)
        return RunInfo.of_run(os.path.basename(self.photo), [style], ("painted", ".png"), self.settings)

    @property
    def _uses_network(self) -> bool:
        return self.settings.method.style_is_network


def settings_of(recipe: str, given: Mapping[str, Any]) -> Settings:
    """Settings that a visitor named.

    Args:
      recipe: the recipe that they begin with.
      given: values by name, or text as the command line takes it.

    Raises:
      UserError: a name or value is none, or one that visitors may not name: a file, or what is left on the disk.
    """
    check_allowed(given)
    return Settings.read(recipe, **given)


def check_allowed(given: Mapping[str, Any]) -> None:
    """Raises a UserError where a name or value is none, or one that visitors may not name."""
    for name, value in given.items():
        if name not in FIELDS:
            raise UserError(f"Unknown flag --{checked.short(name)}.{did_you_mean(name, FIELDS)}")
        part, field = FIELDS[name]
        if part in OTHERS or name == "largest_image":
            raise UserError(f"--{name} is not of a visitor's choice: leave it out.")
        if names_file(field.metadata["kind"], checked.read(field, value)):
            raise UserError(
                f"--{name} names a file here, {checked.short(value)}, and visitors can't name the server's files: "
                "leave it out."
            )


def names_file(kind: Kind, value: Any) -> bool:
    """Whether a value that a kind has read is a file, folder or image."""
    if isinstance(kind, Optional):
        return value is not None and names_file(kind.other, value)
    if isinstance(kind, Many):
        return any(names_file(kind.each, each) for each in value)
    if isinstance(kind, WordOr):
        return not (isinstance(value, str) and value in kind.words) and names_file(kind.other, value)
    return isinstance(kind, File | Picture)


def flags_of(text: str) -> dict[str, Any]:
    """Flags as they stand on the command line, by name.

    Raises:
      UserError: the text is none of flags.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"Expected flags, such as --pooling=avg, and a quotation mark is left open: {error}") from error
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            raise UserError(f"Expected flags, such as --pooling=avg, received {checked.short(word)}.")
        switched_off = not equals and name.startswith("no") and name not in FIELDS
        found[name.removeprefix("no") if switched_off else name] = value if equals else not switched_off
    return found


def text_of(flags: Mapping[str, Any]) -> str:
    """Flags as they stand on the command line; `flags_of` gives them back."""
    return shlex.join(f"--{name}={FIELDS[name][1].metadata['kind'].text(value)}" for name, value in flags.items())


@dataclasses.dataclass(frozen=True)
class Made:
    """How a picture was made, by its record.

    Attributes:
      recipe: that it began with.
      flags: what was asked for besides, by name.
      photo, painting: names of the files.
    """

    recipe: str
    flags: dict[str, Any]
    photo: str
    painting: str


def of_record(path: str, bounds: WebSettings) -> Made:
    """What a record (JSON) or a PNG's text says.

    Raises:
      UserError: the file says nothing, or what visitors may not name.
    """
    pictures.check_size(path, "the record", bounds)
    try:
        made = _said(path)
        recipe = made["flags"].get("recipe") or "keras"
        names = [str(name) for name in (made["content"], made["styles"][0])]
        known = isinstance(recipe, str) and recipe in recipes.by_name()
        flags = changed_flags(recipe, made["flags"]) if known else {}
    except Exception as error:  # what is no record may be anything
        raise UserError(
            "Expected a record (.json) or a PNG that neural-style wrote, and this file says nothing of how it was made."
        ) from error
    if not known:
        raise UserError(
            f"This picture was made with a recipe, {checked.short(recipe)}, that this version does not have."
        )
    said = made["flags"].items()
    check_allowed({name: upgrade_value(name, value) for name, value in said if name in FIELDS and _counts(name)})
    flags = {name: value for name, value in flags.items() if _counts(name)}
    Settings.read(recipe, **flags)
    photo, painting = (os.path.basename(name.replace("\\", "/")) for name in names)
    return Made(recipe, flags, photo, painting)


def _said(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        if not file.read(8).startswith(b"\x89PNG"):
            file.seek(0)
            return json.load(file)
    with Image.open(path, formats=["PNG"]) as image:
        return json.loads(image.info[TEXT_KEY])


def _counts(name: str) -> bool:
    """Whether a record's flag makes the picture."""
    return FIELDS[name][0] not in OTHERS and name != "largest_image"

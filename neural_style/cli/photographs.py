"""A folder or list of photographs, each of which is painted by itself, under its own name."""

import collections
import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from neural_style.cli.batch import Batch, make_row
from neural_style.cli.film_names import is_film
from neural_style.cli.flags import CommandLine
from neural_style.cli.terminal import say, warn
from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.images import reading
from neural_style.images.reading import HEIF_ENDINGS, RAW_ENDINGS
from neural_style.images.writing import FORMATS
from neural_style.pretrained import style_networks
from neural_style.results import files
from neural_style.settings.settings import Settings
from neural_style.vgg import weights

ENDINGS = (*FORMATS, ".jfif", ".bmp", ".gif", ".avif", ".jp2", *HEIF_ENDINGS, *RAW_ENDINGS)
"""Endings of the files that are a folder's photographs."""
FRAME_NAME = re.compile(r"((frame|scene|shot)[ _-]*)?\d+", re.IGNORECASE)
"""How the frames of a film are usually named: cameras name photographs otherwise."""
SUMMARY = "summary.csv"


@dataclasses.dataclass(frozen=True)
class Request:
    """Photographs to paint.

    Attributes:
      photographs: their paths.
      styles: the paintings, all of which each photograph takes its style from.
      folder: of the results.
      source: the folder of the photographs; None where they were listed.
    """

    photographs: list[str]
    styles: list[str]
    folder: str
    source: str | None = None


def find_request(command_line: CommandLine) -> Request | None:
    """Return what to paint where the paths name several photographs; None where they name one, or a film.

    A folder as the first path holds photographs. Several files, a style and a folder are several photographs; with
    weights or masks for several styles they are one photograph and its styles. A new folder ("out/") is made for a
    single photograph too, as a pattern may match just one.

    Raises:
      UserError: the folder holds no photographs, or it can't be known whether files are photographs or styles.
    """
    paths, flags = command_line.paths, command_line.given
    if len(paths) < 3 or is_film(paths, command_line.options.film):
        return None
    content, *others, output = paths
    if os.path.isdir(content):
        return Request(_leave_out_styles(_photographs_in(content), others), others, output, content)
    if flags.get("style_blend") or flags.get("style_masks"):
        return None
    photographs = [content, *others[:-1]]
    if len(photographs) == 1:
        return Request(photographs, others, output) if os.path.isfile(content) and _is_new_folder(output) else None
    if output.endswith(("/", os.sep)) or os.path.isdir(output):
        return Request(_leave_out_styles(photographs, others[-1:]), others[-1:], output)
    if _look_expanded(photographs):
        raise UserError(
            f"It can't be known whether {photographs[1]!r} is a photograph or a style. To paint {len(photographs)} "
            f"photographs, end with a folder: {output + '/'!r}. To mix {len(others)} styles, add --style_blend="
            f"{','.join('1' for _ in others)}.",
            exit_code=2,
        )
    return None


def plan_batch(request: Request, command_line: CommandLine) -> Batch:
    """Make a row of each photograph, and the folder of the results.

    Raises:
      UserError: the results can't be written there, a style or the weights can't be read, or flags contradict each
        other.
    """
    _check_output(request)
    settings = command_line.settings(request.styles)
    _check_shared(request.styles, settings)
    folder = _make_folder(request.folder)
    names = _result_names(request.photographs)
    total = len(request.photographs)
    say(f"{total} photograph{'s' * (total > 1)}, each in the style of {', '.join(request.styles)}: into {folder}.")
    rows = []
    for number, (photograph, name) in enumerate(zip(request.photographs, names, strict=True), 1):
        paths = [photograph, *request.styles, f"{folder}{name}.png"]
        rows.append(make_row(number, os.path.basename(photograph), f"photograph {number} of {total}", paths, settings))
    return Batch(rows, "photograph", "", folder + SUMMARY)


def _check_shared(styles: Sequence[str], settings: Settings) -> None:
    """Raise a UserError where every photograph would fail: a style or the network's weights can't be read."""
    for style in styles:
        if not style_networks.find(style):
            reading.load(style, settings.picture.largest_image)
    if settings.final_method.needs_vgg:
        weights.check(settings.network)


def _photographs_in(folder: str) -> list[str]:
    """The photographs of a folder in the order of their names, not of folders within; hidden files are left out."""
    try:
        entries = sorted(Path(folder).iterdir())
    except OSError as error:
        raise UserError(f"The folder {folder!r} can't be read: {error.strerror or error}.") from error
    paths = [path for path in entries if path.is_file() and not path.name.startswith(".")]
    photographs = [str(path) for path in paths if path.suffix.lower() in ENDINGS]
    if not photographs:
        raise UserError(
            f"Expected a folder of photographs ({', '.join(ENDINGS)}), and {folder!r} holds none: folders within it "
            "are not searched."
        )
    others = [path.name for path in paths if str(path) not in photographs]
    if others:
        say(f"{folder}: {len(others)} other file{'s' * (len(others) > 1)} left out, such as {others[0]!r}.")
    return photographs


def _is_new_folder(output: str) -> bool:
    """Whether an output is a folder of this machine, by its last character, that does not exist yet."""
    return output.endswith(("/", os.sep)) and not (os.path.isdir(output) or storage.is_url(output))


def _leave_out_styles(photographs: Sequence[str], styles: Sequence[str]) -> list[str]:
    """Return the photographs that are not a style too, as in `*.jpg painting.jpg out/`; all where none is left."""
    places = {os.path.realpath(style) for style in styles}
    return [path for path in photographs if os.path.realpath(path) not in places] or list(photographs)


def _look_expanded(paths: Sequence[str]) -> bool:
    """Whether files look like what a shell makes of a pattern such as *.jpg: one folder and ending, in order."""
    kinds = {(os.path.dirname(path), os.path.splitext(path)[1].lower()) for path in paths}
    in_order = list(paths) in (sorted(paths), sorted(paths, key=str.casefold))
    return len(paths) > 1 and len(kinds) == 1 and in_order and all(map(os.path.isfile, paths))


def _check_output(request: Request) -> None:
    """Raise a UserError where the results can't get a folder of their own."""
    output, source = request.folder, request.source
    is_named_as_image = not output.endswith(("/", os.sep)) and Path(output).suffix.lower() in FORMATS
    if os.path.isfile(output) or (is_named_as_image and not os.path.isdir(output)):
        raise UserError(f"Several photographs need a folder for their results, such as 'out/', received {output!r}.")
    if source is None:
        return
    if os.path.isdir(output) and os.path.samefile(source, output):
        raise UserError(f"The results of {source!r} need another folder, such as {source.rstrip('/') + '_painted/'!r}.")
    if _holds_film(output):
        raise UserError(
            f"{output!r} holds the frames of a film: add --film to paint {source!r} as one, or choose another folder."
        )
    if len(request.photographs) > 1 and all(FRAME_NAME.fullmatch(Path(path).stem) for path in request.photographs):
        warn(
            f"the pictures in {source!r} are numbered, and each is painted as a photograph. If they are a film's "
            "frames, add --film, or name a film as the output (OUT.mp4)."
        )


def _holds_film(folder: str) -> bool:
    """Whether a folder holds the frames of a film that neural-style painted."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        record = json.loads(Path(f"{folder.rstrip('/' + os.sep)}.json").read_text(encoding="utf-8"))
        return isinstance(record, dict) and "frames" in record
    return False


def _make_folder(folder: str) -> str:
    """Make a folder where there is none; returns it with a slash at its end."""
    if storage.is_url(folder):
        return folder if folder.endswith("/") else folder + "/"
    folder = folder.rstrip("/" + os.sep) + "/"
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {folder!r} can't be made: {error.strerror or error}.") from error
    files.check_folder(Path(folder))
    return folder


def _result_names(photographs: Sequence[str]) -> list[str]:
    """The names of results, without ending: the photographs', with their endings (a_jpg, a_png) where they are alike.

    Raises:
      UserError: two are still alike.
    """
    stems = [Path(photograph).stem for photograph in photographs]
    counts = collections.Counter(stem.casefold() for stem in stems)
    names = [
        stem + photograph[-len(Path(photograph).suffix) :].replace(".", "_") if counts[stem.casefold()] > 1 else stem
        for stem, photograph in zip(stems, photographs, strict=True)
    ]
    repeated = [name for name, count in collections.Counter(map(str.casefold, names)).items() if count > 1]
    if repeated:
        raise UserError(f"Several photographs would become {repeated[0]!r}: rename one of them.")
    return names

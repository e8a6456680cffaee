"""Which paths ask for a film, and the names of its output files."""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.results import files, record, targets
from neural_style.results.record import RunInfo
from neural_style.settings.output import OutputSettings
from neural_style.video import clip as clips
from neural_style.video import writing
from neural_style.video.store import Store


def is_film(paths: Sequence[str], folder_is_film: bool = False) -> bool:
    """Whether the paths ask for a film: by the ending of the output, or by the content.

    Args:
      paths: content, styles and output.
      folder_is_film: whether a folder holds the frames of a film (--film); otherwise it holds photographs.
    """
    content, output = paths[0], paths[-1]
    if output.lower().endswith(writing.ENDINGS):
        return True
    if os.path.isdir(content):
        return folder_is_film
    return clips.is_clip(content) and not content.lower().endswith(".gif")


class FilmNames:
    """The names of a film's output files.

    Attributes:
      output: the film, or the folder of its frames.
      ending: of the film; "" where the output is a folder of frames.
      prefix: of the other output files.
      frames: the folder of the frames.
    """

    def __init__(self, output: str):
        """
        Args:
          output: a film file or a folder.

        Raises:
          UserError: nothing can be written there.
        """
        storage.check_here(output, "a film")
        ending = Path(output).suffix.lower()
        self.ending = ending if ending in writing.ENDINGS else ""
        if ending and not self.ending:
            known = ", ".join(writing.ENDINGS)
            raise UserError(f"A film ends in {known}, or is a folder of frames without an ending; received {output!r}.")
        self.output = output.rstrip("/")
        self.prefix = self.output[: -len(ending)] if self.ending else self.output
        files.check_folder(Path(self.prefix).parent)
        self.frames = Path(f"{self.prefix}_frames" if self.ending else self.output)

    @property
    def preview(self) -> str:
        """The path of the film that shows each frame beside its painted one."""
        return f"{self.prefix}_preview{self.ending or '.mp4'}"

    def read_record(self) -> dict | None:
        """The record of an earlier film of this output, complete or not; None where there is none."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            values = json.loads(Path(f"{self.prefix}.json").read_text())
            info = RunInfo.from_dict(values)
            record.changes(info, info, values["digests"], {})  # raises where it is not a record of ours
            is_complete = bool(values.get("complete"))
            if isinstance(values["frames"], list) and self._is_of_this_output(info.ending, is_complete):
                return values
        return None

    def _is_of_this_output(self, ending: str, is_complete: bool) -> bool:
        """Whether an earlier film of that ending is this one: of the same ending, or interrupted in another format."""
        return ending == self.ending or (not is_complete and bool(ending) and bool(self.ending))

    def is_complete(self, earlier: Mapping) -> bool:
        """Whether an earlier film (of `read_record`) is complete, and its output exists."""
        store = Store(self.frames)
        frames = [store.path(frame["number"]) for frame in earlier["frames"]]
        return bool(earlier.get("complete")) and all(map(os.path.exists, [self.output] if self.ending else frames))

    def check(self, inputs: Sequence[str], output: OutputSettings, earlier: Mapping | None) -> None:
        """Raise a UserError where an output file would replace an input or another program's file."""
        for path in filter(os.path.lexists, self._output_paths(output)):
            if any(targets.is_same_file(path, read) for read in inputs):
                raise UserError(f"{path!r} would be overwritten, and it is an input: choose another name.")
            if not (output.overwrite or self._is_own(path, earlier)):
                raise UserError(
                    f"{path!r} exists already, and neural-style did not write it as a part of {self.output!r}: choose "
                    "another name, or say --overwrite."
                )
            if os.path.isdir(path) != (Path(path) == self.frames) or os.path.islink(path):
                kind = "link" if os.path.islink(path) else "folder" if os.path.isdir(path) else "file"
                raise UserError(f"{path!r}, a {kind}, is where an output would be: choose another name, or remove it.")

    def _output_paths(self, output: OutputSettings) -> Iterable[str]:
        yield from (self.output, f"{self.prefix}.json", str(self.frames))
        if output.plots:
            yield f"{self.prefix}_errors.png"
        if output.preview == "side":
            yield self.preview

    def all_paths(self) -> list[str]:
        """Return the paths of all files that a film may have written, the film first; not all exist."""
        previews = [f"{self.prefix}_preview{ending}" for ending in writing.ENDINGS]
        return [self.output, f"{self.prefix}.json", f"{self.prefix}_errors.png", *previews]

    def _is_own(self, path: str, earlier: Mapping | None) -> bool:
        """Whether an existing file is ours, and may be replaced."""
        if earlier is None:
            return os.path.isdir(path) and not os.listdir(path)
        if path == self.output and self.ending and os.path.isfile(path):
            return earlier["ending"] == self.ending and earlier.get("written") in (None, record.digest([path]))
        if Path(path) == self.frames and self.ending:
            return not earlier.get("complete")  # a complete film keeps no frames
        return True

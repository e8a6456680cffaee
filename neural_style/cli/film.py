"""Films on the command line: names checked, frames painted, the film written however the run ends."""

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from tqdm import tqdm

from neural_style import filming
from neural_style.cli.terminal import say, warn
from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.results import files, plots, record, targets
from neural_style.results.progress import QUIET_SECONDS, Evaluated
from neural_style.settings.output import OutputSettings
from neural_style.settings.settings import Settings
from neural_style.video import clip as clips
from neural_style.video import writing

if TYPE_CHECKING:
    from neural_style.engine import Engine
    from neural_style.video.film import Film, Frame


def is_film(words: Sequence[str]) -> bool:
    """Whether the words ask for a film: by the result's ending, or by what is to be painted."""
    content, output = words[0], words[-1]
    return output.lower().endswith(writing.ENDINGS) or (clips.is_clip(content) and not content.lower().endswith(".gif"))


def paint(
    words: Sequence[str],
    settings: Settings,
    engine: Callable[[], "Engine"],
    resume: bool = False,
    skip_complete: bool = False,
    also_read: Sequence[str] = (),
) -> bool:
    """Paints a film; see `main.paint`, whose arguments these are."""
    content, *styles, output = words
    _check_output(settings.output)
    clip, given = filming.read(content, styles, settings)
    names = Names(output)
    header = record.header(content, styles, (names.prefix, names.ending), settings)
    read = record.digests(styles[0], styles, settings, settings.video.flow_folder)
    digests = {**read, content: record.digest(clip.pictures or [clip.path])}
    made = names.made()
    found = record.changes(made, header, made.get("digests"), digests) if made else []
    same = made is not None and all(change.startswith("--fps ") for change in found)  # which repaints nothing
    if (resume or skip_complete) and same and not found and names.is_complete(made):
        say(f"{output} is complete already.")
        return False
    if resume and made and not same and not made.get("complete"):
        raise UserError(
            f"--resume goes on with the same film and flags, and these have changed: {', '.join(found)}; give them as "
            "they were, or leave out --resume to start anew.",
            exit_code=2,
        )
    writing.check(names.ending, clip.painted_rate(settings.video), given.sizes[-1])
    names.check([*digests, *clip.pictures, *also_read], settings.output, made)
    with targets.locked(names.prefix):
        progress = Progress(clip.planned(settings.video), settings.video.passes)
        film = engine().film(clip, given, names.frames, progress.watch)
        if not (resume and same):
            if film.so_far().numbers() and names.ending:
                warn(f"{names.frames} of an interrupted film is replaced; with --resume that film would have gone on.")
            film.clear()
        _Report(names, {**header, "digests": digests}, clip, settings, film).follow(progress)
    return True


def _check_output(output: OutputSettings) -> None:
    """Raises a UserError where something is asked for that pictures alone have."""
    if output.tensorboard:
        raise UserError("--tensorboard shows pictures, not films: leave it out.")
    if output.preview not in ("none", "side"):
        raise UserError(f"--preview={output.preview} is for pictures: of films, --preview=side.")


class Progress:
    """A line that each frame moves on; where the output is no terminal, a line now and then."""

    def __init__(self, planned: int | None, passes: int):
        self._bar = tqdm(
            total=planned and planned * passes, unit="frame", disable=None if sys.stderr else True, dynamic_ncols=True
        )
        self._began = self._told = time.monotonic()
        self._frames = 0

    def watch(self, evaluation: Evaluated) -> None:
        """Shows the loss of the frame in work."""
        self._bar.set_postfix_str(f"loss {evaluation.loss:.4g}")

    def add(self, frame: "Frame") -> None:
        """Takes a frame."""
        self._frames += 1
        self._bar.update()
        now, total = time.monotonic(), self._bar.total
        if self._bar.disable and now - self._told > QUIET_SECONDS:
            self._told, each = now, (now - self._began) / self._frames
            left = f", {each * (total - self._frames) / 60:.0f} min left" if total else ""
            say(f"frame {frame.number} ({self._frames} of {total or '?'}), {each:.1f} s each{left}")

    def close(self) -> None:
        """Leaves the line as it is."""
        self._bar.close()


class Names:
    """What a film's results are called.

    Attributes:
      ending: of the film; "" where the result is a folder of frames.
      prefix: of what lies beside it.
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

    def made(self) -> dict | None:
        """The record of an earlier film of this name."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            found = json.loads(Path(f"{self.prefix}.json").read_text())
            record.changes(found, found, found["digests"], {})  # raises where it is none of ours
            goes_on = not found.get("complete") and bool(found["ending"]) and bool(self.ending)  # in another format
            if (found["ending"] == self.ending or goes_on) and isinstance(found["frames"], list):
                return found
        return None

    def is_complete(self, made: Mapping) -> bool:
        """Whether a film's record says that it is whole, and what it made is there."""
        frames = [self.frames / f"{facts['number']:06d}.png" for facts in made["frames"]]
        return bool(made.get("complete")) and all(map(os.path.exists, [self.output] if self.ending else frames))

    def is_own(self, path: str, made: Mapping | None) -> bool:
        """Whether what lies at a result's name is ours, and may be replaced."""
        if made is None:
            return os.path.isdir(path) and not os.listdir(path)
        if path == self.output and self.ending and os.path.isfile(path):
            return made["ending"] == self.ending and made.get("written") in (None, record.digest([path]))
        return path != str(self.frames) or not self.ending or not made.get("complete")  # a whole film keeps no frames

    def check(self, inputs: Sequence[str], output: OutputSettings, made: Mapping | None) -> None:
        """Raises a UserError where a result's name is taken by what is read or by somebody else's file."""
        also = {f"{self.prefix}_errors.png": output.plots, self.preview: output.preview == "side"}
        written = [self.output, f"{self.prefix}.json", str(self.frames), *(path for path, made in also.items() if made)]
        for path in filter(os.path.lexists, written):
            if any(targets.same(path, given) for given in inputs):
                raise UserError(f"{path!r} would be written over, and it is read: choose another name.")
            if not (output.overwrite or self.is_own(path, made)):
                raise UserError(
                    f"{path!r} is there already, and neural-style did not write it as a part of {self.output!r}: "
                    "choose another name, or say --overwrite."
                )
            if os.path.isdir(path) != (path == str(self.frames)) or os.path.islink(path):
                raise UserError(f"{path!r} is in the way of a result: choose another name.")

    @property
    def preview(self) -> str:
        """Of photograph and painting side by side."""
        return f"{self.prefix}_preview{self.ending or '.mp4'}"


class _Report:
    """Follows a film, and writes what it leaves behind."""

    def __init__(self, names: Names, header: Mapping[str, Any], clip: clips.Clip, settings: Settings, film: "Film"):
        self._names, self._header, self._clip, self._settings, self._film = names, header, clip, settings, film
        self._facts: list[dict[str, Any]] = []
        self._written: str | None = None
        made = names.made()
        self._stays = made is not None and names.is_complete(made) and bool(names.ending)
        video = settings.video
        self._rate = clip.painted_rate(video)

    def follow(self, progress: Progress) -> None:
        """Takes the frames; whatever breaks the film off, those painted so far are a film."""
        self._write_record({})
        try:
            for frame in self._film.frames():
                progress.add(frame)
                if frame.facts["pass"] == self._settings.video.passes:
                    self._facts.append(frame.facts)
            progress.close()
            self._write_film(self._names.output)
        except BaseException as error:
            progress.close()
            self._break_off(str(error) or type(error).__name__)
            raise
        self._finish()

    def _break_off(self, reason: str) -> None:
        painted = self._film.so_far().numbers()
        if painted:
            if self._stays:
                warn(f"{self._names.output} is still the earlier film.")
            else:
                self._beside("the film so far", self._write_somewhere)
            kept = f"{len(painted)} of the frames lie in {self._names.frames};"
            say(f"{kept} with --resume the film goes on, also with another ending or --fps.")
        self._beside("the record", lambda: self._write_record({"broken_off": reason}))

    def _finish(self) -> None:
        if self._settings.output.plots:
            shown = sorted(self._facts, key=lambda facts: facts["number"])
            self._beside("the plot", lambda: plots.errors(f"{self._names.prefix}_errors.png", shown))
        if self._settings.output.preview == "side":
            self._beside("the preview", self._write_preview)
        self._write_record({"complete": True})
        rows, cols = self._film.size
        say(f"Wrote {self._names.output} ({len(self._facts)} frames, {rows} x {cols}) and {self._names.prefix}.json.")
        self._film.remove_passes()
        if self._names.ending:
            self._film.painted.remove()

    def _write_film(self, path: str) -> None:
        if self._names.ending:
            self._encode(path, self._painted())

    def _write_somewhere(self) -> None:
        """Writes the film so far where it was to lie; on a full disk elsewhere."""
        try:
            self._write_film(self._names.output)
        except Exception:
            path = Path(tempfile.gettempdir()) / Path(self._names.output).name
            if path.exists() or not self._names.ending:
                raise
            self._write_film(str(path))
            warn(f"the film so far lies in {str(path)!r}.")

    def _write_preview(self) -> None:
        photographs = self._clip.frames(self._settings.video)
        pairs = zip((image for _, image in photographs), self._painted(), strict=False)
        beside = ((at, plots.comparison([photograph, frame])) for photograph, (at, frame) in pairs)
        self._encode(self._names.preview, beside)

    def _encode(self, path: str, frames: Iterator[tuple[float, Image.Image]]) -> None:
        video, ending = self._settings.video, Path(path).suffix.lower()
        quality, last = self._settings.output.output_quality, self._film.so_far().numbers()[-1]
        following = last + video.every
        keeps_speed = self._rate * video.every == self._clip.rate and ending != ".gif"
        sound = self._clip.sound(video.first_frame, following) if keeps_speed else None
        seconds = self._shown_at(following) - self._shown_at(last)
        files.write_whole(
            path, lambda partial: writing.write(partial, frames, self._rate, quality, sound, ending, seconds)
        )
        if path == self._names.output:
            self._written = record.digest([path])

    def _painted(self) -> Iterator[tuple[float, Image.Image]]:
        """The frames so far, each with the second at which it is shown."""
        painted = self._film.so_far()
        for number in painted.numbers():
            yield self._shown_at(number), painted.load(number)

    def _shown_at(self, number: int) -> float:
        """The second of the painted film at which a frame of the clip is shown."""
        video = self._settings.video
        if video.fps:
            return float((number - video.first_frame) / (video.every * self._rate))
        return self._clip.shown_at(number) - self._clip.shown_at(video.first_frame)

    def _write_record(self, ended: Mapping[str, Any]) -> None:
        facts = sorted(self._facts, key=lambda each: each["number"])
        written = {"written": self._written} if self._written else {}
        found = {**self._header, "rate": float(self._rate), **_means(facts), "frames": facts, **ended, **written}
        text = json.dumps(found, indent=1)
        files.write_whole(f"{self._names.prefix}.json", lambda partial: Path(partial).write_text(text))

    def _beside(self, what: str, write: Callable[[], Any]) -> None:
        try:
            write()
        except Exception as error:  # whatever it is, the frames count more
            warn(f"the film goes without {what}: {error}")


def _means(facts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The warping errors' means over the frames that have one (Lai et al. 2018)."""
    measured = [each for each in facts if "error" in each]
    names = ("error", "photograph_error") if measured else ()
    return {f"mean_{name}": sum(each[name] for each in measured) / len(measured) for name in names}

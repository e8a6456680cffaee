"""Films on the command line: names checked, frames painted, the film written however the run ends."""

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from neural_style import api
from neural_style.cli.film_names import FilmNames
from neural_style.cli.loading import load_for
from neural_style.cli.paint_options import PaintOptions
from neural_style.cli.terminal import say, warn
from neural_style.core.errors import UserError
from neural_style.core.progress import ProgressBar
from neural_style.core.run import Engine, Evaluated
from neural_style.results import earlier_results, files, plots, record, targets
from neural_style.results.record import RunInfo
from neural_style.settings.output import OutputSettings
from neural_style.settings.settings import Settings
from neural_style.video import clip as clips
from neural_style.video import writing
from neural_style.video.store import Store

if TYPE_CHECKING:
    from neural_style.video.film import FilmPainter, PaintedFrame


def paint(paths: Sequence[str], settings: Settings, make_engine: Callable[[], Engine], options: PaintOptions) -> bool:
    """Paint a film into the files that its output names.

    Args:
      paths: the film, the styles and the output.
      settings: of the film.
      make_engine: makes what paints the frames.
      options: of the command.

    Returns:
      Whether anything was painted; False where the film is complete already.

    Raises:
      UserError: what is asked for can't be done.
    """
    content, *styles, output = paths
    _check_output(settings.output)
    load_for(settings)
    clip, inputs, plan = api.prepare_film(content, styles, settings)
    names = FilmNames(output)
    info = RunInfo.of_run(content, styles, (names.prefix, names.ending), settings)
    digests = record.digests(styles[0], styles, settings, settings.video.flow_folder)  # the film follows, by its frames
    digests[content] = record.digest(clip.pictures if clip.path is None else [clip.path])
    earlier = names.read_record()
    changed = record.changes(RunInfo.from_dict(earlier), info, earlier["digests"], digests) if earlier else []
    only_rate_changed = earlier is not None and all(change.name == "--fps" for change in changed)
    if options.keeps_complete and earlier is not None and not changed and names.is_complete(earlier):
        say(f"{output} is complete already.")
        return False
    if options.resume and earlier and not only_rate_changed and not earlier.get("complete"):
        raise record.resume_error("film", changed)
    continues = options.resume and only_rate_changed
    writing.check(names.ending, clip.painted_rate(settings.video), plan.result_size)
    names.check([*digests, *clip.pictures, *options.also_read], settings.output, earlier)
    with targets.locked(names.prefix):
        is_replaced = earlier is not None and bool(changed) and names.is_complete(earlier)
        keeps_frames = continues and not names.ending  # a complete film in one file has no frames to continue from
        if is_replaced and not keeps_frames and not settings.output.overwrite:
            earlier_results.keep_film(names.all_paths(), names.prefix, [*digests, *clip.pictures])
        progress = FilmProgress(clip.planned(settings.video), settings.video.passes)
        painter = make_engine().film_painter(clip, inputs, plan, names.frames, progress.watch)
        if not continues:
            _start_anew(painter, names)
        _FilmReport(names, info, digests, clip, settings, painter).follow(progress)
    return True


def _start_anew(painter: "FilmPainter", names: FilmNames) -> None:
    if painter.so_far() and names.ending:
        warn(f"{names.frames} of an interrupted film is replaced; with --resume that film would have continued.")
    painter.clear()


def _check_output(output: OutputSettings) -> None:
    """Raise a UserError where output is requested that only pictures have."""
    if output.tensorboard:
        raise UserError("--tensorboard shows pictures, not films: leave it out.")
    if output.dpi:
        raise UserError("--dpi is for pictures, not films: leave it out.")
    if output.preview not in ("none", "side"):
        raise UserError(f"--preview={output.preview} is for pictures: for films, --preview=side.")


class FilmProgress:
    """A bar that advances with each frame."""

    def __init__(self, planned: int | None, passes: int):
        """
        Args:
          planned: frames of the film; None if unknown.
          passes: how often each is painted.
        """
        self._bar = ProgressBar(planned and planned * passes, unit="frame")
        self._started, self._frames = time.monotonic(), 0

    def watch(self, evaluation: Evaluated) -> None:
        """Show the loss of the frame that is being painted."""
        self._bar.show(f"loss {evaluation.loss:.4g}")

    def add(self, frame: "PaintedFrame") -> None:
        """Count a frame."""
        self._frames += 1
        self._bar.advance()
        self._bar.log(lambda: self._line(frame.number))

    def close(self) -> None:
        """Stop the bar; it stays visible."""
        self._bar.close()

    def _line(self, number: int) -> str:
        seconds, total = (time.monotonic() - self._started) / self._frames, self._bar.total
        left = f", {seconds * (total - self._frames) / 60:.0f} min left" if total else ""
        return f"frame {number} ({self._frames} of {total or '?'}), {seconds:.1f} s each{left}"


class _FilmReport:
    """Follows a film, and writes its output files."""

    def __init__(
        self,
        names: FilmNames,
        info: RunInfo,
        digests: Mapping[str, str],
        clip: clips.Clip,
        settings: Settings,
        painter: "FilmPainter",
    ):
        self._names, self._info, self._digests = names, info, digests
        self._clip, self._settings, self._painter = clip, settings, painter
        self._facts: list[dict[str, Any]] = []
        self._film_digest: str | None = None
        earlier = names.read_record()
        self._keeps_earlier = earlier is not None and names.is_complete(earlier) and bool(names.ending)
        self._rate = clip.painted_rate(settings.video)

    def follow(self, progress: FilmProgress) -> None:
        """Take the frames; when the film is interrupted, those painted so far become a film."""
        self._write_record({})
        try:
            for frame in self._painter.frames():
                progress.add(frame)
                if frame.facts["pass"] == self._settings.video.passes:
                    self._facts.append(frame.facts)
            progress.close()
            self._write_film(self._names.output)
        except BaseException as error:
            progress.close()
            self._interrupt(str(error) or type(error).__name__)
            raise
        self._finish()

    def _interrupt(self, reason: str) -> None:
        painted = self._painter.so_far()
        if painted:
            if self._keeps_earlier:
                warn(f"{self._names.output} is still the earlier film.")
            else:
                self._try("the film so far", self._write_somewhere)
            kept = f"{len(painted)} of the frames lie in {self._names.frames};"
            also = "another ending or --fps" if self._names.ending else "another --fps"
            say(f"{kept} with --resume the film continues, also with {also}.")
        self._try("the record", lambda: self._write_record({"broken_off": reason}))

    def _finish(self) -> None:
        if self._settings.output.plots:
            facts = sorted(self._facts, key=lambda frame: frame["number"])
            self._try("the plot", lambda: plots.errors(f"{self._names.prefix}_errors.png", facts))
        if self._settings.output.preview == "side":
            self._try("the preview", self._write_preview)
        self._write_record({"complete": True})
        rows, cols = self._painter.size
        length = f"{len(self._facts)} frames, {cols} wide, {rows} high"
        say(f"Wrote {self._names.output} ({length}) and {self._names.prefix}.json.")
        self._painter.remove_intermediate()
        if self._names.ending:
            self._painter.painted.remove()

    def _write_film(self, path: str) -> None:
        if self._names.ending:
            so_far = self._painter.so_far()
            self._encode(path, self._load(so_far), max(so_far))

    def _write_somewhere(self) -> None:
        """Write the film so far where it belongs; on a full disk elsewhere."""
        try:
            self._write_film(self._names.output)
        except Exception:
            path = Path(tempfile.gettempdir()) / Path(self._names.output).name
            if path.exists() or not self._names.ending:
                raise
            self._write_film(str(path))
            warn(f"the film so far lies in {str(path)!r}.")

    def _write_preview(self) -> None:
        photographs, so_far = self._clip.frames(self._settings.video), self._painter.so_far()
        pairs = zip((image for _, image in photographs), self._load(so_far), strict=False)
        frames = ((second, plots.comparison([photograph, painted])) for photograph, (second, painted) in pairs)
        self._encode(self._names.preview, frames, max(so_far))

    def _encode(self, path: str, frames: Iterator[tuple[float, Image.Image]], last: int) -> None:
        """Write a film of frames, each with the second at which it is shown; `last` is the last one's number."""
        video, ending = self._settings.video, Path(path).suffix.lower()
        quality, end = self._settings.output.output_quality, last + video.every
        keeps_speed = self._rate * video.every == self._clip.rate  # else the sound would not fit the picture
        sound = self._clip.sound(video.first_frame, end) if keeps_speed and ending != ".gif" else None
        last_duration = self._shown_at(end) - self._shown_at(last)

        def write(partial: Any) -> None:
            with _ffmpeg_errors_for(path):
                writing.write(partial, frames, self._rate, quality, sound, ending, last_duration)

        files.write_whole(path, write)
        if path == self._names.output:
            self._film_digest = record.digest([path])

    def _load(self, so_far: Mapping[int, Store]) -> Iterator[tuple[float, Image.Image]]:
        """Load the frames so far, each with the second at which it is shown."""
        for number, store in so_far.items():
            yield self._shown_at(number), store.load(number)

    def _shown_at(self, number: int) -> float:
        """The second of the painted film at which a frame of the clip is shown."""
        video = self._settings.video
        if video.fps:
            return float((number - video.first_frame) / (video.every * self._rate))
        return self._clip.shown_at(number) - self._clip.shown_at(video.first_frame)

    def _write_record(self, end: Mapping[str, Any]) -> None:
        facts = sorted(self._facts, key=lambda frame: frame["number"])
        written = {"written": self._film_digest} if self._film_digest else {}
        values = {**self._info.as_dict(), "digests": self._digests, "rate": float(self._rate), **_means(facts)}
        text = json.dumps({**values, "frames": facts, **end, **written}, indent=1)
        files.write_whole(f"{self._names.prefix}.json", lambda partial: Path(partial).write_text(text))

    def _try(self, name: str, write: Callable[[], Any]) -> None:
        """Write what the film can do without; a failure is a warning."""
        try:
            write()
        except Exception as error:  # whatever it is, the frames count more
            warn(f"{name} can't be written: {error}")


@contextlib.contextmanager
def _ffmpeg_errors_for(path: str) -> Iterator[None]:
    """Raise a UserError where FFmpeg can't write the film `path`."""
    import av

    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):  # such as a full disk, for which no other ending helps
            raise
        raise UserError(f"FFmpeg can't write {path!r} ({error.strerror}): choose another ending.") from error


def _means(facts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The means of the warping errors over the frames that have one (Lai et al. 2018)."""
    measured = [frame for frame in facts if "error" in frame]
    names = ("error", "photograph_error") if measured else ()
    return {f"mean_{name}": sum(frame[name] for frame in measured) / len(measured) for name in names}

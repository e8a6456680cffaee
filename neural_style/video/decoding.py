"""A film's frames as they are decoded: their times, deinterlaced, upright and in sRGB."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.video import film_colors

MAX_PIXEL_ASPECT = 10
"""A film that claims wider (or narrower) pixels is mistaken, and its pixels are taken as square."""
TRANSPOSES: dict[tuple[int, ...], Image.Transpose] = {
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""What turns a frame upright, by the signs of its display matrix."""


@dataclasses.dataclass(frozen=True)
class FilmFrame:
    """A decoded frame.

    Attributes:
      start, end: the seconds between which it is shown, by the film's own clock, which its sound shares.
      image: makes the image, 8-bit RGB.
    """

    start: float
    end: float
    image: Callable[[], Image.Image]


def decode(path: str | os.PathLike, rate: Fraction, warn: Callable[[str], Any]) -> Iterator[FilmFrame]:
    """The frames that players show, in order.

    Args:
      path: of the film.
      rate: frames a second, for frames without times.
      warn: is called with a sentence about what is corrupt and left out.
    """
    with open_film(path) as container:
        stream, clock = video_stream(container), _Clock(rate)
        stream.thread_type = "AUTO"
        for frame in _deinterlace(_decoded(container, stream, path, warn)):
            start, end = clock.place(frame)
            yield FilmFrame(start, end, functools.partial(upright, frame, stream.sample_aspect_ratio))


def open_film(path: str | os.PathLike) -> Any:
    """Open a film for reading (PyAV); titles in another encoding than UTF-8 do not matter."""
    import av

    return av.open(file_url(path), metadata_errors="replace")


def file_url(path: str | os.PathLike) -> str:
    """A path as FFmpeg reads files, also where it holds a colon or looks like an address."""
    return f"file:{os.fspath(path)}"


def video_stream(container: Any) -> Any:
    """The stream of a film's pictures; an attached cover is skipped.

    Raises:
      UserError: there is none.
    """
    from av.stream import Disposition

    streams = container.streams.video
    if not streams:
        raise UserError(f"Expected a film, and {container.name.removeprefix('file:')!r} holds no pictures.")
    return next((each for each in streams if not each.disposition & Disposition.attached_pic), streams[0])


def upright(frame: Any, pixel_aspect: Fraction | None) -> Image.Image:
    """The image of a PyAV frame: rotated as the film says, its pixels made square.

    Args:
      frame: the decoded frame.
      pixel_aspect: the width of a pixel over its height; None where the film does not say.
    """
    image = film_colors.to_image(frame)
    if pixel_aspect and pixel_aspect != 1 and 1 / MAX_PIXEL_ASPECT <= pixel_aspect <= MAX_PIXEL_ASPECT:
        size = max(1, round(image.width * float(pixel_aspect))), image.height
        image = _with_alpha(image, lambda layer: layer.resize(size))
    matrix = _display_matrix(frame)
    transpose = TRANSPOSES.get(matrix) if matrix else None
    return image if transpose is None else _with_alpha(image, lambda layer: layer.transpose(transpose))


def _with_alpha(image: Image.Image, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Change an image and its alpha alike."""
    changed = change(image)
    if "alpha" in image.info:
        changed.info["alpha"] = change(image.info["alpha"])
    return changed


def _display_matrix(frame: Any) -> tuple[int, ...] | None:
    """The signs of a frame's display matrix: where its right goes, and where its bottom goes."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return matrix and tuple(np.sign(np.frombuffer(matrix, np.int32)[[0, 1, 3, 4]]).tolist())


def _decoded(container: Any, stream: Any, path: str | os.PathLike, warn: Callable[[str], Any]) -> Iterator[Any]:
    """The frames that can be decoded. FFmpeg leaves out those that an edit list hides."""
    import av

    count, packets = 0, container.demux(stream)
    while True:
        try:
            frames = next(packets).decode()
        except (StopIteration, av.error.EOFError):
            return
        except av.error.FFmpegError as error:
            warn(f"{os.fspath(path)}: what follows frame {count} is corrupt and left out: {error}")
            continue
        count += len(frames)
        yield from frames


def _deinterlace(frames: Iterator[Any]) -> Iterator[Any]:
    """Deinterlaces frames whose two fields were recorded at different times; passes on other frames."""
    filtering = None
    for frame in frames:
        if filtering and not filtering.takes(frame):
            yield from filtering.finish()
            filtering = None
        if filtering is None and frame.interlaced_frame:
            filtering = _Deinterlacer(frame)
        if filtering is None:
            yield frame
        else:
            yield from filtering.add(frame)
    if filtering:
        yield from filtering.finish()


class _Deinterlacer:
    """FFmpeg's bwdif for frames of one size and format. It returns as many frames as it takes, one frame later."""

    def __init__(self, frame: Any):
        from av.filter import Graph

        self._format, self._graph = _format(frame), Graph()
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        self._graph.link_nodes(source, bwdif, self._graph.add("buffersink")).configure()

    def takes(self, frame: Any) -> bool:
        """Whether a frame is of this filter's size and format."""
        return _format(frame) == self._format

    def add(self, frame: Any) -> Iterator[Any]:
        """Take a frame, and yield those that are done."""
        self._graph.push(frame)
        return self._done()

    def finish(self) -> Iterator[Any]:
        """The last frame."""
        self._graph.push(None)
        return self._done()

    def _done(self) -> Iterator[Any]:
        import av

        while True:
            try:
                yield self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return


def _format(frame: Any) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


class _Clock:
    """Assigns times to frames; each is later than the one before it."""

    def __init__(self, rate: Fraction):
        self._usual, self._shift = float(1 / rate), 0.0
        self._previous, self._next = float("-inf"), 0.0

    def place(self, frame: Any) -> tuple[float, float]:
        """The seconds at which a frame begins and ends to be shown."""
        duration = float(frame.duration * frame.time_base) if frame.duration else self._usual
        start = self._next if frame.pts is None else float(frame.pts * frame.time_base) + self._shift
        if start <= self._previous:  # recordings put together count from zero again
            self._shift += self._next - start
            start = self._next
        self._previous, self._next = start, start + duration
        return start, start + duration

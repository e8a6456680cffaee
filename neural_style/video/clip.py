"""Clips: the frames of a film, of a folder of pictures, or of a pattern."""

import contextlib
import dataclasses
import functools
import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.images import color, reading
from neural_style.settings.video import VideoSettings

FILMS = (
    ".mp4",
    ".m4v",
    ".mov",
    ".qt",
    ".mkv",
    ".webm",
    ".avi",
    ".divx",
    ".mpg",
    ".mpeg",
    ".m1v",
    ".m2v",
    ".vob",
    ".ts",
)
FILMS += (
    ".mts",
    ".m2ts",
    ".flv",
    ".f4v",
    ".3gp",
    ".3g2",
    ".mxf",
    ".asf",
    ".wmv",
    ".ogv",
    ".mjpeg",
    ".h264",
    ".y4m",
    ".gif",
)
"""Endings of files that are read as films."""
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
"""Endings of files that are a folder's frames."""
WIDEST = 10
"""Of a pixel's shape; what claims to be wider is no camera's, and its pixels are taken as square."""
TURNS = {
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""What brings a frame upright, by its display matrix."""
PICTURES_RATE = Fraction(25)
"""Frames a second where nothing says."""
SEEN = (64, 64)
"""The pixels of each frame that a film's palette is taken of."""


@dataclasses.dataclass(frozen=True)
class Clip:
    """A film, or pictures in order.

    Attributes:
      path: of the film; None where it is pictures.
      pictures: their paths, in order; empty of a film.
      rate: frames a second.
      count: of frames; None where a film does not say.
      size: (rows, cols) as shown.
    """

    path: str | None
    pictures: Sequence[str]
    rate: Fraction
    count: int | None
    size: tuple[int, int]

    def painted_rate(self, settings: VideoSettings) -> Fraction:
        """The painted film's frames a second."""
        return Fraction(settings.fps).limit_denominator(1001) if settings.fps else self.rate / settings.every

    def frames(
        self, settings: VideoSettings, tell: Callable[[str], Any] = logger.warning
    ) -> Iterator[tuple[int, Image.Image]]:
        """The frames that the settings name, each with its number; the first is 1. `tell` hears of those left out."""
        last, told = settings.last_frame or float("inf"), False
        every = self._decoded(tell) if self.path else self._loaded()
        for number, make in every:
            if number > last:
                break
            if number >= settings.first_frame and (number - settings.first_frame) % settings.every == 0:
                try:
                    frame = make()
                except UserError as error:
                    tell(f"frame {number} is left out: {error}")
                    continue
                if frame.size[::-1] != self.size:
                    if not told:
                        tell(f"frame {number} has another size than the first: it is brought to the first one's.")
                    told, frame = True, frame.resize(self.size[::-1])
                yield number, frame

    def palette(self, settings: VideoSettings) -> color.Palette:
        """The colours of all these frames together, which are decoded for it; `frames` tells what is left out."""
        frames = (frame for _, frame in self.frames(settings, tell=lambda text: None))
        return color.palette_of(np.asarray(frame.resize(SEEN, Image.Resampling.NEAREST)) for frame in frames)

    def planned(self, settings: VideoSettings) -> int | None:
        """How many frames there are to paint; None where the film does not say."""
        ends = [end for end in (self.count, settings.last_frame) if end]
        return max(0, -(-(min(ends) - settings.first_frame + 1) // settings.every)) if self.count else None

    def shown_at(self, number: int) -> float:
        """The second at which a frame is shown."""
        times = self._times
        return times[min(number, len(times)) - 1] if times else float((number - 1) / self.rate)

    @functools.cached_property
    def _times(self) -> list[float]:
        """The seconds at which a film's frames are shown, where its rate varies; empty where not, or not said."""
        if not self.path:
            return []
        import av

        found: list[int | None] = []
        with contextlib.suppress(av.error.FFmpegError), av.open(located(self.path)) as container:
            stream = container.streams.video[0]
            unit = stream.time_base
            found += (packet.pts for packet in container.demux(stream) if packet.size)
        if not found or None in found:
            return []
        seconds = [float((pts - min(found)) * unit) for pts in sorted(found)]
        apart = max(abs(at - float(number / self.rate)) for number, at in enumerate(seconds))
        return seconds if apart > 0.5 / self.rate else []

    def _loaded(self) -> Iterator[tuple[int, Callable[[], Image.Image]]]:
        for number, path in enumerate(self.pictures, 1):
            yield number, functools.partial(reading.load, path)

    def _decoded(self, tell: Callable[[str], Any]) -> Iterator[tuple[int, Callable[[], Image.Image]]]:
        """A film's frames, decoded one after the other; one that is corrupt is told and left out."""
        import av

        with av.open(located(self.path)) as container:
            stream, number = container.streams.video[0], 0
            stream.thread_type = "AUTO"
            packets = container.demux(stream)
            while True:
                try:
                    decoded = next(packets).decode()
                except (StopIteration, av.error.EOFError):
                    return
                except av.error.FFmpegError as error:
                    tell(f"{self.path}: what follows frame {number} is corrupt and left out: {error}")
                    continue
                for frame in decoded:
                    number += 1
                    yield number, functools.partial(_upright, frame, stream)


def opened(path: str) -> Clip:
    """The clip of a film file, a folder, or a pattern such as 'frames/*.png'.

    Raises:
      UserError: there is none.
    """
    if os.path.isdir(path) or (glob.has_magic(path) and not os.path.exists(path)):
        return _of_pictures(path)
    import av

    try:
        with av.open(located(path)) as container:
            if not container.streams.video:
                raise UserError(f"Expected a film, and {path!r} holds no pictures.")
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate or PICTURES_RATE
            count = stream.frames or _counted(container, stream, rate)
            first = next(container.decode(stream), None)
            if first is None:
                raise UserError(f"Expected a film, and {path!r} holds no pictures.")
            return Clip(path, (), Fraction(rate), count, _upright(first, stream).size[::-1])
    except UserError:
        raise
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise UserError(f"Expected a film, but {path!r} can't be read as one: {error}") from error


def located(path: str | os.PathLike) -> str:
    """A path as FFmpeg takes it: a file's, though it may hold a colon or look like an address."""
    return f"file:{os.fspath(path)}"


def is_clip(path: str) -> bool:
    """Whether a path means a clip and not a picture."""
    pattern = glob.has_magic(path) and not os.path.exists(path) and not storage.is_url(path)
    return os.path.isdir(path) or pattern or path.lower().endswith(FILMS)


def _of_pictures(path: str) -> Clip:
    found = glob.glob(os.path.join(glob.escape(path), "*") if os.path.isdir(path) else path)
    pictures = sorted((name for name in found if name.lower().endswith(PICTURES)), key=_in_order)
    if not pictures:
        raise UserError(f"Expected a folder or pattern of frames ({', '.join(PICTURES)}), and {path!r} has none.")
    return Clip(None, pictures, PICTURES_RATE, len(pictures), reading.load(pictures[0]).size[::-1])


def _in_order(path: str) -> list:
    """Numbers in names count as numbers: frame_2 comes before frame_10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path)]


def _counted(container: Any, stream: Any, rate: Fraction) -> int | None:
    """How many frames a film has by its length; None where it does not say."""
    with contextlib.suppress(TypeError):
        return max(1, round(float(stream.duration * stream.time_base * rate)))
    with contextlib.suppress(TypeError):
        return max(1, round(float(container.duration / 1e6 * rate)))
    return None


def _upright(frame: Any, stream: Any) -> Image.Image:
    """A frame as it is to be shown: turned as the file says, its pixels made square."""
    image, aspect = frame.to_image(), stream.sample_aspect_ratio
    if aspect and aspect != 1 and 1 / WIDEST <= aspect <= WIDEST:
        image = image.resize((max(1, round(image.width * float(aspect))), image.height))
    turn = TURNS.get(_matrix(frame))
    return image if turn is None else image.transpose(turn)


def _matrix(frame: Any) -> tuple[int, ...] | None:
    """The signs of a frame's display matrix: what becomes of the way to the right, and of the way down."""
    found = frame.side_data.get("DISPLAYMATRIX")
    return found and tuple(np.sign(np.frombuffer(found, np.int32)[[0, 1, 3, 4]]).tolist())

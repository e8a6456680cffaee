"""Clips: the frames of a film, of a folder of images, or of a pattern."""

import dataclasses
import functools
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.core.names import natural_key
from neural_style.images import color, reading
from neural_style.settings.video import VideoSettings
from neural_style.video import decoding
from neural_style.video.sound import Sound
from neural_style.video.timeline import Timeline

FILM_ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".divx", ".mpg", ".mpeg", ".m1v", ".m2v", ".vob", ".ts"),
    *(".mts", ".m2ts", ".flv", ".f4v", ".3gp", ".3g2", ".mxf", ".asf", ".wmv", ".ogv", ".mjpeg", ".h264", ".y4m"),
    ".gif",
)
"""Endings of files that are read as films."""
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
"""Endings of files that are a folder's frames."""
DEFAULT_RATE = Fraction(25)
"""Frames a second of images, and of films that do not say."""
PALETTE_SIZE = (64, 64)
"""The size to which frames are reduced before a film's palette is taken."""

Load = Callable[[], Image.Image]


@dataclasses.dataclass(frozen=True)
class Clip:
    """A film, or images in order.

    Attributes:
      path: of the film; None for images.
      pictures: the paths of the images, in order; empty for a film.
      rate: frames a second.
      count: an estimate of how many frames there are; None where a film does not say.
      size: (rows, cols) as shown.
      timeline: when a film's frames are shown; None for images.
    """

    path: str | None
    pictures: Sequence[str]
    rate: Fraction
    count: int | None
    size: tuple[int, int]
    timeline: Timeline | None = dataclasses.field(default=None, repr=False, compare=False)

    def painted_rate(self, settings: VideoSettings) -> Fraction:
        """The painted film's frames a second."""
        return Fraction(settings.fps).limit_denominator(1001) if settings.fps else self.rate / settings.every

    def frames(
        self, settings: VideoSettings, warn: Callable[[str], Any] = logger.warning
    ) -> Iterator[tuple[int, Image.Image]]:
        """The frames that the settings select, each with its number; the first is 1.

        Args:
          settings: select the frames.
          warn: is called with a sentence about each frame that is left out, and about the first that is resized.
        """
        resized = False
        for number, load in self._selected(settings, warn):
            try:
                frame = load()
            except UserError as error:
                warn(f"frame {number} is left out: {error}")
                continue
            if frame.size[::-1] != self.size:
                if not resized:
                    warn(f"frame {number} has another size than the first: it is resized.")
                resized, frame = True, frame.resize(self.size[::-1])
            yield number, frame

    def palette(self, settings: VideoSettings) -> color.Palette:
        """The colours of all selected frames together. It decodes them without the warnings that `frames` gives."""
        frames = (frame for _, frame in self.frames(settings, warn=lambda text: None))
        return color.palette_of(np.asarray(frame.resize(PALETTE_SIZE, Image.Resampling.NEAREST)) for frame in frames)

    def planned(self, settings: VideoSettings) -> int | None:
        """An estimate of how many frames will be painted; None where the film does not say."""
        ends = [end for end in (self.count, settings.last_frame) if end]
        return max(0, -(-(min(ends) - settings.first_frame + 1) // settings.every)) if self.count else None

    def shown_at(self, number: int) -> float:
        """The second at which a frame is shown, counted from the first frame; beyond the last frame, the clip's end."""
        return self.timeline.shown_at(number) if self.timeline else float((number - 1) / self.rate)

    def sound(self, first: int, end: int) -> Sound | None:
        """The part of the sound that belongs to some frames; None for a clip of images.

        Args:
          first: the number of the first frame. For the clip's first frame, sound before it is kept.
          end: the number of the frame at which the sound stops. Beyond the clip's last frame all sound is kept.
        """
        if self.timeline is None or self.path is None:
            return None
        start = self.timeline.start(first)
        if start is None:
            return None
        return Sound(self.path, start, self.timeline.start(end), with_lead=first == 1)

    def _selected(self, settings: VideoSettings, warn: Callable[[str], Any]) -> Iterator[tuple[int, Load]]:
        """What loads each selected frame, with its number."""
        last = settings.last_frame or float("inf")
        for number, load in self._film_frames(self.timeline, warn) if self.timeline else self._image_files():
            if number > last:
                return
            if number >= settings.first_frame and (number - settings.first_frame) % settings.every == 0:
                yield number, load

    def _image_files(self) -> Iterator[tuple[int, Load]]:
        for number, path in enumerate(self.pictures, 1):
            yield number, functools.partial(reading.load, path)

    @staticmethod
    def _film_frames(timeline: Timeline, warn: Callable[[str], Any]) -> Iterator[tuple[int, Load]]:
        for number, frame in timeline.frames(warn):
            yield number, frame.image


def open_clip(path: str) -> Clip:
    """The clip of a film file, a folder, or a pattern such as 'frames/*.png'.

    Raises:
      UserError: there is none.
    """
    if os.path.isdir(path) or (glob.has_magic(path) and not os.path.exists(path)):
        return _open_images(path)
    import av

    try:
        with decoding.open_film(path) as container:
            stream = decoding.video_stream(container)
            rate = Fraction(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
            count = stream.frames or _estimate_count(container, stream, rate)
        timeline = Timeline(functools.partial(decoding.decode, path, rate), float(rate))
        first = next((frame for _, frame in timeline.frames(warn=lambda text: None)), None)
        if first is None:
            raise UserError(f"Expected a film, and {path!r} holds no pictures.")
        return Clip(path, (), rate, count, first.image().size[::-1], timeline)
    except UserError:
        raise
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise UserError(f"Expected a film, but {path!r} can't be read as one: {error}") from error


def is_clip(path: str) -> bool:
    """Whether a path means a clip and not an image."""
    pattern = glob.has_magic(path) and not os.path.exists(path) and not storage.is_url(path)
    return os.path.isdir(path) or pattern or path.lower().endswith(FILM_ENDINGS)


def _open_images(path: str) -> Clip:
    paths = glob.glob(os.path.join(glob.escape(path), "*") if os.path.isdir(path) else path)
    images = sorted((name for name in paths if name.lower().endswith(IMAGE_ENDINGS)), key=natural_key)
    if not images:
        raise UserError(f"Expected a folder or pattern of frames ({', '.join(IMAGE_ENDINGS)}), and {path!r} has none.")
    return Clip(None, images, DEFAULT_RATE, len(images), reading.load(images[0]).size[::-1])


def _estimate_count(container: Any, stream: Any, rate: Fraction) -> int | None:
    """How many frames a film has by its length; None where it does not say."""
    if stream.duration is not None:
        return max(1, round(float(stream.duration * stream.time_base * rate)))
    if container.duration is not None:
        return max(1, round(float(container.duration / 1e6 * rate)))
    return None

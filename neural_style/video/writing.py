"""Writes frames into a film, with the sound of another one."""

import contextlib
import math
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.video.decoding import file_url
from neural_style.video.formats import CODECS, ENDINGS, format_name, open_in_memory
from neural_style.video.sound import Sound, SoundCopier

__all__ = ["ENDINGS", "check", "countable", "write"]

TICKS, MIN_TICKS = 120, 12_000
"""Ticks of the film's clock a frame, and a second at least: slow or varying rates are as exact as others."""
MAX_RATE = Fraction(1000)
"""The highest rate that is written into a file; frames are shown at their exact times all the same."""
MAX_TICKS = 10**9
"""Ticks a second at most: VP9 refuses more, and containers hold less than 2^31."""
BEST_FACTOR, WORST_FACTOR = 12, 40
"""The constant rate factor for quality 100 and 1; 95 gives 13, which looks lossless."""
GIF_COLORS = 255
"""Colours of a GIF's frame; one more is transparent."""
MIN_GIF_MILLISECONDS = 20
"""Players show shorter frames for longer."""

TimedFrames = Iterable[tuple[float, Image.Image]]
"""The second at which each frame is shown, and its image."""


def write(
    path: Path,
    frames: TimedFrames,
    rate: Fraction,
    quality: int,
    sound: Sound | None = None,
    ending: str | None = None,
    last_duration: float | None = None,
) -> None:
    """Write a film.

    Args:
      path: of the file.
      frames: the second at which each is shown, and its image; all of one size. Where a side is odd, which most codecs
        can't take, its last pixels are repeated. GIF keeps their transparency (`info["alpha"]`).
      rate: frames a second, as far as times leave it the same.
      quality: 1 to 100.
      sound: the part of another film's sound and subtitles that is copied; None for a silent film.
      ending: of the format; by default the path's.
      last_duration: the seconds for which the last frame is shown; by default as the rate says.
    """
    ending = ending or path.suffix.lower()
    last_duration = max(last_duration or float(1 / rate), float(1 / MAX_RATE))
    if ending == ".gif":
        _write_gif(path, frames, last_duration)
        return
    import av

    rate, ticks = countable(rate)
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(av.open(file_url(path), "w", format=format_name(ending)))
        encoder = _Encoder(output, ending, rate, ticks, quality)
        copier = SoundCopier(output, sound, ending, stack) if sound else None
        lead = copier.lead if copier else 0.0
        for start, end, frame in _spans(frames, last_duration):
            encoder.add(frame, start + lead, end + lead)
            if copier:
                copier.copy_until(end + lead)
        encoder.finish()
        if copier:
            copier.copy_rest()


def countable(rate: Fraction) -> tuple[Fraction, int]:
    """A rate near by whose ticks every container and codec can count, and its ticks a frame.

    Phones' films have average rates such as 36090000/1204519, whose numerator times 120 is more than they hold.

    Args:
      rate: frames a second.
    """
    near = min(rate, MAX_RATE).limit_denominator(1001)
    return near, min(max(TICKS, math.ceil(MIN_TICKS / near)), MAX_TICKS // near.numerator)


def check(ending: str, rate: Fraction, size: tuple[int, int]) -> None:
    """Raise a UserError where a film of this format, rate and size (rows, cols) can't be written.

    It writes a frame into memory, so that what would fail at the end is known before the first frame is painted.
    """
    if ending not in CODECS:
        return
    import av

    rate, ticks = countable(rate)
    try:
        with open_in_memory(ending) as output:
            encoder = _Encoder(output, ending, rate, ticks, quality=95)
            encoder.add(Image.new("RGB", size[::-1]), 0.0, float(1 / rate))
            encoder.finish()
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise UserError(
            f"A {ending} of {size[0]} x {size[1]} pixels at {float(rate):g} frames a second can't be written "
            f"({error}): choose another ending, such as .mkv, or --fps=30."
        ) from error


def _spans(frames: TimedFrames, last_duration: float) -> Iterator[tuple[float, float, Image.Image]]:
    """Each frame with the seconds at which it begins and ends."""
    waiting: tuple[float, Image.Image] | None = None
    for start, frame in frames:
        if waiting:
            yield waiting[0], start, waiting[1]
        waiting = start, frame
    if waiting:
        yield waiting[0], waiting[0] + last_duration, waiting[1]


class _Encoder:
    """Encodes the pictures of a film."""

    def __init__(self, output: Any, ending: str, rate: Fraction, ticks: int, quality: int):
        self._output, self._stream = output, _add_stream(output, ending, rate, ticks, quality)
        self._ticks = rate * ticks
        self._durations: dict[int, int] = {}
        self._next = 0

    def add(self, frame: Image.Image, start: float, end: float) -> None:
        """Encode a frame that is shown from one second to another."""
        import av

        pixels = _even(np.asarray(frame))
        if not self._durations:
            self._stream.height, self._stream.width = pixels.shape[:2]
        picture = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p", dst_colorspace="ITU709")
        picture.pts, picture.time_base = max(self._next, round(start * self._ticks)), 1 / self._ticks
        self._next = picture.pts + 1
        self._durations[picture.pts] = max(1, round(end * self._ticks) - picture.pts)
        self._mux(self._stream.encode(picture))

    def finish(self) -> None:
        """Write what the codec still holds."""
        self._mux(self._stream.encode())

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            packet.duration = self._durations.get(packet.pts, packet.duration)
            self._output.mux(packet)


def _add_stream(output: Any, ending: str, rate: Fraction, ticks: int, quality: int) -> Any:
    """Add the stream that takes a film's frames."""
    stream = output.add_stream(CODECS[ending], rate=rate)
    stream.pix_fmt = "yuv420p"
    _tag_colors(stream.codec_context)
    factor = round(WORST_FACTOR - (WORST_FACTOR - BEST_FACTOR) * quality / 100)
    stream.options = {"crf": str(factor)}
    if ending == ".webm":
        stream.bit_rate = 0  # makes VP9 go by the factor alone
    stream.codec_context.time_base = 1 / (rate * ticks)
    return stream


def _tag_colors(codec: Any) -> None:
    """Tags a film's colours as BT.709, in which they are encoded; players guess by the size where there is no tag."""
    codec.colorspace = codec.color_primaries = codec.color_trc = 1
    codec.color_range = 1


def _even(pixels: np.ndarray) -> np.ndarray:
    """Lengthens odd sides of [rows, cols, 3] by a pixel."""
    rows, cols = pixels.shape[:2]
    return np.pad(pixels, ((0, rows % 2), (0, cols % 2), (0, 0)), mode="edge")


def _write_gif(path: Path, frames: TimedFrames, last_duration: float) -> None:
    """A GIF with a palette for each frame."""
    spans = [(end - start, _gif_frame(frame)) for start, end, frame in _spans(frames, last_duration)]
    durations = [max(MIN_GIF_MILLISECONDS, round(1000 * seconds)) for seconds, _ in spans]
    images = [image for _, image in spans]
    with open(path, "wb") as file:
        images[0].save(
            file, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0, disposal=_disposal(images)
        )
        os.fsync(file.fileno())


def _gif_frame(frame: Image.Image) -> Image.Image:
    """A frame with a palette, whose last colour is transparent where the frame has alpha below a half."""
    image, alpha = frame.convert("RGB").quantize(GIF_COLORS, dither=Image.Dither.NONE), frame.info.get("alpha")
    image.info.clear()
    if alpha is not None:
        clear = alpha.resize(image.size).point(lambda level: 255 if level < 128 else 0, "1")
        image.paste(GIF_COLORS, mask=clear)
        image.info["transparency"] = GIF_COLORS
    return image


def _disposal(images: Iterable[Image.Image]) -> int:
    """Clear each frame before the next one (2) where any is transparent, else leaves it (0)."""
    return 2 if any("transparency" in image.info for image in images) else 0

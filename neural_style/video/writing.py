"""Frames into a film file, with the sound of another one beside them."""

import contextlib
import io
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neural_style.core.errors import UserError
from neural_style.core.log import logger
from neural_style.video.clip import located

CODECS = {".mp4": "libx264", ".m4v": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}
"""Of the pictures, by the film's ending."""
ENDINGS = (*CODECS, ".gif")
"""What a painted film may end in."""
TICKS = 120
"""Of a frame's duration, at most: a film's times are counted in these."""
FASTEST = Fraction(1000)
"""Frames a second that a film is said to have at most; its frames are shown at their times all the same."""
FINEST = 10**9
"""Ticks a second at most: VP9 refuses more, and containers hold less than 2^31."""
BEST, WORST = 12, 40
"""The constant rate factor for quality 100 and 1; 95 gives 13, to the eye without loss."""


def write(
    path: Path,
    frames: Iterable[tuple[float, Image.Image]],
    rate: Fraction,
    quality: int,
    sound: tuple[str, float] | None = None,
    ending: str | None = None,
) -> None:
    """Writes a film.

    Args:
      path: of the file.
      frames: the second at which each is shown, and its image; these in one size, of which a pixel is repeated at the
        right and below where a side is odd, which most codecs can't take.
      rate: frames a second, as far as times leave it the same; the last frame is shown as long.
      quality: 1 to 100.
      sound: the film whose sound goes along, and from which second on; None is silent.
      ending: of the format; by default the path's.
    """
    ending = ending or path.suffix.lower()
    if ending == ".gif":
        _write_gif(path, frames, rate)
        return
    import av

    rate, ticks = countable(rate)
    if sound and not has_place_for(ending, sound[0]):
        sound = None
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(av.open(located(path), "w", format=_format(ending)))
        video = _pictures(output, ending, rate, ticks, quality)
        heard, last = _Sound(output, *sound, stack) if sound else None, -1
        for at, frame in frames:
            pixels = _even(np.asarray(frame))
            if last < 0:
                video.height, video.width = pixels.shape[:2]
            shown = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p", dst_colorspace="ITU709")
            last = max(last + 1, round(at * rate * ticks))
            shown.pts, shown.time_base = last, video.codec_context.time_base
            for packet in video.encode(shown):
                output.mux(packet)
            if heard:
                heard.copy(at + float(1 / rate))
        for packet in video.encode():
            output.mux(packet)


def countable(rate: Fraction) -> tuple[Fraction, int]:
    """A rate near by whose ticks every container and codec can count, and its ticks a frame.

    Phones' films have average rates such as 36090000/1204519, whose numerator times 120 is more than they hold.

    Args:
      rate: frames a second.
    """
    near = min(rate, FASTEST).limit_denominator(1001)
    return near, min(TICKS, FINEST // near.numerator)


def check(ending: str, rate: Fraction, size: tuple[int, int]) -> None:
    """Raises a UserError where a film of this format, rate and size (rows, cols) can't be begun.

    It writes the beginning of one into memory, so that what would fail at the end is told before the first frame.
    """
    if ending not in CODECS:
        return
    import av

    rate, ticks = countable(rate)
    try:
        with av.open(io.BytesIO(), "w", format=_format(ending)) as output:
            video = _pictures(output, ending, rate, ticks, quality=95)
            video.height, video.width = (side + side % 2 for side in size)
            frame = av.VideoFrame(video.width, video.height, "yuv420p")
            frame.pts, frame.time_base = 0, video.codec_context.time_base
            for packet in [*video.encode(frame), *video.encode()]:
                output.mux(packet)
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise UserError(
            f"A {ending} of {size[0]} x {size[1]} pixels at {float(rate):g} frames a second can't be written "
            f"({error}): choose another ending, such as .mkv, or --fps=30."
        ) from error


def has_place_for(ending: str, path: str) -> bool:
    """Whether a film's sound can be copied into a format; a warning tells where not.

    Some formats refuse a codec only when the header is written, as .mov does Opus and FLAC, so one is.

    Args:
      ending: of the format.
      path: of the film.
    """
    import av

    with av.open(located(path)) as source:
        if not source.streams.audio:
            return False
        stream = source.streams.audio[0]
        try:
            with av.open(io.BytesIO(), "w", format=_format(ending)) as output:
                output.add_stream_from_template(stream)
                output.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            logger.warning(
                f"the film is silent: its sound ({stream.codec_context.name}) does not go into {ending}: {error}"
            )
            return False
    return True


def _format(ending: str) -> str:
    """FFmpeg's name of a format."""
    return {".mkv": "matroska", ".m4v": "mp4"}.get(ending, ending[1:])


def _pictures(output: Any, ending: str, rate: Fraction, ticks: int, quality: int) -> Any:
    """The stream that takes a film's frames."""
    video = output.add_stream(CODECS[ending], rate=rate)
    video.pix_fmt = "yuv420p"
    _say_colors(video.codec_context)
    video.options = {"crf": str(round(WORST - (WORST - BEST) * quality / 100))}
    if ending == ".webm":
        video.bit_rate = 0  # for VP9 the factor alone is to count
    video.codec_context.time_base = 1 / (rate * ticks)
    return video


class _Sound:
    """Copies a film's sound, without decoding it."""

    def __init__(self, output: Any, path: str, start: float, stack: contextlib.ExitStack):
        import av

        source = stack.enter_context(av.open(located(path)))
        self._output, self._start, self._packets, self._waiting = output, start, iter(()), None
        stream = source.streams.audio[0]
        self._stream = output.add_stream_from_template(stream)
        shown = source.streams.video[0] if source.streams.video else None
        if shown is not None and shown.start_time:
            self._start += float(shown.start_time * shown.time_base)
        if start:
            source.seek(int(self._start * av.time_base))
        self._packets = (packet for packet in source.demux(stream) if None not in (packet.pts, packet.dts))

    def copy(self, end: float) -> None:
        """Copies what sounds before a second of the result."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            at = float(packet.pts * packet.time_base) - self._start
            if at >= end:
                self._waiting = packet
                return
            self._waiting = None
            if at < 0:
                continue
            shift = round(self._start / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._stream
            self._output.mux(packet)


def _say_colors(codec: Any) -> None:
    """Tags a film's colours as BT.709, in which they are made; players guess by the size where nothing is said."""
    codec.colorspace = codec.color_primaries = codec.color_trc = 1
    codec.color_range = 1


def _even(pixels: np.ndarray) -> np.ndarray:
    rows, cols = pixels.shape[:2]
    return np.pad(pixels, ((0, rows % 2), (0, cols % 2), (0, 0)), mode="edge")


def _write_gif(path: Path, frames: Iterable[tuple[float, Image.Image]], rate: Fraction) -> None:
    """A GIF with a palette for each frame; players take no less than 20 ms a frame."""
    times, images = zip(*((at, frame.quantize(255, dither=Image.Dither.NONE)) for at, frame in frames), strict=True)
    ends = [*times[1:], times[-1] + float(1 / rate)]
    lasting = [max(20, round(1000 * (end - at))) for at, end in zip(times, ends, strict=True)]
    with open(path, "wb") as file:
        images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=lasting, loop=0)
        os.fsync(file.fileno())

"""The sound and subtitles of a film, copied into another one without decoding them."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, cast

from neural_style.core.log import logger
from neural_style.video.decoding import open_film
from neural_style.video.formats import open_in_memory

MIN_LEAD = 0.1
"""Sound that starts fewer seconds before the first picture is cut; codecs add shorter silence at the start."""
ROUNDING = 1e-6
"""Seconds by which the same time may differ as a float."""
KEPT_METADATA = ("language", "title")


@dataclasses.dataclass(frozen=True)
class Sound:
    """A part of a film's sound, in seconds of the film's own clock.

    Attributes:
      path: the film.
      start: when the first painted frame is shown.
      end: when the sound stops; None keeps all of it.
      with_lead: whether sound before `start` is kept, so that the first frame is shown later.
    """

    path: str
    start: float
    end: float | None
    with_lead: bool


class SoundCopier:
    """Copies the sound tracks and subtitles that the output's format takes."""

    def __init__(self, output: Any, sound: Sound, ending: str, stack: contextlib.ExitStack):
        """
        Args:
          output: the film that is written (PyAV).
          sound: the part that is copied.
          ending: of the output's format.
          stack: closes the source.
        """
        self._output, self._end, self._waiting = output, sound.end, None
        source = stack.enter_context(open_film(sound.path))
        streams = copyable_streams(source, sound.path, ending)
        self._tracks = {stream.index: _Track(output, stream) for stream in streams}
        self.lead = _lead(sound) if sound.with_lead and any(each.type == "audio" for each in streams) else 0.0
        """Seconds of sound before the first picture."""
        self._start = sound.start - self.lead
        self._packets = _packets(source, streams, None if sound.with_lead else self._start)

    def copy_until(self, second: float) -> None:
        """Copy the packets that start before a second of the painted film."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            at = float(packet.pts * packet.time_base)
            self._waiting = packet
            if at - self._start >= second:
                return
            self._waiting = None
            if at >= self._start - ROUNDING and (self._end is None or at < self._end):
                self._tracks[packet.stream.index].copy_or_leave_out(packet, self._start)

    def copy_rest(self) -> None:
        """Copy what remains, which may last longer than the pictures."""
        self.copy_until(float("inf") if self._end is None else self._end - self._start)


class _Track:
    """One stream's copy."""

    def __init__(self, output: Any, stream: Any):
        self._output, self._stream = output, output.add_stream_from_template(stream)
        self._stream.metadata.update({key: stream.metadata[key] for key in KEPT_METADATA if key in stream.metadata})
        self._last: int | None = None
        self._is_damaged = False

    def copy(self, packet: Any, start: float) -> None:
        """Copy a packet, shifted so that `start` becomes 0. No format takes packets that go back in time."""
        shift = round(start / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        if self._last is None or packet.dts > self._last:
            self._last = packet.dts
            packet.stream = self._stream
            self._output.mux(packet)

    def copy_or_leave_out(self, packet: Any, start: float) -> None:
        """Copy a packet; one that the format refuses, since it is damaged, is left out with one warning a track."""
        import av

        try:
            self.copy(packet, start)
        except av.error.InvalidDataError as error:  # a full disk is another error
            if not self._is_damaged:
                logger.warning(f"a part of the film's sound is damaged and left out ({error.strerror}).")
            self._is_damaged = True


def copyable_streams(source: Any, path: str, ending: str) -> list[Any]:
    """The sound tracks and subtitles that a format takes; a warning names those that it does not.

    Args:
      source: the film (PyAV).
      path: of the film.
      ending: of the format.
    """
    refused = [stream for stream in _audible(source) if not _takes(ending, path, stream)]
    copied = [stream for stream in _audible(source) if stream not in refused]
    if source.streams.audio and not any(stream.type == "audio" for stream in copied):
        codecs = ", ".join(stream.codec_context.name for stream in refused if stream.type == "audio")
        logger.warning(f"the film is silent: its sound ({codecs}) does not go into {ending}.")
        refused = [stream for stream in refused if stream.type != "audio"]
    for stream in refused:
        logger.warning(_describe_refusal(stream, source, ending))
    return copied


def _audible(source: Any) -> Sequence[Any]:
    """A film's sound tracks and subtitles whose codec is known."""
    return [s for s in (*source.streams.audio, *source.streams.subtitles) if s.codec_context is not None]


def _describe_refusal(stream: Any, source: Any, ending: str) -> str:
    codec = stream.codec_context.name
    if stream.type == "audio":
        number = source.streams.audio.index(stream) + 1
        return f"sound track {number} ({codec}) is left out: {ending} does not take it."
    number = source.streams.subtitles.index(stream) + 1
    return f"subtitles {number} ({codec}) are left out: {ending} does not take them."


def _takes(ending: str, path: str, stream: Any) -> bool:
    """Whether a format takes a stream of a film; some refuse it only with the header, or with the first packet."""
    import av

    try:
        with open_film(path) as source, open_in_memory(ending) as output:
            track = _Track(output, stream)
            output.start_encoding()
            first = next((packet for packet in source.demux(source.streams[stream.index]) if _is_heard(packet)), None)
            if first is not None:
                track.copy(first, start=0)
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _lead(sound: Sound) -> float:
    """The seconds by which a film's sound begins before `sound.start`; 0 where that is hardly anything."""
    with open_film(sound.path) as source:
        first = next((packet for packet in source.demux(*source.streams.audio) if _is_heard(packet)), None)
        # Neither is None: `_is_heard` excludes packets without a time, and every packet of a file has a time base.
        lead = 0.0 if first is None else sound.start - float(cast(int, first.pts) * cast(Fraction, first.time_base))
    return lead if lead > MIN_LEAD else 0.0


def _packets(source: Any, streams: Sequence[Any], start: float | None) -> Iterator[Any]:
    """The packets of streams from about a second on; None is the film's beginning."""
    import av

    if not streams:
        return iter(())
    if start is not None:
        with contextlib.suppress(av.error.FFmpegError):  # some formats can't; then all is read
            source.seek(int(start * av.time_base), stream=None)
    return (packet for packet in source.demux(*streams) if _is_heard(packet))


def _is_heard(packet: Any) -> bool:
    """Whether a packet holds something that no edit list hides."""
    return None not in (packet.pts, packet.dts) and not packet.is_discard

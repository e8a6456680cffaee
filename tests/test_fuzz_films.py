"""Random films: the result is a film of the frames asked for, shown when the film's were, or one line of error.

The films are made by PyAV as cameras, screen recorders and editors write them, and then harmed. See test_fuzz.py.
"""

import random
import re
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import av
import numpy as np
import pytest
from fake_engine import FakeEngine
from hypothesis import given
from hypothesis import strategies as st
from test_fuzz import BASE, DEFAULT, HUNDRED, LONG, folder, harmed, observe, with_real_engine

from neural_style.core.errors import UserError
from neural_style.video.film import FilmPainter

TAKES = {
    "mp4": ("libx264 libx265 mpeg4 libvpx-vp9 mjpeg", "aac libmp3lame libopus"),
    "mov": ("libx264 libx265 mpeg4 mjpeg", "aac libmp3lame pcm_s16le"),
    "mkv": ("libx264 libx265 mpeg4 libvpx-vp9 mjpeg", "aac libmp3lame libopus pcm_s16le"),
    "webm": ("libvpx-vp9", "libopus"),
    "avi": ("libx264 mpeg4 mjpeg", "aac libmp3lame pcm_s16le"),
    "mts": ("libx264 libx265 mpeg2video", "aac libmp3lame libopus"),
    "ts": ("libx264 mpeg2video", "aac libmp3lame"),
    "mpg": ("mpeg2video", "libmp3lame"),
    "gif": ("gif", ""),
}
"""The codecs of pictures and of sound that go into each container."""
KINDS = [
    (ending, picture, sound)
    for ending, (pictures, sounds) in TAKES.items()
    for picture in pictures.split()
    for sound in [*sounds.split(), ""]
]
FORMATS = {
    "libx264": ["yuv420p", "yuv444p", "yuv420p10le"],
    "libx265": ["yuv420p", "yuv420p10le"],
    "libvpx-vp9": ["yuv420p", "yuva420p"],
    "mjpeg": ["yuvj420p", "yuvj444p"],
    "gif": ["rgb8"],
}
"""The pixel formats of codecs that take more than yuv420p."""
QUICK = {
    "libx264": {"preset": "veryfast", "crf": "8"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}
INTERLACED = {"libx264": {"x264-params": "tff=1"}, "mpeg2video": {"flags": "+ildct+ilme"}}
INTERLACED["mpeg4"] = INTERLACED["mpeg2video"]
X265_SIDE = 128
"""libx265's encoder writes beyond its memory where frames are 64 pixels wide or less, and the process may die."""
SAMPLES = {"libopus": 960, "libmp3lame": 1152}
"""Samples of a sound frame; 1024 in other codecs."""
RATES = [Fraction(r) for r in ("24000/1001", "25", "1000/33", "90000/3003", "1/2", "120")]
BASES = [None, Fraction(1, 1000), Fraction(1, 90000), Fraction(1001, 24000), Fraction(1, 7)]
"""Time bases; None is a frame."""
GAPS = [[1], [1, 2, 1, 5], [3, 1]]
"""Frames from one picture to the next, by turns."""
TAGS = [(2, 2, 2), (1, 1, 1), (9, 16, 9), (9, 18, 9), (5, 6, 5)]
"""Matrix, transfer function (16 is SMPTE 2084, 18 ARIB STD-B67) and primaries, by their numbers in H.273."""
MATRICES = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1)]
NAMES = ["film", "FILM (1)", "film%03d", "film[1]", "a:b", "ü 猫"]
TITLE = "Café"
CONTAINERS = {"mts": "mpegts", "ts": "mpegts"}
"""FFmpeg's names of containers that it does not know by their endings."""
SOUND_RATE = 48000


class Drawn(NamedTuple):
    """A film to write.

    Attributes:
      kind: ending, codec of the pictures, codec of the sound.
      count: of frames.
      sides: rows and columns.
      rate: frames a second.
      base: the clock of its pictures.
      gaps: frames from one picture to the next.
      start: the second of its first picture.
      sound: the length of its sound over that of its pictures.
      tags: of its colours.
      matrix: how it is turned (mp4 and mov).
      interlaced: whether it has fields.
      pixel_aspect: the width of a pixel over its height.
      title: the encoding of its title.
    """

    kind: tuple
    count: int
    sides: tuple
    rate: Fraction
    base: Fraction | None
    gaps: list
    start: float
    sound: float
    tags: tuple
    matrix: tuple
    interlaced: bool
    pixel_aspect: Fraction
    title: str


FILM = st.builds(
    Drawn,
    kind=st.sampled_from(KINDS),
    count=st.sampled_from([5, 4, 6, 3, 2]),
    sides=st.tuples(st.sampled_from([32, 41, 48]), st.sampled_from([32, 37, 48])),
    rate=st.sampled_from(RATES),
    base=st.sampled_from(BASES),
    gaps=st.sampled_from(GAPS),
    start=st.sampled_from([0, 0, 1.5, 100]),
    sound=st.sampled_from([1, 0.4, 2.5]),
    tags=st.sampled_from(TAGS),
    matrix=st.sampled_from(MATRICES),
    interlaced=st.booleans(),
    pixel_aspect=st.sampled_from([Fraction(1), Fraction(1), Fraction(64, 45), Fraction(1, 2)]),
    title=st.sampled_from(["utf-8", "utf-8", "latin-1"]),
)


def write_film(path, drawn, rng):
    """Writes a drawn film."""
    ending, codec, sound = drawn.kind
    with av.open(f"file:{path}", "w", format=CONTAINERS.get(ending)) as output:
        output.metadata["title"] = TITLE
        video = add_pictures(output, drawn)
        track = output.add_stream(sound, rate=SOUND_RATE) if sound else None
        packets = encode_pictures(video, drawn, rng)
        packets += encode_tone(track, drawn, rng) if track else []
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            output.mux(packet)
    written, wanted = (TITLE.encode(encoding).ljust(len(TITLE) + 1) for encoding in ("utf-8", drawn.title))
    path.write_bytes(path.read_bytes().replace(written, wanted))
    if ending in ("mp4", "mov"):
        turn(path, drawn.matrix)


def clock(drawn):
    """The rate and time base that the codec takes: MPEG-2 has few, MPEG-4 counts to 65535, AVI counts frames."""
    ending, codec, _ = drawn.kind
    rate = Fraction(25) if codec == "mpeg2video" and drawn.rate not in (25, Fraction(24000, 1001)) else drawn.rate
    base = Fraction(1, 100) if codec == "gif" else drawn.base or 1 / rate
    counts_frames = codec == "mpeg2video" or ending == "avi" or (codec == "mpeg4" and base.denominator > 65535)
    counts_frames = counts_frames or (codec == "libvpx-vp9" and base > 1 / rate)
    return rate, 1 / rate if counts_frames else base


def add_pictures(output, drawn):
    """Adds the stream of a film's pictures."""
    ending, codec, _ = drawn.kind
    formats = FORMATS.get(codec, ["yuv420p"])
    rate, base = clock(drawn)
    video = output.add_stream(codec, rate=rate)
    video.pix_fmt = formats[drawn.count % len(formats)]
    fields = INTERLACED.get(codec, {}) if drawn.interlaced else {}
    step = 4 if fields else 1 if "444" in video.pix_fmt or codec == "gif" else 2
    rows, cols = (side // step * step for side in drawn.sides)
    video.height, video.width = (X265_SIDE, X265_SIDE) if codec == "libx265" else (rows, cols)
    video.bit_rate = 4_000_000
    video.options = {**QUICK.get(codec, {}), **fields}
    video.max_b_frames = drawn.count % 3 if codec == "libx264" and ending != "avi" else 0
    context = video.codec_context
    context.time_base, context.sample_aspect_ratio = base, drawn.pixel_aspect
    context.colorspace, context.color_trc, context.color_primaries = drawn.tags
    return video


def encode_pictures(video, drawn, rng):
    """The packets of noise that moves to the left."""
    context, packets, now = video.codec_context, [], round(drawn.start / video.codec_context.time_base)
    noise = rng.integers(0, 256, (32, 40, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    seconds = Fraction(drawn.start)
    for number in range(drawn.count):
        pixels = np.ascontiguousarray(noise[: video.height, 3 * number : 3 * number + video.width])
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        frame.pts, frame.time_base = now, context.time_base
        packets += video.encode(frame)
        seconds += drawn.gaps[number % len(drawn.gaps)] / clock(drawn)[0]
        now = max(now + 1, round(seconds / context.time_base))
    return packets + video.encode()


def encode_tone(track, drawn, rng):
    """The packets of noise that begins with the pictures."""
    frames = sum(drawn.gaps[number % len(drawn.gaps)] for number in range(drawn.count))
    count = round(float(frames / clock(drawn)[0]) * drawn.sound * SOUND_RATE)
    heard = av.AudioFrame.from_ndarray(rng.integers(-9000, 9000, (1, count), np.int16), "s16", "mono")
    heard.sample_rate, heard.pts = SOUND_RATE, round(drawn.start * SOUND_RATE)
    heard.time_base = Fraction(1, SOUND_RATE)
    context = track.codec_context
    resampler = av.AudioResampler(context.format, context.layout, SOUND_RATE, SAMPLES.get(context.name, 1024))
    parts = [*resampler.resample(heard), *resampler.resample(None)]
    return [packet for part in [*parts, None] for packet in track.encode(part)]


def turn(path, matrix):
    """Writes a matrix into the header of a film's first track."""
    raw = path.read_bytes()
    upright, wanted = (
        np.array([0x10000 * a, 0x10000 * b, 0, 0x10000 * c, 0x10000 * d, 0, 0, 0, 0x40000000], ">i4").tobytes()
        for a, b, c, d in (MATRICES[0], matrix)
    )
    at = raw.index(upright, raw.index(b"tkhd"))
    path.write_bytes(raw[:at] + wanted + raw[at + len(upright) :])


class Shown(NamedTuple):
    """What a player shows of a film.

    Attributes:
      starts: the seconds at which its frames begin, counted from the first.
      end: the second at which the last one ends.
      size: rows and columns of the first.
      sound_end: the second at which its sound ends; None where it has none.
    """

    starts: list
    end: float
    size: tuple
    sound_end: float | None


def decode(path):
    """What a player shows of a film; None where it can't be opened or has no frames."""
    try:
        with av.open(f"file:{path}", metadata_errors="replace") as film:
            return shown(film)
    except av.error.FFmpegError:
        return None


def shown(film):
    """What a player shows of a film (PyAV); None where there are no frames."""
    video, frames, heard = next(iter(film.streams.video), None), [], []
    for packet in film.demux():
        if packet.stream is video:
            frames += decoded(packet)
        elif packet.stream.type == "audio" and packet.pts is not None:
            heard.append(float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if not frames:
        return None
    starts = [float((frame.pts or 0) * frame.time_base) for frame in frames]
    last = float(frames[-1].duration * frames[-1].time_base) or float(1 / (video.average_rate or 25))
    size = frames[0].height, frames[0].width
    ends = max(heard) - starts[0] if heard else None
    return Shown([start - starts[0] for start in starts], starts[-1] + last - starts[0], size, ends)


def decoded(packet):
    """A packet's frames; none where it is corrupt."""
    try:
        return packet.decode()
    except av.error.FFmpegError:
        return []


ANY_SIZE = [flag for flag in BASE if not flag.startswith("--rows")]


class FilmEngine(FakeEngine):
    """Paints films, up to a frame for which there is no room any more."""

    def __init__(self, room=None):
        super().__init__()
        self.room = room

    def film_painter(self, clip, inputs, plan, folder, watch=None):
        """See `Engine.film`."""
        return FilmPainter(clip, inputs, plan, folder, self._paint)

    def _paint(self, inputs, plan):
        if self.room == 0:
            raise UserError("A frame could not be written: No space left on device.")
        self.room = self.room and self.room - 1
        return self.run(inputs, plan)


class Asked(NamedTuple):
    """What is asked for.

    Attributes:
      output: a film or a folder.
      size: flags.
      first: the first frame.
      last: the last frame; 9 is beyond the film.
      every: how many frames go on with each.
      fps: frames a second of the result; None as the film's.
      passes: over the film.
      further: flags that change neither frames nor times.
    """

    output: str
    size: list
    first: int
    last: int
    every: int
    fps: float | None
    passes: int
    further: list

    def flags(self):
        """The flags of the command line."""
        flags = [*self.size, *self.further, f"--first_frame={self.first}", f"--every={self.every}"]
        flags += [f"--last_frame={self.last}", f"--passes={self.passes}"]
        return [*flags, f"--fps={self.fps}"] if self.fps else flags

    def numbers(self, count):
        """The numbers of a film's frames that are asked for."""
        return range(self.first, min(self.last, count) + 1, self.every)

    def fits(self, size):
        """Whether a result has the size; odd sides may have a pixel more."""
        name, _, value = self.size[0].partition("=")
        if value == "original":
            return min(size) > 1
        side = size[0] if name == "--rows" else max(size)
        return side - int(value) in (0, int(value) % 2)

    def times(self, film):
        """The second at which each frame is to be shown, and at last the end."""
        numbers, starts = self.numbers(len(film.starts)), [*film.starts, *[film.end] * self.every]
        if self.fps:
            return [index / self.fps for index in range(len(numbers) + 1)]
        return [starts[n - 1] - starts[self.first - 1] for n in [*numbers, numbers[-1] + self.every]]


OUTPUTS = ["out.mp4", "out.mov", "out.mkv", "out.webm", "out.gif", "OUT.MP4", "out"]
SIZES = [
    ["--rows=24"],
    ["--rows=23"],
    ["--longest=30"],
    ["--longest=25"],
    ["--rows=original"],
    ["--rows=20", "--cols=17"],
]
FURTHER = ["--preview=side", "--plots", "--flow=farneback", "--long_term=1,2", "--content_mask=mask.png"]
FURTHER += ["--resume", "--overwrite", "--denoise=3", "--recolor_content", "--preserve_color=luminance"]
COLORS = set(FURTHER[-2:])
"""Flags that contradict each other."""
ASKED = st.builds(
    Asked,
    output=st.sampled_from(OUTPUTS),
    size=st.sampled_from(SIZES),
    first=st.sampled_from([1, 1, 1, 2, 6]),
    last=st.sampled_from([9, 9, 6, 3]),
    every=st.sampled_from([1, 1, 2, 5]),
    fps=st.sampled_from([None, None, None, 0.1, 12.5, 59.94, 240]),
    passes=st.sampled_from([1, 1, 1, 2]),
    further=st.lists(st.sampled_from(FURTHER), max_size=2, unique=True).filter(lambda flags: set(flags) != COLORS),
)


def films_with_fake_engine(room, **drawn):
    """Films that break off where there is no room for all frames, and are resumed then."""
    engines = iter([FilmEngine(room), FilmEngine()])
    with mock.patch("neural_style.cli.main.engine_maker", return_value=lambda: next(engines)):
        films(ANY_SIZE, room=room, **drawn)


def films(base, film, name, harm, asked, seed, room=None):
    """Writes a film, harms it, and paints it.

    Args:
      base: the first flags.
      film, name, harm, asked, seed: as they are drawn.
      room: the frames after which it breaks off; None for all.
    """
    output = "out.gif" if asked.output == "out" and film.kind[0] == "gif" else asked.output
    with folder():
        path = Path(f"{name}.{film.kind[0]}")
        write_film(path, film, np.random.default_rng(seed))
        path.write_bytes(harmed(path.read_bytes(), harm, random.Random(seed)))
        given = decode(path)
        command = [str(path), "style.png", output, *base, *asked.flags()]
        check(command, path, output, given if harm == "none" else None, asked, room)


def check(command, path, output, given, asked, room):
    """Runs a command, and again with --resume where it broke off.

    Args:
      command: the command line.
      path: of the film.
      output: the name of the result.
      given: what the film shows; None where it is harmed.
      asked: what is asked for.
      room: the frames for which there is room; None for all.
    """
    code, out, err = observe(command, path)
    kept = re.search(r"(\d+) of the frames lie in (.+); with --resume", out)
    if kept:
        last, first = read_frames(kept[2]), read_frames(f"{kept[2]}/pass_1")
        assert code == 1, command
        assert len(last or first) == int(kept[1]), command
        assert len(last + first) == room, command
        code, out, err = observe([*command, "--resume"], path)
    if given and asked.numbers(len(given.starts)):
        assert code == 0, (command, err)
        check_result(output, given, asked, err)
    elif code == 0:
        assert decode(output) if Path(output).suffix else read_frames(output), command
    assert code or not list(Path(".").glob("*_frames")), command


def read_frames(path):
    """The painted frames in a folder."""
    return list(Path(path).glob("*.png"))


def check_result(output, given, asked, err):
    """Checks the frames, times, size and sound of a result.

    Args:
      output: its path.
      given: what the film shows.
      asked: what is asked for.
      err: the warnings.
    """
    count = len(asked.numbers(len(given.starts)))
    if not Path(output).suffix:
        assert len(read_frames(output)) == count
        return
    made, times = decode(output), asked.times(given)
    assert made
    assert asked.fits(made.size), made
    assert len(made.starts) == count
    gaps = np.diff(times)
    tolerance = 0.003
    if output == "out.gif":
        tolerance = 0.01 * count + np.maximum(0.02 - gaps, 0).sum()
    np.testing.assert_allclose(made.starts, times[:-1], atol=tolerance)
    if count > 1:
        assert abs(made.end - times[-1]) <= gaps.max() + tolerance
    if not asked.fps and output != "out.gif" and given.sound_end is not None and "silent" not in err:
        check_sound(made, given, is_whole=count == len(given.starts))


def check_sound(made, given, is_whole):
    """Checks where the sound of a result ends, which is that of all frames or of some."""
    assert made.sound_end is not None or not is_whole
    if is_whole:
        assert abs(made.sound_end - given.sound_end) < 0.1
    elif made.sound_end is not None:
        assert made.sound_end < given.sound_end + 0.1


FILMS = dict(
    film=FILM,
    name=st.sampled_from(NAMES),
    harm=st.sampled_from(["none", "none", "none", "cut", "flip", "both"]),
    asked=ASKED,
    seed=st.integers(0, 10**6),
)
ROOM = st.sampled_from([None, None, None, 1, 2, 4])


LARGER = {
    **{"--rows=24": "--rows=48", "--rows=23": "--rows=46"},
    **{"--longest=30": "--longest=60", "--longest=25": "--longest=50"},
}
"""Sizes at which narrow films are as wide as the network needs."""


def films_by_instant(asked, **drawn):
    """Films that the fastest recipe paints."""
    size = [LARGER.get(flag, flag) for flag in asked.size]
    films(["--recipe=instant"], asked=asked._replace(size=size), **drawn)


test_films = DEFAULT(given(room=ROOM, **FILMS)(films_with_fake_engine))
test_many_films = pytest.mark.slow(LONG(given(room=ROOM, **FILMS)(films_with_fake_engine)))
test_many_films_by_instant = pytest.mark.slow(HUNDRED(given(**FILMS)(with_real_engine(films_by_instant))))

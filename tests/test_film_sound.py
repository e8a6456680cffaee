"""Sound and subtitles of films: in step with the pictures, whole, and every track of them."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from neural_style.cli.main import main
from neural_style.settings.video import VideoSettings
from neural_style.video import clip, writing

RATE = 48000


def write_film(
    path, seconds, change, sound_seconds, shift=0.0, codecs=("aac",), subtitles=None, skip=0, audio_from=0.0
):
    """A film that turns from dark to bright at a second, with which a tone begins.

    Args:
      path: of the film.
      seconds: when its frames are shown.
      change: the second of the change and of the tone.
      sound_seconds: how long its sound lasts.
      shift: is added to all times; what becomes negative is hidden by an edit list.
      codecs: of its sound tracks.
      subtitles: their codec; they show "hello" with the change, for half a second.
      skip: how many of the first frames' packets are left out.
      audio_from: the second from which sound is kept.
    """
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=20, options={"bf": "0", "g": "5", "sc_threshold": "0"})
        video.height, video.width, video.pix_fmt = 32, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        tracks = [output.add_stream(codec, rate=RATE) for codec in codecs]
        texts = output.add_mux_stream(subtitles) if subtitles else None
        packets = [packet for track in tracks for packet in encode_tone(track, change, sound_seconds)]
        packets = [packet for packet in packets if float(packet.pts * packet.time_base) >= audio_from]
        packets += encode_pictures(video, seconds, change)[skip:]
        if texts:
            packets.append(subtitle(texts, change))
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            ticks = round(shift / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            output.mux(packet)
    return str(path)


def encode_pictures(video, seconds, change):
    packets = []
    for second in seconds:
        level = 200 if second >= change - 1e-6 else 50
        frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), level, np.uint8), "rgb24")
        frame.pts, frame.time_base = round(1000 * second), Fraction(1, 1000)
        packets += video.encode(frame)
    return packets + video.encode()


def encode_tone(track, change, seconds):
    times = np.arange(round(RATE * seconds)) / RATE
    wave = (12000 * np.sin(times * 3000) * (times >= change)).astype(np.int16)[None]
    heard = av.AudioFrame.from_ndarray(wave, "s16", "mono")
    heard.sample_rate, heard.pts = RATE, 0
    context = track.codec_context
    resampler = av.AudioResampler(context.format, context.layout, RATE, 960 if context.name == "libopus" else 1024)
    parts = [*resampler.resample(heard), *resampler.resample(None)]
    return [packet for part in [*parts, None] for packet in track.encode(part)]


def subtitle(stream, second):
    packet = av.Packet(b"hello")
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = round(1000 * second)
    packet.duration = 500
    return packet


def change_and_tone(path):
    """The second at which a film turns bright, and at which each of its tones begins."""
    with av.open(str(path)) as film:
        bright = (f.time for f in film.decode(video=0) if f.to_ndarray(format="gray").mean() > 120)
        change = next(bright)
        count = len(film.streams.audio)
    tones = []
    for track in range(count):
        with av.open(str(path)) as film:
            for frame in film.decode(audio=track):
                levels = np.abs(frame.to_ndarray().astype(float)).max(axis=0)
                loud = np.flatnonzero(levels > (0.1 if levels.max() <= 2 else 3000))
                if len(loud):
                    tones.append(frame.time + loud[0] / frame.sample_rate / (2 if len(levels) > frame.samples else 1))
                    break
    return change, tones


def sound_end(path, track=0):
    """The second at which a film's sound ends."""
    with av.open(str(path)) as film:
        packets = [packet for packet in film.demux(audio=track) if packet.size]
        return float((packets[-1].pts + (packets[-1].duration or 0)) * packets[-1].time_base)


def copied(path, source, **settings):
    """Writes a clip's frames, as they are, with its sound; returns the path."""
    video = VideoSettings(**settings)
    read = clip.open_clip(source)
    numbers, frames = zip(*read.frames(video, warn=lambda text: None), strict=True)
    start, end = read.shown_at(numbers[0]), numbers[-1] + video.every
    timed = ((read.shown_at(number) - start, frame) for number, frame in zip(numbers, frames, strict=True))
    last = read.shown_at(end) - read.shown_at(numbers[-1])
    sound = read.sound(video.first_frame, end)
    writing.write(path, timed, read.painted_rate(video), 95, sound, last_duration=last)
    return path


EVEN = [number / 20 for number in range(40)]
VARYING = [0, 0.05, 0.1, 1.0, 1.05, 2.0, 2.05, 2.1]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize(
    "film",
    [
        {"seconds": EVEN, "change": 1.2, "sound_seconds": 2},
        {"seconds": VARYING, "change": 1.0, "sound_seconds": 2.2},
        {"seconds": EVEN, "change": 1.2, "sound_seconds": 2, "shift": 0.7},
        {"seconds": EVEN, "change": 1.2, "sound_seconds": 2, "shift": 0.7, "audio_from": 0.5},
    ],
)
@pytest.mark.parametrize("source", ["mp4", "mkv", "ts"])
def test_the_tone_begins_with_the_change(tmp_path, film, ending, source):
    given = write_film(tmp_path / f"film.{source}", **film)
    change, (tone,) = change_and_tone(copied(tmp_path / f"out.{ending}", given))
    before, (heard,) = change_and_tone(given)
    assert change - tone == pytest.approx(before - heard, abs=0.03)
    assert abs(change - tone) < 0.08


@pytest.mark.parametrize("source", ["mkv", "ts"])
@pytest.mark.parametrize("codec", ["aac", "mp2"])
def test_a_recording_that_was_cut_between_keyframes_stays_in_step(tmp_path, source, codec):
    """Its first frame that can be decoded comes 0.15 s after its first packet and 0.35 s after its sound."""
    given = write_film(tmp_path / f"film.{source}", EVEN, 1.2, 2, codecs=[codec], skip=7, audio_from=0.15)
    out = copied(tmp_path / "out.mkv", given)
    change, (tone,) = change_and_tone(out)
    assert abs(change - tone) < 0.08
    with av.open(str(out)) as film:
        starts = [stream.start_time * stream.time_base for stream in film.streams]
    assert float(starts[0] - starts[1]) == pytest.approx(0.35, abs=0.08)  # no sound is cut off


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_trimmed_film_stays_in_step(tmp_path, ending):
    """As phones trim: an edit list hides the first frames and their sound."""
    seconds = [0, 0.1, 0.2, 0.3, *(0.4 + second for second in VARYING)]
    given = write_film(tmp_path / "film.mp4", seconds, 1.4, 2.6, shift=-0.4)
    read = clip.open_clip(given)
    frames = list(read.frames(VideoSettings()))
    assert len(frames) == len(VARYING)
    assert [read.shown_at(number) for number, _ in frames] == pytest.approx(VARYING, abs=2e-3)
    out = copied(tmp_path / f"out.{ending}", given)
    change, (tone,) = change_and_tone(out)
    assert change == pytest.approx(1.0, abs=0.03)
    assert abs(change - tone) < 0.08
    assert sound_end(out) == pytest.approx(2.2, abs=0.06)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("seconds", [[0.0], EVEN[:20], [0, 0.05, 1.0, 2.0]])
def test_sound_that_outlasts_the_pictures_is_whole(tmp_path, ending, seconds):
    given = write_film(tmp_path / "film.mp4", seconds, 0.0, 3.0)
    assert sound_end(copied(tmp_path / f"out.{ending}", given)) == pytest.approx(3.0, abs=0.05)


def test_sound_ends_with_the_last_frame_that_was_asked_for(tmp_path):
    given = write_film(tmp_path / "film.mp4", EVEN, 0.0, 3.0)
    for first, last in ((1, 10), (11, 30)):
        out = copied(tmp_path / "out.mp4", given, first_frame=first, last_frame=last)
        assert sound_end(out) == pytest.approx((last - first + 1) / 20, abs=0.05)
    assert sound_end(copied(tmp_path / "out.mp4", given, first_frame=11)) == pytest.approx(2.5, abs=0.05)
    assert sound_end(copied(tmp_path / "out.mp4", given, every=4)) == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm", "gif"])
def test_the_last_frame_is_shown_as_long_as_it_was(tmp_path, ending):
    frames = [(second, Image.new("RGB", (48, 32), (level, 0, 0))) for second, level in [(0, 0), (0.1, 90), (0.6, 180)]]
    path = tmp_path / f"film.{ending}"
    writing.write(path, frames, Fraction(4), 95, last_duration=1.0)
    with av.open(str(path)) as film:
        *_, last = film.decode(video=0)
        if ending in ("mp4", "gif"):
            assert float(last.duration * last.time_base) == pytest.approx(1.0, abs=0.01)
        else:
            assert film.duration / 1e6 == pytest.approx(1.6, abs=0.02)


def metadata(path):
    with av.open(str(path)) as film:
        return [(stream.type, stream.codec_context.name) for stream in film.streams if stream.type != "video"]


def test_every_track_is_copied_where_the_format_takes_it(tmp_path, capsys):
    given = write_film(tmp_path / "film.mkv", EVEN, 0.5, 2, codecs=["aac", "mp2", "flac"], subtitles="subrip")
    out = copied(tmp_path / "out.mkv", given)
    assert metadata(out) == metadata(given)
    assert capsys.readouterr().err == ""
    change, tones = change_and_tone(out)
    assert all(abs(change - tone) < 0.08 for tone in tones)
    with av.open(str(out)) as film:
        (text,) = (packet for packet in film.demux(subtitles=0) if packet.size)
        assert bytes(text) == b"hello"
        assert float(text.pts * text.time_base) == pytest.approx(0.5, abs=0.01)
        assert float(text.duration * text.time_base) == pytest.approx(0.5, abs=0.01)
    assert [name for _, name in metadata(copied(tmp_path / "out.mov", given))] == ["aac", "mp2"]
    warnings = capsys.readouterr().err
    assert "sound track 3 (flac) is left out: .mov does not take it" in warnings
    assert "subtitles 1 (srt) are left out: .mov does not take them" in warnings


def test_pictures_do_not_wait_for_sound_that_is_left_out(tmp_path, capsys):
    given = write_film(tmp_path / "film.mkv", EVEN, 1.2, 2, codecs=["flac"], skip=7, audio_from=0.15)
    with av.open(str(copied(tmp_path / "out.mov", given))) as film:
        assert not film.streams.audio
        assert next(film.decode(video=0)).time == 0
    assert "the film is silent: its sound (flac) does not go into .mov" in capsys.readouterr().err


def test_a_tracks_language_is_kept(tmp_path):
    given = tmp_path / "film.mkv"
    plain = write_film(tmp_path / "plain.mkv", EVEN, 0.5, 2, codecs=["aac", "aac"])
    with av.open(plain) as source, av.open(str(given), "w") as output:
        streams = {stream.index: output.add_stream_from_template(stream) for stream in source.streams}
        streams[1].metadata["language"], streams[2].metadata["language"] = "eng", "fin"
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    for ending in ("mkv", "mp4"):
        with av.open(str(copied(tmp_path / f"out.{ending}", str(given)))) as film:
            assert [stream.metadata["language"] for stream in film.streams.audio] == ["eng", "fin"]


def test_a_painted_film_has_its_sound_and_its_last_frame_whole(tmp_path):
    given = write_film(tmp_path / "film.mp4", VARYING, 1.0, 3.0)
    out = tmp_path / "out.mp4"
    assert main([given, "painters", str(out), "--style=tahiti", "--rows=32"]) == 0
    assert len(json.loads((tmp_path / "out.json").read_text())["frames"]) == 8
    assert sound_end(out) == pytest.approx(3.0, abs=0.05)
    with av.open(str(out)) as film:
        assert [frame.time for frame in film.decode(video=0)] == pytest.approx(VARYING, abs=2e-3)


@pytest.mark.parametrize(
    ("given", "ending", "heard"), [("mkv", "mp4", False), ("avi", "mp4", False), ("mkv", "mov", True)]
)
def test_sound_that_a_format_refuses_with_its_first_packet_is_left_out(tmp_path, capsys, given, ending, heard):
    """The header of an MP4 is written with the first packet: PCM from Matroska failed after all frames were painted."""
    source = write_film(tmp_path / f"film.{given}", EVEN, 1.2, 2, codecs=["pcm_s16le"])
    with av.open(str(copied(tmp_path / f"out.{ending}", source))) as film:
        assert bool(film.streams.audio) == heard
        assert sum(1 for _ in film.decode(video=0)) == len(EVEN)
    assert ("the film is silent: its sound (pcm_s16le)" in capsys.readouterr().err) == (not heard)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_damaged_sound_costs_its_packets_and_not_the_film(tmp_path, capsys, ending):
    source = Path(write_film(tmp_path / "film.ts", EVEN, 1.2, 2))
    data = bytearray(source.read_bytes())
    syncs = [at for at in range(len(data) - 1) if data[at : at + 2] in (b"\xff\xf1", b"\xff\xf0")]
    for at in syncs[len(syncs) // 2 :: 3]:
        data[at] ^= 0x40
    source.write_bytes(data)
    with av.open(str(copied(tmp_path / f"out.{ending}", str(source)))) as film:
        assert sum(1 for _ in film.decode(video=0)) == len(EVEN)
        assert film.streams.audio
    assert capsys.readouterr().err.count("damaged and left out") == 1


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_a_title_in_another_encoding_does_not_matter(tmp_path, ending):
    source = tmp_path / f"film.{ending}"
    with av.open(str(source), "w") as output:
        output.metadata["title"] = "Café"
        video = output.add_stream("libx264", rate=20)
        video.height, video.width, video.pix_fmt = 32, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        for packet in encode_pictures(video, EVEN, 1.2):
            output.mux(packet)
    source.write_bytes(source.read_bytes().replace("Café".encode(), b"Caf\xe9 "))
    with av.open(str(copied(tmp_path / "out.mp4", str(source)))) as film:
        assert sum(1 for _ in film.decode(video=0)) == len(EVEN)

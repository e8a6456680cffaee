"""Films as cameras and editors write them: colours, fields, times, and frames that can't be shown."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from conftest import DATA
from PIL import Image

from neural_style.cli.film_names import FilmNames
from neural_style.cli.main import main
from neural_style.images import reading
from neural_style.settings.output import OutputSettings
from neural_style.settings.video import VideoSettings
from neural_style.video import clip, film_colors, writing

BARS = np.uint8([[220, 40, 40], [40, 200, 60], [40, 60, 220], [230, 210, 60], [128, 128, 128], [255, 255, 255]])
PQ, HLG, SRGB = 16, 18, 1
BT709, BT2020, P3 = 1, 9, 12
FROM_709 = {
    BT709: np.eye(3),
    BT2020: np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]),
    P3: np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]]),
}
"""From linear RGB of BT.709 (ITU-R BT.2087; Display P3 by its primaries)."""


def bars(rows, cols):
    """Upright bars, one for each colour."""
    return np.repeat(BARS[None], rows, axis=0).repeat(-(-cols // len(BARS)), axis=1)[:, :cols]


def bar_levels(image):
    """The colours amid the bars."""
    pixels = np.asarray(image, float)
    width = -(-pixels.shape[1] // len(BARS))
    return np.array(
        [pixels[pixels.shape[0] // 2, min(width * i + width // 2, pixels.shape[1] - 2)] for i in range(len(BARS))]
    )


def signal(rgb, transfer, primaries):
    """8-bit sRGB as the signal in 0..1 of another transfer function and primaries; white at 203 cd/m2."""
    level = np.asarray(rgb) / 255
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4) @ FROM_709[primaries].T
    if transfer == PQ:
        power = (light * 203 / 10000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    if transfer == HLG:
        scene = light * 0.2646
        logarithm = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        return np.where(scene <= 1 / 12, np.sqrt(3 * scene), logarithm)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def film_of(path, pixels, matrix, tags, format="yuv420p", count=2, codec="libx264"):
    """Writes frames of one picture.

    Args:
      pixels: [rows, cols, 3], 16 bits.
      matrix: in which it is encoded, by swscale's number.
      tags: what the file says: matrix, transfer function, primaries.
    """
    with av.open(str(path), "w") as output:
        video = output.add_stream(codec, rate=10)
        video.height, video.width, video.pix_fmt, video.options = *pixels.shape[:2], format, {"crf": "6"}
        context = video.codec_context
        context.colorspace, context.color_trc, context.color_primaries = tags
        context.color_range = 1
        for _ in range(count):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb48le")
            frame = frame.reformat(format=format, dst_colorspace=matrix, dst_color_range=1)
            output.mux(video.encode(frame))
        output.mux(video.encode())
    return str(path)


def first_frame(path):
    return next(image for _, image in clip.open_clip(str(path)).frames(VideoSettings()))


@pytest.mark.parametrize("format", ["yuv420p10le", "yuv420p", "yuv422p10le"])
@pytest.mark.parametrize(
    ("transfer", "primaries", "tags"),
    [
        (HLG, BT2020, (9, 18, 9)),
        (HLG, BT2020, (2, 18, 2)),
        (PQ, BT2020, (9, 16, 9)),
        (PQ, P3, (9, 16, 12)),
        (PQ, BT709, (9, 16, 1)),
        (SRGB, BT2020, (9, 14, 9)),
        (SRGB, P3, (9, 1, 12)),
    ],
)
def test_hdr_and_wide_gamuts_become_srgb(tmp_path, transfer, primaries, tags, format):
    """Highlights are compressed above 0.9 of white's light, so that white itself is 249."""
    levels = (signal(bars(48, 96), transfer, primaries).clip(0, 1) * 65535).round().astype(np.uint16)
    path = film_of(tmp_path / "film.mp4", levels, 9, tags, format)
    expected = BARS.astype(float)
    if transfer != SRGB:
        expected[-1] = 249
    difference = np.abs(bar_levels(first_frame(path)) - expected)
    assert difference.max() < (16 if format == "yuv420p" else 4)  # 8 bits of HDR are coarse


def test_what_is_brighter_than_white_keeps_its_order_and_hue():
    light = np.float32([[0.5, 0.25, 0.1], [0.9, 0.5, 0.1], [1, 1, 1], [2, 2, 2], [8, 4, 2]])
    shown = film_colors.compress_highlights(light)
    np.testing.assert_array_equal(shown[:2], light[:2])
    assert 0.9 < shown[2, 0] < shown[3, 0] < shown[4, 0] < 1
    np.testing.assert_allclose(shown[4] / shown[4, 0], light[4] / 8, rtol=1e-6)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "libvpx-vp9"])
@pytest.mark.parametrize(("rows", "matrix"), [(720, 1), (1080, 1), (718, 5), (576, 5), (480, 5)])
def test_films_without_a_tag_are_in_bt709_from_720_rows_on(tmp_path, rows, matrix, codec):
    if codec == "libvpx-vp9" and rows == 1080:
        pytest.skip("slow, and it is the rows that count")
    pixels = bars(rows, 96).astype(np.uint16) * 257
    path = film_of(tmp_path / "film.mkv", pixels, matrix, (2, 2, 2), codec=codec, count=1)
    assert np.abs(bar_levels(first_frame(path)) - BARS).max() <= 4


@pytest.mark.parametrize(("rows", "matrix", "tag"), [(720, 5, 5), (720, 5, 6), (480, 1, 1)])
def test_a_tag_counts_more_than_the_size(tmp_path, rows, matrix, tag):
    path = film_of(tmp_path / "film.mp4", bars(rows, 96).astype(np.uint16) * 257, matrix, (tag, 2, 2))
    assert np.abs(bar_levels(first_frame(path)) - BARS).max() <= 4


def combed(number, rows=64, cols=96):
    """Two fields: a bar that moves by 6 pixels from the upper one to the lower one."""
    pixels = np.full((rows, cols, 3), 60, np.uint8)
    for field in (0, 1):
        left = 10 + 12 * number + 6 * field
        pixels[field::2, left : left + 20] = 200
    return pixels


def comb(image):
    """How much rows differ from their neighbours beyond what they differ from those two apart."""
    levels = np.asarray(image.convert("L"), float)
    return np.abs(np.diff(levels, axis=0)).mean() - np.abs(levels[2:] - levels[:-2]).mean()


@pytest.mark.parametrize(
    ("ending", "codec", "options"),
    [
        ("mpg", "mpeg2video", {"flags": "+ildct+ilme"}),
        ("mp4", "libx264", {"x264-params": "tff=1", "crf": "6"}),
        ("mts", "libx264", {"x264-params": "tff=1", "crf": "6"}),
        ("mkv", "mpeg2video", {"flags": "+ildct+ilme"}),
    ],
)
def test_interlaced_films_are_deinterlaced(tmp_path, ending, codec, options):
    path = tmp_path / f"film.{ending}"
    with av.open(str(path), "w", format={"mts": "mpegts"}.get(ending)) as output:
        video = output.add_stream(codec, rate=25, options=options)
        video.height, video.width, video.pix_fmt, video.bit_rate = 64, 96, "yuv420p", 4_000_000
        for number in range(5):
            output.mux(video.encode(av.VideoFrame.from_ndarray(combed(number), "rgb24")))
        output.mux(video.encode())
    with av.open(str(path)) as film:
        decoded = list(film.decode(video=0))
        assert all(frame.interlaced_frame for frame in decoded)
        assert all(comb(frame.to_image()) > 5 for frame in decoded)
    read = clip.open_clip(str(path))
    frames = [image for _, image in read.frames(VideoSettings())]
    assert len(frames) == 5
    assert max(comb(frame) for frame in frames) < 1
    np.testing.assert_allclose([read.shown_at(n) for n in range(1, 6)], np.arange(5) / 25, atol=1e-3)


def test_progressive_films_are_left_alone(tmp_path):
    pixels = [combed(number) for number in range(3)]
    path = tmp_path / "film.mov"
    with av.open(str(path), "w") as output:
        video = output.add_stream("png", rate=25)
        video.height, video.width, video.pix_fmt = 64, 96, "rgb24"
        for frame in pixels:
            output.mux(video.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        output.mux(video.encode())
    for (_, image), expected in zip(clip.open_clip(str(path)).frames(VideoSettings()), pixels, strict=True):
        np.testing.assert_array_equal(np.asarray(image), expected)


def test_transparency_of_films_is_kept_beside_the_frame(tmp_path):
    frames = []
    for number in range(3):
        frame = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
        frame.paste((200, 30, 40, 255), (10 * number, 0, 10 * number + 10, 30))
        frames.append(frame)
    path = tmp_path / "clear.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 500, 1000], disposal=2)
    for number, (_, image) in enumerate(clip.open_clip(str(path)).frames(VideoSettings())):
        alpha = np.asarray(image.info["alpha"])
        assert alpha[15, 10 * number + 5] == 255
        assert alpha[15, (10 * number + 15) % 40] == 0
        assert image.getpixel(((10 * number + 15) % 40, 15)) == (255, 255, 255)
        assert image.getpixel((10 * number + 5, 15)) == pytest.approx((200, 30, 40), abs=3)


def test_a_gif_keeps_alpha_and_each_frames_own_duration(tmp_path):
    picture = reading.load(DATA / "coffee.png").resize((60, 40))
    frames = []
    for number in range(3):
        alpha = np.zeros((40, 60), np.uint8)
        alpha[:, 20 * number : 20 * number + 20] = 255
        frame = picture.copy()
        frame.info["alpha"] = Image.fromarray(alpha)
        frames.append(frame)
    path = tmp_path / "out.gif"
    writing.write(path, zip([0.0, 0.1, 0.6], frames, strict=True), Fraction(4), 90, last_duration=1.0)
    with Image.open(path) as written:
        for number in range(3):
            written.seek(number)
            shown = np.asarray(written.convert("RGBA"))
            assert written.info["duration"] == (100, 500, 1000)[number]
            assert (shown[..., 3] == np.asarray(frames[number].info["alpha"])).all()
            visible = shown[..., 3] > 0
            assert np.abs(shown[visible][:, :3].astype(float) - np.asarray(picture)[visible]).mean() < 6


def with_times(path, seconds):
    """A film whose frames are shown at some seconds; the grey level of each is its number times 20."""
    with av.open(str(path), "w") as output:
        video = output.add_stream(
            "libx264", rate=20, options={"bf": "0", "g": "4", "keyint_min": "4", "sc_threshold": "0"}
        )
        video.height, video.width, video.pix_fmt = 32, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        for number, second in enumerate(seconds):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 20 * number, np.uint8), "rgb24")
            frame.pts, frame.time_base = round(1000 * second), Fraction(1, 1000)
            output.mux(video.encode(frame))
        output.mux(video.encode())
    return str(path)


VARYING = [0, 0.05, 0.1, 1.0, 1.05, 2.0, 2.05, 2.1]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_times_are_those_of_the_decoded_frames(tmp_path, ending):
    read = clip.open_clip(with_times(tmp_path / f"film.{ending}", VARYING))
    assert [read.shown_at(number) for number in range(1, 9)] == pytest.approx(VARYING, abs=1e-3)
    assert read.shown_at(3) == pytest.approx(0.1, abs=1e-3)
    assert 2.1 < read.shown_at(9) < 2.3
    assert read.shown_at(9) == read.shown_at(99)


def test_times_start_at_the_first_frame_that_can_be_decoded(tmp_path):
    """A recording that was cut between two keyframes: what comes before the second can't be decoded."""
    whole, cut = with_times(tmp_path / "whole.mkv", [number / 20 for number in range(12)]), tmp_path / "cut.mkv"
    with av.open(whole) as source, av.open(str(cut), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            if number >= 2:
                packet.stream = stream
                output.mux(packet)
    warnings = []
    read = clip.open_clip(str(cut))
    frames = list(read.frames(VideoSettings(), warn=warnings.append))
    levels = [np.asarray(image).mean() for _, image in frames]
    assert levels[0] == pytest.approx(80, abs=4)  # the fifth of the whole film's
    assert [read.shown_at(number) for number, _ in frames] == pytest.approx(np.arange(8) / 20, abs=2e-3)
    assert read.sound(1, 99).start == pytest.approx(4 / 20, abs=2e-3)
    assert read.sound(3, 5).end == pytest.approx(8 / 20, abs=2e-3)


def test_recordings_put_together_go_on_in_time(tmp_path):
    """As `cat a.ts b.ts`: the second counts from where the first began."""
    part = with_times(tmp_path / "part.ts", [number / 20 for number in range(6)])
    both = tmp_path / "both.ts"
    with open(part, "rb") as file:
        raw = file.read()
    both.write_bytes(raw + raw)
    read = clip.open_clip(str(both))
    count = sum(1 for _ in read.frames(VideoSettings(), warn=lambda text: None))
    assert count >= 11
    assert np.all(np.diff([read.shown_at(number) for number in range(1, count + 1)]) > 0)


def test_a_cover_is_not_the_film(tmp_path):
    film, covered = with_times(tmp_path / "film.mkv", [0, 0.05, 0.1]), tmp_path / "covered.mp4"
    with av.open(film) as source, av.open(str(covered), "w") as output:
        cover = output.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 16, 16, "yuvj420p"
        stream = output.add_stream_from_template(source.streams.video[0])
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24").reformat(format="yuvj420p")
        output.mux([*cover.encode(picture), *cover.encode()])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    assert clip.open_clip(str(covered)).size == (32, 48)


@pytest.mark.parametrize(("film", "output"), [("clear.gif", "out.gif"), ("frames", "out.gif"), ("frames", "out")])
def test_a_transparent_film_is_painted_into_a_transparent_one(tmp_path, film, output):
    frames = [Image.new("RGBA", (60, 40), (0, 0, 0, 0)) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.paste((200, 30, 40, 255), (20 * number, 0, 20 * number + 20, 40))
    frames[0].save(tmp_path / "clear.gif", save_all=True, append_images=frames[1:], duration=100, disposal=2)
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(frames):
        frame.save(tmp_path / "frames" / f"{number}.png")
    flags = ["--style=tahiti", "--rows=32", *(["--film"] if film == "frames" else [])]
    assert main([str(tmp_path / film), "painters", str(tmp_path / output), *flags]) == 0
    for number in range(3):
        alpha = painted_alpha(tmp_path / output, number)
        left, right = 16 * number + 1, 16 * number + 15
        assert alpha.shape == (32, 48)
        assert alpha[:, left:right].min() == 255
        assert np.delete(alpha, range(max(0, left - 4), min(48, right + 4)), axis=1).max() <= 8


def painted_alpha(path, number):
    """The alpha of a frame of a painted film or folder."""
    if path.is_dir():
        with Image.open(path / f"{number + 1:06d}.png") as image:
            return np.asarray(image)[..., 3]
    with Image.open(path) as film:
        film.seek(number)
        return np.asarray(film.convert("RGBA"))[..., 3]


@pytest.mark.parametrize("output", ["./frames", "a//frames", "frames/"])
def test_an_existing_empty_folder_of_frames_may_be_written_as_any_path(output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(output).mkdir(parents=True)
    FilmNames(output).check(["film.mp4"], OutputSettings(), None)

"""Films: motion and where it is trusted, the temporal term, frames in and out, and what a break leaves."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, options, slow
from PIL import Image

import neural_style
from neural_style import UserError, api
from neural_style.cli.main import main
from neural_style.images import scene_building
from neural_style.images.scene import Region, Scene, WarpedFrame
from neural_style.losses.loss import Loss, make_loss
from neural_style.optimize.objective import Objective
from neural_style.optimize.tiled_objective import TiledObjective
from neural_style.settings.video import VideoSettings
from neural_style.vgg import model
from neural_style.video import clip, consistency, flow, motion, writing
from neural_style.video.film import FilmPainter
from neural_style.video.store import Store

QUICK = ["--weights=random", "--rows=40", "--iterations=2", "--evaluations_per_iteration=4", "--normalization=scale"]
QUICK += ["--style_layers=block1_conv1,block2_conv1", "--content_layers=block2_conv2", "--content_weight=1"]
QUICK += ["--style_weight=20", "--norestart_each_iteration"]
RATE = Fraction(12)
FADE = [(0, 0.0), (1, 0.4), (2, 0.8), (3, 1.0), (4, 1.0)]
"""Windows, and how bright they are."""


@pytest.fixture(scope="module")
def panorama():
    """A photograph over which windows can move."""
    return Image.open(COFFEE).convert("RGB").resize((150, 100), Image.Resampling.LANCZOS)


def window(panorama, number, size=(60, 40)):
    """The window of a frame: 2 pixels further to the right with each."""
    left = 2 * number
    return panorama.crop((left, 20, left + size[0], 20 + size[1]))


def film_file(path, frames, sound=False):
    """Writes frames, without loss to the eye, with a tone beside them."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt, video.options = *frames[0].size, "yuv444p", {"crf": "4"}
        if sound:
            tone = output.add_stream("aac", rate=16000)
            wave = np.sin(np.arange(int(16000 * len(frames) / RATE)) / 5).astype(np.float32)
            heard = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            heard.sample_rate = 16000
            for packet in [*tone.encode(heard), *tone.encode()]:
                output.mux(packet)
        for frame in frames:
            output.mux(video.encode(av.VideoFrame.from_image(frame)))
        output.mux(video.encode())
    return str(path)


@pytest.fixture
def film(tmp_path, panorama):
    return film_file(tmp_path / "film.mp4", [window(panorama, number) for number in range(4)])


def shown(frames):
    """Frames with the second at which each is shown."""
    return ((float(number / RATE), frame) for number, frame in enumerate(frames))


def times(path):
    """The seconds at which a film's frames are shown, and at which its last one ends."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = sorted((p.pts, p.duration) for p in container.demux(stream) if p.size)
        return [float(at * stream.time_base) for at in (*(pts for pts, _ in found), sum(found[-1]))]


def painted(path):
    """The frames of a film file."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def moving_square():
    """A square that moves by 5 to the right over still ground: the flows from the later frame back, and forth."""
    back, forth = np.zeros((2, 40, 60, 2), np.float32)
    back[10:25, 25:40, 0] = -5
    forth[10:25, 20:35, 0] = 5
    return back, forth


def marks_by_hand(to, back):
    """1, 0 and -1 of consistencyChecker.cpp, pixel by pixel; at the border bilinear samples need no second pixel."""
    rows, cols = to.shape[:2]
    found = np.zeros((rows, cols))
    for row in range(rows):
        for col in range(cols):
            u, v = map(float, to[row, col])
            x, y = col + u, row + v
            if not (0 <= x <= cols - 1 and 0 <= y <= rows - 1):
                continue
            x0, y0 = min(int(x), cols - 2), min(int(y), rows - 2)
            a, b = x - x0, y - y0
            there = (1 - a) * (1 - b) * back[y0, x0] + a * (1 - b) * back[y0, x0 + 1]
            there = there + (1 - a) * b * back[y0 + 1, x0] + a * b * back[y0 + 1, x0 + 1]
            both = (u + there[0]) ** 2 + (v + there[1]) ** 2
            if both >= 0.01 * (u * u + v * v + there[0] ** 2 + there[1] ** 2) + 0.5:
                found[row, col] = -1
                continue
            up, down = to[max(row - 1, 0), col], to[min(row + 1, rows - 1), col]
            left, right = to[row, max(col - 1, 0)], to[row, min(col + 1, cols - 1)]
            slopes = (((right - left) / 2) ** 2).sum() + (((down - up) / 2) ** 2).sum()
            found[row, col] = 1.0 if slopes <= 0.01 * (u * u + v * v) + 0.002 else 0.0
    return found


def smoothed_by_hand(marks):
    """Five Gaussian taps of deviation 0.8 each way, mirrored at the frame as the authors' program does, in 0..1."""
    taps = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 0.8**2))
    taps /= taps.sum()
    padded = np.pad(marks, 2, mode="symmetric")
    rows, cols = marks.shape
    down = sum(tap * padded[i : i + rows] for i, tap in enumerate(taps))
    return sum(tap * down[:, i : i + cols] for i, tap in enumerate(taps)).clip(0, 1)


def test_weights_are_the_papers(rng):
    smooth = cv2.GaussianBlur(rng.standard_normal((40, 60, 2)).astype(np.float32), (0, 0), 6) * 20
    noisy = -smooth + 0.3 * rng.standard_normal(smooth.shape).astype(np.float32)
    for to, back in (moving_square(), (smooth, noisy)):
        marks = marks_by_hand(to.astype(float), back.astype(float))
        assert {-1, 0, 1} == set(marks.ravel())
        np.testing.assert_array_equal(consistency.trusted_mask(to, back), marks > 0)
        np.testing.assert_allclose(consistency.confidence(to, back), smoothed_by_hand(marks), atol=1e-6)


def test_what_a_square_uncovers_is_not_trusted():
    trusted = consistency.trusted_mask(*moving_square())
    assert not trusted[10:25, 20:25].any()  # what it uncovered
    assert trusted[12:23, 27:38].all()  # itself, away from its edges
    assert trusted[:8].all()
    assert trusted[:, 42:].all()
    still = np.zeros((7, 9, 2), np.float32)
    assert consistency.confidence(still, still).min() == 1


@pytest.mark.parametrize(("apart", "trusted"), [(np.sqrt(0.5) - 1e-4, 1), (np.sqrt(0.5) + 1e-2, 0)])
def test_how_far_flows_may_disagree_at_rest(apart, trusted):
    to, back = np.zeros((2, 9, 9, 2), np.float32)
    back[..., 0] = apart
    assert consistency.trusted_mask(to, back)[4, 4] == trusted


def test_sampling_is_exact_where_nothing_or_whole_pixels_move(rng):
    maps = rng.uniform(0, 255, (9, 12, 3)).astype(np.float32)
    shift = np.zeros((9, 12, 2), np.float32)
    np.testing.assert_array_equal(consistency.warp(maps, shift), maps)
    shift[...] = 3, -2
    np.testing.assert_array_equal(consistency.warp(maps, shift)[2:, :-3], maps[:-2, 3:])


def test_long_term_confidence_take_what_nearer_frames_leave():
    near, middle, far = np.float32([[1, 0.25, 0]]), np.float32([[1, 0.5, 0.5]]), np.float32([[1, 1, 0.75]])
    found = consistency.long_term_confidence([near, middle, far])
    np.testing.assert_allclose(found, [[[1, 0.25, 0]], [[0, 0.25, 0.5]], [[0, 0.25, 0.25]]])


def test_the_warping_error_counts_what_is_trusted(rng):
    before, now = rng.uniform(0, 255, (2, 9, 12, 3)).astype(np.float32)
    still, trusted = np.zeros((9, 12, 2), np.float32), np.zeros((9, 12), np.float32)
    trusted[:3] = 1
    assert consistency.warping_error(now, before, still, trusted) == pytest.approx(
        (((now - before)[:3] / 255) ** 2).mean(), rel=1e-6
    )
    assert consistency.warping_error(now, before, still, 0 * trusted) == 0


def textured(rng, shift=(0, 0), size=(80, 120)):
    noise = cv2.GaussianBlur(rng.uniform(0, 255, (160, 200, 3)).astype(np.float32), (0, 0), 2)
    noise = 255 * (noise - noise.min()) / np.ptp(noise)
    right, down = shift
    return noise[20 + down : 20 + down + size[0], 20 + right : 20 + right + size[1]]


@pytest.mark.parametrize("kind", ["dis", "farneback"])
def test_a_known_shift_is_found(kind):
    # What is at (row, col) now was at (row - 2, col + 3) before.
    now, before = (textured(np.random.RandomState(0), shift) for shift in ((3, -2), (0, 0)))
    to, back = flow.finder(kind)(2, now, 1, before)
    for found, expected in ((to, (3, -2)), (back, (-3, 2))):
        assert np.abs(np.median(found[10:-10, 10:-10], axis=(0, 1)) - expected).max() < 0.1
    assert consistency.trusted_mask(to, back)[10:-10, 10:-10].mean() > 0.95


def test_flow_files_are_middleburys(tmp_path, rng):
    to, back = rng.standard_normal((2, 8, 12, 2)).astype(np.float32)
    cv2.writeOpticalFlow(str(tmp_path / "backward_7_5.flo"), to)
    cv2.writeOpticalFlow(str(tmp_path / "forward_5_7.flo"), back)
    find, frame = flow.finder(str(tmp_path)), np.zeros((8, 12, 3), np.float32)
    found = find(7, frame, 5, frame)
    np.testing.assert_array_equal(found[0], to)
    np.testing.assert_array_equal(found[1], back)
    np.testing.assert_array_equal(find(5, frame, 7, frame)[0], back)
    doubled = find(7, np.zeros((16, 24, 3), np.float32), 5, None)[0]
    assert doubled.shape == (16, 24, 2)
    np.testing.assert_allclose(doubled.mean(), 2 * to.mean(), rtol=0.2)
    with pytest.raises(UserError, match="'.*backward_9_8.flo' is not one of them"):
        find(9, frame, 8, frame)
    (tmp_path / "backward_2_1.flo").write_bytes(b"PIEH" + np.int32([1000, 1000]).tobytes() + b"1234")
    with pytest.raises(UserError, match="it is shorter than its header says"):
        find(2, frame, 1, frame)


def scene(rng, rows=48, cols=64):
    content, style, start, warped = rng.uniform(0, 255, (4, rows, cols, 3)).astype(np.float32)
    weights = rng.uniform(0, 1, (rows, cols)).astype(np.float32)
    return Scene(content, [Region([style], [1.0], 1.0, None)], start, warped_frames=[WarpedFrame(warped, weights)])


@pytest.mark.parametrize("normalization", ["mean", "scale"])
def test_the_temporal_term_is_the_papers(rng, vgg19, normalization):
    settings = options(
        "--temporal_weight=7", f"--normalization={normalization}", "--tv_weight=0", "--content_layers=block1_conv1"
    )
    given, loss = scene(rng), settings.loss
    layers = ["block1_conv1"]
    network = model.build(settings.network, vgg19, layers, "float64")
    objective = Objective(network, Loss(make_loss(loss, 1).terms[-1:]))
    value, gradient, found = objective.bind_scene(given)(given.start)
    carried, difference = given.warped_frames[0], given.start - given.warped_frames[0].image
    size = 3 * 48 * 64
    if normalization == "scale":
        size = float(np.square(given.content - given.content.mean((0, 1))).sum())
    expected = 7 * float((carried.confidence[..., None] * difference.astype(float) ** 2).sum()) / size
    assert float(value) == pytest.approx(expected, rel=1e-6)
    assert set(found) == {"temporal/1"}
    np.testing.assert_allclose(gradient, 14 * carried.confidence[..., None] * difference / size, rtol=1e-5, atol=1e-9)


def test_tiles_cut_what_is_carried_along(rng, vgg19):
    settings = options(
        "--normalization=scale",
        "--temporal_weight=500",
        "--style_layers=block1_conv1,block2_conv1",
        "--content_layers=block2_conv2",
    )
    how, layers, of = settings.network, settings.loss.layers, make_loss(settings.loss, 1)
    given = scene(rng, 96, 112)
    whole = Objective(model.build(how, vgg19, layers, "float64"), of).bind_scene(given)(given.start)
    tiled = TiledObjective(model.build(how, vgg19, layers, "float64", True), of, 64).bind_scene(given)(given.start)
    assert float(tiled[0]) == pytest.approx(float(whole[0]), rel=1e-10)
    np.testing.assert_allclose(tiled[1], whole[1], rtol=1e-7, atol=1e-12)


def test_a_cut_is_found_and_begins_anew(rng, panorama):
    other = Image.open(SWIRLS).convert("RGB").resize((60, 40))
    frames = [window(panorama, 0), window(panorama, 1), other, other.rotate(1)]
    found = list(motion.estimate_motion(enumerate(frames, 1), (40, 60), VideoSettings(long_term=(1, 2)), "lanczos"))
    assert [each.motion_to_previous is None for each in found] == [True, False, True, False]
    assert [[m.number for m in each.long_term] for each in found] == [[], [1], [], [3]]


def run(*arguments, **how):
    return subprocess.run(
        [sys.executable, "-m", "neural_style", *map(str, arguments)], capture_output=True, text=True, timeout=300, **how
    )


@pytest.mark.slow
def test_a_film_flickers_less_than_its_frames_alone(tmp_path, panorama, capsys):
    path = film_file(tmp_path / "film.mp4", [window(panorama, number) for number in range(4)], sound=True)
    assert main([path, str(SWIRLS), str(tmp_path / "out.mp4"), *QUICK, "--preview=side"]) == 0
    assert "Wrote" in capsys.readouterr().out
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["complete"]
    assert [facts["number"] for facts in record["frames"]] == [1, 2, 3, 4]
    assert [facts["cut"] for facts in record["frames"]] == [True, False, False, False]
    with av.open(str(tmp_path / "out.mp4")) as made, av.open(path) as given:
        assert made.streams.video[0].average_rate == RATE
        sounds = [[p.size for p in c.demux(audio=0) if p.size] for c in (made, given)]
    assert sounds[0] == sounds[1][: len(sounds[0])]
    assert len(sounds[0]) >= len(sounds[1]) - 1
    assert len(painted(tmp_path / "out.mp4")) == 4
    assert painted(tmp_path / "out_preview.mp4")[0].shape[1] > 2 * 60
    assert sorted(os.listdir(tmp_path)) == ["film.mp4", "out.json", "out.mp4", "out_errors.png", "out_preview.mp4"]
    assert main([path, str(SWIRLS), str(tmp_path / "free.mp4"), *QUICK, "--temporal_weight=0"]) == 0
    assert record["mean_error"] < 0.9 * json.loads((tmp_path / "free.json").read_text())["mean_error"]
    alone = [*QUICK, "--noplots", "--init=noise"]
    frames = [np.asarray(window(panorama, number)) for number in range(4)]
    each = [neural_style.stylize(f, str(SWIRLS), **by_name(alone), seed=i).array for i, f in enumerate(frames)]
    still = np.full((40, 60, 2), (2, 0), np.float32)
    inside = np.zeros((40, 60), np.float32)
    inside[:, :-2] = 1
    apart = np.mean([consistency.warping_error(b, a, still, inside) for a, b in zip(each, each[1:], strict=False)])
    assert record["mean_error"] < apart / 3


def by_name(flags):
    """Flags as `stylize` takes them."""
    pairs = [flag.removeprefix("--").partition("=") for flag in flags]
    return {
        name.removeprefix("no") if not equals else name: value if equals else not name.startswith("no")
        for name, equals, value in pairs
    }


def test_python_yields_the_same_frames(tmp_path, film):
    assert main([film, str(SWIRLS), str(tmp_path / "out"), *QUICK]) == 0
    flags = [flag for flag in QUICK if "=" in flag]
    frames = list(neural_style.stylize_film(film, str(SWIRLS), restart_each_iteration=False, **by_name(flags)))
    assert [frame.number for frame in frames] == [1, 2, 3, 4]
    for frame in frames:
        with Image.open(tmp_path / "out" / f"{frame.number:06d}.png") as there:
            np.testing.assert_array_equal(np.asarray(frame.image), np.asarray(there))
    assert {"loss", "terms", "evaluations", "seconds", "error", "photograph_error", "trusted"} <= set(frames[1].facts)


def test_a_killed_film_goes_on_to_the_same_one(tmp_path, film):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main([film, str(SWIRLS), str(whole), *QUICK]) == 0
    command = [sys.executable, "-m", "neural_style", film, str(SWIRLS), str(killed), *QUICK]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (killed / "000002.png").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = (killed / "000001.png").stat().st_mtime_ns
    assert main([film, str(SWIRLS), str(killed), *QUICK, "--resume"]) == 0
    assert (killed / "000001.png").stat().st_mtime_ns == first
    for number in range(1, 5):
        images = [np.asarray(Image.open(folder / f"{number:06d}.png")) for folder in (whole, killed)]
        np.testing.assert_array_equal(*images)


def test_what_is_the_users_stays(tmp_path, film, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words, flags = [film, str(SWIRLS)], [*QUICK, "--last_frame=1"]
    assert main([*words, "out.mp4", *flags]) == 0
    whole = (tmp_path / "out.mp4").read_bytes()
    for name in ("out.webm", "out.mp4"):
        (tmp_path / name).write_bytes(b"mine")
        assert main([*words, name, *flags]) == 1
        assert "neural-style did not write it" in capsys.readouterr().err
        assert (tmp_path / name).read_bytes() == b"mine"
    (tmp_path / "out.mp4").write_bytes(whole)
    (tmp_path / "out_frames").mkdir()
    (tmp_path / "out_frames" / "000001.png").write_bytes(b"mine too")
    assert main([*words, "out.mp4", *flags]) == 1
    assert "out_frames' exists already" in capsys.readouterr().err
    (tmp_path / "out_frames" / "000001.png").unlink()
    (tmp_path / "out_frames").rmdir()
    save = Store.save

    def broken(self, number, *what):
        save(self, number, *what)
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "save", broken)
    with pytest.raises(KeyboardInterrupt):
        main([*words, "out.mp4", *flags, "--seed=2"])
    assert (tmp_path / "out_earlier_1.mp4").read_bytes() == whole
    assert "is kept as out_earlier_1.mp4" in capsys.readouterr().out


def test_a_frame_that_is_damaged_is_painted_again(tmp_path, film):
    assert main([film, str(SWIRLS), str(tmp_path / "out"), *QUICK]) == 0
    second = tmp_path / "out" / "000002.png"
    pixels = np.asarray(Image.open(second)).copy()
    second.write_bytes(second.read_bytes()[:500])
    record = json.loads((tmp_path / "out.json").read_text())
    del record["complete"]
    (tmp_path / "out.json").write_text(json.dumps(record))
    (tmp_path / "out" / "000002 (copy).png").write_bytes(b"another's")
    assert main([film, str(SWIRLS), str(tmp_path / "out"), *QUICK, "--resume"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open(second)), pixels)


def test_what_breaks_a_film_off_leaves_a_playable_one(tmp_path, film):
    command = [sys.executable, "-m", "neural_style", film, str(SWIRLS), str(tmp_path / "out.mp4"), *QUICK]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not (tmp_path / "out_frames" / "000002.png").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, (out, err)
    assert "Traceback" not in err
    assert "with --resume the film continues" in out
    there = len(painted(tmp_path / "out.mp4"))
    assert 2 <= there <= 4
    assert json.loads((tmp_path / "out.json").read_text())["broken_off"]
    done = run(*command[3:], "--resume")
    assert done.returncode == 0, done.stderr
    assert len(painted(tmp_path / "out.mp4")) == 4
    assert not (tmp_path / "out_frames").exists()
    assert "is complete already" in run(*command[3:], "--resume").stdout


def test_nothing_of_another_film_is_taken_for_this_one(tmp_path, film, monkeypatch):
    flags = [*QUICK, "--passes=2", "--last_frame=2"]
    assert main([film, str(SWIRLS), str(tmp_path / "whole"), *flags]) == 0
    save = Store.save

    def broken(self, number, *what):
        if self.folder.name == "out" and number == 1:
            raise KeyboardInterrupt
        save(self, number, *what)

    monkeypatch.setattr(Store, "save", broken)
    with pytest.raises(KeyboardInterrupt):
        main([film, str(COFFEE), str(tmp_path / "out"), *flags])
    monkeypatch.undo()
    assert (tmp_path / "out" / "pass_1").exists()
    assert main([film, str(SWIRLS), str(tmp_path / "out"), *flags]) == 0
    for name in ("000001.png", "000002.png"):
        images = [np.asarray(Image.open(tmp_path / folder / name)) for folder in ("whole", "out")]
        np.testing.assert_array_equal(*images)
    assert not (tmp_path / "out" / "pass_1").exists()


def test_a_film_that_ends_early_in_a_later_pass_has_all_frames(tmp_path, film, monkeypatch, capsys):
    save = Store.save

    def broken(self, number, *what):
        if self.folder.name == "out_frames" and number == 1:  # the last one of the second pass, which goes backward
            raise KeyboardInterrupt
        save(self, number, *what)

    monkeypatch.setattr(Store, "save", broken)
    with pytest.raises(KeyboardInterrupt):
        main([film, str(SWIRLS), str(tmp_path / "out.mp4"), *QUICK, "--passes=2", "--last_frame=3"])
    assert "3 of the frames lie in" in capsys.readouterr().out
    assert len(painted(tmp_path / "out.mp4")) == 3


def test_a_complete_film_at_another_rate_is_kept(tmp_path, film):
    flags = ["painters", str(tmp_path / "out.mp4"), "--style=tahiti", "--rows=32", "--last_frame=2"]
    assert main([film, *flags]) == 0
    whole = (tmp_path / "out.mp4").read_bytes()
    assert main([film, *flags, "--fps=12", "--resume"]) == 0
    assert (tmp_path / "out_earlier_1.mp4").read_bytes() == whole


def test_still_frames_stay_as_bright_as_they_are(tmp_path, panorama):
    film = film_file(tmp_path / "film.mp4", [window(panorama, 0)] * 12)
    flags = [*QUICK, "--iterations=0"]
    assert main([film, str(SWIRLS), str(tmp_path / "out"), *flags]) == 0
    first, last = (np.asarray(Image.open(tmp_path / "out" / f"{n:06d}.png"), float) for n in (1, 12))
    assert abs(last.mean() - first.mean()) < 0.2


def test_recolouring_keeps_a_fade(tmp_path, panorama):
    """One map for all frames, of the film's colours; each frame's own made a black frame as bright as the rest."""
    shown = [window(panorama, number).point(lambda level, light=light: level * light) for number, light in FADE]
    for number, frame in enumerate(shown):
        frame.save(tmp_path / f"{number}.png")
    given = api.prepare_film(str(tmp_path), [SWIRLS], options(*QUICK, "--recolor_content"))
    assert given[1].palette is None  # a whole film is not decoded before all else is known to be right
    engine, held = neural_style.Engine(), []

    def make_run(inputs, plan):
        held.append(scene_building.build_scene(inputs, plan.settings, plan.result_size).content.mean())
        np.testing.assert_allclose(inputs.palette.mean, np.mean(shown, axis=(0, 1, 2)) / 255, atol=0.02)
        return engine.run(inputs, plan)

    list(FilmPainter(*given, tmp_path / "frames", make_run).frames())
    assert np.diff(held)[:3].min() > 15
    assert np.mean(held) == pytest.approx(np.asarray(Image.open(SWIRLS).convert("RGB")).mean(), abs=15)


def test_learned_filters_are_those_of_the_first_frame_throughout(film):
    flags = dict(by_name([flag for flag in QUICK if "=" in flag]), weights="learned", last_frame=3)
    engine = neural_style.Engine()
    frames = list(neural_style.stylize_film(film, str(SWIRLS), engine=engine, **flags))
    assert len(frames) == 3
    assert engine.traces == 2  # of the first frame's loss, and of the others' with its temporal term


def test_resuming_from_a_pattern_beside_the_results(tmp_path, panorama, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        window(panorama, number).save(f"shot_{number}.png")
    for expected in ("Wrote", "complete already"):
        assert main(["shot_*.png", str(SWIRLS), "out.gif", *QUICK, "--resume"]) == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize("colors", [((0, 0, 255), (255, 0, 0)), ((0, 0, 0), None), (None, (0, 0, 0))])
def test_a_cut_to_a_flat_frame_is_found(panorama, colors):
    frames = [window(panorama, 0) if c is None else Image.new("RGB", (60, 40), c) for c in colors]
    found = list(motion.estimate_motion(enumerate(frames, 1), (40, 60), VideoSettings(), "lanczos"))
    assert found[1].motion_to_previous is None


def test_sound_begins_with_the_first_frame_that_is_painted(tmp_path, panorama):
    path = film_file(tmp_path / "film.mp4", [window(panorama, number) for number in range(24)], sound=True)
    late = str(tmp_path / "film.ts")
    with av.open(path) as source, av.open(late, "w", options={"output_ts_offset": "7"}) as output:
        streams = {stream: output.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                output.mux(packet)
    for start in (0.0, 1.0):
        frames = [window(panorama, number) for number in range(12)]
        first = 1 + round(start * RATE)
        sound = clip.open_clip(late).sound(first, first + 12)
        writing.write(tmp_path / "out.mp4", shown(frames), RATE, 95, sound)
        with av.open(str(tmp_path / "out.mp4")) as made:
            times = [float(p.pts * p.time_base) for p in made.demux(audio=0) if p.size]
        assert -0.1 < times[0] < 0.1
        assert 0.8 < times[-1] < 1.1


def test_several_passes_and_long_term(tmp_path, film, capsys):
    out = tmp_path / "out"
    assert main([film, str(SWIRLS), str(out), *QUICK, "--passes=2", "--long_term=1,2", "--last_frame=3"]) == 0
    record = json.loads((tmp_path / "out.json").read_text())
    assert [facts["pass"] for facts in record["frames"]] == [2, 2, 2]
    assert sorted(os.listdir(out)) == ["000001.png", "000002.png", "000003.png"]
    terms_of_first = record["frames"][0]["layers"]  # the last one painted, since the second pass goes backward
    assert {"temporal/1", "temporal/2"} <= set(terms_of_first)


def test_frames_that_follow_others_share_one_objective(tmp_path, film):
    given = api.prepare_film(film, [str(SWIRLS)], options(*QUICK, "--long_term=1,2"))
    engine, held = neural_style.Engine(), []

    def make_run(inputs, plan):
        held.append(len(inputs.warped_frames))
        return engine.run(inputs, plan)

    frames = list(FilmPainter(*given, tmp_path / "frames", make_run).frames())
    assert held == [0, 2, 2, 2]
    assert frames[1].facts["layers"]["temporal/2"] == 0 < frames[2].facts["layers"]["temporal/2"]


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_frames_are_shown_when_the_films_were(tmp_path, panorama, ending):
    at = [0, 1 / 12, 2 / 12, 8 / 12, 9 / 12]
    varying = tmp_path / "varying.mkv"
    writing.write(varying, ((second, window(panorama, i)) for i, second in enumerate(at)), RATE, 95)
    out = tmp_path / f"out{ending}"
    assert main([str(varying), str(SWIRLS), str(out), *QUICK, "--first_frame=2", "--every=2"]) == 0
    assert times(out)[:2] == pytest.approx([0, 7 / 12], abs=0.01)
    assert main([str(varying), str(SWIRLS), str(out), *QUICK, "--first_frame=2", "--fps=4"]) == 0
    assert times(out) == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.01)


@pytest.mark.parametrize("ending", [".webm", ".gif", ".mkv"])
def test_odd_sizes_and_formats(tmp_path, panorama, ending):
    frames = [window(panorama, number, (61, 41)) for number in range(2)]
    path = tmp_path / f"film{ending}"
    writing.write(path, shown(frames), RATE, 95)
    read = clip.open_clip(str(path))
    expected = (41, 61) if ending == ".gif" else (42, 62)
    assert read.size == expected
    found = [np.asarray(image) for _, image in read.frames(VideoSettings())]
    assert len(found) == 2
    for image, frame in zip(found, frames, strict=True):
        assert np.abs(image[:41, :61].astype(float) - np.asarray(frame)).mean() < 6


def test_which_frames(film):
    read = clip.open_clip(film)
    assert (read.count, read.rate, read.size) == (4, RATE, (40, 60))
    some = VideoSettings(first_frame=2, last_frame=4, every=2)
    assert [number for number, _ in read.frames(some)] == [2, 4]
    assert read.planned(some) == 2


def test_frames_of_a_folder_come_in_the_order_of_their_numbers(tmp_path, panorama):
    for number in (10, 9, 2):
        window(panorama, number).save(tmp_path / f"frame_{number}.png")
    (tmp_path / "notes.txt").write_text("no frame")
    for path in (str(tmp_path), str(tmp_path / "frame_*.png")):
        found = [np.asarray(image) for _, image in clip.open_clip(path).frames(VideoSettings())]
        for image, number in zip(found, (2, 9, 10), strict=True):
            np.testing.assert_array_equal(image, np.asarray(window(panorama, number)))


def test_rotation_is_honoured_and_pixels_made_square(tmp_path, panorama):
    frames = [window(panorama, 0)] * 2
    wide = tmp_path / "wide.mp4"
    with av.open(str(wide), "w") as output:
        video = output.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = 60, 40, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(2)
        for frame in frames:
            output.mux(video.encode(av.VideoFrame.from_image(frame)))
        output.mux(video.encode())
    assert clip.open_clip(str(wide)).size == (40, 120)


UPRIGHT = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000]


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ([0, 1, -1, 0], lambda image: np.rot90(image, -1)),
        ([0, -1, 1, 0], np.rot90),
        ([-1, 0, 0, -1], lambda image: image[::-1, ::-1]),
        ([-1, 0, 0, 1], lambda image: image[:, ::-1]),
    ],
)
def test_films_are_turned_and_mirrored_as_they_say(tmp_path, film, matrix, shown):
    with open(film, "rb") as file:
        raw = file.read()
    a, b, c, d = (0x10000 * sign for sign in matrix)
    upright, wanted = (np.array(m, ">i4").tobytes() for m in (UPRIGHT, [a, b, 0, c, d, 0, 0, 0, 0x40000000]))
    at = raw.index(upright, raw.index(b"tkhd"))
    path = tmp_path / "a:film [1].mp4"
    path.write_bytes(raw[:at] + wanted + raw[at + len(upright) :])
    (_, first), *_ = clip.open_clip(str(path)).frames(VideoSettings())
    (_, expected), *_ = clip.open_clip(film).frames(VideoSettings())
    np.testing.assert_array_equal(np.asarray(first), shown(np.asarray(expected)))


def test_a_film_without_a_known_length(tmp_path, panorama):
    path = tmp_path / "film.h264"
    with av.open(str(path), "w", format="h264") as output:
        video = output.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = 60, 40, "yuv420p"
        for number in range(3):
            output.mux(video.encode(av.VideoFrame.from_image(window(panorama, number))))
        output.mux(video.encode())
    read = clip.open_clip(str(path))
    assert (read.count, read.planned(VideoSettings())) == (None, None)
    assert [number for number, _ in read.frames(VideoSettings())] == [1, 2, 3]


def test_a_change_of_size_is_told_once(tmp_path, panorama, capsys):
    for number, size in enumerate([(60, 40), (60, 40), (90, 60), (90, 60)]):
        window(panorama, 0, size).save(tmp_path / f"{number}.png")
    found = [frame.size for _, frame in clip.open_clip(str(tmp_path)).frames(VideoSettings())]
    assert found == [(60, 40)] * 4
    assert capsys.readouterr().err.count("frame 3 has another size") == 1


def test_a_full_disk_leaves_the_frames_that_were_painted(tmp_path, film, monkeypatch, capsys):
    synced = []

    def filling(file):
        synced.append(file)
        if len(synced) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", filling)
    assert main([film, str(SWIRLS), str(tmp_path / "out.mp4"), *QUICK]) == 1
    out, err = capsys.readouterr()
    assert err == "neural-style: A frame could not be written: No space left on device.\n"
    assert "2 of the frames lie in" in out
    assert len(painted(tmp_path / "out.mp4")) == 2


def test_a_corrupt_frame_is_told_and_left_out(tmp_path, panorama, capsys):
    frames = [Image.fromarray(np.random.RandomState(i).randint(0, 255, (64, 64, 3), np.uint8)) for i in range(6)]
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as output:
        video = output.add_stream("mjpeg", rate=RATE)
        video.width, video.height, video.pix_fmt = 64, 64, "yuvj444p"
        for number, frame in enumerate(frames):
            for packet in video.encode(av.VideoFrame.from_image(frame)):
                if number == 3:
                    broken = av.Packet(b"\0" * packet.size)
                    broken.stream, broken.time_base = packet.stream, packet.time_base
                    broken.pts, broken.dts = packet.pts, packet.dts
                    packet = broken
                output.mux(packet)
        output.mux(video.encode())
    found = list(clip.open_clip(str(path)).frames(VideoSettings()))
    assert len(found) == 5
    assert "corrupt and left out" in capsys.readouterr().err


def test_one_frame_is_a_film(tmp_path, film):
    assert main([film, str(SWIRLS), str(tmp_path / "out.mp4"), *QUICK, "--last_frame=1"]) == 0
    assert len(painted(tmp_path / "out.mp4")) == 1


@pytest.mark.parametrize(
    ("words", "flags", "message"),
    [
        (("missing.mp4",), (), "Expected a film, but"),
        (("notes.mp4",), (), "Expected a film, but"),
        (("empty",), (), "Expected a folder or pattern of frames"),
        (("film.mp4",), ("--first_frame=9",), "--first_frame=9 names no frame of"),
        (("film.mp4",), ("--first_frame=3", "--last_frame=2"), "Expected --last_frame not to come before"),
        (("film.mp4",), ("--flow=nowhere",), "a folder of .flo files"),
        (("film.mp4",), ("--rows=1",), "need at least 2 rows"),
        (("film.mp4", "out.avi"), (), "A film ends in"),
        (("film.mp4", "nowhere/out.mp4"), (), "does not exist"),
        (("film.mp4", "film.mp4"), (), "would be overwritten"),
        (("film.mp4",), ("--preview=gif",), "--preview=gif is for pictures"),
        (("film.mp4",), ("--tensorboard=board",), "--tensorboard shows pictures"),
        (("frames/000001.png", "picture"), ("--preview=side",), "--preview=side is for films"),
        (("http://localhost:9/film.mp4",), (), "a film has to lie on this machine: copy it"),
        (("film.mp4", "notes.mp4"), (), "neural-style did not write it"),
        (("frames", "frames"), ("--film",), "would be overwritten"),
    ],
)
def test_what_is_wrong_is_told_before_any_work(tmp_path, film, panorama, monkeypatch, capsys, words, flags, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.mp4").write_text("no film")
    (tmp_path / "empty").mkdir()
    (tmp_path / "frames").mkdir()
    window(panorama, 0).save("frames/000001.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    content, output = (*words, "out.mp4")[:2]
    assert main([content, str(SWIRLS), output, *QUICK, *flags]) in (1, 2)
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_missing_package_is_a_sentence(tmp_path, film):
    hidden = (
        "import sys; sys.modules['av'] = None; from neural_style.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden, film, str(SWIRLS), str(tmp_path / "out.mp4")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "pip install av opencv-python-headless" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_manifest_takes_films_beside_pictures(tmp_path, film, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [f"{film},{SWIRLS},out.mp4,2", f"{film},{SWIRLS},short.gif,1", f"{COFFEE},{SWIRLS},picture,"]
    (tmp_path / "pairs.csv").write_text("\n".join(["content,style,prefix,last_frame", *rows]))
    assert main(["--manifest=pairs.csv", *QUICK]) == 0
    assert len(painted("out.mp4")) == 2
    assert len(painted("short.gif")) == 1
    assert os.path.exists("picture.png")
    capsys.readouterr()
    assert main(["--manifest=pairs.csv", *QUICK]) == 0
    assert "0 made, 3 complete already, 0 failed" in capsys.readouterr().out
    (tmp_path / "pairs.csv").write_text(
        "\n".join(["content,style,prefix,last_frame", rows[0], rows[0].replace("mp4", "gif")])
    )
    assert main(["--manifest=pairs.csv", *QUICK]) == 2
    assert "each row needs its own" in capsys.readouterr().err


@pytest.mark.parametrize(
    "rate", ["36090000/1204519", "90000", "1000000000/33366701", "30000/1001", "1/7", "999999937/2"]
)
@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov", ".webm"])
def test_any_rate_can_be_counted(tmp_path, rate, ending):
    """Phones' average rates have numerators that no container holds."""
    rate = Fraction(rate)
    writing.check(ending, rate, (33, 48))
    frames = [(number / float(rate), Image.new("RGB", (48, 33), (80 * number, 0, 0))) for number in range(3)]
    path = tmp_path / f"film{ending}"
    writing.write(path, frames, rate, 80)
    with av.open(str(path)) as film:
        times = [float(frame.pts * frame.time_base) for frame in film.decode(video=0)]
    assert len(times) == 3
    np.testing.assert_allclose(np.subtract(times, times[0]), [at for at, _ in frames], atol=1e-3)


def with_sound(path, codec):
    """A second of film with a tone in a codec."""
    with av.open(str(path), "w") as film:
        video, sound = film.add_stream("libx264", rate=4), film.add_stream(codec, rate=48000)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        for number in range(4):
            shown = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 60 * number, np.uint8), "rgb24")
            film.mux(video.encode(shown))
        resampler = av.AudioResampler(sound.codec_context.format, sound.codec_context.layout, 48000, 960)
        tone = (8000 * np.sin(np.arange(48000) / 20)).astype(np.int16)[None]
        heard = av.AudioFrame.from_ndarray(tone, "s16", "mono")
        heard.sample_rate, heard.pts = 48000, 0
        for part in [*resampler.resample(heard), *resampler.resample(None)]:
            film.mux(sound.encode(part))
        film.mux([*video.encode(), *sound.encode()])


@pytest.mark.parametrize("codec", ["libopus", "flac", "aac"])
def test_sound_that_a_format_refuses_leaves_a_silent_film(tmp_path, codec, capsys):
    """Some refuse it only with the header: all frames were painted then, and no film was left."""
    given = tmp_path / "given.mkv"
    with_sound(given, codec)
    heard = {}
    for ending in (".mov", ".mp4", ".mkv"):
        assert (
            main([str(given), "painters", str(tmp_path / f"{ending[1:]}{ending}"), "--style=tahiti", "--rows=32"]) == 0
        )
        with av.open(str(tmp_path / f"{ending[1:]}{ending}")) as film:
            heard[ending] = bool(film.streams.audio)
            assert len(list(film.decode(video=0))) == 4
    assert heard == {".mov": codec == "aac", ".mp4": True, ".mkv": True}
    assert ("the film is silent: its sound" in capsys.readouterr().err) == (codec != "aac")


def test_a_film_that_can_not_be_written_goes_on_with_another_ending_or_rate(tmp_path, film, monkeypatch, capsys):
    def fail(*arguments):
        raise OSError("no such muxer")

    words, flags = [str(film), "painters"], ["--style=tahiti", "--rows=32", "--last_frame=2"]
    with monkeypatch.context() as broken:
        broken.setattr(writing, "write", fail)
        assert main([*words, str(tmp_path / "out.mp4"), *flags]) == 1
    assert "also with another ending or --fps" in capsys.readouterr().out
    painted = {path: path.stat().st_mtime_ns for path in (tmp_path / "out_frames").glob("*.png")}
    assert len(painted) == 2
    with monkeypatch.context() as watched:
        kept = {}
        write = writing.write
        watched.setattr(
            writing,
            "write",
            lambda *given: (kept.update({p: p.stat().st_mtime_ns for p in painted}), write(*given)),
        )
        assert main([*words, str(tmp_path / "out.mkv"), *flags, "--fps=12", "--resume"]) == 0
    assert kept == painted
    with av.open(str(tmp_path / "out.mkv")) as made:
        assert float(made.streams.video[0].average_rate) == pytest.approx(12, rel=0.01)


@pytest.mark.parametrize("ending", ["mts", "wmv", *map(slow, ["m2ts", "flv", "3gp", "ogv", "mxf", "vob", "MTS"])])
def test_a_camcorders_film_is_painted_into_a_folder(tmp_path, panorama, ending):
    """By its ending it is a film, though the result's has none."""
    path = tmp_path / f"film.{ending}"
    kind, codec = {"ogv": ("ogg", "libvpx"), "wmv": ("asf", "wmv2")}.get(ending, ("mpegts", "libx264"))
    with av.open(str(path), "w", format=kind) as film:
        video = film.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        for number in range(25):
            film.mux(video.encode(av.VideoFrame.from_image(window(panorama, number, (48, 32)))))
        film.mux(video.encode())
    assert main([str(path), "painters", str(tmp_path / "frames"), "--style=tahiti", "--rows=32", "--last_frame=2"]) == 0
    assert len(list((tmp_path / "frames").glob("*.png"))) == 2

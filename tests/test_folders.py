"""Folders and lists of photographs, each painted by itself under its own name; when they are a film instead."""

import csv
import json
import re

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image

from neural_style.images import geometry, reading

SIZES = {"a.jpg": (96, 64), "b.png": (64, 96), "c.jpg": (120, 60)}
"""Columns and rows of the photographs."""
QUICK = ("--weights=random", "--rows=32", "--iterations=1", "--evaluations_per_iteration=2", "--noplots")


@pytest.fixture
def photos(tmp_path):
    """A folder of three photographs of different shapes, beside what is none."""
    folder = tmp_path / "photos"
    (folder / "within").mkdir(parents=True)
    for name, size in SIZES.items():
        reading.load(COFFEE).resize(size).save(folder / name)
    (folder / "notes.txt").write_text("not a photograph")
    (folder / ".hidden.jpg").write_bytes(b"")
    (folder / "within" / "d.jpg").write_bytes((folder / "a.jpg").read_bytes())
    return folder


def numbered(folder):
    """Two frames of a film."""
    folder.mkdir()
    for number in (1, 2):
        Image.fromarray(geometry.resize(reading.load(COFFEE), 40, 60).astype(np.uint8)).save(
            folder / f"00000{number}.png"
        )
    return folder


def summary(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_photograph_is_painted_in_its_own_shape_under_its_own_name(photos, tmp_path, run, fake_engine):
    done = run(f"{photos}/", SWIRLS, f"{tmp_path}/new/out/", *QUICK)
    assert done.returncode == 0, done.stderr
    sizes = {name: Image.open(tmp_path / "new" / "out" / f"{name}.png").size for name in "abc"}
    assert sizes == {"a": (48, 32), "b": (21, 32), "c": (64, 32)}
    assert "photographs: 1 other file left out, such as 'notes.txt'" in done.stdout.replace(
        str(photos) + "/", "photographs"
    )
    assert "photograph 2 of 3" in done.stdout
    assert done.stdout.endswith("3 photographs: 3 made, 0 complete already, 0 failed.\n")


def test_complete_photographs_are_skipped_and_a_bad_file_does_not_stop_the_others(photos, tmp_path, run, fake_engine):
    (photos / "bad.jpg").write_bytes(b"not an image")
    out = tmp_path / "out"
    done = run(photos, SWIRLS, out, *QUICK)
    assert done.returncode == 1
    assert "3 made, 0 complete already, 1 failed (bad.jpg)" in done.stdout
    assert "photograph 3 of 4: Expected an image file" in done.stderr
    written = {path.name: path.stat().st_mtime_ns for path in out.glob("?.png")}
    (photos / "bad.jpg").write_bytes((photos / "a.jpg").read_bytes())
    done = run(photos, SWIRLS, out, *QUICK)
    assert done.returncode == 0
    assert "1 made, 3 complete already, 0 failed" in done.stdout
    assert written == {name: (out / name).stat().st_mtime_ns for name in written}


def test_the_summary_lists_every_photograph(photos, tmp_path, run, fake_engine):
    (photos / "bad.jpg").write_bytes(b"not an image")
    for outcomes in (["made", "made", "failed", "made"], ["complete already"] * 2 + ["failed", "complete already"]):
        run(photos, SWIRLS, tmp_path / "out", *QUICK)
        lines = summary(tmp_path / "out" / "summary.csv")
        assert [line["outcome"] for line in lines] == outcomes
        assert [line["line"] for line in lines] == ["1", "2", "3", "4"]
        assert lines[0]["content"] == str(photos / "a.jpg")
        assert lines[0]["prefix"] == str(tmp_path / "out" / "a.png")
        assert (
            float(lines[0]["loss"]) == json.loads((tmp_path / "out" / "a.json").read_text())["iterations"][-1]["loss"]
        )
        assert lines[0]["evaluations"] == "3"
        assert float(lines[0]["seconds"]) >= 0  # the second time, as the first run measured it
        assert int(lines[0]["peak memory in MB"]) > 10
        assert lines[2]["loss"] == lines[2]["seconds"] == ""


def test_an_interrupted_folder_leaves_a_summary(photos, tmp_path, run, fake_engine):
    def interrupt(step):
        if (tmp_path / "out" / "a.json").exists() and json.loads((tmp_path / "out" / "a.json").read_text()).get(
            "complete"
        ):
            raise KeyboardInterrupt

    fake_engine.on_step = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(photos, SWIRLS, tmp_path / "out", *QUICK)
    assert [line["outcome"] for line in summary(tmp_path / "out" / "summary.csv")] == ["made", *["not reached"] * 2]


def test_what_the_user_owns_is_not_replaced(photos, tmp_path, run, fake_engine):
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.csv").write_text("mine")
    (out / "a.png").write_bytes(b"mine too")
    done = run(photos, SWIRLS, out, *QUICK)
    assert done.returncode == 1
    assert (out / "summary.csv").read_text() == "mine"
    assert (out / "a.png").read_bytes() == b"mine too"
    assert "summary.csv' is another program's" in done.stderr
    assert "failed (a.jpg)" in done.stdout
    before = {path: path.read_bytes() for path in photos.iterdir() if path.is_file()}
    done = run(photos, SWIRLS, photos, *QUICK)
    assert done.returncode == 1
    assert "need another folder, such as" in done.stderr
    assert before == {path: path.read_bytes() for path in photos.iterdir() if path.is_file()}


def test_photographs_of_one_name_keep_their_endings(photos, tmp_path, run, fake_engine):
    Image.open(photos / "a.jpg").save(photos / "A.png")
    assert run(photos, SWIRLS, tmp_path / "out", *QUICK).returncode == 0
    names = {path.name for path in (tmp_path / "out").glob("*.json")}
    assert names == {"a_jpg.json", "A_png.json", "b.json", "c.json"}


def test_a_list_of_files_before_a_folder_is_photographs(photos, tmp_path, run, fake_engine):
    listed = [photos / name for name in SIZES]
    assert run(*listed, SWIRLS, f"{tmp_path}/out/", *QUICK).returncode == 0
    assert {path.name for path in (tmp_path / "out").glob("?.png")} == {"a.png", "b.png", "c.png"}
    assert json.loads((tmp_path / "out" / "a.json").read_text())["styles"] == [str(SWIRLS)]


def test_results_may_lie_elsewhere(photos, tmp_path, run, fake_engine):
    fsspec = pytest.importorskip("fsspec")
    for place in ("memory://folders/out", "memory://folders/out/"):
        assert run(photos, SWIRLS, place, *QUICK).returncode == 0
    names = {path.rpartition("/")[2] for path in fsspec.filesystem("memory").ls("/folders/out", detail=False)}
    assert names >= {"a.png", "b.json", "c.png", "summary.csv"}


def test_the_style_is_not_painted_although_a_pattern_names_it(photos, tmp_path, run, fake_engine):
    """As of `*.jpg painting.jpg out/` where the painting lies among the photographs."""
    style = photos / "b.png"
    for words in ([photos], [photos / name for name in SIZES]):
        done = run(*words, style, f"{tmp_path}/out{len(words)}/", *QUICK)
        assert done.returncode == 0
        assert {path.name for path in (tmp_path / f"out{len(words)}").glob("?.png")} == {"a.png", "c.png"}


def test_a_new_folder_is_made_for_a_pattern_that_matches_one_photograph(photos, tmp_path, run, fake_engine):
    done = run(photos / "a.jpg", SWIRLS, f"{tmp_path}/out/", *QUICK)
    assert done.stdout.endswith("1 photograph: 1 made, 0 complete already, 0 failed.\n")
    assert (tmp_path / "out" / "a.png").exists()


def test_the_progress_over_all_photographs_is_shown(photos, tmp_path, run, fake_engine, monkeypatch):
    monkeypatch.setattr("neural_style.cli.batch.PROGRESS_SECONDS", 0)
    done = run(photos, SWIRLS, tmp_path / "out", *QUICK)
    assert re.findall(r"(\d) of 3 done, about \d+ s left", done.stdout) == ["1", "2"]


def test_weights_of_styles_make_a_list_one_photograph_and_its_styles(photos, tmp_path, run, fake_engine):
    (tmp_path / "out").mkdir()
    assert (
        run(photos / "a.jpg", photos / "c.jpg", SWIRLS, tmp_path / "out", *QUICK, "--style_blend=1,1").returncode == 0
    )
    assert len(json.loads((tmp_path / "out" / "a.json").read_text())["styles"]) == 2


def test_a_list_that_may_be_photographs_or_styles_is_an_error_that_asks(photos, tmp_path, run, fake_engine):
    listed = [photos / "a.jpg", photos / "c.jpg"]
    done = run(*listed, SWIRLS, tmp_path / "out", *QUICK)
    assert done.returncode == 2
    assert "end with a folder: '" in done.stderr
    assert "add --style_blend=1,1" in done.stderr
    assert not (tmp_path / "out.png").exists()
    for styles in ((SWIRLS, photos / "b.png"), (photos / "b.png", SWIRLS)):  # no shell's pattern gives these
        assert run(photos / "c.jpg", *styles, tmp_path / "out", *QUICK).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("photos", SWIRLS, "out.jpg"), "need a folder for their results, such as 'out/', received 'out.jpg'"),
        (("photos", SWIRLS, "photos/a.jpg"), "need a folder for their results"),
        (("photos", "missing.png", "out"), "'missing.png' does not exist"),
        (("photos", "photos/notes.txt", "out"), "Expected an image file (PNG"),
        (("photos", SWIRLS, "out", "--weights=missing.h5"), "missing.h5"),
        (("photos", SWIRLS, "memory://"), "Expected a prefix for the results' names"),
        (("empty", SWIRLS, "out"), "'empty' holds none: folders within it"),
        (("photos", SWIRLS, "out", "--film=maybe"), "film"),
        (("photos/a.jpg", SWIRLS, "out", "--film"), "--film takes a folder of frames, and 'photos/a.jpg' is none"),
    ],
)
def test_what_cannot_be_done_is_an_error_before_any_work(photos, monkeypatch, run, fake_engine, words, message):
    monkeypatch.chdir(photos.parent)
    (photos.parent / "empty").mkdir()
    done = run(*QUICK, *words)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (photos.parent / "out").exists()


def test_numbered_pictures_are_photographs_and_a_warning_names_the_film(tmp_path, run, fake_engine):
    done = run(numbered(tmp_path / "frames"), SWIRLS, tmp_path / "out", *QUICK)
    assert done.returncode == 0
    assert "are numbered, and each is painted as a photograph. If they are a film's frames, add --film" in done.stderr
    assert (tmp_path / "out" / "000001.json").exists()
    (tmp_path / "film").mkdir()
    (tmp_path / "film.json").write_text('{"frames": []}')
    done = run(tmp_path / "frames", SWIRLS, tmp_path / "film", *QUICK)
    assert done.returncode == 1
    assert "holds the frames of a film: add --film" in done.stderr


def test_frames_are_a_film_where_that_is_asked_for(tmp_path, run):
    """By --film, by a film as the output, or as a pattern."""
    frames = numbered(tmp_path / "frames")
    look = ("--recipe=instant", "--rows=32")
    for content, output, flags in (
        (frames, "out", ("--film",)),
        (frames, "film.mp4", ()),
        (f"{frames}/*.png", "pattern", ()),
    ):
        done = run(content, SWIRLS, tmp_path / output, *look, *flags)
        assert done.returncode == 0, done.stderr
        assert "2 frames" in done.stdout
    assert (tmp_path / "out" / "000002.png").exists()
    assert (tmp_path / "film.mp4").exists()


def test_a_folder_in_a_table_is_a_film_or_an_error(tmp_path, run, fake_engine):
    numbered(tmp_path / "frames")
    (tmp_path / "pairs.csv").write_text(f"content,style,prefix\n{tmp_path}/frames,{SWIRLS},{tmp_path}/out\n")
    done = run(f"--manifest={tmp_path}/pairs.csv", *QUICK)
    assert done.returncode == 2
    assert "line 2: a row takes one photograph or film" in done.stderr


def test_a_folder_in_a_table_is_a_film_with_its_flag(tmp_path, run):
    numbered(tmp_path / "frames")
    (tmp_path / "pairs.csv").write_text(f"content,style,prefix\n{tmp_path}/frames,{SWIRLS},{tmp_path}/out\n")
    done = run(f"--manifest={tmp_path}/pairs.csv", "--film", "--recipe=instant", "--rows=32")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "000002.png").exists()
    assert [line["outcome"] for line in summary(tmp_path / "pairs_summary.csv")] == ["made"]


@pytest.mark.parametrize(
    ("names", "are_frames"),
    [
        (["1.jpg", "02.jpg"], True),
        (["frame_1.png", "Frame 2.png"], True),
        (["IMG_0001.jpg", "IMG_0002.jpg"], False),
        (["1.jpg", "cat.jpg"], False),
        (["1.jpg"], False),
    ],
)
def test_which_names_are_those_of_frames(tmp_path, run, fake_engine, names, are_frames):
    (tmp_path / "in").mkdir()
    for name in names:
        reading.load(COFFEE).resize((60, 40)).save(tmp_path / "in" / name)
    done = run(tmp_path / "in", SWIRLS, tmp_path / "out", *QUICK)
    assert done.returncode == 0
    assert ("are numbered" in done.stderr) == are_frames


def test_a_folder_by_the_fastest_recipe(photos, tmp_path, run):
    done = run(photos, SWIRLS, tmp_path / "out", "--recipe=instant", "--rows=64")
    assert done.returncode == 0, done.stderr
    for name, (cols, rows) in SIZES.items():
        photograph = geometry.resize(reading.load(photos / name), 64, 64 * cols // rows)
        painted = np.asarray(Image.open(tmp_path / "out" / f"{name[0]}.png"), np.float32)
        assert painted.shape == photograph.shape
        assert np.abs(painted - photograph).mean() > 20
    assert [line["loss"] for line in summary(tmp_path / "out" / "summary.csv")] == [""] * 3  # it has none

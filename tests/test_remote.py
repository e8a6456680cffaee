"""Images, tables and results at URLs: fsspec's file systems in memory and for file:// stand for buckets."""

import json
import subprocess
import sys
import time

import fsspec
import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image

import neural_style
from neural_style.cli.main import main
from neural_style.core import storage
from neural_style.core.errors import UserError
from neural_style.images import reading
from neural_style.results import checkpoint, targets

QUICK = ["--weights=random", "--rows=32", "--iterations=2", "--evaluations_per_iteration=2"]
QUICK += ["--style_layers=block1_conv1", "--content_layers=block1_conv2"]


@pytest.fixture
def bucket():
    """A file system in memory that holds a photograph and a painting, and is emptied afterwards."""
    files = fsspec.filesystem("memory")
    files.pipe({f"/bucket/{path.name}": path.read_bytes() for path in (COFFEE, SWIRLS)})
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def names(bucket):
    return {path.rpartition("/")[2] for path in bucket.find("/bucket")} - {COFFEE.name, SWIRLS.name}


def test_a_picture_is_read_from_urls_and_written_to_one(bucket, tmp_path, capsys):
    """With the real engine."""
    words = ["memory://bucket/coffee.png", "memory://bucket/swirls.png"]
    assert main([*words, "memory://bucket/out", *QUICK, "--preview=webp"]) == 0
    assert "Wrote memory://bucket/out.png (48 wide, 32 high) and memory://bucket/out.json." in capsys.readouterr().out
    along = {"out_at_iteration_1.png", "out_at_iteration_2.png", "out_preview.webp"}
    assert names(bucket) == {"out.png", "out.json", "out_losses.png", "out_comparison.png"} | along
    record = json.loads(bucket.cat("/bucket/out.json"))
    assert record["complete"]
    assert (record["content"], record["prefix"]) == (words[0], "memory://bucket/out")

    assert main([str(COFFEE), str(SWIRLS), str(tmp_path / "out"), *QUICK]) == 0
    here = json.loads((tmp_path / "out.json").read_text())
    assert sorted(here["digests"].values()) == sorted(record["digests"].values())
    with bucket.open("/bucket/out.png") as file, Image.open(file) as there, Image.open(tmp_path / "out.png") as image:
        assert there.tobytes() == image.tobytes()


def test_a_table_of_urls_is_read_from_a_url_and_complete_rows_are_skipped(bucket, fake_engine, capsys):
    rows = ["content,style,prefix", "memory://bucket/coffee.png,memory://bucket/swirls.png,memory://bucket/one"]
    rows += ["memory://bucket/missing.png,memory://bucket/swirls.png,memory://bucket/two", f"{COFFEE},{SWIRLS},"]
    rows[-1] += "memory://bucket/folder/"  # by the name of the photograph
    bucket.pipe("/bucket/pairs.csv", "\n".join(rows).encode())
    given = ["--manifest=memory://bucket/pairs.csv", *QUICK, "--noplots", "--save_every=0"]
    assert main(given) == 1
    out, err = capsys.readouterr()
    assert out.endswith("3 rows: 2 made, 0 complete already, 1 failed (line 3).\n")
    assert "line 3: Expected an image file, but 'memory://bucket/missing.png' does not exist." in err
    assert names(bucket) == {
        "pairs.csv",
        "pairs_summary.csv",
        "one.png",
        "one.json",
        "coffee.json",
    }  # the photograph's own name is known
    assert bucket.exists("/bucket/folder/coffee.png")
    assert main(given) == 1
    assert capsys.readouterr().out.endswith("3 rows: 0 made, 2 complete already, 1 failed (line 3).\n")


def test_two_rows_with_the_same_url_raise_an_error(bucket, capsys):
    bucket.pipe("/bucket/pairs.csv", f"content,style,prefix\n{COFFEE},{SWIRLS},memory://b/x\n".encode() * 2)
    assert main(["--manifest=memory://bucket/pairs.csv"]) == 2
    bucket.pipe("/bucket/pairs.csv", b"content,style,prefix\na,b,memory://b/x\na,b,memory://b/x\n")
    assert main(["--manifest=memory://bucket/pairs.csv"]) == 2
    assert "the prefix 'memory://b/x' is line 2's" in capsys.readouterr().err
    assert main(["--manifest=memory://bucket/none.csv"]) == 2
    assert "'memory://bucket/none.csv' does not exist" in capsys.readouterr().err


def test_other_files_are_not_overwritten(bucket, fake_engine, capsys):
    bucket.pipe("/bucket/out.png", COFFEE.read_bytes())
    words = [str(COFFEE), str(SWIRLS)]
    assert main([*words, "memory://bucket/out", *QUICK]) == 1
    assert "'memory://bucket/out.png' exists already, and neural-style did not write it" in capsys.readouterr().err
    assert main(["memory://bucket/coffee.png", words[1], "memory://bucket/coffee", *QUICK]) == 1
    assert "'memory://bucket/coffee.png' would be overwritten, and it is an input" in capsys.readouterr().err
    assert bucket.cat("/bucket/coffee.png") == COFFEE.read_bytes()
    assert main([*words, "memory://bucket/out", *QUICK, "--overwrite"]) == 0
    assert main([*words, "memory://bucket/out", *QUICK, "--tv_weight=3"]) == 0  # own results are replaced


def test_one_run_at_a_time_writes_to_a_url(bucket):
    with (
        targets.locked("memory://bucket/out"),
        pytest.raises(UserError, match="Another run is writing"),
        targets.locked("memory://bucket/out"),
    ):
        pass
    assert not names(bucket)  # the file that tests whether the bucket is writable was removed


def test_a_killed_run_resumes_from_the_state_at_a_url(tmp_path, capsys):
    """With the real engine: a program that is killed, then --resume, by file:// URLs."""
    arguments = [COFFEE.as_uri(), SWIRLS.as_uri(), *QUICK, "--iterations=20", "--noplots", "--save_every=0"]
    out = (tmp_path / "out").as_uri()
    command = [sys.executable, "-m", "neural_style", *arguments, out]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "out.state").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    run.kill()
    run.wait()
    done = json.loads((tmp_path / "out.json").read_text())
    assert 0 <= len(done["iterations"]) < 20
    assert main([*arguments, out, "--resume"]) == 0, capsys.readouterr().err
    assert not (tmp_path / "out.state").exists()
    assert main([*arguments, (tmp_path / "whole").as_uri()]) == 0, capsys.readouterr().err
    assert Image.open(tmp_path / "out.png").tobytes() == Image.open(tmp_path / "whole.png").tobytes()


def test_a_url_that_is_not_writable_raises_an_error_before_any_work(tmp_path, capsys):
    out = (tmp_path / "missing" / "out").as_uri()
    assert main([str(COFFEE), str(SWIRLS), out, *QUICK]) == 1
    assert "Results can't be written beside 'file://" in capsys.readouterr().err


def test_a_picture_that_can_not_be_uploaded_is_saved_on_this_machine(bucket, fake_engine, capsys, monkeypatch):
    def fail(self, *_, **__):
        raise RuntimeError("the line is down")

    fake_engine.on_step = lambda step: monkeypatch.setattr(type(bucket), "put_file", fail)
    assert main([str(COFFEE), str(SWIRLS), "memory://bucket/out", *QUICK, "--noplots"]) == 1
    err = capsys.readouterr().err
    assert "'memory://bucket/out.png' can't be read or written: the line is down." in err
    place = err.rpartition("The picture is saved as '")[2].partition("'")[0]
    with Image.open(place) as image:
        assert image.size == (48, 32)


def test_python_takes_urls(bucket):
    made = neural_style.stylize(
        "memory://bucket/coffee.png",
        str(SWIRLS),
        weights="random",
        rows=32,
        iterations=0,
        init="memory://bucket/coffee.png",
    )
    assert made.image.size == (48, 32)
    assert made.record["content"] == "memory://bucket/coffee.png"


def test_urls_that_can_not_be_reached_raise_an_error(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"^'nowhere://x/photo.jpg' can't be reached \(Protocol not known"):
        reading.load("nowhere://x/photo.jpg")
    with pytest.raises(UserError, match="a trained network has to lie on this machine"):
        neural_style.stylize(COFFEE, "memory://bucket/model.keras")
    with pytest.raises(UserError, match="a film has to lie on this machine"):
        next(iter(neural_style.stylize_film("memory://bucket/film.mp4", SWIRLS)))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs the package fsspec: pip install fsspec"):
        reading.load("s3://bucket/photo.jpg")


def test_films_at_urls_raise_an_error(capsys):
    assert main(["film.mp4", str(SWIRLS), "memory://bucket/out.mp4"]) == 1
    assert main(["memory://bucket/film.mp4", str(SWIRLS), "out"]) == 1
    assert capsys.readouterr().err.count("a film has to lie on this machine: copy it.") == 1


@pytest.mark.parametrize("path", ["photo.jpg", "/a/b.png", "C:\\photo.jpg", "c://photo.jpg", "a:b", ""])
def test_paths_are_not_urls(path):
    assert not storage.is_url(path)


def test_an_input_spelled_differently_is_not_overwritten(bucket, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    photo.write_bytes(COFFEE.read_bytes())
    spelled = [(photo.as_uri(), str(tmp_path / "photo")), (str(photo), (tmp_path / "photo").as_uri())]
    spelled += [("memory://bucket/coffee.png", "memory:///bucket/coffee")]
    for content, prefix in spelled:
        assert main([content, str(SWIRLS), prefix, *QUICK, "--overwrite"]) == 1
        assert "would be overwritten, and it is an input" in capsys.readouterr().err
    assert photo.read_bytes() == bucket.cat("/bucket/coffee.png") == COFFEE.read_bytes()


def test_secrets_in_urls_are_not_recorded(bucket, fake_engine, capsys):
    bucket.pipe("/bucket/coffee.png?size=3&sig=SECRET", COFFEE.read_bytes())
    words = ["memory://bucket/coffee.png?size=3&sig=SECRET", "memory://bucket/swirls.png", "memory://bucket/out"]
    mask = f"--content_mask={words[0]}"
    assert main([*words, mask, *QUICK, "--noplots"]) == 0
    record = bucket.cat("/bucket/out.json")
    assert json.loads(record)["flags"]["content_mask"] == "memory://bucket/coffee.png"
    assert b"SECRET" not in record + bucket.cat("/bucket/out.png")
    assert main([*words, mask, *QUICK, "--noplots", "--resume"]) == 0
    assert "is complete already" in capsys.readouterr().out
    assert storage.public("https://me:word@host:80/a/b.png?k=1") == "https://host:80/a/b.png"


def test_an_unreachable_state_is_not_reported_as_damaged(bucket, monkeypatch):
    def fail(self, *_, **__):
        raise RuntimeError("the line is down")

    bucket.pipe("/bucket/out.state", b"")
    monkeypatch.setattr(type(bucket), "cat_file", fail)
    with pytest.raises(UserError, match=r"^'memory://bucket/out.state' can't be read or written: the line is down.$"):
        checkpoint.load("memory://bucket/out")
    monkeypatch.setattr(type(bucket), "info", fail)
    with pytest.raises(UserError, match="the line is down"):
        storage.exists("memory://bucket/out.state")


def test_a_damaged_state_at_a_url_is_reported_as_damaged(bucket):
    bucket.pipe("/bucket/out.state", b"PK")
    with pytest.raises(UserError, match="'memory://bucket/out.state', but it is damaged"):
        checkpoint.load("memory://bucket/out")


@pytest.mark.parametrize("prefix", ["memory://bucket", "memory://", "memory://b/x?sig=1", "zip://out::memory://b/x"])
def test_urls_that_are_not_a_prefix_raise_an_error(prefix, capsys):
    assert main([str(COFFEE), str(SWIRLS), prefix, *QUICK]) == 1
    assert f"such as s3://bucket/out/cat without ? and ::, received '{prefix}" in capsys.readouterr().err


def test_the_error_names_a_url_that_is_not_an_image(bucket):
    bucket.pipe("/bucket/text.png", b"no image")
    with pytest.raises(UserError, match="cannot identify image file 'memory://bucket/text.png'"):
        reading.load("memory://bucket/text.png")
    with pytest.raises(UserError, match="^'reference://x' can't be reached"):
        reading.load("reference://x")

"""No fault of folders, disks or files loses a picture that took minutes."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image

from neural_style.cli.main import main

QUICK = ["--weights=random", "--rows=32", "--evaluations_per_iteration=2"]
QUICK += ["--style_layers=block1_conv1", "--content_layers=block1_conv2"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the results; the one for temporary files lies beside it and is empty."""
    for name in ("out", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "out"


def paint_with_fault(fake_engine, folder, cause_fault):
    """Paints two iterations, and calls `cause_fault` after the first; returns the exit code."""

    def on_step(step):
        if step.index == 2:
            cause_fault()

    fake_engine.on_step = on_step
    return main([str(COFFEE), str(SWIRLS), str(folder / "cat"), *QUICK, "--iterations=2"])


def test_the_picture_is_saved_elsewhere_when_its_folder_vanishes(folder, fake_engine, capsys):
    assert paint_with_fault(fake_engine, folder, lambda: shutil.rmtree(folder)) == 1
    (place,) = (folder.parent / "temporary").iterdir()
    assert Image.open(place).size == (48, 32)
    *warnings, error = capsys.readouterr().err.splitlines()
    assert re.search("could not be written: .* The picture is saved as", error)
    assert repr(str(place)) in error
    assert len(warnings) == len(set(warnings))
    for output in ("intermediate images", "the record", "the state for --resume", "the comparison"):
        assert sum(f"continues without {output}" in line for line in warnings) == 1


def test_an_interrupted_run_whose_folder_vanishes_saves_its_picture_too(folder, fake_engine, capsys):
    def cause_fault():
        shutil.rmtree(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint_with_fault(fake_engine, folder, cause_fault)
    (place,) = (folder.parent / "temporary").iterdir()
    assert f"The picture is saved as {str(place)!r}" in capsys.readouterr().err


def test_a_folder_with_the_name_of_one_output_file_prevents_that_file_only(folder, fake_engine, capsys):
    assert paint_with_fault(fake_engine, folder, (folder / "cat_losses.png").mkdir) == 0
    assert "the run continues without the plot of the losses" in capsys.readouterr().err
    assert json.loads((folder / "cat.json").read_text())["complete"]
    assert (folder / "cat_comparison.png").exists()


def test_a_disk_too_full_for_the_state_only(tmp_path):
    """With the real engine."""
    command = f"ulimit -f 40; {sys.executable} -m neural_style {COFFEE} {SWIRLS} out {' '.join(QUICK)} --rows=64"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        ["bash", "-c", f"{command} --iterations=2 --noplots"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("\n") == 1
    assert "continues without the state for --resume: 'out.state' could not be written: File too large" in run.stderr
    assert Image.open(tmp_path / "out.png").size == (96, 64)
    assert not list(tmp_path.glob(".*"))


def test_metadata_can_be_left_out(tmp_path, fake_engine, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exif = Image.Exif()
    exif[0x010E] = "at home"
    Image.open(COFFEE).save("photo.jpg", exif=exif)
    for flags, kept in (([], True), (["--nometadata"], False)):
        assert main(["photo.jpg", str(SWIRLS), "out", *QUICK, "--iterations=0", *flags]) == 0
        data = (tmp_path / "out.png").read_bytes()
        assert (b"at home" in data) == kept
        assert (b"photo.jpg" in data) == kept


def test_without_a_temporary_folder_the_picture_is_saved_in_the_home(folder, fake_engine, capsys, monkeypatch):
    def fail():
        raise FileNotFoundError

    home = folder.parent / "home"
    home.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", fail)
    monkeypatch.setenv("HOME", str(home))
    assert paint_with_fault(fake_engine, folder, lambda: shutil.rmtree(folder)) == 1
    assert "The picture is saved as" in capsys.readouterr().err
    assert [path.suffix for path in home.iterdir()] == [".png"]

"""A picture that took minutes is never lost to anything around it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import pytest
from conftest import COFFEE, SWIRLS, options
from neural_style.results.progress import Progress
from PIL import Image

from neural_style.cli.main import main
from neural_style.core.errors import UserError
from neural_style.core.run import follow
from neural_style.engine import Engine
from neural_style.planning.plan import prepare
from neural_style.results.record import RunInfo
from neural_style.results.report import Report

QUICK = ["--weights=random", "--rows=32", "--evaluations_per_iteration=2"]
QUICK += ["--style_layers=block1_conv1", "--content_layers=block1_conv2"]


@pytest.fixture(scope="module")
def engine():
    return Engine()


class Meddling(Report):
    """A report that has something done to its surroundings after the first step."""

    meddle = None

    def add(self, step):
        super().add(step)
        if step.index == 1:
            self.meddle()


def followed(engine, prefix, meddle, *flags):
    """A run of two iterations whose surroundings change after the first."""
    settings = options(*QUICK, "--iterations=2", *flags)
    inputs, plan = prepare(COFFEE, [SWIRLS], settings)
    info = RunInfo.of_run(str(COFFEE), [str(SWIRLS)], (str(prefix), ".png"), settings)
    report = Meddling(info, {}, settings.output, [inputs.content, *inputs.styles], Progress(plan))
    report.meddle = meddle
    follow(engine.run(inputs, plan), report)


def test_a_folder_that_vanishes_leaves_the_picture_elsewhere_and_says_where(tmp_path, engine, capsys, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="could not be written: .* The picture lies in") as caught:
        followed(engine, tmp_path / "out" / "cat", lambda: shutil.rmtree(tmp_path / "out"))
    (place,) = (tmp_path / "elsewhere").iterdir()
    assert repr(str(place)) in str(caught.value)
    assert Image.open(place).size == (48, 32)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == len(set(told))
    for what in ("images along the way", "the record", "the state that --resume needs", "the comparison"):
        assert sum(f"goes on without {what}" in line for line in told) == 1


def test_an_interrupted_run_whose_folder_has_vanished_keeps_its_picture_too(tmp_path, engine, capsys, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    (tmp_path / "out").mkdir()

    def meddle():
        shutil.rmtree(tmp_path / "out")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        followed(engine, tmp_path / "out" / "cat", meddle)
    (place,) = (tmp_path / "elsewhere").iterdir()
    assert f"The picture lies in {str(place)!r}" in capsys.readouterr().err


def test_a_folder_in_a_files_way_takes_that_file_only(tmp_path, engine, capsys):
    followed(engine, tmp_path / "out", lambda: (tmp_path / "out_losses.png").mkdir())
    assert "the run goes on without the plot of the losses" in capsys.readouterr().err
    assert json.loads((tmp_path / "out.json").read_text())["complete"]
    assert (tmp_path / "out_comparison.png").exists()


def test_a_disk_too_full_for_the_state_only(tmp_path):
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
    assert (
        "goes on without the state that --resume needs: 'out.state' could not be written: File too large" in run.stderr
    )
    assert Image.open(tmp_path / "out.png").size == (96, 64)
    assert not list(tmp_path.glob(".*"))


def test_metadata_can_be_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exif = Image.Exif()
    exif[0x010E] = "at home"
    Image.open(COFFEE).save("photo.jpg", exif=exif)
    for flags, kept in (([], True), (["--nometadata"], False)):
        assert main(["photo.jpg", str(SWIRLS), "out", *QUICK, "--iterations=0", *flags]) == 0
        data = (tmp_path / "out.png").read_bytes()
        assert (b"at home" in data) == kept
        assert (b"photo.jpg" in data) == kept


def test_where_there_is_no_temporary_folder_the_picture_lies_in_the_next_place(tmp_path, engine, monkeypatch):
    def none():
        raise FileNotFoundError

    monkeypatch.setattr(tempfile, "gettempdir", none)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="The picture lies in"):
        followed(engine, tmp_path / "out" / "cat", lambda: shutil.rmtree(tmp_path / "out"))
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]

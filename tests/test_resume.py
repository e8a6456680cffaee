"""Runs that are killed and resumed as a user does it: programs that SIGKILL ends at random moments."""

import json
import random
import signal
import subprocess
import time

import numpy as np
import pytest
from conftest import COFFEE, FAKE_PROGRAM, PROGRAM, SWIRLS
from PIL import Image

ARGUMENTS = [str(COFFEE), str(SWIRLS), "out", "--weights=random", "--preview=gif"]
ARGUMENTS += ["--evaluations_per_iteration=5", "--norestart_each_iteration"]


def run(program, folder, *flags):
    return subprocess.run([*program, *ARGUMENTS, *flags], cwd=folder, capture_output=True, text=True, timeout=300)


def start(program, folder, *flags):
    return subprocess.Popen([*program, *ARGUMENTS, *flags], cwd=folder)


def check_every_file_is_whole(folder):
    for path in folder.iterdir():
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix in (".png", ".gif"):
            with Image.open(path) as image:
                image.load()
        else:
            assert path.suffix in (".state", ".partial", ".lock")


def progress(folder):
    """How many iterations the record holds."""
    path = folder / "out.json"
    if not path.exists():
        return -1
    record = json.loads(path.read_text())
    return sum(len(scale["iterations"]) for scale in record.get("scales", [record]))


def check_killed_runs(tmp_path, program, kills, iterations):
    """Kills a run again and again, then lets it end: it writes the same files as an uninterrupted run."""
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    folder.mkdir()
    flags, rng = ["--scales=32,64", f"--scale_iterations={iterations}"], random.Random(1)
    with start(program, whole, *flags) as process:
        started = time.monotonic()
        while progress(whole) < 0 and process.poll() is None:
            time.sleep(0.01)
        loading = time.monotonic() - started
    assert process.returncode == 0
    done, killed = -1, 0
    share = max(
        1, sum(map(int, iterations.split(","))) // (kills + 1)
    )  # so that the run can't end before the last kill
    for number in range(kills):
        with start(program, folder, *flags, "--resume") as process:
            end = time.monotonic() + rng.uniform(0.8, 1.2) * loading
            while time.monotonic() < end and progress(folder) < max(done, 0) + share and process.poll() is None:
                time.sleep(0.01)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
        check_every_file_is_whole(folder)
        assert progress(folder) >= done, f"kill {number} lost iterations"
        done = progress(folder)
    assert killed == kills
    result = run(program, folder, *flags, "--resume")
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in whole.iterdir())
    for path in whole.iterdir():
        if path.suffix == ".json":
            received, expected = (json.loads((f / path.name).read_text()) for f in (folder, whole))
            assert received["losses"] == expected["losses"]
            assert [i["loss"] for i in received["iterations"]] == [i["loss"] for i in expected["iterations"]]
        else:
            assert (folder / path.name).read_bytes() == path.read_bytes(), path.name
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = run(program, folder, *flags, "--resume")
    assert (again.returncode, again.stdout) == (0, "out.png is complete already.\n")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_three_kills(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_SECONDS", "0.05")
    check_killed_runs(tmp_path, FAKE_PROGRAM, 3, "6,15")


@pytest.mark.slow
def test_twenty_kills(tmp_path):
    check_killed_runs(tmp_path, PROGRAM, 20, "40,100")


def test_a_kill_loses_at_most_the_current_iteration_and_a_changed_flag_is_named(tmp_path):
    flags = ["--rows=32", "--style_layers=block1_conv1", "--content_layers=block1_conv2"]
    with start(PROGRAM, tmp_path, *flags, "--iterations=100000") as process:
        deadline = time.monotonic() + 120
        while progress(tmp_path) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    done = progress(tmp_path)
    assert done >= 3
    changed = run(PROGRAM, tmp_path, *flags, f"--iterations={done + 2}", "--resume")
    assert changed.returncode == 2
    assert f"--iterations (was 100000, is {done + 2})" in changed.stderr
    assert changed.stderr.count("\n") == 1
    state = np.load(tmp_path / "out.state")
    scales = json.loads(str(state["text"]))["scales"]
    assert len(scales[-1]["iterations"]) in (done - 1, done, done + 1)

"""Runs that are killed and go on, as a user has them: subprocesses, SIGKILL at random moments."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image

COMMAND = [sys.executable, "-m", "neural_style", str(COFFEE), str(SWIRLS)]
FLAGS = ["--weights=random", "--scales=32,64", "--evaluations_per_iteration=5"]
FLAGS += ["--norestart_each_iteration", "--preview=gif"]


def run(folder, *flags):
    return subprocess.run([*COMMAND, "out", *FLAGS, *flags], cwd=folder, capture_output=True, text=True, timeout=300)


def start(folder, *flags):
    return subprocess.Popen([*COMMAND, "out", *FLAGS, *flags], cwd=folder)


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


def check_killed_runs(tmp_path, kills, iterations):
    """Kills a run again and again, then lets it end: the files are those of an uninterrupted run."""
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    folder.mkdir()
    iterations, rng, done, landed = f"--scale_iterations={iterations}", random.Random(1), -1, 0
    with start(whole, iterations) as process:
        began = time.monotonic()
        while progress(whole) < 0:
            time.sleep(0.01)
        loading = time.monotonic() - began
    assert process.returncode == 0
    for kill in range(kills):
        with start(folder, iterations, "--resume") as process:
            try:
                process.wait(rng.uniform(0.8, 1.2) * loading)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                landed += 1
        check_every_file_is_whole(folder)
        assert progress(folder) >= done, f"kill {kill} lost iterations"
        done = progress(folder)
    assert landed == kills
    ended = run(folder, iterations, "--resume")
    assert ended.returncode == 0, ended.stderr
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in whole.iterdir())
    for path in whole.iterdir():
        if path.suffix == ".json":
            received, expected = (json.loads((f / path.name).read_text()) for f in (folder, whole))
            assert received["losses"] == expected["losses"]
            assert [i["loss"] for i in received["iterations"]] == [i["loss"] for i in expected["iterations"]]
        else:
            assert (folder / path.name).read_bytes() == path.read_bytes(), path.name
    return folder, iterations


def test_two_kills(tmp_path):
    folder, iterations = check_killed_runs(tmp_path, 2, "6,15")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    done = run(folder, iterations, "--resume")
    assert (done.returncode, done.stdout) == (0, "out.png is complete already.\n")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.slow
def test_twenty_kills(tmp_path):
    check_killed_runs(tmp_path, 20, "40,100")


def test_a_kill_loses_the_current_iteration_at_most_and_a_changed_flag_is_named(tmp_path):
    with start(tmp_path, "--scales=", "--rows=32", "--scale_iterations=", "--iterations=100000") as process:
        deadline = time.monotonic() + 120
        while progress(tmp_path) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    done = progress(tmp_path)
    assert done >= 3
    changed = run(tmp_path, "--scales=", "--rows=32", f"--iterations={done + 2}", "--resume")
    assert changed.returncode == 2
    assert f"--iterations (was 100000, is {done + 2})" in changed.stderr
    assert changed.stderr.count("\n") == 1
    state = np.load(tmp_path / "out.state")
    scales = json.loads(str(state["text"]))["scales"]
    assert len(scales[-1]["iterations"]) in (done - 1, done, done + 1)

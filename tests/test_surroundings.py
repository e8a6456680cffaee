"""The surroundings of a run: signals, streams that are closed, full or left, encodings, and no home.

Most commands paint with a FakeEngine; each kind of surroundings is tried once with the real one.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import COFFEE, FAKE_PROGRAM, PROGRAM, SWIRLS
from PIL import Image

from neural_style.cli import loading

QUICK = ["--weights=random", "--rows=32", "--style_layers=block1_conv1", "--content_layers=block1_conv2"]
SHORT = [*QUICK, "--iterations=1", "--evaluations_per_iteration=2", "--noplots"]
PIPES = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
DEFAULT_SIGNALS = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Starts a program as a terminal does; nohup and a shell's background jobs would have it ignore some signals."""


SIGNAL_IN_A_FAILING_LOAD = """
import os, signal
from neural_style.cli import signals

signals.install_handlers()
try:
    with signals.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        raise ImportError
except BaseException as error:
    print(type(error).__name__)
"""


def in_shell(line, folder, program=FAKE_PROGRAM, **environment):
    """Runs a line of bash in `folder`; $NS is the program, $RUN a short run without its prefix."""
    commands = {"NS": shlex.join(program), "RUN": shlex.join(map(str, [*program, COFFEE, SWIRLS, *SHORT]))}
    environment = {**os.environ, **commands, **environment}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def end_by_signal(number, folder, condition, program):
    """The exit code and outputs of a long run that a signal ends once `condition()` is true."""
    command = [*program, str(COFFEE), str(SWIRLS), str(folder / "out"), *QUICK, "--iterations=10000"]
    environment = {**os.environ, "FAKE_SECONDS": "0.01"}
    with subprocess.Popen([sys.executable, "-c", DEFAULT_SIGNALS, *command], env=environment, **PIPES) as process:
        deadline = time.monotonic() + 120
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        process.send_signal(signal.SIGTERM)  # a second signal does not interrupt the work of the first
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, output, errors


@pytest.mark.parametrize(
    ("number", "program"), [(signal.SIGINT, PROGRAM), (signal.SIGTERM, FAKE_PROGRAM), (signal.SIGHUP, FAKE_PROGRAM)]
)
def test_a_signal_ends_a_run_cleanly_with_the_best_image_written(tmp_path, number, program):
    code, output, errors = end_by_signal(number, tmp_path, (tmp_path / "out_at_iteration_1.png").exists, program)
    assert code == 128 + number
    assert errors == "neural-style: interrupted.\n"
    assert output == f"{tmp_path}/out.png is the best so far; --resume continues the run.\n"
    assert json.loads((tmp_path / "out.json").read_text())["broken_off"]
    assert Image.open(tmp_path / "out.png").size == (48, 32)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("seconds", [0.8, 2.0])
def test_a_signal_while_the_program_loads_ends_it_without_a_traceback(tmp_path, seconds):
    started = time.monotonic()
    code, _, errors = end_by_signal(signal.SIGINT, tmp_path, lambda: time.monotonic() > started + seconds, PROGRAM)
    assert code == 130
    assert errors == "neural-style: interrupted.\n"


def test_a_signal_is_not_lost_where_a_load_fails():
    done = subprocess.run([sys.executable, "-c", SIGNAL_IN_A_FAILING_LOAD], capture_output=True, text=True, check=True)
    assert done.stdout == "Terminated\n"


@pytest.mark.parametrize("program", [FAKE_PROGRAM, PROGRAM], ids=["fake", "real"])
def test_all_streams_closed(tmp_path, program):
    assert in_shell("$RUN out <&- >&- 2>&-", tmp_path, program).returncode == 0
    assert Image.open(tmp_path / "out.png").size == (48, 32)


@pytest.mark.parametrize("line", ["$RUN out > /dev/full", "$RUN out 2> /dev/full", "$RUN out | true", "$RUN out 2>&-"])
def test_output_that_can_not_be_written_is_ignored(tmp_path, line):
    done = in_shell(f"set -o pipefail; {line}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert Image.open(tmp_path / "out.png").size == (48, 32)


def test_help_ends_quietly_when_its_reader_is_gone(tmp_path):
    done = in_shell("set -o pipefail; $NS --helpfull | true; $NS --list_recipes | head -1", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_manifest_continues_when_its_reader_is_gone(tmp_path):
    """With the real engine."""
    rows = [f"{COFFEE},{SWIRLS},{name}" for name in "ab"]
    (tmp_path / "pairs.csv").write_text("\n".join(["content,style,prefix", *rows]))
    done = in_shell(f"$NS --manifest=pairs.csv {' '.join(SHORT)} | head -1", tmp_path, PROGRAM)
    assert done.stderr == ""
    assert (tmp_path / "b.png").exists()


def test_characters_that_the_encoding_lacks_are_escaped(tmp_path):
    ascii_ = {"PYTHONIOENCODING": "ascii"}
    assert "\\u2026" in in_shell("$NS --help", tmp_path, **ascii_).stdout
    done = in_shell("$RUN 猫", tmp_path, **ascii_)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Wrote \\u732b.png (48 wide, 32 high) and \\u732b.json.\n"


def test_no_home_and_the_plainest_locale(tmp_path):
    """With the real engine."""
    done = in_shell('env -i PATH="$PATH" PYTHONPATH="$PYTHONPATH" LANG=C $RUN out', tmp_path, PROGRAM)
    assert (done.returncode, done.stderr) == (0, "")


def test_control_characters_of_terminals_are_escaped(tmp_path):
    done = in_shell("$NS $'c\\e[2Jat.png' s.png out", tmp_path)
    assert "\x1b" not in done.stderr
    assert "c\\x1b[2Jat.png" in done.stderr
    assert done.stderr.count("\n") == 1


def test_show_escapes_commands_hidden_in_a_record(tmp_path):
    in_shell("$RUN ./-out", tmp_path)
    record = json.loads((tmp_path / "-out.json").read_text())
    record["versions"]["neural_style"] = "1\ntouch planted; \x1b[2J"
    record["content"] = "-photo.png"
    (tmp_path / "planted.json").write_text(json.dumps(record))
    done = in_shell("$NS --show=planted.json", tmp_path)
    assert done.returncode == 0
    version, command = done.stdout.splitlines()
    assert version == "# neural-style 1\\ntouch planted; \\x1b[2J"
    assert command.endswith(f" -- -photo.png {SWIRLS} ./-out")


@pytest.mark.parametrize(
    "text", ["[]", "7", '{"content": 3, "styles": [1], "prefix": "a", "ending": ".png"}', '"a"', "[" * 200_000]
)
def test_an_invalid_record_is_an_error(tmp_path, text):
    (tmp_path / "made.json").write_text(text)
    done = in_shell("$NS --show=made.json", tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "neural-style: --show takes a PNG, a record or a trained network that neural-style wrote, and 'made.json' says "
        "nothing of how it was made: name PREFIX.json, the record beside a picture.\n"
    )


@pytest.mark.parametrize(
    ("environment", "backend"),
    [({"KERAS_BACKEND": "torch"}, "tensorflow"), ({"KERAS_BACKEND": "nonsense"}, "jax"), ({}, "jax")],
)
def test_keras_runs_on_tensorflow_whatever_is_configured(tmp_path, environment, backend):
    """With the real engine."""
    config = {"backend": backend, "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(config))
    done = in_shell("$RUN out", tmp_path, PROGRAM, KERAS_HOME=str(tmp_path), **environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_is_gone(tmp_path):
    done = in_shell("mkdir gone; cd gone; rmdir ../gone; $RUN out", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "neural-style: the working folder does not exist any more: change to another.\n"


@pytest.mark.parametrize("line", ["--manifest=pipe", "--show=pipe", "--flagfile=pipe", "--manifest=/dev/zero"])
def test_pipes_are_not_read(tmp_path, line):
    done = in_shell(f"mkfifo pipe; timeout 20 $NS {line}", tmp_path)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("neural-style: ")


@pytest.mark.parametrize("kilobytes", [300_000, 1_000_000])
def test_too_little_memory_for_tensorflow(tmp_path, kilobytes):
    """Libraries of TensorFlow can't be mapped. With 1.5 GB they can, and it may crash while it starts."""
    done = in_shell(f"ulimit -v {kilobytes}; $RUN out", tmp_path, PROGRAM)
    assert done.returncode == 1
    assert done.stderr.startswith("neural-style: TensorFlow can't be loaded (")
    assert done.stderr.count("\n") == 1


def test_tensorflow_can_be_loaded_by_another_thread_as_by_the_page():
    with ThreadPoolExecutor() as pool:
        pool.submit(loading.load_tensorflow).result()

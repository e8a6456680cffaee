"""What surrounds a run: signals, streams that are closed, full or left, encodings, and no home."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image

COMMAND = [sys.executable, "-m", "neural_style"]
QUICK = ["--weights=random", "--rows=32", "--style_layers=block1_conv1", "--content_layers=block1_conv2"]
SHORT = [*QUICK, "--iterations=1", "--evaluations_per_iteration=2", "--noplots"]
PIPES = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def in_shell(line, folder, **environment):
    """Runs a line of bash in `folder`; $NS is the command, $RUN a short run but for its prefix."""
    told = {"NS": " ".join(COMMAND), "RUN": " ".join(map(str, [*COMMAND, COFFEE, SWIRLS, *SHORT]))}
    whole = {**os.environ, **told, **environment}
    return subprocess.run(["bash", "-c", line], cwd=folder, env=whole, capture_output=True, text=True, timeout=120)


def ended_by(number, folder, when):
    """A long run's exit code and what it wrote to standard output and error, ended by a signal once `when()`."""
    command = [*COMMAND, str(COFFEE), str(SWIRLS), str(folder / "out"), *QUICK, "--iterations=10000"]
    # A shell's background jobs, which these tests may be, ignore Ctrl-C and hand that on.
    heed = functools.partial(signal.signal, number, signal.SIG_DFL)
    with subprocess.Popen(command, **PIPES, preexec_fn=heed) as process:
        deadline = time.monotonic() + 120
        while not when() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        process.send_signal(signal.SIGTERM)  # a second one does not keep the first from its work
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, output, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_cleanly_with_the_best_image_written(tmp_path, number):
    code, output, errors = ended_by(number, tmp_path, (tmp_path / "out_at_iteration_1.png").exists)
    assert code == 128 + number
    assert errors == "neural-style: interrupted.\n"
    assert output == f"{tmp_path}/out.png is the best so far; with --resume the run goes on.\n"
    assert json.loads((tmp_path / "out.json").read_text())["broken_off"]
    assert Image.open(tmp_path / "out.png").size == (48, 32)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("seconds", [0.8, 2.0])
def test_a_signal_while_the_program_loads_ends_it_without_a_traceback(tmp_path, seconds):
    begun = time.monotonic()
    code, _, errors = ended_by(signal.SIGINT, tmp_path, lambda: time.monotonic() > begun + seconds)
    assert code == 130
    assert errors == "neural-style: interrupted.\n"


def test_all_streams_closed(tmp_path):
    assert in_shell("$RUN out <&- >&- 2>&-", tmp_path).returncode == 0
    assert Image.open(tmp_path / "out.png").size == (48, 32)


@pytest.mark.parametrize("line", ["$RUN out > /dev/full", "$RUN out 2> /dev/full", "$RUN out | true", "$RUN out 2>&-"])
def test_nobody_reads(tmp_path, line):
    done = in_shell(f"set -o pipefail; {line}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert Image.open(tmp_path / "out.png").size == (48, 32)


def test_help_whose_reader_has_gone_ends_quietly(tmp_path):
    done = in_shell("set -o pipefail; $NS --helpfull | true; $NS --list_recipes | head -1", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_manifest_goes_on_when_its_reader_has_gone(tmp_path):
    rows = [f"{COFFEE},{SWIRLS},{name}" for name in "ab"]
    (tmp_path / "pairs.csv").write_text("\n".join(["content,style,prefix", *rows]))
    done = in_shell(f"$NS --manifest=pairs.csv {' '.join(SHORT)} | head -1", tmp_path)
    assert done.stderr == ""
    assert (tmp_path / "b.png").exists()


def test_an_encoding_without_the_characters_spells_them_out(tmp_path):
    ascii_ = {"PYTHONIOENCODING": "ascii"}
    assert "\\u2026" in in_shell("$NS --help", tmp_path, **ascii_).stdout
    done = in_shell("$RUN 猫", tmp_path, **ascii_)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Wrote \\u732b.png (32 x 48) and \\u732b.json.\n"


def test_no_home_and_the_plainest_locale(tmp_path):
    done = in_shell('env -i PATH="$PATH" LANG=C $RUN out', tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_would_steer_a_terminal_is_spelled_out(tmp_path):
    done = in_shell("$NS $'c\\e[2Jat.png' s.png out", tmp_path)
    assert "\x1b" not in done.stderr
    assert "c\\x1b[2Jat.png" in done.stderr
    assert done.stderr.count("\n") == 1


def test_show_prints_a_command_and_nothing_that_a_record_plants(tmp_path):
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
    "made", ["[]", "7", '{"content": 3, "styles": [1], "prefix": "a", "ending": ".png"}', '"a"', "[" * 200_000]
)
def test_a_record_that_was_made_up_says_nothing(tmp_path, made):
    (tmp_path / "made.json").write_text(made)
    done = in_shell("$NS --show=made.json", tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "neural-style: --show takes a PNG or a record (.json) that neural-style wrote, and 'made.json' says nothing of "
        "how it was made.\n"
    )


@pytest.mark.parametrize(
    "told", [{"KERAS_BACKEND": "torch"}, {"KERAS_BACKEND": "nonsense"}, "jax", "channels_first"], ids=str
)
def test_keras_runs_on_tensorflow_whatever_it_is_told(tmp_path, told):
    environment = told if isinstance(told, dict) else {"KERAS_HOME": str(tmp_path)}
    config = {"backend": "jax" if told == "jax" else "tensorflow", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(config))
    done = in_shell("$RUN out", tmp_path, **environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_is_gone(tmp_path):
    done = in_shell("mkdir gone; cd gone; rmdir ../gone; $RUN out", tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr == "neural-style: the folder that this was called in does not exist any more: change to another.\n"
    )


@pytest.mark.parametrize("line", ["--manifest=pipe", "--show=pipe", "--flagfile=pipe", "--manifest=/dev/zero"])
def test_pipes_are_not_waited_for(tmp_path, line):
    done = in_shell(f"mkfifo pipe; timeout 20 $NS {line}", tmp_path)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("neural-style: ")


@pytest.mark.parametrize("kilobytes", [300_000, 1_500_000])
def test_too_little_memory_for_tensorflow(tmp_path, kilobytes):
    done = in_shell(f"ulimit -v {kilobytes}; $RUN out", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("neural-style: TensorFlow can't be loaded (")
    assert done.stderr.count("\n") == 1

"""Errors come before anything slow is imported, and commands that only print import nothing slow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import COFFEE, SWIRLS


@pytest.fixture(scope="module")
def run():
    """Runs a command line in a child of a fresh process; returns exit code, output, errors and slow modules."""
    offline = {**os.environ, "KERAS_HOME": os.devnull, "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, str(Path(__file__).with_name("command_server.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, env=offline) as server:

        def run_command(*arguments):
            print(json.dumps(arguments), file=server.stdin, flush=True)
            return json.loads(server.stdout.readline())

        yield run_command
        server.stdin.close()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--style_loss=mrf", "--normalization=scale", "--tile=512"], 1, "is no sum over positions"),
        (["--style_loss=gaussian", "--normalization=scale", "--tile=512"], 1, "is no sum over positions"),
        (["--noise_range=5,1"], 1, "takes the least value first"),
        (["--noise_range=0,inf"], 2, "--noise_range takes"),
        (["--content_weight=nan"], 2, "--content_weight takes a number"),
        (["--style_weight=1e40"], 2, "--style_weight takes a number"),
        (["--style_layers=block9_conv1"], 1, "--style_layers takes convolutions of vgg19"),
        (["--style_layers="], 2, "--style_layers takes"),
        (["--rows=0"], 2, "--rows takes a whole number"),
        (["--rowz=64"], 2, "rows"),
        (["--preprocess=torch"], 1, "--weights=imagenet takes --preprocess=caffe"),
        (["--weights=vgg.pth"], 1, "is not a file"),
        (["--scales=8", "--rows=64"], 1, "halve"),
        (["--recipe=none"], 2, "--recipe takes one of"),
        (["--style_masks=a.png,b.png"], 1, "--style_masks takes one mask for each of the 1 styles"),
        (["--init=missing.png"], 1, "is no file"),
        (["--weights=imagenet"], 1, "weights of vgg19 are not available"),
        ([f"--weights={COFFEE}"], 1, "can't be read as one"),
        (["--weights=random", "--rows=20000", "--tile=none"], 1, "GB of memory"),
        ([f"--tensorboard={COFFEE}/board"], 1, "--tensorboard takes a folder that can be written"),
    ],
)
def test_a_wrong_value_or_combination(run, tmp_path, arguments, code, message):
    received, output, errors, slow = run(str(COFFEE), str(SWIRLS), str(tmp_path / "out"), *arguments)
    assert received == code
    assert message in errors
    assert errors.startswith("neural-style: ")
    assert errors.count("\n") == 1
    assert (output, slow) == ("", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("argument", ["--help", "--helpfull", "--list_recipes", "--version"])
def test_commands_that_only_print(run, argument):
    code, output, errors, slow = run(argument)
    assert (code, errors, slow) == (0, "", [])
    assert output


def test_slow_modules_are_noticed(run, tmp_path):
    quick = ["--weights=random", "--rows=32", "--iterations=0", "--noplots"]
    quick += ["--style_layers=block1_conv1", "--content_layers=block1_conv2"]
    code, _, errors, slow = run(str(COFFEE), str(SWIRLS), str(tmp_path / "out"), *quick)
    assert (code, errors) == (0, "")
    assert {"tensorflow", "keras"} <= set(slow)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_image(run, tmp_path, missing):
    images = [str(COFFEE), str(SWIRLS)]
    images[missing] = "missing.png"
    code, output, errors, slow = run(*images, str(tmp_path / "out"))
    assert (code, output, slow) == (1, "", [])
    assert errors == "neural-style: Expected an image file, but 'missing.png' does not exist.\n"

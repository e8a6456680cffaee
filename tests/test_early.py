"""What is wrong is told before anything heavy is loaded, and what needs nothing heavy loads nothing."""

import os
import subprocess
import sys

import pytest
from conftest import COFFEE, SWIRLS

SAY = """
import sys
from neural_style.cli.main import main
code = main(sys.argv[1:])
heavy = {"tensorflow", "keras", "matplotlib", "scipy.ndimage", "scipy.optimize"} & set(sys.modules)
print("heavy:", *sorted(heavy))
sys.exit(code)
"""


def run(*arguments):
    away = {**os.environ, "KERAS_HOME": os.devnull, "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", SAY, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=away)


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
        (["--weights=vgg.pth"], 1, "is no file"),
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
def test_a_wrong_value_or_combination(tmp_path, arguments, code, message):
    done = run(str(COFFEE), str(SWIRLS), str(tmp_path / "out"), *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert done.stderr.startswith("neural-style: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == "heavy:\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["--help"], ["--helpfull"], ["--list_recipes"], ["--version"]])
def test_what_only_prints(arguments):
    done = run(*arguments)
    assert done.returncode == 0
    assert done.stdout.endswith("heavy:\n")


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_image(tmp_path, missing):
    images = [str(COFFEE), str(SWIRLS)]
    images[missing] = "missing.png"
    done = run(*images, str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (1, "heavy:\n")
    assert done.stderr == "neural-style: Expected an image file, but 'missing.png' does not exist.\n"

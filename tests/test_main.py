"""The command line: its files, its exit code and what it prints."""

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios

import numpy as np
import pytest
from conftest import COFFEE, PROGRAM, SWIRLS, reference, run_program
from PIL import Image

from neural_style.images import sheets

QUICK = ["--weights=random", "--rows=32"]
SMALL = [*QUICK, "--style_layers=block1_conv1", "--content_layers=block1_conv2"]


def test_the_example_from_one_command(tmp_path):
    """As a user runs it: a program of its own."""
    prefix = tmp_path / "a picture"
    done = run_program(COFFEE, SWIRLS, prefix, "--weights=random", "--rows=64", "--iterations=2")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    progress = r"a picture: 96 wide, iteration \d of 2, loss .*\n"  # every 30 s, on a slow machine
    assert re.sub(progress, "", done.stdout) == f"Wrote {prefix}.png (96 wide, 64 high) and {prefix}.json.\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a picture.json",
        "a picture.png",
        "a picture_at_iteration_1.png",
        "a picture_at_iteration_2.png",
        "a picture_comparison.png",
        "a picture_losses.png",
    ]
    last, final = (Image.open(tmp_path / f"a picture{end}.png") for end in ("_at_iteration_2", ""))
    assert final.size == (96, 64)
    np.testing.assert_array_equal(np.asarray(last), np.asarray(final))

    record = json.loads((tmp_path / "a picture.json").read_text())
    case = reference("keras_example.json")[0]
    assert (record["rows"], record["cols"]) == (64, 96)
    assert record["initial"]["loss"] == pytest.approx(case["at_content"]["loss"], rel=1e-5)
    assert record["initial"]["gradient_norm"] == pytest.approx(case["at_content"]["grad_l2"], rel=1e-4)
    assert record["initial"]["terms"].keys() == {"content", "style", "total_variation"}
    assert sum(record["initial"]["terms"].values()) == pytest.approx(record["initial"]["loss"], rel=1e-6)
    for index, iteration in enumerate(record["iterations"], start=1):
        assert iteration["index"] == index
        assert iteration["loss"] == pytest.approx(case["iterations"][index - 1]["loss"], rel=0.03)
        assert sum(iteration["terms"].values()) == pytest.approx(iteration["loss"], rel=1e-6)
        assert iteration["evaluations"] in (20, 21)
        assert iteration["seconds"] > 0
    assert record["versions"].keys() >= {"neural_style", "tensorflow", "keras", "scipy"}
    assert record["flags"]["tv_weight"] == 1.0
    assert record["device"]
    assert len(record["losses"]) == 1 + sum(iteration["evaluations"] for iteration in record["iterations"])


def test_without_iterations_the_start_is_measured_and_written(tmp_path, run, fake_engine):
    done = run(COFFEE, SWIRLS, tmp_path / "out", *QUICK, "--iterations=0", "--noplots")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.png"]
    assert json.loads((tmp_path / "out.json").read_text())["iterations"] == []


def test_a_loss_that_is_not_finite_is_one_line_of_error(tmp_path, run):
    done = run(COFFEE, SWIRLS, tmp_path / "out", *SMALL, "--optimizer=sgd", "--learning_rate=1e30")
    assert done.returncode == 1
    assert done.stderr.startswith("neural-style: Expected a finite loss and gradient")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "out.png").exists()


@pytest.fixture
def not_an_image(tmp_path):
    path = tmp_path / "text.png"
    path.write_text("not an image")
    return path


@pytest.mark.parametrize(
    ("arguments", "message", "exit_code"),
    [
        (["{tmp}/missing.png", SWIRLS, "{tmp}/out"], "does not exist", 1),
        ([COFFEE, "{tmp}", "{tmp}/out"], "is a folder", 1),
        ([COFFEE, "{tmp}/text.png", "{tmp}/out"], "can't be read as one", 1),
        ([COFFEE, SWIRLS, "{tmp}/nowhere/out"], "does not exist", 1),
        ([COFFEE, SWIRLS, "{tmp}/out", "--rows=8"], "at least 16 rows", 1),
        ([COFFEE, SWIRLS, "{tmp}/out", "--rows=0"], "--rows takes a whole number from 1", 2),
        ([COFFEE, SWIRLS, "{tmp}/out", "--content_layers=fc1"], "convolutions of vgg19", 1),
        ([COFFEE, SWIRLS, "{tmp}/out", "--content_wieght=1"], "Did you mean: content_weight", 2),
        ([COFFEE, SWIRLS], "Expected at least three arguments", 2),
        (["--rows=32"], "Expected at least three arguments", 2),
        ([COFFEE, SWIRLS, "{tmp}/out", "--weights={tmp}/text.png"], "Expected a Keras weight file", 1),
    ],
)
def test_errors_are_one_line(tmp_path, run, not_an_image, arguments, message, exit_code):
    done = run(*(str(argument).replace("{tmp}", str(tmp_path)) for argument in arguments))
    assert done.returncode == exit_code
    assert message in done.stderr
    assert done.stderr.startswith("neural-style: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [not_an_image]


def test_unreachable_imagenet_weights_are_an_error(tmp_path):
    offline = {**os.environ, "KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    done = run_program(COFFEE, SWIRLS, tmp_path / "out", "--rows=32", env=offline)
    assert done.returncode == 1
    assert "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5" in done.stderr
    assert done.stderr.count("\n") == 1


def test_auto_learns_weights_and_reports_it_when_imagenet_is_unreachable(tmp_path):
    offline = {**os.environ, "KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    arguments = ("--recipe=offline", "--weights=auto", "--rows=32", "--iterations=1")
    done = run_program(COFFEE, SWIRLS, tmp_path / "out", *arguments, env=offline)
    assert done.returncode == 0, done.stderr
    assert "Weights: filters learned from the images" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())["weights"] == "learned"


def test_version(run):
    assert run("--version").stdout == "neural-style 0.1.0\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["photo.jpg painting.jpg result --recipe=instant", "neural-style help rows"]),
        (["help"], ["photo.jpg painting.jpg result --recipe=instant"]),
        (["help", "rows"], ["--rows", "Height of the result", "512 in instant"]),
        (["help", "--margin"], ["--margin", "mirrored"]),
        (["help", "train"], ["Usage: neural-style train"]),
        (["--help"], ["--style_weight", "The command:", "photo.jpg painting.jpg result --recipe=paint"]),
        (["--helpfull"], ["--tv_exponent"]),
        (["--list_recipes"], ["Begin here:", "offline", "Published"]),
        (["compare", "--help"], ["Usage: neural-style compare", "--recipe"]),
        (["sheet", "--help"], ["Usage: neural-style sheet", "--columns"]),
    ],
)
def test_help_fits_80_columns(run, arguments, expected):
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    for text in expected:
        assert text in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["help", "row"], "Expected the name of a flag, received 'row'. Did you mean rows?"),
        (["help", "rows", "cols"], "Expected one flag"),
        (["compare", "a.png"], "Expected at least three images, neural-style compare PHOTO PAINTING RESULT"),
        (["sheet", "a.png"], "Expected neural-style sheet PHOTO NETWORK OUT.png"),
        (["sheet", str(COFFEE), "painters", "out.txt"], "Expected a sheet that ends in"),
        (["sheet", str(COFFEE), "painter", "out.png"], "Did you mean painters?"),
        (["sheet", str(COFFEE), "painters", str(SWIRLS), "out.png"], "is the only style of a run"),
        (["sheet", str(COFFEE), "painters", "out.png", "--recipe=paint"], "--recipe is for paintings"),
        (["sheet", str(COFFEE), "painters", "out.png", "--style=nothing"], "nothing"),
        (["sheet", str(COFFEE), str(SWIRLS), "missing.jpg", "out.png"], "'missing.jpg' does not exist"),
        (["help", "architecture"], "have flags of their own"),
    ],
)
def test_wrong_words_of_commands_get_a_sentence(run, arguments, message):
    done = run(*arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_sheet_shows_every_style(tmp_path, run):
    done = run("sheet", COFFEE, "painters", tmp_path / "sheet.png", "--rows=32", "--columns=11")
    assert done.returncode == 0, done.stderr
    assert "32 styles" in done.stdout
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (11 * (48 + sheets.GAP), 3 * (32 + sheets.CAPTION_ROWS))
    again = run("sheet", COFFEE, "painters", tmp_path / "sheet.png")
    assert "exists already" in again.stderr


def test_a_sheet_of_paintings(tmp_path, run):
    done = run("sheet", COFFEE, SWIRLS, COFFEE, tmp_path / "sheet.jpg", "--rows=48", "--recipe=instant")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.width == 2 * (72 + sheets.GAP)


def test_coarse_to_fine_with_two_styles(tmp_path, run):
    arguments = ("--weights=random", "--scales=32,48", "--scale_iterations=2,1", "--evaluations_per_iteration=3")
    done = run(COFFEE, SWIRLS, COFFEE, tmp_path / "out", *arguments, "--style_blend=0.9,0.1", "--noplots")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.json",
        "out.png",
        "out_at_iteration_1.png",
        "out_scale_32.png",
    ]
    assert Image.open(tmp_path / "out_scale_32.png").size == (48, 32)
    assert Image.open(tmp_path / "out.png").size == (72, 48)
    record = json.loads((tmp_path / "out.json").read_text())
    assert [(scale["rows"], len(scale["iterations"])) for scale in record["scales"]] == [(32, 2), (48, 1)]
    assert record["rows"] == 48
    assert record["iterations"] == record["scales"][-1]["iterations"]
    assert record["initial"]["layers"].keys() >= {"style/block1_conv1", "content/block5_conv2"}


def test_a_denoised_result(tmp_path, run):
    done = run(COFFEE, SWIRLS, tmp_path / "out", *SMALL, "--iterations=0", "--init=noise", "--denoise=3")
    assert done.returncode == 0, done.stderr
    noise = np.random.RandomState(0).uniform(0, 255, (32, 48, 3))
    assert np.asarray(Image.open(tmp_path / "out.png")).std() < 0.6 * noise.std()


def test_all_output_files_in_one_run(tmp_path, run):
    flags = (*QUICK, "--iterations=1", "--content_weight=1e-9", "--preview=webp", f"--tensorboard={tmp_path / 'board'}")
    done = run(COFFEE, SWIRLS, tmp_path / "out.webp", *flags)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^neural-style: the style weight leaves .*multiply --content_weight by .*\n", done.stderr)
    names = {path.name for path in tmp_path.iterdir()}
    images = {"out.webp", "out_at_iteration_1.webp", "out_losses.png", "out_comparison.png", "out_preview.webp"}
    assert names == images | {"out.json", "board"}
    assert Image.open(tmp_path / "out.webp").format == "WEBP"
    shown = run("--show", tmp_path / "out.json").stdout
    assert f"{tmp_path / 'out.webp'} --rows=32" in shown


def test_a_terminal_shows_one_bar_of_80_columns(tmp_path):
    """Over all scales, and messages stand on lines of their own."""
    flags = [*SMALL, "--scales=16,32", "--scale_iterations=2,1", "--weights=auto", "--network=vgg16"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*PROGRAM, str(COFFEE), str(SWIRLS), str(tmp_path / f"{'a long name ' * 4}"), *flags])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    shown = b""
    with contextlib.suppress(OSError):  # on Linux, when the other end closes
        while chunk := os.read(terminal, 4096):
            shown += chunk
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = shown.decode().replace("\r\n", "\n")
    lines = re.split("[\r\n]", text)
    bars = [line for line in lines if "%|" in line]
    assert re.fullmatch(r"a long name a…   0%\|.*\| 00:00, \? left", bars[0].rstrip())
    assert re.fullmatch(r"a long name a… 100%\|█{12}\| \d+:\d+, 00:00 left, 48 wide, loss \S+", bars[-1].rstrip())
    shares = [int(re.search(r"(\d+)%", bar)[1]) for bar in bars]
    assert shares == sorted(shares)
    assert max(map(len, bars)) <= 80
    assert [line for line in text.split("\n") if line.split("\r")[-1].startswith("Weights: ")]
    assert text.count("\n") == 3  # the message, the finished bar, and what was written
    assert "Traceback" not in text

"""Nothing of the user's is written over; names that can't be are told before any work."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image

from neural_style.cli.main import main
from neural_style.core.errors import UserError
from neural_style.results import targets

QUICK = ["--weights=random", "--rows=32", "--iterations=1", "--evaluations_per_iteration=2"]
QUICK += ["--style_layers=block1_conv1", "--content_layers=block1_conv2"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder that holds photo.png and style.png."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(COFFEE, "photo.png")
    shutil.copy(SWIRLS, "style.png")
    return tmp_path


def told(capsys, *arguments):
    """The one line that a command which is refused prints."""
    code = main([*arguments, *QUICK])
    out, err = capsys.readouterr()
    assert code in (1, 2), (out, err)
    assert out == ""
    assert err.count("\n") == 1
    return err


def snapshot(folder):
    """Every file's bytes, by name."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


INPUTS = {
    "the photograph": (["photo.png", "style.png", "photo"], "photo.png"),
    "the photograph by another way": (["./photo.png", "style.png", "../{folder}/photo"], "photo.png"),
    "the style": (["photo.png", "style.png", "style"], "style.png"),
    "a style by its ending": (["photo.png", "style.png", "style.png"], "style.png"),
    "a mask": (["photo.png", "style.png", "mask", "--content_mask=mask.png"], "mask.png"),
    "a style's mask": (["photo.png", "style.png", "mask", "--style_masks=mask.png"], "mask.png"),
    "the start": (["photo.png", "style.png", "mask", "--init=mask.png"], "mask.png"),
    "a comparison": (["x_comparison.png", "style.png", "x"], "x_comparison.png"),
    "losses": (["x_losses.png", "style.png", "x"], "x_losses.png"),
    "an image along the way": (["x_at_iteration_1.png", "style.png", "x"], "x_at_iteration_1.png"),
    "a scale": (["x_scale_16.png", "style.png", "x", "--scales=16,32"], "x_scale_16.png"),
    "a link": (["link.png", "style.png", "link"], "link.png"),
}


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize("case", INPUTS)
def test_what_is_read_is_never_written_over(folder, capsys, case, overwrite):
    arguments, victim = INPUTS[case]
    arguments = [word.format(folder=folder.name) for word in arguments]
    if case == "a link":
        os.symlink("photo.png", "link.png")
    elif not os.path.exists(victim):
        shutil.copy(COFFEE, victim)
    before = snapshot(folder)
    message = told(capsys, *arguments, *overwrite)
    assert "would be written over, and it is read: choose another prefix, such as" in message
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    "standing", ["out.png", "out.json", "out_comparison.png", "out_at_iteration_1.png", "out.state", "out_losses.png"]
)
def test_a_file_of_others_is_replaced_only_when_told_to(folder, capsys, standing):
    if standing.endswith(".png"):
        shutil.copy(COFFEE, standing)
    else:
        (folder / standing).write_text('["mine"]')
    before = snapshot(folder)
    message = told(capsys, "photo.png", "style.png", "out")
    assert f"{standing!r} is there already" in message
    assert "such as 'out_2', or say --overwrite" in message
    assert snapshot(folder) == before
    assert main(["photo.png", "style.png", "out_2", *QUICK]) == 0
    assert main(["photo.png", "style.png", "out", "--overwrite", *QUICK]) == 0
    assert json.loads((folder / "out.json").read_text())["complete"]


def test_results_of_its_own_are_replaced_and_another_ending_is_not_taken_for_one(folder, capsys):
    assert main(["photo.png", "style.png", "out", *QUICK]) == 0
    assert main(["photo.png", "style.png", "out", *QUICK]) == 0
    os.remove("out.json")  # the pictures themselves say whose they are
    os.remove("out_losses.png")
    assert main(["photo.png", "style.png", "out", *QUICK]) == 0
    Image.new("RGB", (8, 8)).save("out.jpg")
    capsys.readouterr()
    assert "'out.jpg' is there already" in told(capsys, "photo.png", "style.png", "out.jpg")


def test_another_prefixs_picture_and_companion_are_others(folder, capsys):
    assert main(["photo.png", "style.png", "one", *QUICK]) == 0
    shutil.copy("one.png", "two.png")
    shutil.copy("one.png", "one_2_comparison.png")
    capsys.readouterr()
    assert "'two.png' is there already" in told(capsys, "photo.png", "style.png", "two")
    assert "'one_2_comparison.png' is there already" in told(capsys, "photo.png", "style.png", "one_2")
    assert main(["photo.png", "style.png", "one_comparison", *QUICK]) == 1  # which is one's comparison


@pytest.mark.parametrize("name", ["out.png", "out.json", "out_losses.png", "out.state"])
def test_a_folder_in_a_results_place_is_told_before_any_work(folder, capsys, name):
    (folder / name).mkdir()
    message = told(capsys, "photo.png", "style.png", "out", "--overwrite")
    assert f"{name!r} is a folder where a result is to lie" in message


def test_the_manifest_and_flagfiles_are_not_written_over(folder, capsys):
    (folder / "out.json").write_text("content,style,prefix\nphoto.png,style.png,out\n")
    assert main(["--manifest=out.json", "--overwrite", *QUICK]) == 1
    assert "'out.json' would be written over, and it is read" in capsys.readouterr().err
    (folder / "flags.json").write_text("--rows=32\n")
    assert "'flags.json' would be written over" in told(
        capsys, "photo.png", "style.png", "flags", "--overwrite", "--flagfile=flags.json"
    )


def test_a_place_that_takes_no_files(folder, capsys):
    assert "Results can't be written beside '/proc/x'" in told(capsys, "photo.png", "style.png", "/proc/x")
    os.symlink("elsewhere", ".out.neural-style.lock")
    assert "Results can't be written beside 'out'" in told(capsys, "photo.png", "style.png", "out")
    assert not os.path.exists("elsewhere")


def test_formats_have_a_largest_side(folder, capsys):
    wide = ["photo.png", "style.png", "out.webp", "--cols=16384"]
    assert ".webp takes at most 16383 rows and columns" in told(capsys, *wide)


def test_a_link_is_not_followed(folder):
    (folder / "elsewhere").mkdir()
    Image.new("RGB", (8, 8)).save("elsewhere/kept.png")
    kept = (folder / "elsewhere" / "kept.png").read_bytes()
    os.symlink("elsewhere/kept.png", "out.png")
    os.symlink("elsewhere/kept.png", ".out.png.neural-style.partial")
    assert main(["photo.png", "style.png", "out", "--overwrite", *QUICK]) == 0
    assert (folder / "elsewhere" / "kept.png").read_bytes() == kept
    assert not os.path.islink("out.png")
    assert not os.path.lexists(".out.png.neural-style.partial")


@pytest.mark.parametrize("letter", ["x", "猫"])
def test_names_as_long_as_can_be_and_one_longer(folder, capsys, letter):
    most = (os.pathconf(".", "PC_NAME_MAX") - len("._at_iteration_1.png.neural-style.partial")) // len(letter.encode())
    assert main(["photo.png", "style.png", letter * most, *QUICK]) == 0
    capsys.readouterr()
    before = snapshot(folder)
    message = told(capsys, "photo.png", "style.png", letter * (most + 1))
    assert "bytes longer than the 255 that '.' takes: choose a shorter prefix" in message
    assert snapshot(folder) == before


@pytest.mark.parametrize("place", range(4))
def test_names_that_no_file_can_have(folder, capsys, place):
    words = ["photo.png", "style.png", "out", "--content_mask=photo.png"]
    words[place] = ("--content_mask=" if place == 3 else "") + "long" * 100 + ".png"
    message = told(capsys, *words)
    assert "long" in message


@pytest.mark.parametrize(
    "words", [["painters", "--export=NAME.tflite"], ["train", "style.png", "NAME.keras", "--photos=."]]
)
def test_a_new_file_of_a_name_that_none_can_have(folder, capsys, words):
    assert main([word.replace("NAME", "long" * 100) for word in words]) == 1
    assert "choose a shorter prefix than 'longlong" in capsys.readouterr().err


def test_a_picture_reads_no_flow(folder):
    assert main(["photo.png", "style.png", "out", "--flow=none/such", *QUICK]) == 0


def test_a_folder_takes_results_by_the_photographs_name(folder):
    (folder / "out").mkdir()
    shutil.copy("photo.png", "photo.v2.png")
    for photograph, name in {"photo.png": "photo", "photo.v2.png": "photo.v2"}.items():
        assert main([photograph, "style.png", "out", *QUICK]) == 0
        assert {f"{name}.png", f"{name}.json"} <= {path.name for path in (folder / "out").iterdir()}


def test_two_runs_with_one_prefix_at_once(folder):
    command = [sys.executable, "-m", "neural_style", "photo.png", "style.png", "out", *QUICK, "--iterations=10000"]
    with subprocess.Popen(command) as first:
        while not (folder / "out.json").exists() and first.poll() is None:
            pass
        second = subprocess.run(command, capture_output=True, text=True, timeout=120)
        first.terminate()
    assert second.returncode == 1
    assert "Another run is writing 'out' just now" in second.stderr
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_state_that_is_replaced_and_images_that_stay_are_told(folder, capsys):
    assert main(["photo.png", "style.png", "out", *QUICK, "--iterations=3"]) == 0
    (folder / "out.state").write_bytes(b"of nine iterations")
    capsys.readouterr()
    assert main(["photo.png", "style.png", "out", *QUICK]) == 0
    told_first, told_then, _ = capsys.readouterr().err.split("\n", 2)
    assert "out.state of an interrupted run is replaced; with --resume that run would have gone on" in told_first
    assert "out_at_iteration_2.png and what else an earlier run left" in told_then


def test_prefixes_of_a_manifest_are_compared_as_places(folder, capsys):
    (folder / "m").mkdir()
    for other in ("m/e", "m/./e", "m/e.png", "m/e.jpg", "../{}/m/e"):
        rows = ["photo.png,style.png,m/e", f"photo.png,style.png,{other.format(folder.name)}"]
        (folder / "pairs.csv").write_text("\n".join(["content,style,prefix", *rows]))
        assert "is line 2's: each row needs its own" in told(capsys, "--manifest=pairs.csv")


def test_a_state_of_others_is_not_removed(folder):
    (folder / "out.state").write_text("mine")
    assert main(["photo.png", "style.png", "out", "--nokeep_state", *QUICK]) == 0
    assert (folder / "out.state").read_text() == "mine"


def test_names_that_only_look_like_results_are_in_nobodys_way(folder):
    shutil.copy("photo.png", "out_scale_bar.png")
    shutil.copy("photo.png", "out_at_iteration_99.png")
    assert main(["out_scale_bar.png", "style.png", "out", *QUICK]) == 0


def test_the_input_of_another_row_is_not_written_over(folder, capsys):
    shutil.copy("photo.png", "b.png")
    (folder / "pairs.csv").write_text("content,style,prefix\nphoto.png,style.png,b\nb.png,style.png,c\n")
    before = (folder / "b.png").read_bytes()
    assert main(["--manifest=pairs.csv", *QUICK]) == 1
    assert "'b.png' is there already" in capsys.readouterr().err
    assert (folder / "b.png").read_bytes() == before


@pytest.mark.parametrize("photograph", ["scan.bmp.png", "best.fit.png"])
def test_a_folder_takes_photographs_with_dots_in_their_names(folder, photograph):
    (folder / "out").mkdir()
    shutil.copy("photo.png", photograph)
    assert main([photograph, "style.png", "out", *QUICK]) == 0
    assert (folder / "out" / photograph).exists()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_takes_results_all_the_same(folder, monkeypatch, number, recwarn):
    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    with targets.locked("out"):
        pass
    assert sorted(os.listdir()) == ["photo.png", "style.png"]
    assert not recwarn.list


def test_a_lock_that_fails_otherwise_is_told(folder, monkeypatch):
    def failed(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", failed)
    with pytest.raises(UserError, match="can't be written beside 'out'"), targets.locked("out"):
        pass

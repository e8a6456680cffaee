"""No file of the user's is overwritten, and impossible names raise errors before any work."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from conftest import COFFEE
from PIL import Image

from neural_style.cli.main import main
from neural_style.core.errors import UserError
from neural_style.results import targets

QUICK = ["--weights=random", "--rows=32", "--iterations=1", "--evaluations_per_iteration=2"]
QUICK += ["--style_layers=block1_conv1", "--content_layers=block1_conv2"]


def refusal(capsys, *arguments):
    """The single line that a refused command prints."""
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
def test_input_files_are_never_overwritten(folder, capsys, case, overwrite):
    arguments, victim = INPUTS[case]
    arguments = [word.format(folder=folder.name) for word in arguments]
    if case == "a link":
        os.symlink("photo.png", "link.png")
    elif not os.path.exists(victim):
        shutil.copy(COFFEE, victim)
    before = snapshot(folder)
    message = refusal(capsys, *arguments, *overwrite)
    assert "would be overwritten, and it is an input: choose another prefix, such as" in message
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    "standing", ["out.png", "out.json", "out_comparison.png", "out_at_iteration_1.png", "out.state", "out_losses.png"]
)
def test_other_files_are_replaced_only_with_overwrite(folder, capsys, standing):
    if standing.endswith(".png"):
        shutil.copy(COFFEE, standing)
    else:
        (folder / standing).write_text('["mine"]')
    before = snapshot(folder)
    message = refusal(capsys, "photo.png", "style.png", "out")
    assert f"{standing!r} exists already" in message
    assert "such as 'out_2', or say --overwrite" in message
    assert snapshot(folder) == before
    assert main(["photo.png", "style.png", "out_2", *QUICK]) == 0
    assert main(["photo.png", "style.png", "out", "--overwrite", *QUICK]) == 0
    assert json.loads((folder / "out.json").read_text())["complete"]


def test_own_results_are_replaced_and_a_file_of_another_format_is_not(folder, capsys):
    assert main(["photo.png", "style.png", "out", *QUICK]) == 0
    assert main(["photo.png", "style.png", "out", *QUICK]) == 0
    os.remove("out.json")  # the PNG metadata identify the run
    os.remove("out_losses.png")
    assert main(["photo.png", "style.png", "out", *QUICK]) == 0
    Image.new("RGB", (8, 8)).save("out.jpg")
    capsys.readouterr()
    assert "'out.jpg' exists already" in refusal(capsys, "photo.png", "style.png", "out.jpg")


def test_results_of_another_prefix_are_not_replaced(folder, capsys):
    assert main(["photo.png", "style.png", "one", *QUICK]) == 0
    shutil.copy("one.png", "two.png")
    shutil.copy("one.png", "one_2_comparison.png")
    capsys.readouterr()
    assert "'two.png' exists already" in refusal(capsys, "photo.png", "style.png", "two")
    assert "'one_2_comparison.png' exists already" in refusal(capsys, "photo.png", "style.png", "one_2")
    assert main(["photo.png", "style.png", "one_comparison", *QUICK]) == 1  # the name of a companion of "one"


@pytest.mark.parametrize("name", ["out.png", "out.json", "out_losses.png", "out.state"])
def test_a_folder_with_the_name_of_a_result_raises_an_error_before_any_work(folder, capsys, name):
    (folder / name).mkdir()
    message = refusal(capsys, "photo.png", "style.png", "out", "--overwrite")
    assert f"{name!r} is a folder with the name of an output file" in message


def test_manifests_and_flagfiles_are_not_overwritten(folder, capsys):
    (folder / "out.json").write_text("content,style,prefix\nphoto.png,style.png,out\n")
    assert main(["--manifest=out.json", "--overwrite", *QUICK]) == 1
    assert "'out.json' would be overwritten, and it is an input" in capsys.readouterr().err
    (folder / "flags.json").write_text("--rows=32\n")
    assert "'flags.json' would be overwritten" in refusal(
        capsys, "photo.png", "style.png", "flags", "--overwrite", "--flagfile=flags.json"
    )


def test_a_prefix_where_no_file_can_be_written_raises_an_error(folder, capsys):
    assert "Results can't be written beside '/proc/x'" in refusal(capsys, "photo.png", "style.png", "/proc/x")
    os.symlink("elsewhere", ".out.neural-style.lock")
    assert "Results can't be written beside 'out'" in refusal(capsys, "photo.png", "style.png", "out")
    assert not os.path.exists("elsewhere")


def test_formats_limit_the_size(folder, capsys):
    wide = ["photo.png", "style.png", "out.webp", "--cols=16384"]
    assert ".webp takes at most 16383 rows and columns" in refusal(capsys, *wide)


def test_links_are_not_followed(folder):
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
def test_the_longest_possible_name_and_one_longer(folder, capsys, letter):
    longest = (os.pathconf(".", "PC_NAME_MAX") - len("._at_iteration_1.png.neural-style.partial")) // len(
        letter.encode()
    )
    assert main(["photo.png", "style.png", letter * longest, *QUICK]) == 0
    capsys.readouterr()
    before = snapshot(folder)
    message = refusal(capsys, "photo.png", "style.png", letter * (longest + 1))
    assert "bytes longer than the 255 that '.' takes: choose a shorter prefix" in message
    assert snapshot(folder) == before


@pytest.mark.parametrize("place", range(4))
def test_names_that_are_too_long_raise_an_error(folder, capsys, place):
    words = ["photo.png", "style.png", "out", "--content_mask=photo.png"]
    words[place] = ("--content_mask=" if place == 3 else "") + "long" * 100 + ".png"
    message = refusal(capsys, *words)
    assert "long" in message


@pytest.mark.parametrize(
    "words", [["painters", "--export=NAME.tflite"], ["train", "style.png", "NAME.keras", "--photos=."]]
)
def test_output_files_with_names_that_are_too_long_raise_an_error(folder, capsys, words):
    assert main([word.replace("NAME", "long" * 100) for word in words]) == 1
    assert "choose a shorter prefix than 'longlong" in capsys.readouterr().err


def test_flow_is_ignored_for_pictures(folder):
    assert main(["photo.png", "style.png", "out", "--flow=none/such", *QUICK]) == 0


def test_a_folder_as_prefix_names_results_after_the_photograph(folder):
    (folder / "out").mkdir()
    shutil.copy("photo.png", "photo.v2.png")
    for photograph, name in {"photo.png": "photo", "photo.v2.png": "photo.v2"}.items():
        assert main([photograph, "style.png", "out", *QUICK]) == 0
        assert {f"{name}.png", f"{name}.json"} <= {path.name for path in (folder / "out").iterdir()}


def test_a_second_run_with_the_same_prefix_is_refused(folder):
    command = [sys.executable, "-m", "neural_style", "photo.png", "style.png", "out", *QUICK, "--iterations=10000"]
    with subprocess.Popen(command) as first:  # the real engine
        while not (folder / "out.json").exists() and first.poll() is None:
            time.sleep(0.05)
        second = subprocess.run(command, capture_output=True, text=True, timeout=120)
        first.terminate()
    assert second.returncode == 1
    assert "Another run is writing 'out' just now" in second.stderr
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_replaced_states_and_remaining_images_are_reported(folder, capsys):
    assert main(["photo.png", "style.png", "out", *QUICK, "--iterations=3"]) == 0
    (folder / "out.state").write_bytes(b"of nine iterations")
    capsys.readouterr()
    assert main(["photo.png", "style.png", "out", *QUICK, "--overwrite"]) == 0
    first, second, _ = capsys.readouterr().err.split("\n", 2)
    assert "out.state is of an interrupted run; with --resume that run would have continued" in first
    assert "out_at_iteration_2.png and other intermediate images of an earlier run" in second


def test_prefixes_of_a_manifest_are_compared_as_paths(folder, capsys):
    (folder / "m").mkdir()
    for other in ("m/e", "m/./e", "m/e.png", "m/e.jpg", "../{}/m/e"):
        rows = ["photo.png,style.png,m/e", f"photo.png,style.png,{other.format(folder.name)}"]
        (folder / "pairs.csv").write_text("\n".join(["content,style,prefix", *rows]))
        assert "is line 2's: each row needs its own" in refusal(capsys, "--manifest=pairs.csv")


def test_a_foreign_state_file_is_not_removed(folder):
    (folder / "out.state").write_text("mine")
    assert main(["photo.png", "style.png", "out", "--nokeep_state", *QUICK]) == 0
    assert (folder / "out.state").read_text() == "mine"


def test_names_that_only_resemble_results_are_ignored(folder):
    shutil.copy("photo.png", "out_scale_bar.png")
    shutil.copy("photo.png", "out_at_iteration_99.png")
    assert main(["out_scale_bar.png", "style.png", "out", *QUICK]) == 0


def test_the_input_of_another_row_is_not_overwritten(folder, capsys):
    shutil.copy("photo.png", "b.png")
    (folder / "pairs.csv").write_text("content,style,prefix\nphoto.png,style.png,b\nb.png,style.png,c\n")
    before = (folder / "b.png").read_bytes()
    assert main(["--manifest=pairs.csv", *QUICK]) == 1
    assert "'b.png' exists already" in capsys.readouterr().err
    assert (folder / "b.png").read_bytes() == before


@pytest.mark.parametrize("photograph", ["scan.bmp.png", "best.fit.png"])
def test_photographs_with_dots_in_their_names_in_a_folder(folder, photograph):
    (folder / "out").mkdir()
    shutil.copy("photo.png", photograph)
    assert main([photograph, "style.png", "out", *QUICK]) == 0
    assert (folder / "out" / photograph).exists()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_results_are_written_on_a_file_system_without_locks(folder, monkeypatch, number, recwarn):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with targets.locked("out"):
        pass
    assert sorted(os.listdir()) == ["photo.png", "style.png"]
    assert not recwarn.list


def test_other_failures_of_locks_raise_an_error(folder, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(UserError, match="can't be written beside 'out'"), targets.locked("out"):
        pass

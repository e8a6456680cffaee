"""A result that a run with other flags would replace is kept under a numbered name, with all its files."""

import json
import shutil

import pytest
from conftest import COFFEE, SWIRLS

from neural_style.cli.main import main

QUICK = [
    "--weights=random",
    "--rows=32",
    "--iterations=1",
    "--evaluations_per_iteration=2",
    "--noplots",
    "--save_every=0",
]
QUICK += ["--style_layers=block1_conv1", "--content_layers=block1_conv2"]


def paint(*arguments, output="out"):
    assert main(["photo.png", "style.png", output, *QUICK, *arguments]) == 0


def outputs(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith("out")}


def test_each_result_of_other_flags_is_kept(folder, capsys):
    paint("--seed=1")
    one = outputs(folder)
    capsys.readouterr()
    paint("--seed=2")
    printed = capsys.readouterr()
    assert "An earlier result, painted with other flags or images, is kept as out_earlier_1.png." in printed.out
    paint("--seed=3")
    kept = outputs(folder)
    assert kept["out_earlier_1.png"] == one["out.png"]
    assert kept["out_earlier_1.json"] == one["out.json"]
    seeds = {name: json.loads(kept[name])["flags"]["seed"] for name in kept if name.endswith(".json")}
    assert seeds == {"out.json": 3, "out_earlier_1.json": 1, "out_earlier_2.json": 2}


def test_the_same_result_is_replaced(folder):
    paint()
    paint("--output_quality=80")  # not a flag of the picture
    assert set(outputs(folder)) == {"out.png", "out.json"}


def test_all_files_of_the_earlier_result_go_with_it(folder):
    paint("--iterations=3", "--plots", "--scales=16,32", "--scale_iterations=1,3", "--save_every=1")
    before = set(outputs(folder))
    assert {"out_losses.png", "out_comparison.png", "out_at_iteration_3.png", "out_scale_16.png"} <= before
    (folder / "out.state").write_bytes(b"of an interrupted run")
    (folder / "out_other.png").write_bytes(b"another program's")
    paint()
    after = outputs(folder)
    moved = {name.replace("out", "out_earlier_1", 1) for name in {*before, "out.state"}}
    assert set(after) == moved | {"out.png", "out.json", "out_other.png"}


def test_an_earlier_result_of_another_format_is_kept(folder):
    paint(output="out.jpg")
    paint(output="out.png")
    assert set(outputs(folder)) == {"out.png", "out.json", "out_earlier_1.jpg", "out_earlier_1.json"}


def test_overwrite_keeps_nothing(folder):
    paint("--seed=1")
    paint("--seed=2", "--overwrite")
    assert set(outputs(folder)) == {"out.png", "out.json"}


def test_an_input_is_never_renamed(folder, capsys):
    paint(output="photo2.png")
    shutil.move("photo2.png", "cat.png")
    shutil.move("photo2.json", "cat.json")
    record = json.loads((folder / "cat.json").read_text())
    (folder / "cat.json").write_text(json.dumps({**record, "prefix": "cat"}))
    shutil.copy("photo.png", "cat.png")
    before = (folder / "cat.png").read_bytes()
    assert main(["cat.png", "style.png", "cat.jpg", *QUICK]) == 1
    assert "exists already" in (error := capsys.readouterr().err) or "is an input" in error
    assert (folder / "cat.png").read_bytes() == before


def test_the_result_of_a_result_is_not_renamed_either(folder, capsys):
    paint(output="cat.png")
    assert main(["cat.png", "style.png", "cat.jpg", *QUICK]) == 1
    assert "'cat.png' is an input, and a part of the earlier result 'cat'" in capsys.readouterr().err
    assert (folder / "cat.png").exists()


@pytest.mark.parametrize("change", [{"styles": "x"}, {"flags": []}, {"digests": [1]}, {"content": None}])
def test_a_record_edited_by_hand_is_replaced(folder, change):
    paint("--seed=1")
    record = json.loads((folder / "out.json").read_text())
    (folder / "out.json").write_text(json.dumps({**record, **change}))
    paint("--seed=2", "--overwrite")
    (folder / "out.json").write_text(json.dumps({**record, **change}))
    paint("--seed=3")
    assert json.loads((folder / "out.json").read_text())["flags"]["seed"] == 3


def test_the_state_of_a_killed_run_is_kept(folder):
    paint("--seed=1")
    (folder / "out.png").unlink()
    (folder / "out.state").write_bytes(b"of a run that was killed")
    paint("--seed=2")
    assert (folder / "out_earlier_1.state").read_bytes() == b"of a run that was killed"


def test_a_changed_photograph_is_another_result(folder):
    paint()
    shutil.copy(SWIRLS, "photo.png")
    paint()
    assert "out_earlier_1.png" in outputs(folder)


def test_an_earlier_film_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    for number in (1, 2):
        shutil.copy(COFFEE, tmp_path / "frames" / f"{number}.png")
    film = ["frames", str(SWIRLS), "--recipe=instant", "--film", "--noplots"]
    for output in ("out.mp4", "more"):
        for rows, more in ((64, "--preview=side"), (80, "--resume"), (80, "--preview=none")):
            assert main([*film[:2], output, *film[2:], f"--rows={rows}", more]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        *("frames", "out.mp4", "out.json", "out_earlier_1.mp4", "out_earlier_1.json", "out_earlier_1_preview.mp4"),
        *("more", "more.json", "more_earlier_1", "more_earlier_1.json", "more_earlier_1_preview.mp4"),
    }

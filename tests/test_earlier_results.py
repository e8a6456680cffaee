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


@pytest.fixture
def folder(tmp_path, monkeypatch, fake_engine):
    """A working folder that holds photo.png and style.png, where a FakeEngine paints."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(COFFEE, "photo.png")
    shutil.copy(SWIRLS, "style.png")
    return tmp_path


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
    assert "An earlier result, painted with other flags or images, is kept as out_2.png." in printed.out
    paint("--seed=3")
    kept = outputs(folder)
    assert kept["out_2.png"] == one["out.png"]
    assert kept["out_2.json"] == one["out.json"]
    seeds = {name: json.loads(kept[name])["flags"]["seed"] for name in kept if name.endswith(".json")}
    assert seeds == {"out.json": 3, "out_2.json": 1, "out_3.json": 2}


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
    moved = {name.replace("out", "out_2", 1) for name in {*before, "out.state"}}
    assert set(after) == moved | {"out.png", "out.json", "out_other.png"}


def test_an_earlier_result_of_another_format_is_kept(folder):
    paint(output="out.jpg")
    paint(output="out.png")
    assert set(outputs(folder)) == {"out.png", "out.json", "out_2.jpg", "out_2.json"}


def test_overwrite_keeps_nothing(folder):
    paint("--seed=1")
    paint("--seed=2", "--overwrite")
    assert set(outputs(folder)) == {"out.png", "out.json"}


def test_a_changed_photograph_is_another_result(folder):
    paint()
    shutil.copy(SWIRLS, "photo.png")
    paint()
    assert "out_2.png" in outputs(folder)


def test_an_earlier_film_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    for number in (1, 2):
        shutil.copy(COFFEE, tmp_path / "frames" / f"{number}.png")
    film = ["frames", str(SWIRLS), "--recipe=instant", "--film", "--noplots"]
    for output in ("out.mp4", "more"):
        for rows in (64, 80, 80):
            assert main([*film[:2], output, *film[2:], f"--rows={rows}"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        *("frames", "out.mp4", "out.json", "out_2.mp4", "out_2.json"),
        *("more", "more.json", "more_2", "more_2.json"),
    }

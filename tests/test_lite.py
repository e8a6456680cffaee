"""Pictures in one pass by LiteRT: as TensorFlow's, in a second, and without loading what is heavy."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import COFFEE, DATA, SWIRLS
from PIL import Image

import neural_style
from neural_style.planning.plan import plan_for_this_machine, prepare
from neural_style.pretrained import style_networks

PHOTOS = [COFFEE, DATA / "chelsea.jpg", SWIRLS]
HEAVY = ("tensorflow", "keras", "scipy", "matplotlib", "h5py", "absl.testing")


def uses_litert(prepared):
    return prepared[1].uses_litert


def given(styles=SWIRLS, recipe="instant", **how):
    return prepare(COFFEE, [styles], neural_style.Settings.read(recipe, rows=64, **how))


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("look", [{"rows": 97}, {"rows": 61, "alpha": 0.6, "style_scale": (0.5, 2), "shifts": 2}])
def test_any_painting_equals_tensorflows_within_a_grey_level(engine, photo, look):
    paintings = [DATA / "painting_256.png", SWIRLS]
    quick = neural_style.stylize(photo, paintings, recipe="instant", engine=engine, **look)
    exact = neural_style.stylize(photo, paintings, recipe="instant", engine=engine, precision="float32", **look)
    assert quick.record["runtime"].startswith("LiteRT")
    assert "runtime" not in exact.record
    assert np.abs(quick.array - exact.array).mean() < 1


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_a_trained_network_equals_tensorflows_within_a_grey_level(engine, photo):
    look = dict(engine=engine, rows=61, style=("tahiti", "great_wave"), style_blend=(0.3, 0.7))
    quick = neural_style.stylize(photo, "painters", **look)
    exact = neural_style.stylize(photo, "painters", precision="float32", **look)
    assert quick.record["runtime"].startswith("LiteRT")
    assert np.abs(quick.array - exact.array).mean() < 0.5


@pytest.mark.parametrize("words", [[str(SWIRLS), "--recipe=instant"], ["painters", "--style=tahiti"]])
def test_a_command_loads_nothing_heavy(tmp_path, words):
    style, *flags = words
    program = (
        "import sys; from neural_style.cli.main import main; code = main(sys.argv[1:]); "
        f"print([name for name in {HEAVY!r} if name in sys.modules]); sys.exit(code)"
    )
    command = [sys.executable, "-c", program, str(COFFEE), style, str(tmp_path / "out"), "--rows=64", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""
    assert Image.open(tmp_path / "out.png").size == (96, 64)
    assert json.loads((tmp_path / "out.json").read_text())["runtime"].startswith("LiteRT")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.png"]


def test_help_loads_nothing_heavy():
    program = "import sys; from neural_style.cli.main import main; main(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "scipy", "matplotlib", "ai_edge_litert"} & set(
        json.loads(done.stdout.splitlines()[-1].replace("'", '"'))
    )


@pytest.mark.parametrize("how", [{"precision": "float32"}, {"precision": "bfloat16"}, {"tile": 32}, {"tile": "none"}])
def test_requested_arithmetic_is_computed_by_tensorflow(how):
    assert uses_litert(given())
    assert not uses_litert(given(**how))


def test_a_picture_does_not_depend_on_the_one_before(engine):
    """One engine's models serve all sizes and paintings."""
    for rows, style in ((40, SWIRLS), (61, DATA / "painting_256.png"), (40, SWIRLS)):
        look = dict(recipe="instant", rows=rows)
        kept = neural_style.stylize(COFFEE, style, engine=engine, **look)
        np.testing.assert_array_equal(kept.array, neural_style.stylize(COFFEE, style, **look).array)


def test_masks_and_large_pictures_are_painted_by_tensorflow():
    mask = Image.new("L", (8, 8), "white")
    assert not uses_litert(given(style_masks=[mask]))
    large = prepare(COFFEE, [SWIRLS], neural_style.Settings.read("instant", rows=1300))
    assert not uses_litert(large)
    assert not uses_litert(given(recipe="offline"))


def test_an_export_beside_another_network_is_not_read(tmp_path):
    bundled = style_networks.by_name()["painters"]
    assert style_networks.lite_file(bundled).is_file()
    for ending in (".keras", ".tflite"):
        (tmp_path / f"own{ending}").write_bytes(bundled.with_suffix(ending).read_bytes())
    assert not uses_litert(given(tmp_path / "own.keras", "feedforward", style="tahiti"))


def test_without_litert_tensorflow_paints(engine, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    assert not uses_litert(given())
    assert "runtime" not in neural_style.stylize(COFFEE, SWIRLS, recipe="instant", rows=40, engine=engine).record


def test_a_plan_for_litert_is_changed_where_a_machine_has_none(monkeypatch):
    inputs, plan = given()
    assert plan_for_this_machine(plan, inputs) == plan
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    assert not plan_for_this_machine(plan, inputs).uses_litert


def test_the_exports_are_small():
    sizes = [path.stat().st_size for path in style_networks.ARBITRARY.parent.glob("*.tflite")]
    assert len(sizes) == 3
    assert sum(sizes) < 7.5e6

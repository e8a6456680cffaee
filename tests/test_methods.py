"""The table of methods: a method is one row and one module, and the table agrees with itself."""

import importlib
import json

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, pair
from PIL import Image

import neural_style
from neural_style.cli import help_text
from neural_style.cli.main import main
from neural_style.core.errors import UserError
from neural_style.method_table import METHODS, Method, users_of
from neural_style.settings import recipes
from neural_style.settings.schema import FIELDS, PARTS
from neural_style.settings.weight_sources import SOURCES, WeightSource


@pytest.fixture
def negative(monkeypatch):
    """Adds a method by one row."""
    row = Method(
        "paints the photograph's negative.",
        run="toy_method:Run",
        uses=frozenset({"denoise"}),
        refuses={"--style_masks": lambda settings: settings.picture.style_masks},
        paints_films=False,
        schedule=lambda settings: (1, 1),
    )
    monkeypatch.setitem(METHODS, "negative", row)


def test_a_method_is_a_row_and_a_module_from_python(negative):
    content, _ = pair(32, 48)
    painting = neural_style.stylize(COFFEE, SWIRLS, method="negative", rows=32)
    np.testing.assert_allclose(painting.array, 255 - content, atol=1e-4)
    assert painting.record["flags"]["method"] == "negative"


def test_a_method_is_a_row_and_a_module_on_the_command_line(negative, tmp_path, capsys):
    words = [str(COFFEE), str(SWIRLS), str(tmp_path / "out"), "--method=negative", "--rows=32"]
    assert main(words) == 0
    content, _ = pair(32, 48)
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_allclose(np.asarray(image), 255 - content, atol=0.51)
    assert json.loads((tmp_path / "out.json").read_text())["complete"]
    assert main([*words, "--resume"]) == 0
    assert "is complete already" in capsys.readouterr().out
    assert main([*words, "--style_weight=3"]) == 2
    assert "--style_weight is for --method=optimize" in capsys.readouterr().err
    assert main([*words[:2], str(tmp_path / "film.mp4"), *words[3:]]) == 1
    assert "--method=negative is for pictures, not films" in capsys.readouterr().err
    assert main(["--helpfull"]) == 0
    assert "negative" in capsys.readouterr().out


def test_a_method_refuses_what_its_row_says(negative):
    with pytest.raises(UserError, match="--method=negative can't take --style_masks: leave that out"):
        neural_style.Settings.read(method="negative", style_masks=[COFFEE])


@pytest.mark.parametrize("name", METHODS)
def test_a_row_names_what_exists(name):
    row = METHODS[name]
    for path in filter(None, (row.run, row.litert_run)):
        module, _, attribute = path.partition(":")
        assert hasattr(importlib.import_module(module), attribute)
    assert row.recipe is None or row.recipe in recipes.by_name()
    assert row.uses | row.uses_when_refining | row.ignores <= {*FIELDS, *PARTS}
    assert row.summary in help_text.text(full=True).replace("\n      ", " ")


def test_settings_that_no_row_names_are_used_by_all():
    assert users_of("rows", "picture") == []
    assert users_of("alpha", "universal") == ["wct", "adain", "arbitrary"]
    assert users_of("tv_weight", "loss") == ["optimize", "wct with --refine", "adain with --refine"]
    assert users_of("iterations", "optimizer") == ["optimize"]


def test_a_source_of_weights_is_a_row_and_a_function(monkeypatch):
    """The table of sources is read by settings, help, checks and loading alike."""
    source = WeightSource("filters of one seed", load="toy_method:load_weights", preprocessing=("torch",))
    monkeypatch.setitem(SOURCES, "toy", source)
    painting = neural_style.stylize(COFFEE, SWIRLS, weights="toy", rows=32, iterations=0)
    expected = neural_style.stylize(COFFEE, SWIRLS, weights="random", seed=7, preprocess="torch", rows=32, iterations=0)
    assert painting.record["weights"] == "toy"
    assert painting.record["flags"]["preprocess"] == "torch"
    assert painting.record["initial"]["loss"] == expected.record["initial"]["loss"]
    with pytest.raises(UserError, match="--weights=toy takes --preprocess=torch"):
        neural_style.Settings.read(weights="toy", preprocess="caffe")

"""Settings that a user gives override a recipe's, and its other sizes and iterations are adapted."""

import dataclasses

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS

import neural_style
from neural_style.cli import batch, flags
from neural_style.core.errors import UserError
from neural_style.engine import Engine
from neural_style.images import color
from neural_style.optimize import optimizers
from neural_style.planning import memory
from neural_style.planning.plan import prepare
from neural_style.settings.settings import Settings


def values(recipe, **given):
    return Settings.read(recipe, **given).values()


def test_iterations_override_a_recipes_iterations_for_each_scale():
    for recipe in ("paint", "fast", "highres"):
        assert values(recipe, weights="random", iterations=0)["scale_iterations"] == ()
        assert values(recipe, weights="random")["scale_iterations"] != ()


@pytest.mark.parametrize(("scales", "expected"), [("2", (2, 1)), ("4", (3, 3, 2, 1)), ("128,512", (2, 1)), ("1", (1,))])
def test_a_recipes_iterations_are_adapted_to_the_scales(scales, expected):
    assert values("paint", weights="random", scales=scales)["scale_iterations"] == expected


def test_a_recipes_columns_are_adapted_to_the_scales():
    sizes = values("vgg16_notebook", scales="75,150")
    assert (sizes["rows"], sizes["cols"]) == (150, 250)


def test_a_recipes_scales_are_adapted_to_the_rows_and_merged_if_equal():
    assert values("cnnmrf", rows=96)["scales"] == (24, 48, 96)
    assert values("cnnmrf", rows=2)["scales"] == (1, 2) == tuple(sorted(values("cnnmrf", rows=2)["scales"]))


@pytest.mark.parametrize("name", ["self", "cls", "given"])
def test_names_of_python_are_not_settings(tmp_path, name):
    with pytest.raises(UserError, match=f"Unknown setting {name!r}"):
        Settings.read(**{name: 1})
    (tmp_path / "pairs.csv").write_text(f"content,style,prefix,{name}\na,b,c,1\n")
    with pytest.raises(UserError, match=f"line 2: Unknown setting {name!r}"):
        batch.read_table(flags.parse([f"--manifest={tmp_path / 'pairs.csv'}"]))


def test_tables_of_the_same_choice_agree():
    choices = {name: kind.choices for name, kind in _choices().items()}
    assert {"lbfgs", *optimizers.FIRST_ORDER} == set(choices["optimizer"]) == set(memory.PER_PIXEL_KEPT)
    assert set(color.TRANSFORMS) == set(choices["color_match"])


def _choices():
    parts = (type(getattr(Settings(), part)) for part in ("picture", "optimizer"))
    kinds = {field.name: field.metadata["kind"] for part in parts for field in dataclasses.fields(part)}
    return {name: kind for name, kind in kinds.items() if hasattr(kind, "choices")}


@pytest.mark.parametrize(("scale", "frame"), [("0.01", "stretch"), ("1,0.1", "stretch"), ("0.3", "aspect")])
def test_styles_too_small_for_the_network_raise_an_error_before_it_is_built(scale, frame):
    settings = Settings.read(rows=48, style_scale=scale, style_frame=frame)
    with pytest.raises(UserError, match=r"a style \(--style_scale, --style_frame\) would have"):
        prepare(COFFEE, [SWIRLS], settings)


def test_narrow_paintings():
    narrow = np.zeros((5000, 10, 3), np.uint8)
    with pytest.raises(UserError, match="a style .* would have"):
        prepare(COFFEE, [narrow], Settings.read(rows=48, style_frame="aspect"))
    with pytest.raises(UserError, match="rotated by 45 degrees has no frame of its aspect"):
        prepare(COFFEE, [narrow], Settings.read(rows=48, style_rotation=45))
    with pytest.raises(UserError, match="would have 200000 columns, and the maximum is 100000"):
        prepare(np.zeros((10, 5000, 3), np.uint8), [SWIRLS], Settings.read())


def test_a_folder_to_normalise_by_must_contain_images(tmp_path):
    (tmp_path / "README").write_text("no image")
    small = dict(rows=32, style_layers=["block1_conv1"], content_layers=["block1_conv2"])
    settings = Settings.read(normalize_weights=str(tmp_path), weights="random", iterations=0, **small)
    with pytest.raises(UserError, match="takes a folder of images, and .* holds none"):
        prepare(COFFEE, [SWIRLS], settings)
    (tmp_path / "a.png").write_bytes(COFFEE.read_bytes())
    assert len(list(Engine().steps(COFFEE, [SWIRLS], settings))) == 1


def test_missing_files_raise_an_error_when_settings_are_built_by_hand():
    network = dataclasses.replace(Settings().network, weights="none.h5")
    with pytest.raises(UserError, match="'none.h5' is not a file"):
        Engine().steps(COFFEE, [SWIRLS], dataclasses.replace(Settings(), network=network))


def test_dir_lists_the_public_names():
    assert dir(neural_style) == sorted(neural_style.__all__)


def test_other_layers_than_the_recipes_share_the_weight_equally():
    made = Settings.read("paint", style_layers="block1_conv1,block3_conv1")
    assert made.loss.layer_weights("style") == {"block1_conv1": 0.5, "block3_conv1": 0.5}
    kept = Settings.read("paint", style_layers=None, style_weight=3)
    assert kept.loss.layer_weights("style") == Settings.read("paint").loss.layer_weights("style")

import pytest
from conftest import options

from neural_style.command import flags, help_text, recipes
from neural_style.errors import UserError

RECIPES = sorted(recipes.by_name())


def test_keras_flags_are_the_defaults():
    header = [line for line in recipes.by_name()["keras"].read_text().splitlines() if not line.startswith("#")]
    stated = {line.lstrip("-").partition("=")[0] for line in header}
    recipe, defaults = vars(options("--recipe=keras")), vars(options())
    assert {**recipe, "recipe": None} == defaults
    assert stated >= {"rows", "iterations", "evaluations_per_iteration", "content_weight", "style_weight", "tv_weight"}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_parses_and_has_a_header(recipe):
    assert options(f"--recipe={recipe}").recipe == recipe
    text = recipes.by_name()[recipe].read_text()
    for part in ("# Source: ", "# Command: ", "# Expected"):
        assert part in text
    assert recipe in recipes.text()


def test_later_flags_win_over_the_recipe_and_the_flagfile(tmp_path):
    assert options("--recipe=offline", "--rows=77").rows == 77
    assert options("--rows=77", "--recipe", "offline").rows == 288
    path = tmp_path / "my recipe.flags"
    path.write_text("--rows=55\n--style_layers=block1_conv1\n")
    assert options(f"--flagfile={path}").rows == 55
    assert options(f"--flagfile={path}", "--style_layers=block2_conv1").style_layers == ["block2_conv1"]


def test_flags_may_stand_anywhere():
    positional, settings = flags.parse(["a b.png", "--rows=5", "c.png", "--noreuse_constant_rows", "out"])
    assert positional == ["a b.png", "c.png", "out"]
    assert settings.rows == 5
    assert not settings.reuse_constant_rows


@pytest.mark.parametrize(
    ("argument", "message", "exit_code"),
    [
        ("--row=5", "Unknown command line flag 'row'. Did you mean: rows", 2),
        ("--rows=0", "0 is not a positive integer", 2),
        ("--rows=-3", "-3 is not a positive integer", 2),
        ("--rows=many", "--rows=many", 2),
        ("--iterations=-1", "-1 is not a non-negative integer", 2),
        ("--network=vgg20", "should be one of <vgg19|vgg16>", 2),
        ("--recipe=kreas", "--recipe takes one of .*keras, .*offline.*'kreas'", 2),
        ("--flagfile=/nowhere/x.flags", "/nowhere/x.flags", 2),
        ("--style_layer_weights=1,x", "expected numbers not below 0, separated by commas", 2),
        ("--style_layer_weights=1,2", "one number for each of the 5 layers of --style_layers, received 2", 1),
        ("--content_layers=block9_conv1", "block1_conv1 … block5_conv4.*'block9_conv1'", 1),
        ("--style_layers=block1_conv1,block1_conv1", "takes each layer once", 1),
        ("--noise_range=1", "takes two numbers", 1),
        ("--weights=nowhere.h5", "'nowhere.h5' is no file", 1),
        ("--init=nowhere.png", "content, style, noise or a file, and 'nowhere.png' is no file", 1),
    ],
)
def test_wrong_flags_are_told(argument, message, exit_code):
    with pytest.raises(UserError, match=message) as caught:
        flags.parse([argument])
    assert caught.value.exit_code == exit_code
    assert "\n" not in str(caught.value)


def test_a_layer_of_vgg19_is_unknown_to_vgg16():
    with pytest.raises(UserError, match="convolutions of vgg16"):
        options("--network=vgg16", "--content_layers=block5_conv4")


def test_help_shows_the_common_flags_and_helpfull_all():
    short, full = help_text.text(full=False), help_text.text(full=True)
    for name in help_text.COMMON:
        assert f"--{name}\n" in short or f"--[no]{name}\n" in short
    assert "--tv_exponent" not in short
    for name in vars(options()):
        assert f"--{name}\n" in full or f"--[no]{name}\n" in full

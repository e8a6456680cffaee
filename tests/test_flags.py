import pytest
from conftest import options

from neural_style.cli import flags, help_text
from neural_style.core.errors import UserError
from neural_style.settings import recipes
from neural_style.settings.schema import FIELDS

RECIPES = sorted(recipes.by_name())


def test_keras_flags_are_the_defaults():
    assert options("--recipe=keras").values() == options().values()
    stated = recipes.read("keras")
    assert stated.keys() >= {"rows", "iterations", "evaluations_per_iteration", "content_weight", "style_weight"}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_can_be_parsed_and_has_a_header(recipe):
    preprocessing = ["--weights=random"] * (recipe == "pytorch_tutorial")  # the ImageNet weights of Keras need another
    assert options(f"--recipe={recipe}", *preprocessing).recipe == recipe
    text = recipes.by_name()[recipe].read_text()
    for part in ("# Source: ", "# Command: ", "# Expected"):
        assert part in text
    assert recipe in recipes.text()


def test_flags_override_the_recipe_in_any_order_and_later_flags_override_the_flagfile(tmp_path):
    assert options("--recipe=offline", "--rows=77").picture.rows == 77
    assert options("--rows=77", "--recipe", "offline").picture.rows == 77
    path = tmp_path / "my recipe.flags"
    path.write_text("--rows=55\n--style_layers=block1_conv1\n--recipe=offline\n")
    read = options(f"--flagfile={path}")
    assert (read.picture.rows, read.recipe, read.network.weights) == (55, "offline", "learned")
    assert options(f"--flagfile={path}", "--style_layers=block2_conv1").loss.style_layers == ("block2_conv1",)


def test_keeping_the_photographs_colours_disables_a_recipes_recolouring():
    assert options("--recipe=offline").picture.recolor_content
    assert not options("--recipe=offline", "--preserve_color=match").picture.recolor_content
    with pytest.raises(UserError, match="leave out one of the two"):
        options("--recipe=offline", "--preserve_color=match", "--recolor_content")


def test_methods_without_a_loss_disable_a_recipes_recolouring():
    assert not options("--recipe=paint", "--scales=1", "--method=analogy").picture.recolor_content


def test_rows_scale_the_sizes_of_a_recipe():
    assert options("--recipe=cnnmrf", "--rows=64").picture.scales == (16, 32, 64)
    assert options("--recipe=vgg16_notebook", "--rows=60").picture.cols == 100
    assert options("--recipe=vgg16_notebook", "--rows=60", "--cols=").picture.cols is None
    assert options("--recipe=cnnmrf", "--scales=32,48").picture.rows == 48
    with pytest.raises(UserError, match="ends at 48 rows and --rows asks for 96"):
        options("--scales=32,48", "--rows=96")


def test_weights_determine_the_preprocessing(tmp_path):
    torch, keras = tmp_path / "vgg.pth", tmp_path / "vgg.h5"
    torch.touch()
    keras.touch()
    assert options(f"--weights={torch}").network.preprocess == "torch"
    assert options(f"--weights={keras}").network.preprocess == "caffe"
    assert options("--recipe=pytorch_tutorial", f"--weights={torch}").network.preprocess == "torch"
    with pytest.raises(UserError, match="--weights=imagenet takes --preprocess=caffe.*received torch"):
        options("--recipe=pytorch_tutorial")
    assert options(f"--weights={torch}", "--preprocess=caffe").network.preprocess == "caffe"


def test_flags_may_be_anywhere():
    command = flags.parse(["a b.png", "--rows=5", "c.png", "--noreuse_constant_rows", "out"])
    assert command.paths == ["a b.png", "c.png", "out"]
    assert command.settings().picture.rows == 5
    assert not command.settings().optimizer.reuse_constant_rows


@pytest.mark.parametrize(
    ("argument", "message", "exit_code"),
    [
        ("--row=5", "Unknown command line flag 'row'. Did you mean: rows", 2),
        ("--rows=0", "--rows takes a whole number from 1 to 100,000, or original, received '0'", 2),
        ("--rows=-3", "--rows takes a whole number from 1 to 100,000, or original, received '-3'", 2),
        ("--rows=many", "--rows takes a whole number .* received 'many'", 2),
        ("--rows=²", "--rows takes a whole number", 2),
        ("--tile=²", "--tile takes auto, none or a whole number", 2),
        ("--iterations=-1", "--iterations takes a whole number from 0 ", 2),
        ("--seed=4294967296", "--seed takes a whole number from 0 to 4294967295|--seed takes .*4.29", 2),
        ("--denoise=500", "--denoise takes a whole number from 0 to 31", 2),
        ("--content_weight=nan", "--content_weight takes a number from 0 to 1e.30, received 'nan'", 2),
        ("--content_weight=1e40", "--content_weight takes a number", 2),
        ("--style_scale=inf", "--style_scale takes a list .* each a number from 0.01 to 100, received 'inf'", 2),
        ("--style_layers=", r"--style_layers takes a list \(1 to 100\)", 2),
        ("--clip=maybe", "maybe", 2),
        ("--noplots=1", "--help lists the flags", 2),
        ("--network=vgg20", "--network takes one of vgg19, vgg16, received 'vgg20'", 2),
        ("--recipe=kreas", "--recipe takes one of .*keras, .*offline.*'kreas'", 2),
        ("--flagfile=/nowhere/x.flags", "/nowhere/x.flags", 2),
        ("--style_layer_weights=1,x", "--style_layer_weights takes a list separated by commas, each a number", 2),
        ("--style_layer_weights=1,2", "one number for each of the 5 layers of --style_layers, received 2", 1),
        ("--content_layers=block9_conv1", "block1_conv1 … block5_conv4.*'block9_conv1'", 1),
        ("--style_layers=block1_conv1,block1_conv1", "takes each layer once", 1),
        ("--noise_range=1", r"--noise_range takes a list \(2\)", 2),
        ("--noise_range=5,1", "takes the minimum first, received 5,1", 1),
        ("--weights=nowhere.h5", "'nowhere.h5' is not a file", 1),
        ("--init=nowhere.png", "content, style, noise, instant or a file, and 'nowhere.png' is not a file", 1),
    ],
)
def test_wrong_flags_raise_errors(argument, message, exit_code):
    with pytest.raises(UserError, match=message) as caught:
        options(argument)
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
    for name in FIELDS:
        assert f"--{name}\n" in full or f"--[no]{name}\n" in full


def test_flagfiles_are_read_at_their_position(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more.flags").write_text("# more\n\n--seed=7\n")
    (tmp_path / "look.flags").write_text("--rows=40\n--flagfile=more.flags\n--noplots\n", encoding="utf-8-sig")
    read = flags.parse(["a", "--rows=30", "--flagfile=look.flags", "--seed=8", "--", "--flagfile=x"])
    assert (read.given["rows"], read.given["seed"], read.given["plots"]) == ("40", "8", False)
    assert read.paths == ["a", "--flagfile=x"]
    assert read.files == ["look.flags", "more.flags"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"--flagfile=look.flags\n", "includes itself"),
        (b"--flagfile=none\n", "takes a file of flags, and 'none' is not a file"),
        (bytes(range(256)), "takes a text file of flags"),
        (b"--rows=3\nphoto.png\n", "expected a flag on each line, received 'photo.png'"),
    ],
)
def test_invalid_flagfiles_raise_errors(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "look.flags").write_bytes(text)
    with pytest.raises(UserError, match=message) as caught:
        flags.parse(["--flagfile=look.flags"])
    assert caught.value.exit_code == 2

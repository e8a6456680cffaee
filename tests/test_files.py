import json
import os
import shlex

import numpy as np
import pytest
from conftest import COFFEE, options
from PIL import Image, ImageCms

import neural_style
from neural_style.cli import flags, show
from neural_style.cli.main import main
from neural_style.core.errors import UserError
from neural_style.images import reading, writing
from neural_style.results import files, record


def made(*arguments):
    """What a run says of itself."""
    info = record.RunInfo.of_run("a photo.jpg", ["one.jpg"], ("out", ".jpg"), options(*arguments))
    return {**info.as_dict(), "versions": {"neural_style": "0.1.0"}}


MADE = made("--recipe=offline", "--rows=300", "--noclip", "--style_layers=block1_conv1,block2_conv1")
COMMAND = (
    "# neural-style 0.1.0\nneural-style 'a photo.jpg' one.jpg out.jpg --recipe=offline --rows=300 "
    "--style_layers=block1_conv1,block2_conv1"
)


def save(path, image, quality, carried):
    return writing.save(path, writing.kind_of(path), image, quality, carried)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("cat", ("cat", ".png")),
        ("cat.jpg", ("cat", ".jpg")),
        ("cat.v1.5.TIFF", ("cat.v1.5", ".TIFF")),
        ("cat.v1.5", ("cat.v1.5", ".png")),
    ],
)
def test_the_ending_says_the_format(output, expected):
    assert files.split(output, "photo.png") == expected


def test_prefixes(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        files.split(str(tmp_path / "missing" / "name"), "photo.png")
    with pytest.raises(UserError, match="Expected a prefix"):
        files.split(f"{tmp_path}/missing/", "photo.png")
    with pytest.raises(UserError, match="not as .bmp"):
        files.split("cat.bmp", "photo.png")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(UserError, match="is not writable"):
        files.split(str(tmp_path / "name"), "photo.png")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")

    def write(partial):
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(UserError, match="could not be written: disk full"):
        files.write_whole(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def photograph(tmp_path, rng):
    """An image with a profile, a camera's name and an orientation."""
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 6, "a camera"
    path = tmp_path / "photograph.jpg"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(rng.integers(0, 255, (8, 6, 3), np.uint8)).save(path, exif=exif, icc_profile=profile)
    return reading.load(path)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif"])
def test_profile_and_exif_are_carried_over(tmp_path, photograph, ending):
    path = str(tmp_path / f"out{ending}")
    assert save(path, photograph, 90, photograph.info) == []
    with Image.open(path) as written:
        assert written.format == writing.FORMATS[ending]
        assert written.info["icc_profile"] == photograph.info["icc_profile"]
        assert written.getexif()[0x0110] == "a camera"
        assert 0x0112 not in written.getexif()
        assert written.size == (8, 6)


def test_an_image_without_exif_or_profile_gets_none(tmp_path):
    plain = reading.load(np.zeros((4, 4, 3)))
    save(tmp_path / "out.png", plain, 90, {**plain.info, "text": json.dumps(MADE)})
    with Image.open(tmp_path / "out.png") as written:
        assert written.info.keys() == {writing.TEXT_KEY}


@pytest.mark.parametrize(
    ("ending", "what", "value"),
    [
        (".jpg", "exif", b"Exif\0\0" + bytes(70_000)),
        (".png", "text", 5),
        (".tif", "exif", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x07\0\0\0\xff\0\0\0\x08"),
        (".webp", "icc_profile", 7),
    ],
)
def test_what_can_not_be_carried_along_is_left_out_and_the_picture_is_written(tmp_path, ending, what, value):
    plain = reading.load(np.full((4, 6, 3), 100.0))
    path = tmp_path / f"out{ending}"
    assert save(path, plain, 90, {what: value}) in ([what], [])
    with Image.open(path) as written:
        assert np.abs(np.asarray(written.convert("RGB"), float) - 100).max() < 3


def test_only_what_does_not_fit_is_left_out(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "a description"
    carried = {"icc_profile": 7, "exif": exif.tobytes(), "text": "how"}
    assert save(tmp_path / "out.png", reading.load(np.full((4, 6, 3), 100.0)), 90, carried) == ["icc_profile"]
    with Image.open(tmp_path / "out.png") as written:
        assert written.getexif()[0x010E] == "a description"
        assert written.info[writing.TEXT_KEY] == "how"


def test_a_picture_that_can_not_be_written_at_all_is_an_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        save(tmp_path / "nowhere" / "out.png", reading.load(np.zeros((4, 4, 3))), 90, {"text": "x"})


def test_quality_is_of_jpeg_and_webp(tmp_path, photograph):
    for ending in (".jpg", ".webp"):
        sizes = []
        for quality in (10, 95):
            path = tmp_path / f"out{ending}"
            save(path, photograph.resize((200, 200)), quality, photograph.info)
            sizes.append(path.stat().st_size)
        assert sizes[0] < 0.8 * sizes[1]


def test_an_image_and_a_record_tell_how_they_were_made(tmp_path, photograph):
    save(tmp_path / "out.png", photograph, 90, {**photograph.info, "text": json.dumps(MADE)})
    (tmp_path / "out.json").write_text(json.dumps({**MADE, "losses": []}))
    assert show.text(str(tmp_path / "out.png")) == COMMAND
    assert show.text(str(tmp_path / "out.json")) == COMMAND


def test_the_command_makes_the_same_options(tmp_path):
    given = made("--scales=64,128", "--preserve_color=match", "--clip", "--style_blend=2,1")
    (tmp_path / "out.json").write_text(json.dumps(given))
    command = shlex.split(show.text(str(tmp_path / "out.json")).splitlines()[1])
    again = flags.parse(command[1:])
    assert again.paths == ["a photo.jpg", "one.jpg", "out.jpg"]
    assert made(*command[4:])["flags"] == given["flags"]


def test_the_command_of_another_method_leaves_out_what_that_counts_itself(tmp_path):
    given = made("--method=analogy", "--rows=64", "--weights=random")
    (tmp_path / "out.json").write_text(json.dumps(given))
    command = shlex.split(show.text(str(tmp_path / "out.json")).splitlines()[1])
    assert not [word for word in command if word.startswith("--iterations")]
    assert made(*command[4:])["flags"] == given["flags"]


@pytest.mark.parametrize(
    ("recipe", "told"), [(["paint"], "says nothing of how"), ({}, "says nothing"), (1, "recipe 1, which")]
)
def test_a_recipe_that_is_no_name(tmp_path, recipe, told):
    (tmp_path / "out.json").write_text(json.dumps({**MADE, "flags": {**MADE["flags"], "recipe": recipe}}))
    with pytest.raises(UserError, match=told):
        show.text(str(tmp_path / "out.json"))


def test_what_a_recipe_sets_by_now_is_undone_for_an_older_picture(tmp_path):
    """A record from before a flag was one, whose picture was made without."""
    given = made("--recipe=paint", "--weights=random")
    del given["flags"]["recolor_content"]
    (tmp_path / "out.json").write_text(json.dumps(given))
    command = shlex.split(show.text(str(tmp_path / "out.json")).splitlines()[1])
    assert not made(*command[4:])["flags"]["recolor_content"]


def test_a_recipe_that_is_gone_is_named(tmp_path):
    (tmp_path / "out.json").write_text(json.dumps({**MADE, "flags": {**MADE["flags"], "recipe": "gone"}}))
    with pytest.raises(UserError, match="was made with the recipe 'gone', which this version does not have"):
        show.text(str(tmp_path / "out.json"))


def test_what_tells_nothing(tmp_path, photograph):
    photograph.save(tmp_path / "plain.png")
    (tmp_path / "other.json").write_text("[1]")
    for name in ("plain.png", "other.json", "missing.png"):
        with pytest.raises(UserError, match=f"--show takes a PNG, a record or a trained network .*{name}"):
            show.text(str(tmp_path / name))


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif"])
def test_exif_with_its_inner_folders_is_carried_into_every_format(tmp_path, capfd, ending):
    exif = Image.Exif()
    exif[0x0110] = "camera"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (6, 4), "red").save(tmp_path / "photo.jpg", exif=exif)
    photograph = reading.load(tmp_path / "photo.jpg")
    assert save(tmp_path / f"out{ending}", photograph, 95, {"exif": photograph.info["exif"]}) == []
    found = Image.open(tmp_path / f"out{ending}").getexif()
    assert found[0x0110] == "camera"
    assert found.get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"
    assert found.get_ifd(0x8825)[1] == "N"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", [".png", ".webp", ".tif", ".jpg"])
@pytest.mark.parametrize("with_exif", [False, True])
def test_alpha_and_density_are_carried_over(tmp_path, ending, with_exif):
    """Alpha in the result's own size, where the format has any; a WebP states the density in its EXIF data."""
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    image = Image.fromarray(np.full((40, 60, 3), 120, np.uint8))
    image.info["alpha"] = Image.fromarray(np.repeat(np.uint8([[0, 255]]), 15, axis=1).repeat(20, axis=0))
    carried = {"dpi": (300.0, 300.0), "exif": exif.tobytes() if with_exif else None}
    assert save(tmp_path / f"out{ending}", image, 95, carried) == []
    read = reading.load(tmp_path / f"out{ending}")
    assert read.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    if ending == ".jpg":
        assert "alpha" not in read.info
    else:
        alpha = np.asarray(read.info["alpha"])
        assert alpha.shape == (40, 60)
        assert alpha[:, :25].max() == 0
        assert alpha[:, 35:].min() == 255
        assert read.getpixel((50, 20)) == pytest.approx((120,) * 3, abs=2)
    if with_exif:
        tags = Image.Exif()
        tags.load(read.info["exif"])
        assert tags[0x0110] == "a camera"


@pytest.mark.parametrize("ending", [".png", ".webp", ".tif"])
def test_a_cut_out_is_painted_with_its_transparency(tmp_path, ending):
    photo = Image.open(COFFEE).convert("RGB").resize((90, 60))
    photo.putalpha(Image.fromarray(np.repeat(np.uint8([[0, 255]]), 45, axis=1).repeat(60, axis=0)))
    photo.save(tmp_path / "cut_out.png", dpi=(300, 300))
    flags = ["painters", str(tmp_path / f"out{ending}"), "--style=tahiti", "--rows=48"]
    assert main([str(tmp_path / "cut_out.png"), *flags]) == 0
    read = reading.load(tmp_path / f"out{ending}")
    alpha = np.asarray(read.info["alpha"])
    assert alpha.shape == (48, 72)
    assert alpha[:, :30].max() == 0
    assert alpha[:, 42:].min() == 255
    assert read.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    painting = neural_style.stylize(tmp_path / "cut_out.png", "painters", style="tahiti", rows=48)
    painting.save(tmp_path / f"again{ending}")
    np.testing.assert_array_equal(np.asarray(reading.load(tmp_path / f"again{ending}").info["alpha"]), alpha)

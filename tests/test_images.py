import os

import numpy as np
import pytest
from conftest import COFFEE
from PIL import Image

from neural_style import images
from neural_style.errors import UserError

ORIENTATION = 0x0112


@pytest.fixture
def colors(rng):
    """A smooth RGB image of 6 x 8 pixels that survives lossy formats."""
    ramp = np.linspace(40, 200, 8)[None, :, None] * np.array([1.0, 0.6, 0.3])
    return np.broadcast_to(ramp, (6, 8, 3)).astype(np.uint8)


@pytest.mark.parametrize(("ending", "tolerance"), [("png", 0), ("tiff", 0), ("bmp", 0), ("jpg", 12), ("webp", 12)])
def test_formats_load_as_rgb(tmp_path, colors, ending, tolerance):
    path = tmp_path / f"a file with spaces.{ending}"
    Image.fromarray(colors).save(path)
    loaded = images.load(path)
    assert loaded.mode == "RGB"
    assert np.abs(np.asarray(loaded, float) - colors).max() <= tolerance


def test_grey_and_grey_with_alpha(tmp_path):
    Image.new("L", (4, 4), 77).save(tmp_path / "grey.png")
    Image.new("LA", (4, 4), (77, 255)).save(tmp_path / "alpha.png")
    Image.new("1", (4, 4), 1).save(tmp_path / "bits.png")
    assert images.load(tmp_path / "grey.png").getpixel((0, 0)) == (77, 77, 77)
    assert images.load(tmp_path / "alpha.png").getpixel((0, 0)) == (77, 77, 77)
    assert images.load(tmp_path / "bits.png").getpixel((0, 0)) == (255, 255, 255)


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "palette.png")
    image.save(tmp_path / "transparent.png", transparency=1)
    assert [images.load(tmp_path / "palette.png").getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (200, 100, 50)]
    assert [images.load(tmp_path / "transparent.png").getpixel((x, 0)) for x in (0, 1)] == [
        (10, 20, 30),
        (255, 255, 255),
    ]


def test_transparent_pixels_lie_on_white(tmp_path):
    Image.new("RGBA", (2, 2), (100, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGBA", (2, 2), (100, 0, 0, 255)).save(tmp_path / "opaque.png")
    assert images.load(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)
    assert images.load(tmp_path / "opaque.png").getpixel((0, 0)) == (100, 0, 0)


def test_cmyk(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=95)
    red, green, blue = images.load(tmp_path / "red.jpg").getpixel((4, 4))
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_16_bit_grey_keeps_its_tones(tmp_path, ending):
    values = np.array([[0, 16384, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"deep.{ending}")
    loaded = np.asarray(images.load(tmp_path / f"deep.{ending}"))
    np.testing.assert_array_equal(loaded[0, :, 0], [0, 64, 128, 255])


def test_float_tiff(tmp_path):
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "float.tiff")
    np.testing.assert_array_equal(np.asarray(images.load(tmp_path / "float.tiff"))[0, :, 0], [0, 128, 255])


def test_exif_orientation_is_applied(tmp_path, colors):
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was held upright
    Image.fromarray(colors).save(tmp_path / "turned.png", exif=exif)
    assert images.load(tmp_path / "turned.png").size == (6, 8)


def test_resize_is_keras_load_img():
    import keras

    keras_image = keras.utils.img_to_array(keras.utils.load_img(COFFEE, target_size=(64, 96)))
    np.testing.assert_array_equal(images.resize(images.load(COFFEE), 64, 96), keras_image)


def test_frame_follows_the_aspect_and_truncates():
    image = Image.new("RGB", (451, 300))
    assert images.frame(image, 400) == (400, 601)
    assert images.frame(image, 400, 500) == (400, 500)


def test_saving_clips_and_truncates(tmp_path):
    images.save(tmp_path / "out.png", np.array([[[-5, 1.9, 300]]], np.float32))
    assert images.load(tmp_path / "out.png").getpixel((0, 0)) == (0, 1, 255)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")

    def write(partial):
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(UserError, match="could not be written: disk full"):
        images.write_whole(path, write)
    assert path.read_text() == "old"


def test_what_is_no_image_is_told_in_one_sentence(tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    whole = COFFEE.read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("text.png", "cut.png", "empty.jpg"):
        with pytest.raises(UserError, match=rf"Expected an image file .*{name}"):
            images.load(tmp_path / name)
    with pytest.raises(UserError, match="does not exist"):
        images.load(tmp_path / "missing.png")
    with pytest.raises(UserError, match="is a folder"):
        images.load(tmp_path)


def test_prefixes(tmp_path):
    images.check_prefix(str(tmp_path / "name"))
    with pytest.raises(UserError, match="does not exist"):
        images.check_prefix(str(tmp_path / "missing" / "name"))
    with pytest.raises(UserError, match="Expected a prefix"):
        images.check_prefix(f"{tmp_path}/")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(UserError, match="can't be written"):
        images.check_prefix(str(tmp_path / "name"))

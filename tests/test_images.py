import importlib.util
import io
import os
import struct
import sys
import types
import zlib

import numpy as np
import pytest
from conftest import COFFEE
from PIL import Image, ImageCms

from neural_style.core.errors import UserError
from neural_style.images import geometry, reading, sheets, writing

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
    loaded = reading.load(path)
    assert loaded.mode == "RGB"
    assert np.abs(np.asarray(loaded, float) - colors).max() <= tolerance


def test_grey_and_grey_with_alpha(tmp_path):
    Image.new("L", (4, 4), 77).save(tmp_path / "grey.png")
    Image.new("LA", (4, 4), (77, 255)).save(tmp_path / "alpha.png")
    Image.new("1", (4, 4), 1).save(tmp_path / "bits.png")
    assert reading.load(tmp_path / "grey.png").getpixel((0, 0)) == (77, 77, 77)
    assert reading.load(tmp_path / "alpha.png").getpixel((0, 0)) == (77, 77, 77)
    assert reading.load(tmp_path / "bits.png").getpixel((0, 0)) == (255, 255, 255)


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "palette.png")
    image.save(tmp_path / "transparent.png", transparency=1)
    assert [reading.load(tmp_path / "palette.png").getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (200, 100, 50)]
    assert [reading.load(tmp_path / "transparent.png").getpixel((x, 0)) for x in (0, 1)] == [
        (10, 20, 30),
        (255, 255, 255),
    ]


def test_transparent_pixels_lie_on_white(tmp_path):
    Image.new("RGBA", (2, 2), (100, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGBA", (2, 2), (100, 0, 0, 255)).save(tmp_path / "opaque.png")
    assert reading.load(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)
    assert reading.load(tmp_path / "opaque.png").getpixel((0, 0)) == (100, 0, 0)


def test_cmyk(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=95)
    red, green, blue = reading.load(tmp_path / "red.jpg").getpixel((4, 4))
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_16_bit_grey_keeps_its_tones(tmp_path, ending):
    values = np.array([[0, 16384, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"deep.{ending}")
    loaded = np.asarray(reading.load(tmp_path / f"deep.{ending}"))
    np.testing.assert_array_equal(loaded[0, :, 0], [0, 64, 128, 255])


def test_float_tiff(tmp_path):
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "float.tiff")
    np.testing.assert_array_equal(np.asarray(reading.load(tmp_path / "float.tiff"))[0, :, 0], [0, 128, 255])


def test_exif_orientation_is_applied(tmp_path, colors):
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was held upright
    Image.fromarray(colors).save(tmp_path / "turned.png", exif=exif)
    assert reading.load(tmp_path / "turned.png").size == (6, 8)


def test_resize_is_keras_load_img():
    import keras

    keras_image = keras.utils.img_to_array(keras.utils.load_img(COFFEE, target_size=(64, 96)))
    np.testing.assert_array_equal(geometry.resize(reading.load(COFFEE), 64, 96), keras_image)


def test_the_size_follows_the_aspect_and_truncates():
    image = Image.new("RGB", (451, 300))
    assert geometry.size_of(image, 400) == (400, 601)
    assert geometry.size_of(image, 400, 500) == (400, 500)


def test_8_bits_are_clipped_and_truncated():
    image = writing.to_image(np.array([[[-5, 1.9, 300]]], np.float32))
    assert image.getpixel((0, 0)) == (0, 1, 255)


def test_what_is_no_image_is_told_in_one_sentence(tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    whole = COFFEE.read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("text.png", "cut.png", "empty.jpg"):
        with pytest.raises(UserError, match=rf"Expected an image file .*{name}"):
            reading.load(tmp_path / name)
    with pytest.raises(UserError, match="does not exist"):
        reading.load(tmp_path / "missing.png")
    with pytest.raises(UserError, match="is a folder"):
        reading.load(tmp_path)


def test_pillow_images_and_arrays_are_images_too(colors):
    for given in (Image.fromarray(colors), colors, colors.astype(np.float32)):
        np.testing.assert_array_equal(np.asarray(reading.load(given)), colors)
    for grey in (colors[..., 0], colors[..., :1]):
        np.testing.assert_array_equal(np.asarray(reading.load(grey))[..., 2], colors[..., 0])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4, 5)), r"received one of shape \(4, 4, 5\)"),
        (np.zeros(7), r"received one of shape \(7,\)"),
        (np.zeros((0, 4, 3)), r"received one of shape \(0, 4, 3\)"),
        (np.full((4, 4, 3), 256.0), "in 0..255, received values in 256.0..256.0"),
        (np.full((4, 4, 3), np.nan), "in 0..255, received"),
    ],
)
def test_arrays_that_are_no_images(array, message):
    with pytest.raises(UserError, match=message):
        reading.load(array)


def profile(name):
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def swapped_profile():
    """An RGB profile whose red and green are changed round, so that a conversion shows."""
    data = bytearray(profile("sRGB"))
    red, green = data.find(b"rXYZ"), data.find(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    start = data.find(b"s\0R\0G\0B")  # its name would tell it as sRGB
    data[start : start + 7] = b"x\0R\0G\0B"
    return bytes(data)


def test_rgb_profiles_stay_with_the_image_and_others_do_not(tmp_path, colors):
    Image.fromarray(colors).save(tmp_path / "rgb.png", icc_profile=profile("sRGB"))
    assert reading.load(tmp_path / "rgb.png").info["icc_profile"] == profile("sRGB")
    for data in (profile("LAB"), b"no profile"):
        Image.fromarray(colors).save(tmp_path / "other.png", icc_profile=data)
        assert "icc_profile" not in reading.load(tmp_path / "other.png").info


def test_colours_are_converted_between_profiles(colors):
    image = Image.fromarray(colors)
    swapped = reading.in_profile(image, swapped_profile())
    np.testing.assert_allclose(np.asarray(swapped, float), colors[..., [1, 0, 2]], atol=3)
    for same in (None, profile("sRGB")):
        assert reading.in_profile(image, same) is image


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0 not at all",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02x\0\0\0\0\0\0\0",  # an orientation in letters
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\0\0\x09\0\0\0\x01\xff\xff\xff\xff\0\0\0\0",  # a negative width
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\xff\xff\xff\x7f\0\0\0\0",  # a folder beyond the end
    ],
)
def test_broken_exif_data_do_not_keep_a_photograph_from_being_read(tmp_path, exif):
    Image.new("RGB", (6, 4), "red").save(tmp_path / "photo.jpg", exif=exif)
    read = reading.load(tmp_path / "photo.jpg")
    assert read.size == (6, 4)
    assert read.getpixel((0, 0)) == pytest.approx((255, 0, 0), abs=2)


@pytest.mark.parametrize("profile", [b"no profile", b"\0" * 200, b"acsp" * 40])
def test_a_broken_colour_profile_does_not_either(tmp_path, profile):
    Image.new("RGB", (6, 4), "red").save(tmp_path / "photo.png", icc_profile=profile)
    read = reading.load(tmp_path / "photo.png")
    assert reading.in_profile(read, None).getpixel((0, 0)) == (255, 0, 0)
    assert reading.in_profile(Image.new("RGB", (6, 4), "red"), profile).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 127, 255]], np.int32), [0, 127, 255]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 255]], np.uint16), [0, 1]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 127.4, 255]], np.float32), [0, 127, 255]),
    ],
)
def test_deep_images_are_scaled_by_what_they_hold(tmp_path, values, expected):
    Image.fromarray(values).save(tmp_path / "deep.tif")
    read = np.asarray(reading.load(tmp_path / "deep.tif"))
    assert read[0, :, 0].tolist() == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e6])
def test_numbers_that_are_no_grey_levels_are_told(tmp_path, value):
    Image.fromarray(np.array([[0, value]], np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(UserError, match=r"Expected grey levels in 0..1, 0..255, 0..65535, received"):
        reading.load(tmp_path / "float.tif")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    path, before = tmp_path / "bomb.png", Image.MAX_IMAGE_PIXELS
    Image.new("L", (4, 4)).save(path)
    small = path.read_bytes()
    head = b"IHDR" + struct.pack(">II", 40_000, 25_000) + small[24:29]  # claims a gigapixel
    path.write_bytes(small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:])
    with pytest.raises(UserError, match="holds 40000 x 25000 pixels, and --largest_image=250 takes 250 million"):
        reading.load(path)
    assert before == Image.MAX_IMAGE_PIXELS
    Image.new("RGB", (1001, 1000)).save(path)
    with pytest.raises(UserError, match="raise --largest_image"):
        reading.load(path, max_megapixels=1)
    assert reading.load(path, max_megapixels=2).size == (1001, 1000)


def test_what_people_take_for_images(tmp_path):
    (tmp_path / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(UserError, match="save it as JPEG first"):
        reading.load(tmp_path / "photo.HEIC")
    with pytest.raises(UserError, match="can't be opened: File name too long"):
        reading.load("x" * 300)
    with pytest.raises(UserError, match="can't be opened"):
        reading.load("a\0b")
    for array in (np.array([[None]]), np.array([["red"]]), np.array([[1j]])):
        with pytest.raises(UserError, match="of numbers in 0..255"):
            reading.load(array)
    with Image.open(io.BytesIO(COFFEE.read_bytes()[:5000])) as cut, pytest.raises(UserError, match="can't be read as"):
        reading.load(cut)


@pytest.mark.parametrize("array", [np.eye(4, dtype=np.uint8), np.eye(4) * 1.01, np.eye(4, dtype=np.float32)])
def test_arrays_in_0_to_1_are_told(array):
    with pytest.raises(UserError, match="received one in 0..1: multiply it by 255"):
        reading.load(array)


def test_pipes_and_devices_are_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        with pytest.raises(UserError, match="is a pipe or device: save it as a file first"):
            reading.load(path)


def test_a_folders_images_are_found_in_folders_within(tmp_path):
    """As coco/train2014/*.jpg; what is no image, or a folder named like one, is left out."""
    inner = tmp_path / "train" / "a.jpg"
    inner.mkdir(parents=True)
    for path in (tmp_path / "b.png", tmp_path / "train" / "c.JPG", inner / "d.webp", tmp_path / "notes.txt"):
        path.write_bytes(b"x")
    found = reading.images_in(str(tmp_path), "photos")
    assert [path.name for path in found] == ["b.png", "d.webp", "c.JPG"]


def png_16_bits(pixels, transparent):
    """A PNG of 16 bits whose `transparent` level or colour (tRNS) is clear; Pillow writes none."""
    pixels = np.asarray(pixels)
    rows, cols = pixels.shape[:2]
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", cols, rows, 16, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tRNS", np.array(transparent, ">u2").tobytes()), (b"IDAT", zlib.compress(raw))]
    packed = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [*chunks, (b"IEND", b"")]
    )
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


@pytest.mark.parametrize(
    ("pixels", "transparent"),
    [
        ([[0, 30000], [30000, 0]], [0]),
        ([[65535, 30000], [30000, 65535]], [65535]),
        ([[300, 30000], [30000, 300]], [300]),
        ([[[65535, 256, 0], [9000] * 3], [[9000] * 3, [65535, 256, 0]]], [65535, 256, 0]),
    ],
)
def test_a_transparent_value_of_16_bits_is_laid_on_white(pixels, transparent):
    with Image.open(png_16_bits(pixels, transparent)) as image:
        read = reading.load(image)
    np.testing.assert_array_equal(np.asarray(read.info["alpha"]), [[0, 255], [255, 0]])
    assert read.getpixel((0, 0)) == read.getpixel((1, 1)) == (255, 255, 255)
    assert read.getpixel((1, 0)) == (round(pixels[0][1] / 257),) * 3 if len(transparent) == 1 else (35, 35, 35)


def half_clear(mode):
    """An image whose left half is clear, in a mode."""
    image = Image.new("RGBA", (8, 6), (200, 100, 50, 255))
    image.paste((9, 9, 9, 0), (0, 0, 4, 6))
    if mode == "P":
        return image.quantize(8)
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "ending"),
    [("RGBA", "gif"), ("P", "png"), *((m, e) for m in ("RGBA", "LA") for e in ("png", "webp", "tif"))],
)
def test_a_photographs_alpha_stays_with_it(tmp_path, mode, ending):
    options = {"lossless": True} if ending == "webp" else {}
    half_clear(mode).save(tmp_path / f"photo.{ending}", **options)
    read = reading.load(tmp_path / f"photo.{ending}")
    assert read.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(read.info["alpha"])[0], [0] * 4 + [255] * 4)
    assert read.getpixel((0, 0)) == (255, 255, 255)


def test_what_is_opaque_has_no_alpha(tmp_path):
    Image.new("RGBA", (8, 6), (200, 100, 50, 255)).save(tmp_path / "opaque.png")
    for picture in (tmp_path / "opaque.png", np.zeros((4, 4, 3)), Image.new("LA", (4, 4), (9, 255)), COFFEE):
        assert "alpha" not in reading.load(picture).info
    assert "alpha" in reading.load(np.zeros((4, 4, 4))).info


def test_alpha_is_turned_with_the_photograph(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    half_clear("RGBA").save(tmp_path / "turned.png", exif=exif)
    read = reading.load(tmp_path / "turned.png")
    assert read.size == read.info["alpha"].size == (6, 8)
    np.testing.assert_array_equal(np.asarray(read.info["alpha"])[:, 0], [0] * 4 + [255] * 4)


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "bmp"])
@pytest.mark.parametrize("dpi", [(300, 300), (72, 72), (600, 300)])
def test_a_photographs_density_is_read(tmp_path, ending, dpi):
    Image.new("RGB", (6, 4)).save(tmp_path / f"photo.{ending}", dpi=dpi)
    assert reading.load(tmp_path / f"photo.{ending}").info["dpi"] == pytest.approx(dpi, abs=0.02)


@pytest.mark.parametrize("ending", ["jpg", "webp", "tif"])
@pytest.mark.parametrize(("unit", "density"), [(2, 300), (3, 118.11)])
def test_a_density_that_exif_tells_is_read(tmp_path, ending, unit, density):
    exif = Image.Exif()
    exif[0x011A], exif[0x011B], exif[0x0128] = density, density, unit
    Image.new("RGB", (6, 4)).save(tmp_path / f"photo.{ending}", exif=exif)
    assert reading.load(tmp_path / f"photo.{ending}").info["dpi"] == pytest.approx((300, 300), abs=0.5)


@pytest.mark.parametrize("dpi", [(0, 0), (1, 1), (float("nan"), 300), (1e9, 1e9), "300", None, (300,)])
def test_what_is_no_density_is_left_out(dpi):
    image = Image.new("RGB", (6, 4))
    image.info["dpi"] = dpi
    assert "dpi" not in reading.load(image).info
    assert "dpi" not in reading.load(np.zeros((4, 4, 3))).info


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16", "CMYK", "RGBA"])
@pytest.mark.parametrize("compression", [None, "tiff_deflate"])
def test_a_tiffs_exif_is_read(tmp_path, mode, compression):
    """Its tags stand in the TIFF itself; those of its layout are not the photograph's."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "maker", "camera", "2020:01:02 03:04:05"
    if compression is None:  # libtiff can't write EXIF's inner folders
        exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
        exif.get_ifd(0x8825)[1] = "N"
    data = exif.tobytes() if compression is None else exif
    Image.new(mode, (6, 4)).save(tmp_path / "photo.tif", exif=data, compression=compression, dpi=(300, 300))
    read = reading.load(tmp_path / "photo.tif")
    tags = Image.Exif()
    tags.load(read.info["exif"])
    assert (tags[0x010F], tags[0x0110], tags[0x0132]) == ("maker", "camera", "2020:01:02 03:04:05")
    assert {0x0100, 0x0101, 0x0103, 0x0111, ORIENTATION}.isdisjoint(tags)
    if compression is None:
        assert tags.get_ifd(0x8769)[0x9003] == "2020:01:02 03:04:05"
        assert tags.get_ifd(0x8825)[1] == "N"


def deflated(path):
    """Compresses a TIFF of one strip in place; Pillow can't write EXIF's inner folders and compress."""
    raw = bytearray(path.read_bytes())
    start = struct.unpack_from("<I", raw, 4)[0]
    entries = range(start + 2, start + 2 + 12 * struct.unpack_from("<H", raw, start)[0], 12)
    value = {struct.unpack_from("<H", raw, at)[0]: at + 8 for at in entries}
    offset, size = (struct.unpack_from("<I", raw, value[tag])[0] for tag in (273, 279))
    packed = zlib.compress(raw[offset : offset + size])
    for tag, kind, number in ((259, 3, 8), (273, 4, len(raw)), (279, 4, len(packed))):
        struct.pack_into("<HII" if kind == 4 else "<HIHxx", raw, value[tag] - 6, kind, 1, number)
    path.write_bytes(bytes(raw) + packed)


def test_the_exif_of_a_compressed_tiff_is_read(tmp_path, colors):
    exif = Image.Exif()
    exif[0x0110] = "camera"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    Image.fromarray(colors).save(tmp_path / "photo.tif", exif=exif.tobytes())
    deflated(tmp_path / "photo.tif")
    with Image.open(tmp_path / "photo.tif") as image:
        assert image.info["compression"] == "tiff_adobe_deflate"
    read = reading.load(tmp_path / "photo.tif")
    np.testing.assert_array_equal(np.asarray(read), colors)
    tags = Image.Exif()
    tags.load(read.info["exif"])
    assert tags[0x0110] == "camera"
    assert tags.get_ifd(0x8769)[0x9003] == "2020:01:02 03:04:05"


def test_a_turned_tiff_is_read_upright_without_its_orientation(tmp_path, colors):
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x0110] = 6, "camera"
    Image.fromarray(colors).save(tmp_path / "turned.tif", exif=exif)
    read = reading.load(tmp_path / "turned.tif")
    assert read.size == (6, 8)
    tags = Image.Exif()
    tags.load(read.info["exif"])
    assert dict(tags) == {0x0110: "camera"}


@pytest.mark.parametrize("brand", ["heic", "heix", "hevc", "heim", "mif1", "msf1"])
@pytest.mark.parametrize("name", ["photo.jpg", "photo", "photo.png", "photo.heic"])
def test_heic_is_known_by_its_bytes(tmp_path, brand, name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftyp" + brand.encode() + bytes(12))
    with pytest.raises(UserError, match="it is HEIC, .* pip install pillow-heif, or save it as JPEG first"):
        reading.load(tmp_path / name)


def test_heic_is_read_where_its_package_is_installed(tmp_path, monkeypatch):
    """By a reader that the package registers; here by one of our own in its place."""
    (tmp_path / "photo.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(12))
    kinds = dict(Image.OPEN), list(Image.ID)

    def register():
        Image.register_open("HEIF", lambda file, name: Image.new("RGB", (5, 3), "red"), lambda head: b"heic" in head)
        Image.ID[:] = ["HEIF", *kinds[1]]

    package = types.SimpleNamespace(register_heif_opener=register, __spec__=None)
    monkeypatch.setitem(sys.modules, "pillow_heif", package)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: package)
    try:
        assert reading.load(tmp_path / "photo.jpg").getpixel((0, 0)) == (255, 0, 0)
    finally:
        Image.OPEN.clear()
        Image.OPEN.update(kinds[0])
        Image.ID[:] = kinds[1]


def test_names_on_a_sheet_are_not_cut_where_a_smaller_font_fits():
    pictures = [Image.new("RGB", (150, 20))] * 2
    one, other = (sheets.make_sheet(pictures, ["short", name]) for name in ("published_winter_1", "published_winter_2"))
    assert one.tobytes() != other.tobytes()
    cut = sheets.make_sheet(pictures, ["short", "endless " * 20])
    assert np.asarray(cut)[20:].min() < 100
    assert np.asarray(cut)[:, -sheets.GAP :].min() == 255

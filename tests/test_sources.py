import json
import shlex

import numpy as np
import pytest
from conftest import COFFEE, DATA, SWIRLS, options, pair, scene_of
from PIL import ExifTags, Image

import neural_style
from neural_style.core.errors import UserError
from neural_style.images import geometry, metadata, reading
from neural_style.images.scene_building import scale_sizes
from neural_style.planning.plan import prepare, read_inputs


def read(*arguments, styles=(SWIRLS,), rows=48, start=None):
    return scene_of(COFFEE, styles, options(*arguments, f"--rows={rows}", "--weights=random"), start)


def test_the_defaults_are_those_of_keras():
    scene, (content, style) = read(), pair(48, 72)
    np.testing.assert_array_equal(scene.content, content)
    np.testing.assert_array_equal(scene.styles, [style])
    np.testing.assert_array_equal(scene.start, content)
    assert scene.regions[0].blend == [1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--rows=400"], [400]),
        (["--rows=400", "--scales=3"], [100, 200, 400]),
        (["--scales=96,192,384"], [96, 192, 384]),
    ],
)
def test_scales(arguments, expected):
    assert list(options(*arguments).picture.scale_rows) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scales=200,100"], "from coarse to fine"),
        (["--scales=9", "--rows=100"], "halve 100 rows to nothing"),
        (["--scales=2", "--scale_iterations=1,2,3"], "one number for each of the 2 scales, received 3"),
        (["--noreuse_constant_rows", "--style_scale=0.5"], "needs them in one size"),
        (["--style_loss=mrf"], "takes --normalization=scale or none, received keras"),
    ],
)
def test_contradictory_flags_raise_errors(arguments, message):
    with pytest.raises(UserError, match=message):
        options(*arguments)


def test_starts():
    content, style = pair(48, 72)
    np.testing.assert_array_equal(read("--init=style").start, style)
    np.testing.assert_allclose(read("--init_blend=0.25").start, content + 0.25 * (style - content), rtol=1e-5)
    np.testing.assert_array_equal(read(f"--init={SWIRLS}").start, style)
    noise = read("--init=noise", "--noise_range=10,20", "--seed=7").start
    expected = np.random.RandomState(7).uniform(10, 20, (48, 72, 3))
    np.testing.assert_allclose(noise, expected, rtol=1e-6)
    network = read("--init=noise", "--noise_range=10,20", "--noise_space=network", "--seed=7").start
    np.testing.assert_allclose(network, expected[..., ::-1] + [123.68, 116.779, 103.939], rtol=1e-6)


def test_several_styles_share_the_weight():
    scene = read("--style_blend=3,1", styles=(SWIRLS, COFFEE))
    assert scene.regions[0].blend == [0.75, 0.25]
    np.testing.assert_array_equal(scene.styles[1], scene.content)
    assert read(styles=(SWIRLS, COFFEE)).regions[0].blend == [0.5, 0.5]
    for blend, message in (("1", "one weight for each of the 2 styles"), ("0,0", "at least one weight that is not 0")):
        with pytest.raises(UserError, match=message):
            read(f"--style_blend={blend}", styles=(SWIRLS, COFFEE))


def test_styles_keep_their_aspect_if_requested():
    (style,) = read("--style_frame=aspect").styles
    assert style.shape[1] / style.shape[0] == pytest.approx(640 / 480, rel=0.02)
    assert style.shape[0] * style.shape[1] == pytest.approx(48 * 72, rel=0.05)


def test_versions_of_a_style_share_its_weight():
    scene = read("--style_scale=0.5,1", "--style_rotation=-10,0,10")
    assert [style.shape[:2] for style in scene.styles] == [(24, 36)] * 3 + [(48, 72)] * 3
    np.testing.assert_allclose(scene.regions[0].blend, [1 / 6] * 6)


@pytest.mark.parametrize("degrees", [-30, 7.5, 45, 90])
def test_a_rotated_style_has_no_empty_corners(degrees):
    white = reading.load(SWIRLS).point(lambda value: 255)
    assert np.asarray(geometry.rotate(white, degrees)).min() == 255


def test_a_rotation_by_90_degrees_equals_numpys():
    square = reading.load(SWIRLS).crop((0, 0, 40, 40))
    np.testing.assert_array_equal(geometry.rotate(square, 90), np.rot90(np.asarray(square)))


def test_enlarging_keeps_a_flat_image_and_its_fractions():
    np.testing.assert_allclose(geometry.enlarge(np.full((3, 4, 3), 100.3, np.float32), 9, 11), 100.3, rtol=1e-6)


def test_a_finer_scale_starts_from_the_result_of_the_coarser():
    scene = read("--init=noise", "--init_blend=0.5", start=np.full((24, 36, 3), 7, np.float32))
    np.testing.assert_array_equal(scene.start, np.full((48, 72, 3), 7))


def test_recolouring_gives_the_content_the_mean_of_the_style():
    scene = read("--recolor_content", "--rows=48")
    np.testing.assert_allclose(scene.content.mean(axis=(0, 1)), scene.styles[0].mean(axis=(0, 1)), atol=12)


def test_recolouring_to_several_styles_weights_them(tmp_path):
    """By the blend, or by the masks; where these are not white, the photograph keeps its colours."""
    whole = [read("--recolor_content", "--rows=48", styles=(style,)).content for style in (SWIRLS, COFFEE)]
    blended = read("--recolor_content", "--rows=48", "--style_blend=3,1", styles=(SWIRLS, COFFEE)).content
    np.testing.assert_allclose(blended, 0.75 * whole[0] + 0.25 * whole[1], atol=1e-3)
    masks = halves(tmp_path / "left.png", 255, 0), halves(tmp_path / "none.png", 0, 1)
    masked = read("--recolor_content", "--rows=48", f"--style_masks={','.join(masks)}", styles=(SWIRLS, COFFEE)).content
    np.testing.assert_allclose(masked[:, 0], whole[0][:, 0], atol=1e-3)
    expected = read("--rows=48").content * 254 / 255 + whole[1] / 255
    np.testing.assert_allclose(masked[:, -1], expected[:, -1], atol=1e-2)


def halves(path, left, right):
    Image.fromarray(np.repeat([[left, right]], 2, axis=0).astype(np.uint8)).resize((60, 40), 0).save(path)
    return str(path)


def test_each_mask_is_a_region_of_its_style(tmp_path):
    masks = halves(tmp_path / "left.png", 255, 0), halves(tmp_path / "right.png", 0, 128)
    arguments = (f"--style_masks={','.join(masks)}", "--style_blend=1,3", f"--content_mask={masks[0]}")
    scene = read(*arguments, "--style_scale=0.5,1", styles=(SWIRLS, COFFEE))
    assert [region.weight for region in scene.regions] == [0.25, 0.75]
    assert [region.blend for region in scene.regions] == [[0.5, 0.5]] * 2
    np.testing.assert_allclose(scene.regions[0].mask[:, [0, -1]], [[1, 0]] * 48)
    np.testing.assert_allclose(scene.regions[1].mask[:, [0, -1]], [[0, 128 / 255]] * 48)
    np.testing.assert_allclose(scene.paint_mask[:, [0, -1]], [[1, 0]] * 48)


def test_one_picture_of_regions_is_a_mask_for_each_style(tmp_path):
    colors = np.uint8([[[200, 0, 0], [0, 0, 0], [0, 0, 200]]]).repeat(30, axis=1).repeat(40, axis=0)
    Image.fromarray(colors).save(tmp_path / "regions.png")
    scene = read(f"--style_masks={tmp_path}/regions.png", styles=(SWIRLS, COFFEE))
    assert [region.mask[24, [0, 36, -1]].tolist() for region in scene.regions] == [[1, 0, 0], [0, 0, 1]]


def test_masks_of_classes_and_cut_outs_are_understood(tmp_path):
    labels = Image.fromarray(np.repeat(np.uint8([[1, 0]]), 30, axis=1).repeat(40, axis=0))
    labels.save(tmp_path / "labels.png")
    cut_out = reading.load(SWIRLS).resize(labels.size)
    cut_out.putalpha(labels.point(lambda number: 255 * number))
    cut_out.save(tmp_path / "cutout.png")
    for name in ("labels", "cutout"):
        scene = read(f"--content_mask={tmp_path}/{name}.png", f"--style_masks={tmp_path}/{name}.png")
        np.testing.assert_allclose(scene.paint_mask[24, [0, -1]], [1, 0])
        np.testing.assert_allclose(scene.regions[0].mask[24, [0, -1]], [1, 0])


def test_the_painted_share_is_what_all_masks_leave(tmp_path, capsys):
    def painted_share(*arguments, styles=(SWIRLS,)):
        return read_inputs(COFFEE, styles, options(*arguments))[0].painted_share

    left, right = halves(tmp_path / "left.png", 255, 0), halves(tmp_path / "right.png", 0, 255)
    assert painted_share() == 1
    assert painted_share(f"--content_mask={left}") == pytest.approx(0.5, abs=0.02)
    assert painted_share(f"--style_masks={left},{right}", styles=(SWIRLS, COFFEE)) == pytest.approx(1, abs=0.02)
    assert painted_share(f"--style_masks={left},{left}", styles=(SWIRLS, COFFEE)) == pytest.approx(0.5, abs=0.02)
    assert capsys.readouterr().err == ""
    assert painted_share(f"--content_mask={left}", f"--style_masks={right}") < 0.02
    assert "the masks together leave only" in capsys.readouterr().err
    small = np.zeros((60, 90, 3), np.uint8)
    small[:5, :5], small[-5:, -5:] = (200, 0, 0), (0, 0, 200)
    Image.fromarray(small).save(tmp_path / "regions.png")
    assert painted_share(f"--style_masks={tmp_path}/regions.png", styles=(SWIRLS, COFFEE)) < 0.02
    assert "the masks together leave only 0.9% of the picture" in capsys.readouterr().err


def test_wrong_masks_raise_errors(tmp_path):
    black = halves(tmp_path / "black.png", 0, 0)
    with pytest.raises(UserError, match="black all over"):
        read(f"--style_masks={black}")
    with pytest.raises(UserError, match="a picture of 2 flat colours"):
        read(f"--style_masks={black}", styles=(SWIRLS, COFFEE))
    with pytest.raises(UserError, match="one mask for each of the 2 styles, or one picture .* received 3"):
        read(f"--style_masks={black},{black},{black}", styles=(SWIRLS, COFFEE))
    with pytest.raises(UserError, match="needs --style_loss=gram or bures"):
        read(f"--style_masks={black}", "--style_loss=linear", "--normalization=scale")


def sizes(width, height, *arguments):
    """The size of each scale for a photograph."""
    settings = options(*arguments)
    inputs, plan = prepare(Image.new("RGB", (width, height)), [SWIRLS], settings)
    assert plan.sizes == scale_sizes(inputs, settings)
    return list(plan.sizes)


@pytest.mark.parametrize(
    ("photograph", "arguments", "expected"),
    [
        ((600, 400), ["--longest=90"], [(60, 90)]),
        ((400, 600), ["--longest=90"], [(90, 60)]),
        ((500, 500), ["--longest=90"], [(90, 90)]),
        ((1001, 333), ["--longest=100"], [(33, 100)]),
        ((61, 47), ["--rows=original"], [(47, 61)]),
        ((61, 47), ["--rows=original", "--cols=50"], [(47, 50)]),
        ((60, 40), ["--longest=600", "--scales=3"], [(100, 150), (200, 300), (400, 600)]),
        ((600, 400), ["--rows=original", "--scales=auto"], [(100, 150), (200, 300), (400, 600)]),
        ((600, 400), ["--longest=288", "--recipe=cnnmrf"], [(48, 72), (96, 144), (192, 288)]),
        ((600, 400), ["--longest=90", "--recipe=vgg16_notebook"], [(60, 90)]),
        ((600, 400), ["--longest=60", "--recipe=instant"], [(40, 60)]),
        ((600, 400), ["--longest=60", "--recipe=instant", "--scales=auto"], [(40, 60)]),
    ],
)
def test_the_photograph_decides_the_size_where_that_is_asked_for(photograph, arguments, expected):
    weights = [] if "--recipe=instant" in arguments else ["--weights=random"]
    assert sizes(*photograph, *weights, *arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--longest=90", "--rows=60"], "--longest=90 takes the size from the photograph, and --rows sets it too"),
        (["--longest=90", "--cols=60"], "and --cols sets it too"),
        (["--longest=90", "--scales=30,60"], "and --scales sets it too"),
        (["--rows=original", "--scales=30,60"], "--rows=original takes the size from the photograph, and --scales"),
        (["--longest=0"], "--longest takes a whole number from 1"),
        (["--rows=own"], "--rows takes a whole number from 1 to 100,000, or original, received 'own'"),
    ],
)
def test_two_flags_for_the_size_raise_an_error(arguments, message):
    with pytest.raises(UserError, match=message):
        options(*arguments)


def test_what_a_size_contradicts_is_an_error_once_the_photograph_is_known():
    for arguments, message in (
        (["--longest=600", "--recipe=instant", "--scales=auto"], "can't take several --scales"),
        (["--longest=3", "--scales=4", "--weights=random"], "would halve 2 rows to nothing"),
    ):
        with pytest.raises(UserError, match=message):
            sizes(60, 40, *arguments)


def test_a_panorama_is_not_enlarged_to_a_huge_strip():
    strip = Image.new("RGB", (4000, 60))
    with pytest.raises(UserError, match=r"4000 x 60 .* 400 rows would have 26666 columns: .*--longest=4000"):
        geometry.size_of(strip, 400)
    assert geometry.size_of(strip, 60) == (60, 4000)
    assert geometry.size_of(strip, 400, 26666) == (400, 26666)  # if that is wanted
    assert geometry.size_of(Image.new("RGB", (20000, 1000)), 600) == (600, 12000)  # smaller than it is
    assert geometry.size_of(Image.new("RGB", (6000, 4000)), 8000) == (8000, 12000)  # no panorama


def test_the_record_keeps_what_was_asked_and_show_gives_it_again(tmp_path, run, fake_engine):
    flags = ("--weights=random", "--iterations=1", "--noplots")
    for name, asked, size in (("long", "--longest=60", (60, 40)), ("own", "--rows=original", (96, 64))):
        reading.load(COFFEE).resize((96, 64)).save(tmp_path / "photo.png")
        words = [str(word) for word in (tmp_path / "photo.png", SWIRLS, tmp_path / name)]
        assert run(*words, *flags, asked).returncode == 0
        assert Image.open(tmp_path / f"{name}.png").size == size
        record = json.loads((tmp_path / f"{name}.json").read_text())
        assert (record["rows"], record["cols"]) == size[::-1]
        flag, _, value = asked.removeprefix("--").partition("=")
        assert str(record["flags"][flag]) == value
        shown = shlex.split(run("--show", tmp_path / f"{name}.png").stdout.splitlines()[1])[1:]
        assert asked in shown
        assert not [word for word in shown if word.startswith(("--rows=4", "--cols", "--scales"))]
        assert run(*shown, "--noplots", "--resume").stdout.endswith("is complete already.\n")


def test_an_interrupted_run_of_the_photographs_size_resumes(tmp_path, run, fake_engine):
    words = (COFFEE, SWIRLS, tmp_path / "out", "--weights=random", "--iterations=3", "--longest=90", "--noplots")

    def interrupt(step):
        if step.index == 2:
            raise KeyboardInterrupt

    fake_engine.on_step = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(*words)
    fake_engine.on_step = lambda step: None
    assert run(*words, "--resume").returncode == 0
    assert [point["index"] for point in json.loads((tmp_path / "out.json").read_text())["iterations"]] == [1, 2, 3]


def test_the_features_of_an_image_in_its_own_size():
    image = np.asarray(reading.load(COFFEE).resize((48, 32)))
    for given in ({"rows": "original"}, {"longest": 48}):
        maps = neural_style.features(image, ["block1_conv1"], weights="random", **given)
        assert maps["block1_conv1"].shape[:2] == (32, 48)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("flags", [(), ("--nometadata",)])
def test_the_density_is_what_was_asked_for_or_the_photographs(tmp_path, run, fake_engine, ending, flags):
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = "camera", 300, 300
    exif[ExifTags.Base.ResolutionUnit] = 2
    reading.load(COFFEE).resize((96, 64)).save(tmp_path / "photo.jpg", exif=exif, dpi=(300, 300))

    def written(*arguments):
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}{ending}"
        quick = ("--weights=random", "--rows=32", "--iterations=0", "--noplots", *flags)
        assert run(tmp_path / "photo.jpg", SWIRLS, out, *quick, *arguments).returncode == 0
        with Image.open(out) as image:
            tags = image.getexif()
            return metadata.read_dpi(image), tags.get(ExifTags.Base.XResolution), tags.get(ExifTags.Base.Make)

    dpi, in_exif, make = written("--dpi=240")
    assert dpi == pytest.approx((240, 240), abs=0.1)
    assert in_exif in (240, None)  # never the photograph's
    assert make == (None if flags else "camera")
    dpi, _, _ = written()
    assert dpi == (None if flags else pytest.approx((300, 300), abs=0.1))


def test_a_picture_by_its_longest_side_and_the_fastest_recipe(tmp_path, run):
    done = run(COFFEE, SWIRLS, tmp_path / "out.jpg", "--recipe=instant", "--longest=96", "--dpi=150")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out.jpg") as image:
        assert (image.size, image.info["dpi"]) == ((96, 64), (150, 150))


def test_a_film_by_its_longest_side(tmp_path, run):
    done = run(DATA / "bunny.mp4", SWIRLS, tmp_path / "out", "--recipe=instant", "--longest=64", "--last_frame=2")
    assert done.returncode == 0, done.stderr
    assert max(Image.open(tmp_path / "out" / "000002.png").size) == 64
    assert json.loads((tmp_path / "out.json").read_text())["flags"]["longest"] == 64
    done = run(DATA / "bunny.mp4", SWIRLS, tmp_path / "other", "--recipe=instant", "--dpi=300")
    assert "--dpi is for pictures" in done.stderr

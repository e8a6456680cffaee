import numpy as np
import pytest
import tensorflow as tf
from conftest import COFFEE, SWIRLS, options, pair, prepared, scene_of
from PIL import Image
from test_objective import objective

from neural_style.core.errors import UserError
from neural_style.images import geometry, masks, reading
from neural_style.images.scene import Region, Scene, shares_of
from neural_style.losses.regions import masked, weights_at
from neural_style.losses.style import STATISTICS
from neural_style.planning.plan import prepare
from neural_style.settings.settings import Settings


def half(rows, cols, side):
    mask = np.zeros((rows, cols), np.float32)
    mask[:, : cols // 2] = 1
    return mask if side == "left" else 1 - mask


def test_the_masked_gram_is_that_of_the_masked_positions_alone(rng):
    features = tf.constant(rng.standard_normal((1, 4, 8, 5)), tf.float32)
    weights = weights_at(Region([], [], 1.0, half(16, 32, "left")), "block3_conv1", tf.float32)
    gram = STATISTICS["gram"].sums
    np.testing.assert_allclose(gram(masked(features, weights)), 2 * gram(features[:, :, :4]), rtol=1e-5, atol=1e-5)


def test_white_masks_are_no_masks(vgg19):
    content, style = pair(32, 48)
    both = objective(vgg19)
    plain, white = (
        both.bind_scene(Scene(content, [Region([style], [1.0], 1.0, mask)], content))(content)
        for mask in (None, np.ones((32, 48), np.float32))
    )
    assert float(white[0]) == pytest.approx(float(plain[0]), rel=1e-5)
    np.testing.assert_allclose(white[1], plain[1], atol=1e-4 * np.linalg.norm(plain[1]))


@pytest.mark.parametrize("reuse", [True, False])
def test_styles_keep_to_their_halves(vgg19, reuse):
    """The right half's style has no pull on the left, beyond the receptive field of the seam."""
    content, style = pair(32, 96)
    both = objective(vgg19, content_weight=0.0, tv_weight=0.0)

    def gradient(right):
        regions = [
            Region([style], [1.0], 0.5, half(32, 96, "left")),
            Region([right], [1.0], 0.5, half(32, 96, "right")),
        ]
        return both.bind_scene(Scene(content, regions, content), reuse)(content)[1].numpy()

    one, other = gradient(style), gradient(content[::-1].copy())
    np.testing.assert_allclose(one[:, :24], other[:, :24], atol=1e-4 * np.abs(one).max())
    assert np.abs(one[:, 48:] - other[:, 48:]).max() > 0.1 * np.abs(one).max()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_photograph_stays_where_the_content_mask_is_black(tmp_path, optimizer):
    Image.fromarray((half(40, 60, "left") * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    settings = options(
        "--weights=random",
        "--rows=40",
        "--iterations=1",
        f"--content_mask={tmp_path / 'mask.png'}",
        f"--optimizer={optimizer}",
        "--init=noise",
        "--evaluations_per_iteration=3",
    )
    session = prepared(settings)
    start, end = session.steps()
    kept = session.scene.paint_mask == 0
    assert kept.mean() > 0.4
    for image in (start.image, end.image, session.best()):
        np.testing.assert_array_equal(image[kept], session.scene.content[kept])
    assert np.abs(end.image - start.image)[:, :25].max() > 0.1


def test_where_a_mask_is_transparent_it_does_not_apply(tmp_path):
    painted = Image.new("RGBA", (48, 32), (0, 0, 0, 0))
    painted.paste((255, 255, 255, 255), (0, 0, 24, 32))
    painted.save(tmp_path / "mask.png")
    inputs, _ = prepare(COFFEE, [SWIRLS], options("--rows=32", f"--content_mask={tmp_path / 'mask.png'}"))
    grey = np.asarray(inputs.paint_mask)
    assert grey[:, :20].min() == 255
    assert grey[:, 28:].max() == 0


def test_under_a_mask_the_photograph_stays_although_the_content_is_recoloured():
    mask = np.zeros((32, 48), np.uint8)
    mask[:, 24:] = 255
    settings = Settings.read(weights="random", rows=32, recolor_content=True, content_mask=mask)
    scene = scene_of(COFFEE, [SWIRLS], settings)
    photograph = scene_of(COFFEE, [SWIRLS], options("--rows=32")).content
    shown = scene.composite(scene.start)
    np.testing.assert_array_equal(shown[:, :20], photograph[:, :20])
    assert np.abs(scene.content[:, :20] - photograph[:, :20]).mean() > 5


def test_a_region_without_weight_covers_nothing():
    """What of another's mask ripples into it would be painted in full: one column of paint in the photograph."""
    ripple = np.array([[1.0, 0.98, 0.02, 0.0]])
    regions = [Region([], [1.0], weight, mask) for weight, mask in [(1.0, ripple), (0.0, 1 - ripple)]]
    np.testing.assert_allclose(shares_of(regions), np.stack([ripple, 0 * ripple], axis=-1))


LABELS = np.repeat(np.uint8([[1, 0, 2]]), 30, axis=1).repeat(60, axis=0)
"""Class 1 at the left, 0 in the middle, 2 at the right; each on a third of 60 x 90 pixels."""
CLASSES = np.uint8([[0, 0, 0], [128, 0, 0], [0, 0, 128]])


def thirds(mask):
    """The levels amid each third of a mask."""
    levels = np.asarray(mask)
    return [int(levels[levels.shape[0] // 2, levels.shape[1] * third // 6]) for third in (1, 3, 5)]


def palette_image(labels=LABELS, colors=CLASSES):
    image = Image.fromarray(labels, "P")
    image.putpalette(colors.ravel().tolist())
    return image


def reopened(tmp_path, image, ending, **options):
    """An image as it comes back from a file."""
    path = tmp_path / f"mask.{ending}"
    image.save(path, **options)
    return str(path)


COLORED = CLASSES[LABELS]


@pytest.mark.parametrize(
    ("image", "ending"),
    [
        (Image.fromarray(LABELS), "png"),
        (Image.fromarray(LABELS), "tif"),
        (Image.fromarray(np.minimum(LABELS, 1)), "png"),
        (Image.fromarray(np.minimum(LABELS, 1)), "bmp"),
        (Image.fromarray(LABELS > 0), "png"),
        (Image.fromarray(LABELS.astype(np.uint16)), "png"),
        (Image.fromarray(255 * np.minimum(LABELS, 1).astype(np.uint16)), "png"),
        (Image.fromarray(65535 * np.minimum(LABELS, 1).astype(np.uint16)), "png"),
        (Image.fromarray(LABELS.astype(np.int32)), "tif"),
        (Image.fromarray(np.minimum(LABELS, 1).astype(np.float32)), "tif"),
        (Image.fromarray(np.repeat(LABELS[..., None], 3, axis=-1)), "png"),
        (palette_image(), "png"),
        (palette_image(), "gif"),
        (palette_image(LABELS + 3, np.uint8([[9, 9, 9]] * 3 + CLASSES.tolist())), "png"),
        (palette_image(colors=np.uint8([[0, 0, 0]] * 3)), "png"),
        (palette_image(colors=np.uint8([[0, 0, 0], [1, 1, 1], [2, 2, 2]])), "png"),
        (Image.fromarray(COLORED), "png"),
        (Image.fromarray(COLORED), "jpg"),
        (Image.fromarray(COLORED), "webp"),
        (Image.fromarray(COLORED).convert("RGBA"), "png"),
        (Image.fromarray(COLORED).resize((360, 240), Image.Resampling.BICUBIC), "png"),
    ],
)
def test_maps_of_classes_are_white_but_for_the_background(tmp_path, image, ending):
    assert thirds(masks.read_mask(reopened(tmp_path, image, ending))) == [255, 0, 255]


def test_a_gif_of_classes_without_the_first_keeps_them(tmp_path):
    """GIF drops the palette's entries that are not used, so that indices change."""
    greys = np.arange(256, dtype=np.uint8).repeat(3)
    assert thirds(masks.read_mask(reopened(tmp_path, palette_image(LABELS + 1, greys), "gif"))) == [255, 255, 255]


def test_a_picture_of_regions_that_is_transparent_all_over_is_told(tmp_path, recwarn):
    path = reopened(tmp_path, Image.new("RGBA", (8, 8)), "png")
    with pytest.raises(UserError, match="is transparent all over"):
        masks.split_regions(path, 2)
    assert not recwarn.list


def test_without_black_the_darkest_colour_is_the_background():
    assert thirds(masks.read_mask(np.uint8([[60, 0, 0], [255, 255, 255], [0, 200, 0]])[LABELS])) == [255, 0, 255]
    assert thirds(masks.read_mask(np.full((60, 90, 3), (0, 0, 200), np.uint8))) == [255, 255, 255]


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, bool])
def test_arrays_of_0_and_1_are_masks(kind):
    assert thirds(masks.read_mask(np.minimum(LABELS, 1).astype(kind))) == [255, 0, 255]


def test_grey_levels_stay_weights(tmp_path):
    levels = np.uint8([[255, 0, 128]]).repeat(30, axis=1).repeat(60, axis=0)
    for image in (
        Image.fromarray(levels),
        Image.fromarray(levels).convert("RGB"),
        Image.fromarray(levels).convert("P"),
    ):
        assert thirds(masks.read_mask(reopened(tmp_path, image, "png"))) == [255, 0, 128]
    gradient = np.tile(np.linspace(0, 255, 90).astype(np.uint8), (60, 1))
    np.testing.assert_array_equal(np.asarray(masks.read_mask(gradient)), gradient)
    assert thirds(masks.read_mask(levels / np.float32(255)))[2] == pytest.approx(128, abs=1)


def cut_out(visible):
    """A photograph of which the left third is visible, or what is painted there."""
    image = visible.convert("RGBA")
    image.putalpha(Image.fromarray(np.where(LABELS == 1, 255, 0).astype(np.uint8)))
    return image


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_a_cut_out_is_its_alpha(tmp_path, ending):
    photo = Image.open(COFFEE).convert("RGB").resize((90, 60))
    for visible in (photo, photo.convert("L"), Image.new("RGB", (90, 60), "red"), Image.new("L", (90, 60), 0)):
        path = reopened(tmp_path, cut_out(visible), ending, **({"lossless": True} if ending == "webp" else {}))
        assert thirds(masks.read_mask(path)) == [255, 0, 0]


def test_a_mask_drawn_on_transparency_is_laid_on_black(tmp_path):
    """Where it is black it does not apply, although it is visible."""
    drawn = Image.fromarray(np.where(np.arange(60)[:, None] < 20, 0, 255).repeat(90, axis=1).astype(np.uint8))
    levels = np.asarray(masks.read_mask(reopened(tmp_path, cut_out(drawn), "png")))
    assert (levels[:20] == 0).all()
    assert (levels[20:, :30] == 255).all()
    assert (levels[20:, 30:] == 0).all()


def test_a_mask_of_next_to_nothing_is_a_warning(tmp_path, capsys):
    levels = np.zeros((60, 90), np.uint8)
    levels[:4, :4] = 255
    masks.read_mask(levels)
    assert "covers only 0.3% of the picture: white is where it applies" in capsys.readouterr().err
    masks.read_mask(255 * np.minimum(LABELS, 1))
    assert capsys.readouterr().err == ""
    with pytest.raises(UserError, match="'.*mask.png' is black all over"):
        masks.read_mask(reopened(tmp_path, Image.new("RGB", (9, 9)), "png"))


@pytest.mark.parametrize(("levels", "warns"), [((0, 15, 255), True), ((0, 50, 60), True), ((0, 128, 255), False)])
def test_a_mask_that_is_nearly_black_where_it_applies_is_a_warning(levels, warns, capsys):
    """As of VOC's labels in grey, whose 255 is what belongs to no class."""
    areas = np.uint8([levels[0]] * 20 + [levels[1]] * 9 + [levels[2]]).repeat(3)[None].repeat(60, axis=0)
    masks.read_mask(areas)
    assert ("nearly black where it applies" in capsys.readouterr().err) == warns


@pytest.mark.parametrize(
    ("image", "ending", "with_black"),
    [
        (Image.fromarray(COLORED), "png", [0, 1, 2]),
        (Image.fromarray(COLORED), "jpg", [0, 1, 2]),
        (Image.fromarray(COLORED).resize((360, 240), Image.Resampling.BICUBIC), "png", [0, 1, 2]),
        (palette_image(), "png", [0, 1, 2]),
        (Image.fromarray(LABELS), "png", [1, 0, 2]),
        (Image.fromarray(LABELS.astype(np.uint16)), "png", [1, 0, 2]),
        (Image.fromarray(np.uint8([0, 128, 255])[LABELS]), "png", [1, 0, 2]),
        (Image.fromarray(np.uint8([0, 20, 40])[LABELS]), "png", [1, 0, 2]),
    ],
)
def test_a_picture_of_regions_is_one_mask_for_each_style(tmp_path, image, ending, with_black):
    """Colours in the order in which they appear, greys in rising order; black may belong to no style."""
    path = reopened(tmp_path, image, ending)
    three = [thirds(mask) for mask in masks.split_regions(path, 3)]
    assert [region.index(255) for region in three] == with_black
    assert all(sum(region) == 255 for region in three)
    two = [thirds(mask) for mask in masks.split_regions(path, 2)]
    assert two == [[255, 0, 0], [0, 0, 255]]


def test_regions_are_those_that_are_visible(tmp_path):
    image = Image.fromarray(np.uint8([[200, 50, 50], [50, 200, 50], [50, 50, 200]])[LABELS]).convert("RGBA")
    image.putalpha(Image.fromarray(np.where(LABELS == 0, 0, 255).astype(np.uint8)))
    found = masks.split_regions(reopened(tmp_path, image, "png"), 2)
    assert [thirds(mask) for mask in found] == [[255, 0, 0], [0, 0, 255]]


def test_regions_that_do_not_fit_the_styles_are_told(tmp_path):
    path = reopened(tmp_path, Image.fromarray(COLORED), "png")
    with pytest.raises(UserError, match=r"of 5 flat colours .* whose colours are #0\S+, #\S+, #\S+: give each"):
        masks.split_regions(path, 5)
    with pytest.raises(UserError, match="whose colours are too many"):
        masks.split_regions(str(COFFEE), 2)


SMALL_RUN = ("--rows=32", "--iterations=10", "--evaluations_per_iteration=2", "--weights=random", "--noplots")


def test_a_mask_of_next_to_nothing_gives_a_warning_and_no_advice(tmp_path, run, fake_engine):
    """The fake run's style term falls far below what its content term gains: without a mask that is advice."""
    drawn = np.zeros((60, 90), np.uint8)
    fake_engine.on_step = lambda step: step.layers.update({"content/block5_conv2": 1e-9})
    advised = run(COFFEE, SWIRLS, tmp_path / "all", *SMALL_RUN)
    assert "multiply --content_weight" in advised.stderr
    drawn[:4, :4] = 255
    Image.fromarray(drawn).save(tmp_path / "mask.png")
    for flag in ("content_mask", "style_masks"):
        masked = run(COFFEE, SWIRLS, tmp_path / flag, *SMALL_RUN, f"--{flag}={tmp_path}/mask.png")
        assert "covers only 0.3% of the picture" in masked.stderr
        assert "multiply" not in masked.stderr


def test_a_map_of_classes_paints_what_its_white_mask_paints(tmp_path, run):
    """From files to files, by the fastest recipe."""
    labels = np.repeat(np.uint8([[1, 0]]), 48, axis=1).repeat(64, axis=0)
    Image.fromarray(labels).save(tmp_path / "labels.png")
    Image.fromarray(255 * labels).save(tmp_path / "white.png")
    painted = {}
    for name in ("labels", "white"):
        flags = ("--recipe=instant", "--rows=64", f"--content_mask={tmp_path}/{name}.png")
        done = run(COFFEE, SWIRLS, tmp_path / f"out_{name}", *flags)
        assert done.returncode == 0, done.stderr
        painted[name] = np.asarray(Image.open(tmp_path / f"out_{name}.png").convert("RGB"), np.float32)
    np.testing.assert_array_equal(painted["labels"], painted["white"])
    change = np.abs(painted["labels"] - geometry.resize(reading.load(COFFEE), 64, 96, "lanczos")).mean(axis=(0, 2))
    assert change[:40].mean() > 20
    assert change[-40:].mean() < 1


def test_one_colour_a_style_paints_each_region_in_its_own(tmp_path, run):
    """As with two masks of black and white, which are these regions."""
    left = np.arange(96)[None, :].repeat(64, axis=0) < 48
    Image.fromarray(np.where(left[..., None], (200, 30, 30), (30, 30, 200)).astype(np.uint8)).save(tmp_path / "one.png")
    Image.fromarray(np.where(left, 255, 0).astype(np.uint8)).save(tmp_path / "left.png")
    Image.fromarray(np.where(left, 0, 255).astype(np.uint8)).save(tmp_path / "right.png")
    painted = {}
    for name, given in (("one", ["one"]), ("two", ["left", "right"])):
        flags = f"--style_masks={','.join(f'{tmp_path}/{mask}.png' for mask in given)}"
        done = run(COFFEE, SWIRLS, COFFEE, tmp_path / f"out_{name}", flags, "--recipe=instant", "--rows=64")
        assert done.returncode == 0, done.stderr
        painted[name] = np.asarray(Image.open(tmp_path / f"out_{name}.png").convert("RGB"), np.float32)
    np.testing.assert_array_equal(painted["one"], painted["two"])

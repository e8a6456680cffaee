import numpy as np
import pytest
import tensorflow as tf
from conftest import COFFEE, SWIRLS, options, pair, prepared, scene_of
from PIL import Image
from test_objective import objective

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
        both.bind(Scene(content, [Region([style], [1.0], 1.0, mask)], content))(content)
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
        return both.bind(Scene(content, regions, content), reuse)(content)[1].numpy()

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

import numpy as np
import pytest
from conftest import options, prepared

from neural_style.images import color


def statistics(image):
    pixels = image.reshape(-1, 3) / 255
    return pixels.mean(axis=0), np.cov(pixels.T, bias=True)


METHODS = ["pca", "cholesky", "symmetric"]


@pytest.mark.parametrize("method", METHODS)
def test_mean_and_covariance_become_the_references(rng, method):
    image, reference = (
        rng.uniform(0, 255, (*frame, 3)) @ (0.4 * np.eye(3) + rng.uniform(0, 0.3, (3, 3)))
        for frame in ((20, 30), (25, 10))
    )
    for received, expected in zip(
        statistics(color.match(image, reference, method)), statistics(reference), strict=True
    ):
        np.testing.assert_allclose(received, expected, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_matching_an_image_to_itself_changes_nothing(rng, method):
    image = rng.uniform(0, 255, (20, 30, 3))
    np.testing.assert_allclose(color.match(image, image, method), image, atol=1e-2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0, 128, 255])
def test_grey_and_single_colour_images(rng, value, method):
    flat = np.full((8, 8, 3), value, np.float32)
    grey = np.repeat(rng.uniform(0, 255, (8, 8, 1)), 3, axis=2)
    for image, reference in ((flat, grey), (grey, flat), (flat, flat)):
        matched = color.match(image, reference, method)
        assert np.isfinite(matched).all()
        np.testing.assert_allclose(matched.mean(axis=(0, 1)), reference.mean(axis=(0, 1)), atol=0.1)


def test_the_palette_of_several_images_is_that_of_all_their_pixels(rng):
    images = [rng.uniform(0, 255, (4, size, 3)) for size in (5, 9)]
    mean, covariance = statistics(np.concatenate(images, axis=1))
    found = color.palette_of(iter(images))
    np.testing.assert_allclose(found.mean, mean)
    np.testing.assert_allclose(found.covariance, covariance + color.RIDGE * np.eye(3))


@pytest.mark.parametrize("method", METHODS)
def test_grain_is_not_taken_for_colours(rng, method):
    """A black frame's noise of half a level once became noise of thirty."""
    black = np.abs(rng.normal(0, 0.5, (40, 60, 3)))
    painting = rng.uniform(0, 255, (40, 60, 3))
    assert color.match(black, painting, method).std(axis=(0, 1)).max() < 10 * 0.5
    np.testing.assert_allclose(
        color.match(black, painting, method).mean(axis=(0, 1)), painting.mean(axis=(0, 1)), atol=1
    )


def test_luminance_gets_the_references_mean_and_deviation(rng):
    image, reference = rng.uniform(0, 255, (2, 20, 30, 3))
    matched, wanted = color.match_luminance(image, reference), color.grey(reference)
    np.testing.assert_allclose(np.ptp(matched, axis=-1), 0)
    assert matched.mean() == pytest.approx(wanted.mean(), rel=1e-4)
    assert matched.std() == pytest.approx(wanted.std(), rel=1e-4)


def test_a_flat_style_has_the_photographs_mean_luminance(rng):
    matched = color.match_luminance(np.full((5, 5, 3), 9.0), rng.uniform(0, 255, (5, 5, 3)))
    assert np.isfinite(matched).all()
    assert matched.std() < 1


def test_luminance_is_yiqs():
    np.testing.assert_allclose(
        color.grey(np.array([[[255.0, 0, 0], [10, 10, 10]]]))[0, :, 0], [0.299 * 255, 10], rtol=1e-5
    )


def test_luminance_alone_is_painted_and_the_chroma_is_the_photographs():
    settings = options(
        "--preserve_color=luminance",
        "--weights=random",
        "--rows=32",
        "--iterations=1",
        "--init=noise",
        "--tv_weight=0.01",
    )
    session = prepared(settings)
    photograph = prepared(options("--weights=random", "--rows=32")).scene.content
    start, end = session.steps()
    for image in (start.image, end.image, session.best()):
        np.testing.assert_allclose(image - color.grey(image), photograph - color.grey(photograph), atol=1e-3)
    assert np.abs(end.image - start.image).max() > 10
    assert end.loss < 0.9 * start.loss
    style, content = session.scene.styles[0], session.scene.content
    assert style.mean() == pytest.approx(content.mean(), rel=1e-3)
    assert style.std() == pytest.approx(content.std(), rel=1e-3)


def test_luminances_slope_is_that_of_moving_the_luminance():
    """The directional derivative along a grey direction, against a difference of losses in float64."""
    session = prepared(options("--preserve_color=luminance", "--weights=random", "--rows=32", "--precision=float64"))
    x = session.scene.start.astype(np.float64).reshape(-1)
    direction = np.repeat(np.random.default_rng(0).standard_normal(x.size // 3), 3)
    ahead, behind = (session.evaluator.loss(x + step * direction) for step in (1e-4, -1e-4))
    assert session.evaluator.gradient(x) @ direction == pytest.approx((ahead - behind) / 2e-4, rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_matching_gives_the_style_the_photographs_statistics(method):
    flags = "--preserve_color=match", f"--color_match={method}", "--weights=random", "--rows=48", "--iterations=0"
    pictures = prepared(options(*flags)).scene
    for received, expected in zip(*map(statistics, (pictures.styles[0], pictures.content)), strict=True):
        np.testing.assert_allclose(received, expected, atol=1e-3)

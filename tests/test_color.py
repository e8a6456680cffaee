import numpy as np
import pytest

from neural_style import color


def statistics(image):
    pixels = image.reshape(-1, 3) / 255
    return pixels.mean(axis=0), np.cov(pixels.T, bias=True)


def test_mean_and_covariance_become_the_references(rng):
    image = rng.uniform(0, 255, (20, 30, 3)) @ rng.uniform(0, 0.5, (3, 3))
    reference = rng.uniform(0, 255, (25, 10, 3)) @ rng.uniform(0, 0.5, (3, 3))
    for received, expected in zip(statistics(color.match(image, reference)), statistics(reference), strict=True):
        np.testing.assert_allclose(received, expected, atol=1e-4)


def test_matching_an_image_to_itself_changes_nothing(rng):
    image = rng.uniform(0, 255, (20, 30, 3))
    np.testing.assert_allclose(color.match(image, image), image, atol=1e-2)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_grey_and_single_colour_images(rng, value):
    flat = np.full((8, 8, 3), value, np.float32)
    grey = np.repeat(rng.uniform(0, 255, (8, 8, 1)), 3, axis=2)
    for image, reference in ((flat, grey), (grey, flat), (flat, flat)):
        matched = color.match(image, reference)
        assert np.isfinite(matched).all()
        np.testing.assert_allclose(matched.mean(axis=(0, 1)), reference.mean(axis=(0, 1)), atol=0.1)

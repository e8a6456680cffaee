import numpy as np
import pytest
import tensorflow as tf
from conftest import DATA, SWIRLS, options, pair, prepared, slow

from neural_style.core.step import by_kind
from neural_style.images.scene import Region, Scene
from neural_style.losses.loss import make_loss
from neural_style.optimize.objective import Objective
from neural_style.optimize.tiled_objective import TiledObjective
from neural_style.settings.loss import LossSettings
from neural_style.settings.network import NetworkSettings
from neural_style.vgg import model

LAYERS = ["block1_conv1", "block2_conv1", "block3_conv1"]
BUILT = {"convolution", "padding", "pooling"}


def scene(content, styles, blend=(1.0,)):
    """One region that is everywhere."""
    return Scene(content, [Region(styles, list(blend), 1.0, None)], content)


def objective(weights, tile=None, dtype="float32", **changes):
    """Of seeded VGG19 to block 3; tile by tile where the tiles' size is given."""
    network = NetworkSettings(**{name: changes.pop(name) for name in BUILT & changes.keys()})
    given = dict(
        content_layers=["block2_conv2"],
        content_weight=0.5,
        style_layers=LAYERS,
        style_layer_weights=[0.5, 0.3, 0.2],
        style_weight=2.0,
        tv_weight=0.01,
    )
    settings = LossSettings(**{**given, **changes})
    built = model.build(network, weights, settings.layers, dtype, tiled=tile is not None)
    loss = make_loss(settings)
    return Objective(built, loss) if tile is None else TiledObjective(built, loss, tile)


@pytest.mark.parametrize("normalization", ["none", "keras", "gatys", "mean", "pytorch", "scale"])
def test_reused_constants_and_the_whole_batch_agree(vgg19, normalization):
    content, style = pair(32, 48)
    image = (content + style) / 2
    both = objective(vgg19, normalization=normalization)
    given = scene(content, [style, content], [0.7, 0.3])
    loss, gradient, found = both.bind_scene(given)(image)
    stacked_loss, stacked_gradient, stacked = both.bind_scene(given, reuse=False)(image)
    assert float(loss) == pytest.approx(float(stacked_loss), rel=1e-5)
    assert np.linalg.norm(gradient - stacked_gradient) <= 1e-4 * np.linalg.norm(gradient)
    for name in found:
        assert float(found[name]) == pytest.approx(float(stacked[name]), rel=1e-5)


def parts(vgg19, given, image, **changes):
    """Weight, loss without its weight and gradient of each kind of term, from objectives that have that kind alone."""
    weights = {"content_weight": 0.5, "style_weight": 2.0, "tv_weight": 0.01}
    for name, weight in weights.items():
        alone = objective(vgg19, **{**dict.fromkeys(weights, 0.0), name: 1.0, **changes}).bind_scene(given)
        loss, gradient, _ = alone(image)
        yield weight, float(loss), np.asarray(gradient)


@pytest.mark.parametrize("tile", [None, 32])
def test_logarithms_balance_the_terms(vgg19, tile):
    """The gradient is the sum of w ∇L / (L + 1e-10), as Hvass Laboratories' tutorial 15 computes it."""
    content, style = pair(48, 64)
    image, given = (content + style) / 2, scene(content, [style])
    exact = dict(padding="replicate", dtype="float64", normalization="mean")
    loss, gradient, terms = objective(vgg19, tile, balance="log", **exact).bind_scene(given)(image)
    found = list(parts(vgg19, given, image, **exact))
    expected = sum(weight * part / (value + 1e-10) for weight, value, part in found)
    assert np.linalg.norm(gradient - expected) <= 1e-9 * np.linalg.norm(expected)
    assert float(loss) == pytest.approx(sum(weight * np.log(value + 1e-10) for weight, value, _ in found), rel=1e-9)
    plain = objective(vgg19, tile, **exact).bind_scene(given)(image)[2]
    assert {name: float(value) for name, value in terms.items()} == {
        name: float(value) for name, value in plain.items()
    }


def test_the_gradient_is_the_slope_of_the_loss(vgg19, rng):
    content, style = pair(24, 24)
    function = objective(vgg19, dtype="float64").bind_scene(scene(content, [style]))
    image = rng.uniform(50, 200, content.shape)
    direction = rng.standard_normal(content.shape)
    up, down = (float(function(image + sign * 1e-4 * direction)[0]) for sign in (1, -1))
    assert np.sum(function(image)[1] * direction) == pytest.approx((up - down) / 2e-4, rel=1e-5)


@pytest.mark.parametrize("style_loss", ["gram", "linear", "polynomial", "batch_norm", "bures"])
def test_a_style_of_another_size_is_the_same_style(vgg19, style_loss):
    """A flat colour is the same style however large; without zero padding no border tells the sizes apart."""
    content, _ = pair(32, 32)
    function = objective(vgg19, padding="replicate", style_loss=style_loss, normalization="none", tv_weight=0.0)
    small, large = (
        function.bind_scene(scene(content, [np.full((*size, 3), 90, np.float32)]))(content)[0]
        for size in ((32, 32), (40, 96))
    )
    assert float(large) == pytest.approx(float(small), rel=1e-4)


def test_bfloat16_is_near_float32(vgg19):
    content, style = pair(32, 48)
    image = (content + style) / 2
    exact, near = (
        objective(vgg19, dtype=dtype).bind_scene(scene(content, [style]))(image) for dtype in ("float32", "bfloat16")
    )
    assert near[0].dtype == tf.float32
    assert float(near[0]) == pytest.approx(float(exact[0]), rel=0.02)
    cosine = np.sum(near[1] * exact[1]) / np.linalg.norm(near[1]) / np.linalg.norm(exact[1])
    assert cosine > 0.98


def test_evaluating_again_does_not_trace_again(vgg19):
    content, style = pair(32, 48)
    both = objective(vgg19)
    function, other = both.bind_scene(scene(content, [style])), both.bind_scene(scene(style, [content]))
    for image in (content, style):
        function(image)
        other(image)
    assert both.traces == 1


def test_the_gradient_by_a_networks_weights(vgg19):
    """The loss of what a network paints, by its weights: against differences of losses in float64."""
    content, style = pair(24, 32)
    both = objective(vgg19, dtype="float64")
    constants = both.prepare(scene(content, [style]))
    painter = tf.Variable([0.8, -0.1, 3.0], dtype=tf.float64)

    def loss():
        x = tf.constant(content[None], tf.float64)
        found = both.losses(painter[0] * x + painter[1] * x[..., ::-1] + painter[2], constants)
        assert all(value.shape == (1,) for value in found.values())
        return tf.add_n([value[0] for value in found.values()])

    with tf.GradientTape() as tape:
        before = loss()
    gradient = tape.gradient(before, painter)
    for i in range(3):
        step = np.eye(3)[i] * 1e-6
        painter.assign_add(step)
        up = loss()
        painter.assign_sub(2 * step)
        down = loss()
        painter.assign_add(step)
        assert float(gradient[i]) == pytest.approx(float(up - down) / 2e-6, rel=1e-4)


@pytest.mark.parametrize(("normalization", "same"), [("scale", True), slow("keras", False)])
def test_one_set_of_weights_means_the_same_at_every_size(normalization, same):
    """The terms' ratios at 128 and 512 rows are within 20 %, on the way from the photograph to the painting."""
    ratios = []
    for rows in (128, 512):
        flags = ("--recipe=highres", "--scales=", "--scale_iterations=", f"--rows={rows}", "--tv_weight=1")
        settings = options(*flags, "--weights=random", f"--normalization={normalization}")
        session = prepared(settings, DATA / "chelsea.jpg", [SWIRLS])
        content, style = session.scene.content, session.scene.styles[0]
        for share in (0.5, 0.75):
            image = (content + share * (style - content)).astype(np.float64)
            found = by_kind(session.evaluator.at(image.reshape(-1)).terms)
            ratios.append([found["content"] / found["style"], found["content"] / found["total_variation"]])
    change = np.abs(np.array(ratios[2:]) / ratios[:2] - 1)
    assert change.max() < 0.2 if same else change.max() > 3

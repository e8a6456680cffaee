import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, options

from neural_style.core.errors import UserError
from neural_style.engine import Engine
from neural_style.images import geometry
from neural_style.optimize import optimizers
from neural_style.optimize.curvature import MEMORY, Curvature
from neural_style.optimize.evaluator import Evaluator
from neural_style.optimize.loop import optimize_image
from neural_style.planning.plan import prepare

SHAPE = (4, 5, 3)
EVERY = {
    "lbfgs": lambda n: optimizers.Lbfgs(n),
    "lbfgs, long first step": lambda n: optimizers.Lbfgs(n, first_length=100.0),
    "lbfgs, clipped": lambda n: optimizers.Lbfgs(n, clip=True),
    "continuous lbfgs": lambda n: optimizers.ContinuousLbfgs(n, first_length=10.0),
    "sgd": lambda n: optimizers.Sgd(n, 0.02, 0.99, 10, False),
    "adam": lambda n: optimizers.Adam(n, 10.0, 0.97, 1, True),
    "normalized gradient": lambda n: optimizers.NormalizedGradient(n, 5.0, 0.95, 1, False),
}


def bowl(wanted, scale=1.0, noise=0.0):
    """A quadratic with unequal curvatures whose minimum is `wanted`, as an Evaluator."""
    rng = np.random.default_rng(1)
    curvature = np.linspace(1, 20, wanted.size).reshape(wanted.shape)

    def objective(image):
        difference = image - wanted
        loss = scale * np.sum(curvature * difference**2) / 2
        shaken = 1 + noise * rng.standard_normal(wanted.shape)
        return loss, scale * curvature * difference * shaken, {"total_variation": loss}

    return Evaluator(objective, wanted.shape)


@pytest.mark.parametrize("name", EVERY)
def test_every_optimizer_finds_the_minimum(name, rng):
    wanted = rng.uniform(50, 200, SHAPE)
    *_, end = optimize_image(bowl(wanted), EVERY[name](40), np.full(SHAPE, 128.0), 5)
    np.testing.assert_allclose(end.image, wanted, atol=2)


@pytest.mark.parametrize("name", ["lbfgs, clipped", "adam"])
def test_clip_keeps_the_image_in_range(name, rng):
    wanted = rng.uniform(-200, 400, SHAPE)
    *_, end = optimize_image(bowl(wanted), EVERY[name](40), np.full(SHAPE, 128.0), 3)
    assert end.image.min() >= 0
    assert end.image.max() <= 255
    np.testing.assert_allclose(end.image, np.clip(wanted, 0, 255), atol=8)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
@pytest.mark.parametrize("name", ["lbfgs", "continuous lbfgs"])
def test_the_units_of_the_loss_do_not_stop_lbfgs(name, scale, rng):
    wanted = rng.uniform(50, 200, SHAPE)
    *_, end = optimize_image(bowl(wanted, scale), EVERY[name](40), np.full(SHAPE, 128.0), 3)
    np.testing.assert_allclose(end.image, wanted, atol=2)


def test_continuous_lbfgs_survives_a_noisy_gradient(rng):
    wanted = rng.uniform(50, 200, SHAPE)
    start, *_, end = optimize_image(bowl(wanted, noise=0.1), EVERY["continuous lbfgs"](60), np.full(SHAPE, 128.0), 4)
    assert end.loss < start.loss * 1e-3


def test_continuous_lbfgs_never_rises_and_exceeds_its_evaluations_only_by_the_last_search(rng):
    wanted = rng.uniform(50, 200, SHAPE)
    steps = list(optimize_image(bowl(wanted), EVERY["continuous lbfgs"](7), np.full(SHAPE, 128.0), 4))
    longest = 10  # halvings, from 1 to SHORTEST
    assert all(7 <= step.evaluations < 7 + longest for step in steps[1:])
    losses = [step.loss for step in steps]
    assert losses == sorted(losses, reverse=True)


def test_continuous_lbfgs_does_not_depend_on_the_evaluations_per_step(rng):
    """The end of a step once cut a line search off and took that for a reason to forget the curvature."""
    wanted, losses = rng.uniform(50, 200, SHAPE), []
    for evaluations, iterations in ((1, 30), (30, 1)):
        evaluator = bowl(wanted)
        list(optimize_image(evaluator, EVERY["continuous lbfgs"](evaluations), np.full(SHAPE, 128.0), iterations))
        losses.append(evaluator.losses[:30])
    assert losses[0] == losses[1]


def test_lbfgs_direction_is_that_of_the_dense_bfgs_matrix(rng):
    """Nocedal & Wright 2006, eq. 7.16: the inverse Hessian written out, from the same pairs."""
    size = 12
    root = rng.standard_normal((size, size))
    hessian = root @ root.T + np.eye(size)
    curvature, pairs = Curvature(), []
    for _ in range(MEMORY + 2):
        s = rng.standard_normal(size)
        curvature.remember(s, hessian @ s)
        pairs.append((s, hessian @ s))
    pairs = pairs[-MEMORY:]
    s, y = pairs[-1]
    inverse = np.eye(size) * (s @ y) / (y @ y)
    for s, y in pairs:
        left = np.eye(size) - np.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
    gradient = rng.standard_normal(size)
    expected = -inverse @ gradient
    np.testing.assert_allclose(curvature.direction(gradient), expected, atol=1e-4 * np.linalg.norm(expected))


def test_adam_equals_its_formula():
    """Two moves of Kingma & Ba's algorithm 1 by hand, at gradients 3 and -1."""
    adam = optimizers.Adam(1, 0.5, 1.0, 1, False)
    gradients = iter([3.0, -1.0])

    class Fixed:
        def gradient(self, x):
            return np.array([next(gradients)])

    x = adam.step(Fixed(), np.array([10.0]))
    np.testing.assert_allclose(x, 9.5)
    first = (0.9 * 0.3 - 0.1) / (1 - 0.81)
    second = (0.999 * 0.009 + 0.001) / (1 - 0.999**2)
    np.testing.assert_allclose(adam.step(Fixed(), x), 9.5 - 0.5 * first / np.sqrt(second))


def test_one_evaluation_serves_func_and_fprime(rng):
    evaluator, x = bowl(rng.uniform(0, 255, SHAPE)), np.zeros(60)
    evaluator.loss(x)
    evaluator.gradient(x)
    evaluator.gradient(x + 1)
    evaluator.loss(x + 1)
    assert evaluator.evaluations == 2


def test_the_evaluator_keeps_the_best_image(rng):
    evaluator = bowl(np.zeros(SHAPE))
    for value in (3.0, 1.0, 2.0):
        evaluator.loss(np.full(60, value))
    np.testing.assert_array_equal(evaluator.best.x, np.ones(60))


def test_a_loss_that_is_not_finite_raises_an_error():
    evaluator = Evaluator(lambda image: (np.inf, image, {"style/block1_conv1": np.inf}), SHAPE)
    with pytest.raises(UserError, match="finite loss and gradient.*evaluation 1.*style/block1_conv1 inf"):
        evaluator.loss(np.zeros(60))


def test_zero_iterations_give_only_the_start(rng):
    image = rng.uniform(0, 255, SHAPE)
    (step,) = optimize_image(bowl(image + 1), EVERY["lbfgs"](20), image, 0)
    assert (step.index, step.evaluations) == (0, 1)
    np.testing.assert_allclose(step.image, image, rtol=1e-6)


@pytest.mark.parametrize("name", ["lbfgs", "continuous lbfgs"])
def test_a_stall_in_coarse_arithmetic_switches_to_the_finer_one(rng, name):
    """The coarse bowl's gradient points uphill, so that nothing lower is found along it."""
    wanted = rng.uniform(0, 255, SHAPE)

    def fine(image):
        return float(np.sum((image - wanted) ** 2)), 2 * (image - wanted), {}

    def coarse(image):
        loss, gradient, terms = fine(image)
        return loss, -gradient, terms

    evaluator = Evaluator(coarse, SHAPE, lambda: fine)
    start, *_, end = optimize_image(evaluator, EVERY[name](60), np.full(SHAPE, 128.0), 3)
    assert evaluator.uses_float32
    assert end.loss < 1e-3 * start.loss
    again = Evaluator(coarse, SHAPE, lambda: fine)
    again.restore(evaluator.state())
    assert again.uses_float32
    assert again.at(np.full(60, 7.0)).loss == pytest.approx(fine(np.full(SHAPE, 7.0))[0])


def test_an_interruption_before_a_finer_scales_first_evaluation_keeps_the_coarser_image():
    settings = options("--weights=random", "--scales=16,32", "--iterations=1", "--evaluations_per_iteration=2")
    run = Engine().run(*prepare(COFFEE, [SWIRLS], settings))
    sessions = run.sessions()
    list(next(sessions).steps())
    coarser = run.result()
    next(sessions)
    np.testing.assert_allclose(run.best(), geometry.enlarge(coarser, 32, 48))


def test_an_interruption_during_the_switch_of_precision_keeps_the_best_image():
    def objective(image):
        return np.square(image).sum(), 2 * image, {}

    evaluator = Evaluator(objective, (1, 1, 3), lambda: objective)
    best = evaluator.at(np.ones(3))
    evaluator.at(2 * np.ones(3))
    evaluator.switch_to_float32()
    assert evaluator.best_in_precision is None
    assert evaluator.best is best
    assert evaluator.at(3 * np.ones(3)) is evaluator.best

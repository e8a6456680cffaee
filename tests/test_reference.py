"""Losses, gradients and trajectories compared with values of other programs (tests/data/README.md)."""

import numpy as np
import pytest
from conftest import reference, session, slow

CASES = {case["name"]: case for case in reference("keras_example.json")}
SMALL = [name for name in CASES if name.endswith("64_rows")]
DEFAULT = "default_weights_64_rows"
WAYS = ["--reuse_constant_rows", "--noreuse_constant_rows", "--convolution=winograd"]


def keras_session(engine, case, *arguments):
    return session(
        f"--rows={case['rows']}",
        f"--content_weight={case['content_weight']}",
        f"--style_weight={case['style_weight']}",
        f"--tv_weight={case['tv_weight']}",
        *arguments,
        engine=engine,
    )


def assert_agrees(run, case):
    """Loss to 1e-5 and gradient to 1e-4 of its norm, at the content image, the style image and half-way."""
    content, style = run.scene.content, run.scene.styles[0]
    for name, image in {"at_content": content, "at_half": (content + style) / 2, "at_style": style}.items():
        x, expected = image.astype(np.float64).reshape(-1), case[name]
        assert run.evaluator.loss(x) == pytest.approx(expected["loss"], rel=1e-5)
        assert sum(run.evaluator.at(x).terms.values()) == pytest.approx(expected["loss"], rel=1e-5)
        gradient = run.evaluator.gradient(x).reshape(image.shape)[..., ::-1].reshape(-1)  # by blue, green, red
        tolerance = 1e-4 * expected["grad_l2"]
        assert np.linalg.norm(gradient) == pytest.approx(expected["grad_l2"], rel=1e-4)
        assert np.abs(gradient).mean() == pytest.approx(expected["grad_abs_mean"], rel=1e-4)
        for index, value in expected["grad_at"].items():
            assert gradient[int(index)] == pytest.approx(value, abs=tolerance)


def assert_follows(steps, iterations):
    """The loss after each iteration to 1 %, 3 % in the first two: L-BFGS amplifies rounding."""
    received = [step.loss for step in steps][1:]
    assert len(received) == len(iterations)
    for index, (loss, expected) in enumerate(zip(received, iterations, strict=True)):
        assert loss == pytest.approx(expected["loss"], rel=0.03 if index < 2 else 0.01)


def assert_ends_as(run, case):
    """The loss of each iteration, and the mean colour of the result."""
    steps = list(run.steps())
    assert_follows(steps, case["iterations"])
    painted = np.clip(steps[-1].image, 0, 255).astype(np.uint8)
    np.testing.assert_allclose(painted.mean(axis=(0, 1)), case["image_mean_rgb"], atol=1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SMALL)
def test_keras_example_at_fixed_images(engine, name, way):
    assert_agrees(keras_session(engine, CASES[name], way), CASES[name])


@pytest.mark.parametrize("name", [name if name == DEFAULT else slow(name) for name in SMALL])
def test_keras_example_trajectory(engine, name):
    case = CASES[name]
    assert_ends_as(keras_session(engine, case, f"--iterations={len(case['iterations'])}"), case)


@pytest.mark.slow
def test_keras_example_trajectory_with_the_whole_batch(engine):
    case = CASES[DEFAULT]
    assert_ends_as(keras_session(engine, case, "--noreuse_constant_rows"), case)


@pytest.mark.slow
def test_keras_example_at_400_rows(engine):
    case = CASES["default_weights_400_rows"]
    run = keras_session(engine, case, "--iterations=2")
    assert_agrees(run, case)
    assert_follows(run.steps(), case["iterations"])


def test_keras_io_sgd_from_its_flagfile():
    """Compares the losses before each of the first 20 steps, which are those of the evaluations in order."""
    (case,) = reference("keras_io_example.json")
    arguments = ("--recipe=keras_io", "--rows=64", "--iterations=1", "--evaluations_per_iteration=20")
    assert_agrees(session(*arguments), case)
    run = session(*arguments)
    for _ in run.steps():
        pass
    expected = [iteration["loss"] for iteration in case["iterations"]]
    np.testing.assert_allclose(run.evaluator.losses[:20], expected, rtol=1e-4)

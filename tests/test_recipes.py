"""Each recipe from its flagfile, compared with values of other programs (tests/data/README.md)."""

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, options, reference, session, slow
from test_reference import assert_agrees, assert_follows

from neural_style.engine import Engine
from neural_style.planning import device
from neural_style.planning.plan import prepare
from neural_style.settings import recipes

FORMULAS = reference("formulas.json")["cases"]
SEEDED = ("--rows=64", "--normalize_weights=none")
RECIPES = {
    "gatys2016_avg": ["--recipe=gatys"],
    "gatys2016_max": ["--recipe=gatys", "--pooling=max"],
    "slides": ["--recipe=slides"],
    "pytorch_tutorial": ["--recipe=pytorch_tutorial"],
    "prisma": ["--recipe=prisma", "--balance=none"],
}
WEIGHTS = {"pytorch_tutorial": (1, 1e6), "prisma": (1.5, 10 / 13)}
"""The weights of the content and of each style layer, which the values in formulas.json lack."""


# formulas.json is of float64. In float32 one tie of the max pooling at the content image falls the other way, which
# moves the gradient by 1.3e-4 of its norm, so the recipes that pool so are compared in float64.
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("gatys2016_avg", "float32"),
        ("pytorch_tutorial", "float32"),
        ("prisma", "float32"),
        ("gatys2016_max", "float64"),
        ("slides", "float64"),
        *(slow(name, "float64") for name in ("gatys2016_avg", "pytorch_tutorial", "prisma")),
    ],
)
def test_terms_total_and_gradient_at_fixed_images(name, precision):
    run = session(*RECIPES[name], *SEEDED, f"--precision={precision}")
    content, style = run.scene.content, run.scene.styles[0]
    content_weight, style_weight = WEIGHTS.get(name, (1, 1000 / 5))
    loss_tolerance, gradient_tolerance = (1e-5, 1e-4) if precision == "float32" else (1e-9, 1e-8)
    for image_name, image in {"content": content, "half": (content + style) / 2, "style": style}.items():
        expected = FORMULAS[name][image_name]
        at = run.evaluator.at(image.astype(np.float64).reshape(-1))
        assert at.loss == pytest.approx(expected["total"], rel=loss_tolerance)
        received = {key: value for key, value in at.terms.items() if key.startswith("content/")}
        assert sum(received.values()) == pytest.approx(content_weight * expected["content"], rel=loss_tolerance)
        for key, value in expected.items():
            if key.startswith("style/"):
                assert at.terms[key] == pytest.approx(style_weight * value, rel=loss_tolerance)
        tolerance = gradient_tolerance * expected["grad_l2"]
        assert np.linalg.norm(at.gradient) == pytest.approx(expected["grad_l2"], rel=gradient_tolerance)
        for index, value in expected["grad_at"].items():
            assert at.gradient[int(index)] == pytest.approx(value, abs=tolerance)


def test_the_prisma_trajectory():
    trajectory = FORMULAS["prisma"]["trajectory"]
    run = session(*RECIPES["prisma"], "--rows=64", "--iterations=10", "--evaluations_per_iteration=1")
    steps = list(run.steps())
    for step, expected in zip(steps, trajectory["steps"], strict=False):
        assert step.loss == pytest.approx(expected["total"], rel=0.01)
        assert step.layers["content/block3_conv1"] == pytest.approx(1.5 * expected["content"], rel=0.01)
    assert steps[10].image.mean() == pytest.approx(trajectory["final_mean"], rel=0.01)
    assert steps[10].image.std() == pytest.approx(trajectory["final_std"], rel=0.01)


@pytest.mark.slow
def test_the_vgg16_notebook():
    (case,) = reference("vgg16_notebook.json")
    arguments = ("--recipe=vgg16_notebook", f"--rows={case['rows']}", f"--cols={case['cols']}", "--iterations=10")
    assert_agrees(session(*arguments), case)
    assert_follows(session(*arguments).steps(), case["iterations"])


OPTIMISING = [name for name in sorted(recipes.by_name()) if "method" not in recipes.read(name)]
DISTINCT = ("best", "cnnmrf", "mmd", "paint")
"""Recipes whose losses no test above compares."""


@pytest.mark.parametrize("recipe", [*DISTINCT, *(slow(name) for name in OPTIMISING if name not in DISTINCT)])
def test_every_recipe_runs_two_steps_and_lowers_its_loss(recipe):
    arguments = [
        "--rows=48",
        "--cols=64",
        "--iterations=2",
        "--scales=",
        "--scale_iterations=",
        "--evaluations_per_iteration=4",
    ]
    given = prepare(COFFEE, [SWIRLS], options(f"--recipe={recipe}", *arguments, "--weights=random"))
    start, *steps = Engine().run(*given).steps()
    assert len(steps) == 2
    assert steps[-1].loss < start.loss


@pytest.mark.parametrize("recipe", ["slides", slow("gatys"), slow("pytorch_tutorial")])
def test_a_run_without_restarts_reaches_a_low_loss_from_noise(recipe):
    """A first step of SciPy's length vanishes in float32's rounding, and the run once stalled within 2 %."""
    arguments = ("--rows=48", "--init=noise", "--iterations=1", "--evaluations_per_iteration=30")
    start, end = session(f"--recipe={recipe}", *SEEDED[1:], *arguments).steps()
    assert end.loss < start.loss / 5


@pytest.mark.parametrize(
    ("init", "tv_weight"),
    [("noise", 0), slow("content", 1), slow("content", 0), slow("style", 0), slow("noise", 1), slow("style", 1)],
)
def test_the_rounding_of_bfloat16_stops_no_line_search(engine, init, tv_weight):
    """By the float32 loss, a run in bfloat16 ends as low as one in float32 from any start."""
    flags = (f"--tv_weight={tv_weight}", f"--init={init}", "--scales=", "--scale_iterations=", "--rows=48")
    arguments = ("--recipe=fast", *flags, "--iterations=3")
    runs = [session(*arguments, f"--precision={kind}", engine=engine) for kind in ("float32", "bfloat16")]
    images = [step.image for run in runs for step in list(run.steps())[::3]]
    start, exact, _, near = (runs[0].evaluator.loss(image.astype(np.float64).reshape(-1)) for image in images)
    assert exact < 0.8 * start
    is_native = device.cpu_has_any("amx_bf16", "avx512_bf16")  # elsewhere bfloat16 is emulated, which rounds more often
    assert near < (1.05 if is_native else 1.25) * exact

import re

import pytest
from conftest import options, session

from neural_style.results.advice import advice


def advised(initial, final, *arguments):
    terms = [dict(zip(("content", "style"), pair, strict=True)) for pair in (initial, final)]
    return advice(options(*arguments).values(), *terms, 20)


@pytest.mark.parametrize(
    ("arguments", "initial", "final", "expected"),
    [
        ([], (0, 100), (5, 40), None),
        ([], (0, 100), (1e-3, 50), r"the style weight leaves the content.*--content_weight by about 5000 "),
        ([], (0, 100), (0.5, 99), r"the content weight leaves the style.*--style_weight by about 50 "),
        ([], (0, 100), (0, 100), None),  # nothing changed
        (["--init=noise"], (50, 100), (10, 20), None),
        (["--init=noise"], (0.01, 100), (0.01, 20), r"--content_weight by about 1000 "),
        (["--init=noise"], (100, 0.01), (1, 0.01), r"--style_weight by about 1000 "),
        (["--content_weight=0"], (0, 100), (0, 40), None),
        (["--init=noise", "--balance=log"], (0.01, 100), (0.01, 20), None),
    ],
)
def test_advice(arguments, initial, final, expected):
    received = advised(initial, final, *arguments)
    if expected is None:
        assert received is None
    else:
        assert re.search(expected, received), received


def test_a_short_run_gives_no_advice():
    terms = {"content": 0, "style": 100}, {"content": 1e-9, "style": 50}
    assert advice(options().values(), *terms, 20)
    assert advice(options().values(), *terms, 5) is None


@pytest.mark.parametrize(
    ("flag", "drowned", "advised_flag"),
    [("--content_weight=1e-6", "content", "content_weight"), ("--content_weight=1e4", "style", "style_weight")],
)
def test_the_advice_is_right(flag, drowned, advised_flag):
    """Runs that drown a term give advice, and runs that follow it drown none."""
    common = ("--rows=32", "--normalization=scale", "--tv_weight=0", "--iterations=2", "--norestart_each_iteration")

    def advise(*arguments):
        run = session(*common, *arguments)
        steps = list(run.steps())
        terms = [step.terms for step in (steps[0], steps[-1])]
        return advice(options(*common, *arguments).values(), *terms, run.evaluator.evaluations)

    sentence = advise(flag)
    assert f"leaves the {drowned} no influence" in sentence
    factor = float(sentence.split("by about ")[1].split()[0])
    name, value = flag.split("=")
    weights = {"--content_weight": float(value), "--style_weight": 1.0}
    weights[f"--{advised_flag}"] *= factor
    assert advise(*(f"{name}={weight}" for name, weight in weights.items())) is None

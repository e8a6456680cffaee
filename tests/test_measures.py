"""Figures of results: compared with independent computations, and at the two ends of their scales."""

import json

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS
from PIL import Image
from scipy.spatial.distance import cdist

import neural_style
from neural_style import api
from neural_style.cli.main import main
from neural_style.core.errors import UserError
from neural_style.results import measures

RANDOM = dict(weights="random", rows=48)


@pytest.fixture(scope="module")
def figures():
    """Of the painting itself, in the photograph's size, and of the photograph."""
    return neural_style.compare(COFFEE, SWIRLS, [SWIRLS, COFFEE], **RANDOM)


def test_the_ends_of_the_scales(figures):
    painting, photograph = figures
    assert painting.style_distance == 0
    assert photograph.style_distance == pytest.approx(1)
    assert photograph.content_distance == 0
    assert painting.content_distance > 0.1
    assert painting.loss < photograph.loss


def test_the_loss_is_that_of_a_run_which_starts_there(figures):
    with Image.open(SWIRLS) as image:
        start = image.convert("RGB").resize((72, 48), Image.Resampling.LANCZOS)
    settings = dict(RANDOM, recipe="paint", init=start, iterations=0, scales=[], scale_iterations=[], margin=0)
    run = neural_style.stylize(COFFEE, SWIRLS, trim_frame=False, **settings)
    assert figures[0].loss == pytest.approx(run.record["initial"]["loss"], rel=1e-6)
    assert figures[0].loss == pytest.approx(sum(figures[0].terms.values()), rel=1e-4)


def test_the_style_distance_equals_one_from_sorted_projections(rng):
    """With as many positions as quantiles, quantiles are the sorted values, up to half a step."""
    one, other, third = (rng.standard_normal((128, 128, 5)) * scale for scale in (1, 2, 4))
    layers = {name: np.zeros((2, 2, 1)) for name in measures.CONTENT_LAYERS}
    maps = [{**layers, **dict.fromkeys(measures.STYLE_LAYERS, each)} for each in (one, other, third)]
    found = measures.style_distance(*map(measures.make_profile, maps))
    directions = np.random.default_rng(0).standard_normal((5, measures.DIRECTIONS))
    directions /= np.sqrt((directions**2).sum(axis=0))
    one, other, third = (np.sort(each.reshape(-1, 5) @ directions, axis=0) for each in (one, other, third))
    expected = ((one - third) ** 2).mean() / ((other - third) ** 2).mean()
    assert found == pytest.approx(expected, rel=1e-2)


def test_self_similarity_equals_scipys_cosine_distances(rng):
    one, other = (rng.random((24, 32, 7)) for _ in range(2))
    maps = [dict.fromkeys((*measures.STYLE_LAYERS, *measures.CONTENT_LAYERS), each) for each in (one, other)]
    matrices = [cdist(each.reshape(-1, 7), each.reshape(-1, 7), "cosine") for each in (one, other)]
    matrices = [matrix / matrix.sum(axis=0) for matrix in matrices]
    expected = np.abs(matrices[0] - matrices[1]).sum(axis=0).mean()
    assert measures.content_distance(*map(measures.make_profile, maps)) == pytest.approx(expected, rel=1e-9)


def test_grain_and_border_see_noise_where_it_is(rng):
    flat = np.full((80, 96, 3), 128.0)
    noise = rng.standard_normal(flat.shape) * 10

    def measure(pixels):
        return measures.grain_and_border(Image.fromarray(np.uint8(pixels)), Image.fromarray(np.uint8(flat)))

    assert measure(flat) == (0, 0)
    grain, border = measure(flat + noise)
    assert grain == pytest.approx(10 * np.sqrt(8 / 9), rel=0.05)  # a pixel less the mean of the nine around it
    assert border == pytest.approx(1, rel=0.1)
    inside = noise.copy()
    inside[measures.BORDER : -measures.BORDER, measures.BORDER : -measures.BORDER] /= 4
    grain, border = measure(flat + inside)
    assert grain == pytest.approx(2.5 * np.sqrt(8 / 9), rel=0.1)
    assert border == pytest.approx(4, rel=0.15)


def test_what_can_not_be_measured_is_told():
    with pytest.raises(UserError, match="photograph and a painting that differ"):
        neural_style.compare(COFFEE, COFFEE, [COFFEE], **RANDOM)
    with pytest.raises(UserError, match="recipe=instant has no loss"):
        neural_style.compare(COFFEE, SWIRLS, [COFFEE], recipe="instant")
    with pytest.raises(UserError, match="at least 32 x 32 pixels"):
        neural_style.compare(COFFEE, SWIRLS, [np.zeros((12, 12, 3), np.uint8)])


def test_the_command_prints_a_table_or_json(monkeypatch, capsys):
    found = measures.Figures(3.0, {"content": 1.0, "style": 2.0}, 0.25, 0.5, 1.5, 1.25)
    monkeypatch.setattr(api, "compare", lambda *words, **options: [found] * len(words[2]))
    assert main(["compare", "a", "b", "one.png", "two.png"]) == 0
    table = capsys.readouterr().out
    assert table.count("\n") == 12
    assert "two.png:\n  loss                     3  (content 1, style 2)\n  style distance       0.250" in table
    assert main(["compare", "a", "b", "one.png", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {
        "result": "one.png",
        "loss": 3.0,
        "terms": {"content": 1.0, "style": 2.0},
        "style_distance": 0.25,
        "content_distance": 0.5,
        "grain": 1.5,
        "border": 1.25,
    }

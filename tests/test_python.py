import re
from pathlib import Path

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, session
from PIL import Image

import neural_style

QUICK = dict(weights="random", rows=32, iterations=2, evaluations_per_iteration=3)


def test_paths_images_and_arrays_give_what_the_engine_gives():
    steps = []
    image, record = neural_style.stylize(str(COFFEE), SWIRLS, callback=steps.append, **QUICK)
    *_, last = session("--rows=32", "--iterations=2", "--evaluations_per_iteration=3").steps()
    np.testing.assert_array_equal(np.asarray(image), last.image.clip(0, 255).astype(np.uint8))
    assert [step.index for step in steps] == [0, 1, 2]
    assert record["iterations"][-1]["loss"] == last.loss == steps[-1].loss
    assert record["complete"]
    with Image.open(COFFEE) as content, Image.open(SWIRLS) as style:
        again, _ = neural_style.stylize(content, [np.asarray(style)], **QUICK)
    np.testing.assert_array_equal(np.asarray(again), np.asarray(image))


def test_an_exception_in_the_callback_ends_the_run():
    def stop(step):
        if step.index == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        neural_style.stylize(COFFEE, SWIRLS, callback=stop, **QUICK)


@pytest.mark.parametrize(
    ("style", "options", "message"),
    [
        (SWIRLS, {"rows": 0}, "not a positive integer"),
        (SWIRLS, {"row": 32}, "Did you mean: rows"),
        (SWIRLS, {"recipe": "kreas"}, "--recipe takes one of"),
        ([], {}, "at least one style"),
        (np.zeros((4, 4, 7)), {}, "received one of shape"),
    ],
)
def test_what_is_wrong_is_told(style, options, message):
    with pytest.raises(neural_style.UserError, match=message):
        neural_style.stylize(COFFEE, style, **options)


def test_the_readmes_lines(monkeypatch, tmp_path):
    """The lines run as they stand, but on small seeded pictures."""
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    (lines,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) == 5
    (tmp_path / "photo.jpg").write_bytes(COFFEE.read_bytes())
    (tmp_path / "painting.jpg").write_bytes(SWIRLS.read_bytes())
    monkeypatch.chdir(tmp_path)
    real, seen = neural_style.stylize, []

    def quick(*arguments, **options):
        seen.append(options)
        return real(*arguments, **{**options, **QUICK})

    monkeypatch.setattr(neural_style, "stylize", quick)
    exec(compile(lines, "README.md", "exec"), {})
    assert len(seen) == 1
    assert any(
        path.suffix in (".png", ".jpg") and path.stem not in ("photo", "painting") for path in tmp_path.iterdir()
    )

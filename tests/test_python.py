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
        (SWIRLS, {"rows": 0}, "--rows takes a whole number from 1"),
        (SWIRLS, {"row": 32}, "Did you mean rows"),
        (SWIRLS, {"recipe": "kreas"}, "--recipe takes one of"),
        ([], {}, "at least one style"),
        (np.zeros((4, 4, 7)), {}, "received one of shape"),
    ],
)
def test_what_is_wrong_is_told(style, options, message):
    with pytest.raises(neural_style.UserError, match=message):
        neural_style.stylize(COFFEE, style, **options)

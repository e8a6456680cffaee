"""The same seed, flags and machine give the same bytes."""

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, session
from test_main import run

QUICK = ("--rows=32", "--iterations=2", "--evaluations_per_iteration=4", "--seed=3", "--init=noise", "--noplots")


@pytest.mark.parametrize(
    ("precision", "look"),
    [("float32", "--recipe=offline"), ("float64", "--weights=random"), ("bfloat16", "--weights=random")],
)
def test_two_runs_write_the_same_bytes(tmp_path, precision, look):
    written = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        done = run(COFFEE, SWIRLS, "out", look, *QUICK, f"--precision={precision}", cwd=folder)
        assert done.returncode == 0, done.stderr
        written.append({path.name: path.read_bytes() for path in folder.glob("*.png")})
    assert len(written[0]) == 3
    assert written[0] == written[1]


def test_another_seed_gives_another_image():
    images = [next(session(*QUICK, f"--seed={seed}").steps()).image for seed in (0, 0, 1)]
    np.testing.assert_array_equal(images[0], images[1])
    assert np.abs(images[0] - images[2]).max() > 100

"""The same seed, flags and machine give the same bytes."""

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, run_program, session

QUICK = ("--rows=32", "--iterations=2", "--evaluations_per_iteration=4", "--seed=3", "--init=noise", "--noplots")
QUICK += ("--content_layers=block2_conv2", "--style_layers=block1_conv1,block2_conv1")
TABLE = """content,style,prefix,precision,recipe,weights
{content},{style},float32,float32,offline,
{content},{style},float64,float64,,random
{content},{style},bfloat16,bfloat16,,random
"""


@pytest.mark.slow
def test_two_programs_write_the_same_bytes(tmp_path):
    pictures = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "runs.csv").write_text(TABLE.format(content=COFFEE, style=SWIRLS))
        done = run_program("--manifest=runs.csv", *QUICK, cwd=folder)
        assert done.returncode == 0, done.stderr
        pictures.append({path.name: path.read_bytes() for path in folder.glob("*.png")})
    assert len(pictures[0]) == 3 * 3
    assert pictures[0] == pictures[1]


def test_another_seed_gives_another_image():
    images = [next(session(*QUICK, f"--seed={seed}").steps()).image for seed in (0, 0, 1)]
    np.testing.assert_array_equal(images[0], images[1])
    assert np.abs(images[0] - images[2]).max() > 100

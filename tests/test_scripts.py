import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"


def test_reproduce_keras_reports_a_missing_network_connection(tmp_path):
    offline = {**os.environ, "KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, SCRIPTS / "reproduce_keras.py"], capture_output=True, text=True, env=offline, timeout=120
    )
    assert done.returncode == 1
    assert "paris.jpg could not be fetched" in done.stderr
    assert "This comparison needs the network" in done.stderr


def test_benchmark_names_what_it_can_measure():
    done = subprocess.run(
        [sys.executable, SCRIPTS / "benchmarks" / "benchmark.py", "speed"], capture_output=True, text=True
    )
    assert done.returncode == 2
    parts = (
        "evaluation, overhead, convergence, operations, sizes, analogy, video, universal, feedforward, arbitrary, shell"
    )
    assert f"expected {parts} or a size such as 800x600" in done.stderr
    assert "received 'speed'" in done.stderr


@pytest.mark.slow
def test_the_notebook_runs_from_the_first_cell_to_the_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((SCRIPTS / "first_pictures.ipynb").read_text())
    names = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert (tmp_path / "painted.jpg").exists()
    assert repr(names["painted"]).startswith("Painting(256 x ")

"""The package as users install it: built, installed into another folder, and run there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import COFFEE, SWIRLS

ROOT = Path(__file__).parent.parent
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which the wheel was installed."""
    source, wheels, site = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "site"))
    for name in ("neural_style", "configs"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True)
    return site


def run(installed, folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_wheel_paints(installed, tmp_path):
    where = run(installed, tmp_path, "-c", "import neural_style; print(neural_style.__file__)")
    assert where.startswith(str(installed))
    quick = ["--recipe=offline", "--weights=random", "--rows=32", "--scales=1", "--scale_iterations=1"]
    quick += ["--evaluations_per_iteration=2"]
    run(installed, tmp_path, "-m", "neural_style", str(COFFEE), str(SWIRLS), "out", *quick)
    assert (tmp_path / "out.png").stat().st_size > 0


def test_the_wheel_contains_every_recipe_module_decoder_network_and_licence(installed):
    trained = [
        ("neural_style", f"**/{name}") for name in ("*.safetensors", "*.keras", "*.tflite", "NOTICE", "LICENSE-APACHE")
    ]
    for folder, pattern in [("configs", "*.flags"), ("neural_style", "**/*.py"), *trained]:
        there = installed / "neural_style" / ("configs" if folder == "configs" else "")
        names = {path.relative_to(ROOT / folder) for path in (ROOT / folder).glob(pattern)}
        assert names == {path.relative_to(there) for path in there.glob(pattern)}

"""The package as users get it: built, installed in another folder, run there."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import package
import pytest
from conftest import COFFEE, SWIRLS

ROOT = Path(__file__).parent.parent
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what the wheel is built from."""
    folder = tmp_path_factory.mktemp("source")
    package.copy_sources(folder)
    return folder


@pytest.fixture(scope="module")
def installed(source, tmp_path_factory):
    """The folder that the wheel was installed to."""
    wheels, site = (tmp_path_factory.mktemp(name) for name in ("wheels", "site"))
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True)
    return site


def run(installed, folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_package_index_gets_absolute_links():
    text = package.absolute_links((ROOT / "README.md").read_text(encoding="utf-8"), "https://example.org/main/")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert "https://example.org/main/configs/gallery/methods/best.jpg" in links
    assert all(link.startswith("https://") for link in links)


def listed_packages():
    configuration = configparser.ConfigParser()
    configuration.read(ROOT / "setup.cfg")
    return set(configuration["options"]["packages"].split())


def test_setup_lists_every_package():
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "neural_style").rglob("*.py")}
    modules = {".".join(folder.parts) for folder in folders}
    assert listed_packages() == modules | {"neural_style.configs", "neural_style.samples"}


def test_an_editable_install_finds_the_recipes(source, tmp_path):
    site = tmp_path / "site"
    install = [*PIP, "install", "--no-deps", "--no-build-isolation", "--target", str(site), "--editable", str(source)]
    subprocess.run(install, check=True, capture_output=True)
    # Python reads an editable install's .pth file from a site folder, not from PYTHONPATH.
    code = f"import site; site.addsitedir({str(site)!r}); import neural_style; print(neural_style.__file__); "
    code += "from neural_style.settings import recipes; print(len(recipes.by_name()))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", "-c", code]
    output = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    place, count = output.split()
    assert place.startswith(str(source))
    assert int(count) == len(list((ROOT / "configs").glob("*.flags")))


def test_the_wheel_paints_elsewhere(installed, tmp_path):
    where = run(installed, tmp_path, "-c", "import neural_style; print(neural_style.__file__)")
    assert where.startswith(str(installed))
    quick = ["--recipe=offline", "--weights=random", "--rows=32", "--scales=1", "--scale_iterations=1"]
    quick += ["--evaluations_per_iteration=2"]
    run(installed, tmp_path, "-m", "neural_style", str(COFFEE), str(SWIRLS), "out", *quick)
    assert (tmp_path / "out.png").stat().st_size > 0


def test_the_wheel_holds_every_recipe_picture_module_decoder_network_and_licence(installed):
    names = ("*.py", "*.safetensors", "*.keras", "*.tflite", "NOTICE", "LICENSE-APACHE", "py.typed")
    inside = [("neural_style", f"**/{name}") for name in names]
    for folder, pattern in [("configs", "*.flags"), ("configs", "gallery/*.jpg"), *inside]:
        there = installed / "neural_style" / ("configs" if folder == "configs" else "")
        names = {path.relative_to(ROOT / folder) for path in (ROOT / folder).glob(pattern)}
        assert names == {path.relative_to(there) for path in there.glob(pattern)}

"""Images, weights, engines and reference values that several tests share."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_engine import FakeEngine

from neural_style.cli import flags, terminal
from neural_style.cli.main import main
from neural_style.engine import Engine
from neural_style.images import geometry, reading
from neural_style.images.scene_building import build_scene
from neural_style.planning.plan import prepare
from neural_style.settings.settings import Settings
from neural_style.vgg import weights

DATA = Path(__file__).parent / "data"
COFFEE, SWIRLS = DATA / "coffee.png", DATA / "swirls.png"
PROGRAM = [sys.executable, "-m", "neural_style"]
FAKE_PROGRAM = [sys.executable, str(Path(__file__).with_name("fake_command.py"))]


terminal.print_log()

LONGEST = ("test_training", "test_reference", "test_surroundings", "test_kmeans", "test_checkpoint", "test_recipes")
"""Files that take minutes: these start first, or one process would run them alone at the end."""


def pytest_configure():
    """Lets Ctrl-C reach the programs that tests start: a shell's background jobs ignore it, and so would these."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Puts the longest files first."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def slow(*values):
    """Parameters of a test that runs with -m slow only."""
    return pytest.param(*values, marks=pytest.mark.slow)


def reference(name):
    """A file of reference values; tests/data/README.md names their sources."""
    return json.loads((DATA / name).read_text())


def options(*arguments):
    """The settings of a command line."""
    return flags.parse(arguments).settings()


def session(*arguments, **given):
    """The first scale's session on coffee and swirls with the seeded weights; `given` as for `prepared`."""
    return prepared(options(*arguments, "--weights=random"), **given)


def prepared(settings, content=COFFEE, styles=(SWIRLS,), engine=None):
    """The first scale's session of `settings`, by a new engine where none is given."""
    return next((engine or Engine()).run(*prepare(content, styles, settings)).sessions())


def steps_of(engine, content=COFFEE, styles=(SWIRLS,), **given):
    """The steps of a run with settings by name."""
    return list(engine.steps(content, list(styles), Settings.read(**given)))


def scene_of(content, styles, settings, coarser=None):
    """The scene of the finest scale."""
    inputs, plan = prepare(content, styles, settings)
    return build_scene(inputs, settings, plan.result_size, coarser)


@pytest.fixture(scope="module")
def engine():
    """One engine for a file's tests, which keeps their networks and traces."""
    return Engine()


@pytest.fixture
def fake_engine(monkeypatch):
    """The FakeEngine with which this test's commands paint."""
    fake = FakeEngine()
    monkeypatch.setattr("neural_style.cli.main.engine_maker", lambda **_: lambda: fake)
    return fake


def pair(rows, cols):
    """Coffee and swirls, resized to rows x cols."""
    return tuple(geometry.resize(reading.load(path), rows, cols) for path in (COFFEE, SWIRLS))


@pytest.fixture
def folder(tmp_path, monkeypatch, fake_engine):
    """A working folder that holds photo.png and style.png, where a FakeEngine paints."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(COFFEE, "photo.png")
    shutil.copy(SWIRLS, "style.png")
    return tmp_path


@pytest.fixture
def run(capsys):
    """Runs a command line in this process; returns its exit code and output."""

    def run_command(*arguments):
        capsys.readouterr()
        code = main(list(map(str, arguments)))
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return run_command


def run_program(*arguments, **options):
    """Runs a command line as a program of its own; returns its exit code and output."""
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


@pytest.fixture(scope="session")
def vgg19():
    """The seeded weights of VGG19."""
    return weights.load_random("vgg19", 0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)

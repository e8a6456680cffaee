"""Images, weights and reference values that several tests share."""

import json
from pathlib import Path

import numpy as np
import pytest

from neural_style.command import flags
from neural_style.images import reading, sources
from neural_style.optimize.studio import Studio
from neural_style.vgg import weights

DATA = Path(__file__).parent / "data"
COFFEE, SWIRLS = DATA / "coffee.png", DATA / "swirls.png"


def reference(name):
    """A file of reference values; tests/data/README.md says where they come from."""
    return json.loads((DATA / name).read_text())


def options(*arguments):
    """The options of a command line."""
    return flags.parse(arguments)[1]


def session(*arguments, **given):
    """The first scale's session on coffee and swirls with the seeded weights; `given` as for `prepared`."""
    return prepared(options(*arguments, "--weights=random"), **given)


def prepared(settings, content=COFFEE, styles=(SWIRLS,), studio=None):
    """The first scale's session of `settings`, by a new studio where none is given."""
    return next((studio or Studio()).sessions(sources.load(content, styles, settings)))


@pytest.fixture(scope="module")
def studio():
    """One for a file's tests, which keeps their networks and traces."""
    return Studio()


def pair(rows, cols):
    """Coffee and swirls in a frame."""
    return tuple(reading.resize(reading.load(path), rows, cols) for path in (COFFEE, SWIRLS))


@pytest.fixture(scope="session")
def vgg19():
    """The seeded weights of VGG19."""
    return weights.random("vgg19", 0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)

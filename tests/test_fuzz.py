"""Random commands: the result is a picture or one line of error, and no other file is touched.

By default a FakeEngine paints, except for a few commands. With -m slow the real one paints, for many more. The commands
are the same in every run, unless the environment holds FUZZ_RANDOM=1.
"""

import contextlib
import dataclasses
import functools
import io
import os
import random
import resource
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from fake_engine import FakeEngine
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from PIL import Image

from neural_style.cli.flags import GROUPS
from neural_style.cli.main import main
from neural_style.settings import kinds, recipes, vgg_layers

BASE = ["--weights=random", "--network=vgg16", "--rows=24", "--iterations=1", "--evaluations_per_iteration=2"]
BASE += ["--style_layers=block1_conv1", "--content_layers=block1_conv2", "--noplots"]
HEAVY = {"rows", "cols", "scales", "iterations", "scale_iterations", "evaluations_per_iteration", "style_scale"}
"""Flags whose largest values would take hours."""
APART = {"help", "helpfull", "version", "list_recipes", "flagfile", "manifest", "undefok", "tensorboard"}
"""Flags with tests of their own."""
FIELDS = {field.name: field for group in GROUPS for field in dataclasses.fields(group) if field.name not in APART}
NOISE = [
    "",
    " ",
    "nan",
    "inf",
    "-1",
    "0",
    "²",
    "1e400",
    "0x10",
    "none",
    "auto",
    "猫",
    "a\0b",
    ",",
    "1,,2",
    "-",
    "x" * 5000,
]
CPU_SECONDS, BYTES = 60, 2e9
DEFAULT = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FEW = settings(DEFAULT, max_examples=8)
LONG = settings(DEFAULT, max_examples=250, derandomize="FUZZ_RANDOM" not in os.environ)


def values(field, chance):
    """Text for a flag: the edges of its range, and sometimes nonsense."""
    return st.sampled_from(NOISE) if chance == 9 else _of_kind(field.metadata["kind"], field.name in HEAVY)


def _of_kind(kind, heavy):
    if isinstance(kind, kinds.Optional):
        return _of_kind(kind.other, heavy)
    if isinstance(kind, kinds.WordOr):
        return st.one_of(st.sampled_from(kind.words), _of_kind(kind.other, heavy))
    if isinstance(kind, kinds.Many):
        return st.lists(_of_kind(kind.each, heavy), max_size=3).map(",".join)
    if isinstance(kind, kinds.Choice):
        return st.sampled_from(kind.choices)
    if isinstance(kind, kinds.Switch):
        return st.sampled_from(["true", "false", "maybe"])
    if isinstance(kind, kinds.Number):
        edges = [kind.minimum, 1, 2, 3]
        edges += (
            [24, 33]
            if heavy
            else [kind.maximum, kind.maximum * 2 + 1, kind.minimum - 1, (kind.minimum + kind.maximum) / 2]
        )
        return st.sampled_from([f"{int(edge)}" if isinstance(kind, kinds.Whole) else f"{edge!r}" for edge in edges])
    layers = vgg_layers.layer_names("vgg16")[:4]
    return st.sampled_from([*layers, *recipes.by_name(), "photo.png", "style.png", "mask.png", "missing.png", "."])


def lines(name):
    """A flag with a value; a switch on or off."""
    bare = st.sampled_from([f"--{name}", f"--no{name}"])
    if isinstance(FIELDS[name].metadata["kind"], kinds.Switch):
        return bare
    return st.integers(0, 9).flatmap(lambda chance: values(FIELDS[name], chance).map(lambda v: f"--{name}={v}"))


FLAGS = st.lists(st.sampled_from(sorted(FIELDS)).flatmap(lines), max_size=4)


@contextlib.contextmanager
def folder():
    """A working folder with small images."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        rng = np.random.default_rng(0)
        for image, size in {"photo.png": (24, 32), "style.png": (30, 20), "mask.png": (8, 8)}.items():
            Image.fromarray(rng.integers(0, 255, (*size, 3), np.uint8)).save(image)
        try:
            yield Path(name)
        finally:
            os.chdir(before)


def check(arguments, *inputs):
    """Runs a command; `inputs` are files that it must not change."""
    before = {path: path.read_bytes() for path in map(Path, ("photo.png", "style.png", "mask.png", *inputs))}
    hidden = set(Path(".").rglob(".*"))
    out, err, started, peak = io.StringIO(), io.StringIO(), time.process_time(), _peak()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    event(f"exit code {code}")
    foreign = [line for line in err.getvalue().splitlines() if not line.startswith("neural-style: ")]
    assert code in (0, 1, 2), (arguments, code)
    assert not foreign, (arguments, foreign)
    assert code or out.getvalue(), arguments
    assert code == 0 or err.getvalue().count("\n") <= 2, (arguments, err.getvalue())
    assert not set(Path(".").rglob(".*.neural-style.*")) - hidden, arguments
    assert all(path.read_bytes() == data for path, data in before.items()), arguments
    assert time.process_time() - started < CPU_SECONDS, arguments
    assert _peak() - peak < BYTES, arguments
    return code


PREFIXES = ["out", "photo", "style.png", "mask", "./photo.png", "x" * 240, "猫" * 90, "none/out"]
PREFIXES += [".", "", "out.jpg", "-out"]
STANDING = ["out.png", "out.json", "out.state", "photo.json", "out_at_iteration_1.png"]
STANDING += [".out.json.neural-style.partial"]
SHAPES = [(30, 20), (1, 1), (1, 300), (300, 1), (9, 200)]
DEEPEST = ["block1_conv1", "block3_conv1"]


def _peak():
    """The maximum bytes of memory that this process has used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def commands(flags, prefix, standing, shape, deepest):
    with folder():
        Image.fromarray(np.full((*shape, 3), 90, np.uint8)).save("style.png")
        for name in standing:
            Path(name).write_text('["somebody\'s"]')
        words = (
            ["--", "photo.png", "style.png", prefix] if prefix.startswith("-") else ["photo.png", "style.png", prefix]
        )
        others = [name for name in standing if "partial" not in name and "--overwrite" not in flags]
        check([*BASE, f"--style_layers={deepest}", *flags, *words], *others)


def encoded(mode, size, ending, seed):
    """A file's bytes."""
    rng, file = np.random.default_rng(seed), io.BytesIO()
    image = Image.fromarray(rng.integers(0, 255, (size[1], size[0], 4), np.uint8), "RGBA")
    image = image.convert("RGB").convert("F") if mode == "F" else image.convert(mode)
    exif = {"exif": b"Exif\0\0" + EXIF[seed // 2 % len(EXIF)] + rng.bytes(int(rng.integers(0, 40)))} if seed % 2 else {}
    try:
        image.save(file, ending, **exif)
    except Exception:  # a mode or EXIF data that the format does not take
        assume(False)
    return file.getvalue()


EXIF = [b"", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02x\0\0\0\0\0\0\0"]
EXIF += [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08\0\x05"]
"""First bytes of EXIF data: nothing, an orientation in letters, and truncated tables."""
SIDES = st.sampled_from([1, 2, 3, 7, 24, 100, 1000, 10_000])
MODES = st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F"])
HARM = st.sampled_from(["none", "cut", "flip", "both"])


def images(mode, width, height, ending, harm, seed):
    assume(width * height <= 10**6 and width <= 200 * height)  # the widest possible picture takes minutes
    data, rng = bytearray(encoded(mode, (width, height), ending, seed)), random.Random(seed)
    if harm in ("flip", "both"):
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    if harm in ("cut", "both"):
        data = data[: rng.randrange(len(data))]
    with folder():
        Path("drawn").write_bytes(data)
        words = ["photo.png", "style.png", "out"]
        words[rng.randrange(2)] = "drawn"
        mask = ["--content_mask=drawn"] if rng.random() < 0.3 else []
        check([*words, *BASE, *mask], "drawn")


CELL = st.one_of(
    st.sampled_from(["photo.png", "style.png", "photo.png;style.png", "out", "a/b", "32", "paint", *NOISE])
)
HEADER = st.sampled_from(["content", "style", "prefix", "rows", "seed", "recipe", "init", "noplots", "", "self"])


def tables(kind, rows, junk):
    rows = [[cell.replace("\0", "") for cell in row] for row in rows]
    text = "\n".join(",".join(row) for row in rows)
    with folder():
        if kind == "manifest":
            header = "content,style,prefix" + (f",{junk}" if junk else "")
            Path("drawn").write_text(f"{header}\n{text}", encoding="utf-8")
            check_batch(["--manifest=drawn", *BASE])
        else:
            Path("drawn").write_text("\n".join("=".join(row) for row in rows), encoding="utf-8")
            check(["photo.png", "style.png", "out", *BASE, "--flagfile=drawn"], "drawn")


def check_batch(arguments):
    """Runs a batch, which may print an error for each row."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    event(f"exit code {code}")
    assert code in (0, 1, 2)
    assert all(line.startswith("neural-style: ") for line in err.getvalue().splitlines()), err.getvalue()


ROWS = st.lists(st.lists(CELL, min_size=1, max_size=5), max_size=4)
IMAGES = dict(
    mode=MODES,
    width=SIDES,
    height=SIDES,
    ending=st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"]),
    harm=HARM,
    seed=st.integers(0, 10**6),
)
TABLES = dict(kind=st.sampled_from(["manifest", "flagfile"]), rows=ROWS, junk=HEADER)

COMMANDS = dict(
    flags=FLAGS,
    prefix=st.sampled_from(PREFIXES),
    standing=st.lists(st.sampled_from(STANDING), max_size=2),
    shape=st.sampled_from(SHAPES),
    deepest=st.sampled_from(DEEPEST),
)


def with_fake_engine(check):
    """A check whose commands paint with a FakeEngine."""

    @functools.wraps(check)
    def run(**drawn):
        with mock.patch("neural_style.cli.main.engine_maker", return_value=FakeEngine):
            check(**drawn)

    return run


test_commands = DEFAULT(given(**COMMANDS)(with_fake_engine(commands)))
test_images = DEFAULT(given(**IMAGES)(with_fake_engine(images)))
test_tables = DEFAULT(given(**TABLES)(with_fake_engine(tables)))
test_a_few_commands = FEW(given(**COMMANDS)(commands))
test_many_commands = pytest.mark.slow(settings(LONG, max_examples=500)(given(**COMMANDS)(commands)))
test_many_images = pytest.mark.slow(LONG(given(**IMAGES)(images)))
test_many_tables = pytest.mark.slow(LONG(given(**TABLES)(tables)))

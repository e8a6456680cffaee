"""Random commands: the result is a picture or one line of error, and no other file is touched.

By default a FakeEngine paints, except for a few commands. With -m slow the real one paints, for many more. The commands
are the same in every run, unless the environment holds FUZZ_RANDOM=1.
"""

import contextlib
import csv
import dataclasses
import functools
import io
import os
import random
import resource
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
from fake_engine import FakeEngine
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from neural_style.cli.flags import GROUPS
from neural_style.cli.loading import load_tensorflow
from neural_style.cli.main import main
from neural_style.images.flat_colors import BLACK
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
HUNDRED = settings(LONG, max_examples=100)
"""For commands that paint several pictures or films."""


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


def observe(arguments, *inputs):
    """Runs a command, and checks what holds for all.

    Args:
      arguments: the command line.
      *inputs: files that it must not change.

    Returns:
      The exit code, and what it wrote to standard output and standard error.
    """
    before = {path: path.read_bytes() for path in map(Path, ("photo.png", "style.png", "mask.png", *inputs))}
    hidden = set(Path(".").rglob(".*"))
    out, err, started, peak = io.StringIO(), io.StringIO(), time.process_time(), _peak()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), written_by_libraries() as chatter:
        code = main(arguments)
    event(f"exit code {code}")
    foreign = [line for line in err.getvalue().splitlines() if not line.startswith("neural-style: ")]
    assert code in (0, 1, 2), (arguments, code)
    assert not foreign, (arguments, foreign)
    assert not chatter, (arguments, chatter)
    assert code or out.getvalue(), arguments
    assert not set(Path(".").rglob(".*")) - hidden, arguments
    assert all(path.read_bytes() == data for path, data in before.items()), arguments
    assert time.process_time() - started < CPU_SECONDS, arguments
    assert _peak() - peak < BYTES, arguments
    return code, out.getvalue(), err.getvalue()


@contextlib.contextmanager
def written_by_libraries():
    """A list that in the end holds Python's warnings, and the lines that C and C++ wrote to file descriptor 2."""
    lines, own = [], os.dup(2)
    with tempfile.TemporaryFile() as file, warnings.catch_warnings(record=True) as warned:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(own, 2)
            os.close(own)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()
            lines += [f"{each.filename}:{each.lineno}: {each.message}" for each in warned]


def check(arguments, *inputs):
    """Runs a command for one picture, whose errors are one line; returns its exit code."""
    code, _, err = observe(arguments, *inputs)
    assert code == 0 or err.count("\n") <= 2, (arguments, err)
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
HEADER_BYTES = 800
"""Bytes at the beginning and at the end of files where their headers are."""
HARM = st.sampled_from(["none", "cut", "flip", "both"])


def harmed(data, harm, rng):
    """A file's bytes after some bits are flipped, mostly in its headers, or the end is cut off, or both."""
    data = bytearray(data)
    if harm in ("flip", "both"):
        for _ in range(rng.randint(1, 8)):
            places = range(len(data))[rng.choice([slice(None), slice(HEADER_BYTES), slice(-HEADER_BYTES, None)])]
            data[rng.choice(places)] ^= 1 << rng.randrange(8)
    if harm in ("cut", "both"):
        data = data[: rng.randrange(len(data))]
    return bytes(data)


def images(mode, width, height, ending, harm, seed):
    assume(width * height <= 10**6 and width <= 200 * height)  # the widest possible picture takes minutes
    rng = random.Random(seed)
    with folder():
        Path("drawn").write_bytes(harmed(encoded(mode, (width, height), ending, seed), harm, rng))
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


def spreadsheets(names, encoding, separator, newline, written, blank, harm, seed):
    """A table as a spreadsheet saves it; where it is whole, each row is painted under its own name."""
    rng, file = random.Random(seed), io.StringIO(newline="")
    header, quoting, decoration = written
    prefixes = [f"{name}{number}" for number, name in enumerate(names) if can_be_written(name, encoding)]
    columns = rng.sample([*header, *[""] * (blank == "column")], len(header) + (blank == "column"))
    writer = csv.writer(file, delimiter=separator, lineterminator=newline, quoting=quoting)
    writer.writerow([decoration.format(name) for name in columns])
    for prefix in prefixes:
        style = rng.choice(["style.png", "style.png; mask.png"])
        row = dict(zip(header, ["photo.png", style, prefix, "24"], strict=False))
        cells = [decoration.format(row.get(name, "")) for name in columns]
        writer.writerow(cells[:-1] if harm == "cell" else cells)
        if blank == "row":
            writer.writerow([""] * rng.choice([0, len(columns)]))
    table = file.getvalue().replace("a", "\0", 1) if harm == "null" else file.getvalue()
    mark = "\ufeff" if encoding.startswith("utf-16-") else ""
    data = f"{mark}{table}".encode(encoding)
    with folder():
        Path("drawn.csv").write_bytes(harmed(data, harm, rng))
        code, out, err = observe(["--manifest=drawn.csv", *BASE], "drawn.csv")
        if harm == "none" and separator != "|" and prefixes:
            assert code == 0, (data, err)
            assert all(Path(f"{prefix}.png").exists() for prefix in prefixes), (data, out)


def can_be_written(text, encoding):
    try:
        return bool(text.encode(encoding))
    except UnicodeEncodeError:
        return False


HEADERS = [["content", "style", "prefix"], ["Content", "STYLE", "Prefix", "Rows"]]
SPREADSHEETS = dict(
    names=st.lists(st.sampled_from(["dark", "b c", "Gemälde", "“€”", "猫", "a;b,c"]), min_size=1, max_size=4),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "cp1252", "latin-1"]),
    separator=st.sampled_from([",", ";", "\t", ";", ",", "|"]),
    newline=st.sampled_from(["\r\n", "\n", "\r"]),
    written=st.tuples(
        st.sampled_from(HEADERS), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["{}", " {} "])
    ),
    blank=st.sampled_from(["none", "row", "column"]),
    harm=st.sampled_from(["none", "none", "none", "cell", "null", "cut", "flip", "both"]),
    seed=st.integers(0, 10**6),
)

LOOKS = {
    "numbers": np.uint8([[level] * 3 for level in range(6)]),
    "white": np.uint8([[0] * 3, *[[255] * 3] * 5]),
    "greys": np.uint8([[51 * level] * 3 for level in range(6)]),
    "colors": np.uint8([[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [255, 255, 255]]),
    "without black": np.uint8([[250, 220, 40], [40, 200, 60], [200, 40, 60], [40, 60, 220], [90] * 3, [255] * 3]),
}
"""The colours of classes 0 to 5."""
PAINTINGS = [["style.png"], ["mask.png", "style.png"], ["style.png", "mask.png", "photo.png"]]
"""One to three; in this order they are not taken for a folder's photographs."""


class Mask(NamedTuple):
    """A mask to draw.

    Attributes:
      size: rows and columns.
      grid: rows and columns of regions.
      count: of classes at most.
      look: the colours of its classes.
      mode: Pillow's, or a photograph without its background.
      ending: of its file.
    """

    size: tuple
    grid: tuple
    count: int
    look: str
    mode: str
    ending: str


def draw_mask(mask, rng):
    """An image, and the class of each of its pixels."""
    cells = [np.arange(side) * count // side for side, count in zip(mask.size, mask.grid, strict=True)]
    labels = rng.integers(0, mask.count, mask.grid, np.uint8)[np.ix_(*cells)]
    colors = LOOKS[mask.look]
    if mask.mode == "1":
        return Image.fromarray(labels > 0), labels
    if mask.mode == "P":
        image = Image.fromarray(labels, "P")
        image.putpalette(colors.ravel().tolist())
        return image, labels
    if mask.mode == "I;16":
        return Image.fromarray(colors[..., 0][labels] * np.uint16(257)), labels
    if mask.mode == "cut-out":
        layers = rng.integers(0, 256, (*mask.size, 4), np.uint8)
        layers[..., 3] = np.where(labels, 255, 0)
        return Image.fromarray(layers), labels
    return Image.fromarray(colors[labels]).convert(mask.mode), labels


def masks(base, mask, purpose, count, blend, seed):
    """Paints with masks: the command succeeds where they apply somewhere, and each style has a region.

    Args:
      base: the first flags.
      mask: what is drawn.
      purpose: what for: "content", a mask for "each" style, or "one" for all of them.
      count: of styles.
      blend: whether there are weights of the styles, and as many.
      seed: of what is drawn.
    """
    rng, names, usable = np.random.default_rng(seed), [], blend != "wrong"
    splits = purpose == "one" and count > 1
    with folder():
        for number in range(count if purpose == "each" else 1):
            image, labels = draw_mask(mask, rng)
            names.append(f"drawn{number}.{mask.ending}")
            save_mask(image, names[-1])
            usable &= has_regions(image, count) if splits else applies(mask, labels)
        flags = [f"--{'content_mask' if purpose == 'content' else 'style_masks'}={','.join(names)}"]
        weights = {"none": [], "right": ["1" + ",2" * (count - 1)], "wrong": ["0,0"]}[blend]
        flags += [f"--style_blend={each}" for each in weights]
        code, _, err = observe(["photo.png", *PAINTINGS[count - 1], "out", *base, *flags], *names)
        assert code == 0 or not usable, (mask, err)
        assert code or usable or splits, mask  # colours that are alike may be taken as one
        if code == 0 and purpose == "content" and base == INSTANT:
            check_kept(mask, labels)


def save_mask(image, name):
    """Writes an image into a file that keeps its levels."""
    assume(image.mode != "I;16" or name.endswith(("png", "tif")))
    assume(image.mode not in ("LA", "RGBA") or not name.endswith(("gif", "bmp")))
    try:
        image.save(name, lossless=True)
    except Exception:  # a mode that the format does not take
        assume(False)


def applies(mask, labels):
    """Whether a mask is white anywhere."""
    return mask.look == "without black" and mask.mode not in ("1", "cut-out") or labels.any()


def has_regions(image, count):
    """Whether an image has a colour for each style, perhaps besides black."""
    if image.mode == "I;16":
        pixels = np.asarray(image).reshape(-1, 1) // 257
    else:
        layers = np.asarray(image.convert("RGBA")).reshape(-1, 4)
        pixels = layers[layers[:, 3] > 0, :3]
    colors = np.unique(pixels, axis=0)
    return len(colors) == count or (len(colors) == count + 1 and colors.max(axis=-1).min() <= BLACK)


def check_kept(mask, labels):
    """Checks that the photograph stays where all that is near is class 0.

    It does not look where any class may be the background, nor where an enlarged mask has soft edges.
    """
    if mask.look == "without black" or min(mask.size) < 32:
        return
    applied = Image.fromarray(np.where(labels, 255, 0).astype(np.uint8)).resize((32, 24), Image.Resampling.BOX)
    kept = np.asarray(applied.filter(ImageFilter.MaxFilter(9))) == 0
    photograph, painted = (np.asarray(Image.open(name).convert("RGB"), float) for name in ("photo.png", "out.png"))
    assert np.abs(photograph - painted)[kept].max(initial=0) <= 1, mask


MASKS = dict(
    mask=st.builds(
        Mask,
        size=st.sampled_from([(60, 90), (24, 32), (200, 40), (7, 5), (1, 300), (300, 1), (1, 1)]),
        grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
        count=st.sampled_from([3, 2, 6, 1]),
        look=st.sampled_from(sorted(LOOKS)),
        mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "cut-out"]),
        ending=st.sampled_from(["png", "png", "tif", "gif", "webp", "bmp"]),
    ),
    purpose=st.sampled_from(["content", "each", "one", "one"]),
    count=st.integers(1, 3),
    blend=st.sampled_from(["none", "right", "right", "wrong"]),
    seed=st.integers(0, 10**6),
)
INSTANT = ["--recipe=instant", "--rows=24"]


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


def with_real_engine(check):
    """A check whose commands paint with TensorFlow, which has looked for a GPU, and written what it found, before."""

    @functools.wraps(check)
    def run(**drawn):
        load_tensorflow()
        import tensorflow

        tensorflow.config.list_physical_devices()
        check(**drawn)

    return run


def masks_by_default(**drawn):
    masks(BASE, **drawn)


def masks_by_instant(**drawn):
    masks(INSTANT, **drawn)


test_commands = DEFAULT(given(**COMMANDS)(with_fake_engine(commands)))
test_images = DEFAULT(given(**IMAGES)(with_fake_engine(images)))
test_tables = DEFAULT(given(**TABLES)(with_fake_engine(tables)))
test_a_few_commands = FEW(given(**COMMANDS)(with_real_engine(commands)))
test_many_commands = pytest.mark.slow(settings(LONG, max_examples=500)(given(**COMMANDS)(with_real_engine(commands))))
test_many_images = pytest.mark.slow(LONG(given(**IMAGES)(with_real_engine(images))))
test_many_tables = pytest.mark.slow(LONG(given(**TABLES)(with_real_engine(tables))))
test_masks = DEFAULT(given(**MASKS)(with_fake_engine(masks_by_default)))
test_a_few_masks = FEW(given(**MASKS)(with_real_engine(masks_by_instant)))
test_many_masks = pytest.mark.slow(HUNDRED(given(**MASKS)(with_real_engine(masks_by_instant))))
test_spreadsheets = DEFAULT(given(**SPREADSHEETS)(with_fake_engine(spreadsheets)))
test_many_spreadsheets = pytest.mark.slow(HUNDRED(given(**SPREADSHEETS)(with_real_engine(spreadsheets))))

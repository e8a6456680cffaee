"""READMEs and the headers of recipes name only flags and files that exist, and their Python examples run."""

import re
from pathlib import Path

import pytest
from conftest import COFFEE, DATA, SWIRLS

import neural_style
from neural_style.cli.flags import GROUPS
from neural_style.settings.training import StylesSettings, TrainingSettings
from neural_style.settings.web import WebSettings

ROOT = Path(__file__).parent.parent
FOLDERS = ("neural_style", "configs", "scripts", "tests")
PAGES = sorted(path for name in FOLDERS for kind in ("README.md", "NOTES.md") for path in (ROOT / name).rglob(kind))
READMES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
TEXTS = [*READMES, *sorted((ROOT / "configs").glob("*.flags"))]
SETTINGS = (*GROUPS, TrainingSettings, StylesSettings, WebSettings)
FLAGS = {name for group in SETTINGS for name in group.__dataclass_fields__}
FOREIGN = {"flags", "head", "address"}
"""The word itself, and flags of Ray."""


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_flags_exist(path):
    flags = set(re.findall(r"(?<![\w-])--(\w+)", path.read_text(encoding="utf-8"))) - FOREIGN
    assert {name for name in flags if name not in FLAGS and name.removeprefix("no") not in FLAGS} == set()


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_files_exist(path):
    text = path.read_text(encoding="utf-8")
    links = {path.parent / link for link in re.findall(r"\]\(([^)#:]+)\)", text)}
    words = re.findall(r"(?<![\w/.~-])(?:neural_style|scripts|tests|configs)/[\w./-]*\w", text)
    assert [str(file) for file in (*links, *(ROOT / word for word in words)) if not file.exists()] == []


def test_the_readme_stays_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_the_readme_of_recipes_names_every_recipe():
    text = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
    assert [path.stem for path in (ROOT / "configs").glob("*.flags") if f"--recipe={path.stem}" not in text] == []


def test_the_python_examples_run(monkeypatch, tmp_path):
    """The examples are unchanged, but run on small pictures with seeded weights."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "photo.jpg").write_bytes(COFFEE.read_bytes())
    (tmp_path / "painting.jpg").write_bytes(SWIRLS.read_bytes())
    (tmp_path / "film.mp4").write_bytes((DATA / "bunny.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)
    quick = dict(
        weights="random", last_frame=3, rows=32, scales=1, scale_iterations=1, iterations=1, evaluations_per_iteration=2
    )
    read = neural_style.Settings.read
    monkeypatch.setattr(neural_style.Settings, "read", lambda recipe=None, **given: read(recipe, **{**given, **quick}))
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert names["painting"].image.size == (48, 32)
    assert names["painting"].record["complete"]
    assert names["maps"]["block4_conv2"].shape[-1] == 512
    assert names["frame"].number == 3
    assert (tmp_path / "painted.jpg").exists()

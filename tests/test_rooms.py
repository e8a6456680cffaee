"""The house's rules: rooms import downwards only, methods not each other, absl stays in the command line."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "neural_style"
FLOORS = [
    {"core"},
    {"settings"},
    {"pretrained"},
    {"images"},
    {"results", "planning"},
    {"vgg", "losses"},
    {"optimize", "video", "universal", "analogy", "feedforward"},
    {"training", "engine"},
    {"api"},
    {"filming", "web", "cluster"},
    {"cli"},
]
"""From the ground up. What lies on one floor does not know its neighbours."""
PASSAGES = {("analogy", "optimize")}
"""Methods that build on another: on its objective, evaluator and L-BFGS, of which there is to be one of each."""
LIGHT = {"core", "settings", "pretrained", "images", "cli"}
"""What must not wait for TensorFlow."""

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem[:2] != "__")


def room_of(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every name that a module imports, also within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: import from neural_style, not relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_room_and_from_below(path):
    room = room_of(path.relative_to(PACKAGE).parts)
    for name in imports(path):
        first, *rest = name.split(".")
        if first == "absl":
            assert room == "cli", name
        if first in ("tensorflow", "keras"):
            assert room not in LIGHT, name
        if first == "neural_style" and rest[0] != "__version__":
            other = rest[0]
            assert other == room or floor(other) < floor(room) or (room, other) in PASSAGES, name


@pytest.mark.parametrize("path", sorted((PACKAGE / "results").glob("*.py")), ids=lambda path: path.name)
def test_results_know_steps_and_not_what_made_them(path):
    allowed = ("core.", "settings.", "results.", "pretrained.", "images.writing", "__version__")
    ours = [name.removeprefix("neural_style.") for name in imports(path) if name.startswith("neural_style.")]
    assert all(name.startswith(allowed) for name in ours), ours


def test_every_room_has_its_floor():
    rooms = {room_of(path.relative_to(PACKAGE).parts) for path in MODULES}
    assert rooms == set().union(*FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_of_a_sitting_and_functions_of_a_screen(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            said = len((ast.get_docstring(node, clean=False) or "").splitlines())
            assert node.end_lineno - node.lineno + 1 - said <= 40, node.name

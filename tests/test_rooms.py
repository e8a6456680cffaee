"""The layers of the package: imports go down only, methods do not import each other, absl stays in `cli`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from neural_style.method_table import METHODS

PACKAGE = Path(__file__).parent.parent / "neural_style"
LAYERS = [
    {"core", "method_table"},
    {"settings"},
    {"pretrained"},
    {"images"},
    {"results", "vgg", "losses"},
    {"planning"},
    {"optimize", "video", "universal", "analogy", "feedforward"},
    {"training", "engine"},
    {"api"},
    {"web", "cluster"},
    {"cli"},
]
"""From the bottom up. Packages of one layer do not import each other."""
EXCEPTIONS = {("analogy", "optimize")}
"""A method that builds on another: it needs the same evaluator and L-BFGS."""
LIGHT = {"core", "method_table", "settings", "pretrained", "images", "planning", "results", "engine", "api", "cli"}
"""Packages that must not import TensorFlow when they are imported themselves."""
MAX_PACKAGES, MAX_ARROWS = 21, 105

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem[:2] != "__")


def package_of(path: Path) -> str:
    """The folder, or the flat module, that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Every name that a module imports, also within functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "import from neural_style, not relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> set[str]:
    """The packages of neural_style that a module imports from, except its own."""
    names = [name.split(".") for name in imports(ast.parse(path.read_text())) if name.startswith("neural_style.")]
    return {name[1] for name in names} - {package_of(path), "__version__"}


def layer(package: str) -> int:
    return next(number for number, packages in enumerate(LAYERS) if package in packages)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_below(path):
    package = package_of(path)
    for other in own_imports(path):
        assert layer(other) < layer(package) or (package, other) in EXCEPTIONS, other


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_absl_and_tensorflow_stay_where_they_belong(path):
    tree = ast.parse(path.read_text())
    if package_of(path) != "cli":
        assert not any(name.split(".")[0] == "absl" for name in imports(tree))
    if package_of(path) in LIGHT:
        top_level = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        assert not any(name.split(".")[0] in ("tensorflow", "keras") for name in imports(top_level))


def test_every_package_has_a_layer_and_there_are_few():
    packages = {package_of(path) for path in MODULES}
    assert packages == set().union(*LAYERS)
    assert len(packages) <= MAX_PACKAGES
    arrows = {(package_of(path), other) for path in MODULES for other in own_imports(path)}
    assert len(arrows) <= MAX_ARROWS


@pytest.mark.parametrize("path", sorted((PACKAGE / "results").glob("*.py")), ids=lambda path: path.name)
def test_results_know_steps_and_not_what_made_them(path):
    assert own_imports(path) <= {"core", "settings", "pretrained", "images"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_methods_name_is_in_the_table_alone(path):
    """Other packages read the table's rows instead of comparing names."""
    if package_of(path) == "method_table":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            names = [part.value for part in (node.left, *node.comparators) if isinstance(part, ast.Constant)]
            assert not set(map(str, names)) & set(METHODS), f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 350

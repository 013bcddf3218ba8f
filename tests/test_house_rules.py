"""Rules of the house that neither ruff nor import-linter can state."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path for room in ("core", "ui", "pages", "api") for path in (ROOT / room).rglob("*.py")
)
PAGES = sorted((ROOT / "pages").glob("*.py"))
HEAVY = {"tensorflow", "keras"}
MAY_IMPORT_TENSORFLOW = {
    "core/backbones/applications.py",
    "core/backbones/build.py",
    "core/backbones/efficientnet_lite.py",
    "core/backbones/tiny.py",
    "core/model/keras_model.py",
    "core/export/onnx_model.py",
    "core/export/saved_model.py",
    "core/export/litert_model.py",
    "core/distributed/collective.py",
    "core/training/finetune.py",
    "core/training/keras_engine.py",
    "core/training/stages.py",
}
CACHES = {"cache", "lru_cache", "cache_data", "cache_resource"}
SHARED = {
    "ui/resources.py": {
        *("settings", "start", "sweep", "sample_photographs"),
        *("_backbone", "_live_backbone", "shared_trunk"),
    },
    "ui/live_camera/capture.py": {"network", "network_parts"},
    "core/backbones/labels.py": {"imagenet_labels"},
    "core/intake/samples.py": {"photographs"},
    "core/runs/summary.py": {"_read"},
    "core/estimating/measurements.py": {"machine"},
    "core/backbones/variables.py": {"_table"},
}
"""Caches that all visitors share; docs/decisions/0024 says why nobody's data is reached by them."""
PAGE_LINES, MODULE_LINES = 110, 300
ON_A_PAGE = {"streamlit", "core", "ui"}


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Full names of the modules that these statements import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run when the module is imported: not in functions, not for types only."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_tensorflow_is_imported_only_where_the_design_allows(path: Path) -> None:
    if _name(path) in MAY_IMPORT_TENSORFLOW:
        return
    allowed = {name.removesuffix(".py").replace("/", ".") for name in MAY_IMPORT_TENSORFLOW}
    for module in _imported(_at_import(_tree(path))):
        assert module.partition(".")[0] not in HEAVY, f"imports {module}"
        assert module not in allowed, f"imports {module}, which imports TensorFlow"


def test_the_list_of_those_that_may_is_no_longer_than_needed() -> None:
    for name in sorted(MAY_IMPORT_TENSORFLOW):
        roots = {m.partition(".")[0] for m in _imported(_at_import(_tree(ROOT / name)))}
        assert roots & HEAVY, f"{name} imports neither; take it off the list"


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_page_is_short_and_leaves_the_work_to_ui_and_core(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= PAGE_LINES
    roots = {module.partition(".")[0] for module in _imported(ast.walk(_tree(path)))}
    assert roots <= ON_A_PAGE | sys.stdlib_module_names


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_module_is_too_long_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_LINES


@pytest.mark.parametrize("path", [ROOT / "app.py", ROOT / "server.py", *SOURCES], ids=_name)
def test_pages_are_made_of_native_elements(path: Path) -> None:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.keyword):
            assert node.arg != "unsafe_allow_html"
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "st":
            assert node.attr != "html", "st.html can carry CSS"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert "<style" not in node.value.lower()


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_cache_is_shared_by_all_visitors_but_those_that_were_judged(path: Path) -> None:
    shared = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for said in map(ast.unparse, node.decorator_list):
                name = said.partition("(")[0].rpartition(".")[2]
                if name in CACHES and "scope='session'" not in said:
                    shared.add(node.name)
    assert shared == SHARED.get(_name(path), set())

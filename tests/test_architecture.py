"""Rules about the code that neither ruff nor import-linter can check.

1. TensorFlow is imported only in the modules that are listed here.
2. A page is short and imports only streamlit, `core` and `ui`.
3. No module is longer than 300 lines.
4. Pages use native elements: no HTML, no CSS.
5. A cache that all visitors share is listed here, after a review.
6. The settings are read where a process starts, and passed to everything else.
7. Only `core.runs` knows the names of the files in a run folder.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from core.runs import filenames

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path for folder in ("core", "ui", "pages", "api") for path in (ROOT / folder).rglob("*.py")
)
PAGES = sorted((ROOT / "pages").glob("*.py"))
HEAVY = {"tensorflow", "keras"}
MAY_IMPORT_TENSORFLOW = {
    "core/backbones/applications.py",
    "core/backbones/build.py",
    "core/backbones/efficientnet_lite.py",
    "core/backbones/tiny.py",
    "core/model/keras_model.py",
    "core/export/convert.py",
    "core/training/finetune.py",
    "core/training/keras_engine.py",
    "core/training/stages.py",
}
CACHES = {"cache", "lru_cache", "cache_data", "cache_resource"}
SHARED = {
    "ui/resources.py": {
        *("settings", "start", "continue_queues", "sweep", "home_problem"),
        *("_backbone", "shared_trunk"),
    },
    "ui/live_camera/capture_view.py": {"network", "network_parts"},
    "ui/internals.py": {"complete_callbacks", "ignore_developers", "operate_in_turn"},
    "core/backbones/table.py": {"imagenet_labels"},
    "core/images/colour.py": {"_transform"},
    "core/intake/samples.py": {"photographs"},
    "core/runs/summary.py": {"_read"},
    "core/backbones/variables.py": {"_table"},
}
"""Caches that all visitors share, none of which holds a visitor's data; see docs/decisions/0024."""
READ_SETTINGS = {
    "core/commands/arguments.py",
    "core/jobs/dispatcher.py",
    "core/pipeline/worker.py",
    "ui/resources.py",
}
PAGE_LINES, MODULE_LINES = 110, 300
PAGE_IMPORTS = {"streamlit", "core", "ui"}
RUN_FILE_NAMES = {
    value
    for value in vars(filenames).values()
    if isinstance(value, str) and re.fullmatch(r"\w+\.(json|npy|lock)", value)
}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def _trees(paths: list[Path]) -> Iterator[tuple[str, ast.Module]]:
    for path in paths:
        yield path.relative_to(ROOT).as_posix(), _tree(path)


def _lines(paths: list[Path]) -> dict[str, int]:
    return {path.relative_to(ROOT).as_posix(): path.read_text().count("\n") for path in paths}


def _imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Full names of the modules that these statements import."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _packages(nodes: Iterator[ast.AST]) -> set[str]:
    return {module.partition(".")[0] for module in _imported(nodes)}


def _at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run when the module is imported: not in functions, not for types only."""
    nodes: list[ast.AST] = [*tree.body]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes += node.orelse
            continue
        yield node
        nodes += ast.iter_child_nodes(node)


def _texts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_tensorflow_is_imported_only_in_the_listed_modules() -> None:
    listed = {name.removesuffix(".py").replace("/", ".") for name in MAY_IMPORT_TENSORFLOW}
    for name, tree in _trees(SOURCES):
        modules = _imported(_at_import(tree))
        imports_it = bool(HEAVY & {module.partition(".")[0] for module in modules})
        assert imports_it == (name in MAY_IMPORT_TENSORFLOW), name
        if not imports_it:
            assert not modules & listed, f"{name} imports TensorFlow through another module"


def test_a_page_is_short_and_imports_only_streamlit_core_and_ui() -> None:
    assert max(_lines(PAGES).values()) <= PAGE_LINES
    for name, tree in _trees(PAGES):
        assert _packages(ast.walk(tree)) <= PAGE_IMPORTS | sys.stdlib_module_names, name


def test_no_module_is_too_long() -> None:
    assert {name for name, lines in _lines(SOURCES).items() if lines > MODULE_LINES} == set()


def test_pages_use_native_elements() -> None:
    for name, tree in _trees([ROOT / "app.py", ROOT / "server.py", *SOURCES]):
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword):
                assert node.arg != "unsafe_allow_html", name
            if isinstance(node, ast.Attribute) and node.attr == "html":
                assert ast.unparse(node.value) != "st", f"{name}: st.html can carry CSS"
        assert not any("<style" in text.lower() for text in _texts(tree)), name


def test_every_cache_that_visitors_share_is_listed() -> None:
    shared: dict[str, set[str]] = {}
    for name, tree in _trees(SOURCES):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for decorator in map(ast.unparse, node.decorator_list):
                    cache = decorator.partition("(")[0].rpartition(".")[2]
                    if cache in CACHES and "scope='session'" not in decorator:
                        shared.setdefault(name, set()).add(node.name)
    assert shared == SHARED


def test_settings_are_read_only_where_a_process_starts() -> None:
    reading = set()
    for name, tree in _trees(SOURCES):
        calls = {
            ast.unparse(node.func)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "load"
        }
        if calls & {"settings.load", "settings_module.load"} or (
            "core.settings.load" in _imported(ast.walk(tree))
        ):
            reading.add(name)
    assert reading == READ_SETTINGS


def test_only_core_runs_knows_the_files_of_a_run_folder() -> None:
    for name, tree in _trees(SOURCES):
        if name.startswith("core/runs/"):
            continue
        assert "core.runs.filenames" not in _imported(ast.walk(tree)), name
        assert not {text.rpartition("/")[2] for text in _texts(tree)} & RUN_FILE_NAMES, name

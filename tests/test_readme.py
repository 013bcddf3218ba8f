"""README, CONTRIBUTING and docs name only what exists, with the right defaults."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import reliability
from core.backbones import BACKBONES
from core.commands import COMMANDS
from core.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "benchmarks" / "README.md"])
FOLDERS = "core|ui|api|pages|tests|benchmarks|docs"
SHOWN = {"none": "", f"{Path.home() / '.tusker'}": "~/.tusker"}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _table(text: str, *, heading: str = "") -> list[list[str]]:
    """Cells of all rows below a heading, or of the whole text."""
    if heading:
        text = text.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+) \|$", text, re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows]


def _defaults(text: str) -> Iterator[tuple[str, str]]:
    """Each variable of the settings tables in a text with its default as written there."""
    for row in _table(text):
        variables = re.findall(r"`(TUSKER_\w+)`", row[0])
        defaults = re.split(r", (?!\d{3}\b)", row[1]) if variables else []
        assert len(defaults) == len(variables), row[0]
        yield from zip(variables, (default.strip("`") for default in defaults), strict=True)


def _default(field: str) -> str:
    """The default of a setting as the tables write it."""
    value = getattr(Settings(), field)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return SHOWN.get(text, text) or "none"


def _anchors(page: Path) -> set[str]:
    """What GitHub lets links name in a page: its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_settings_page_lists_every_setting_with_its_default_and_nothing_else() -> None:
    listed = list(_defaults((DOCS / "settings.md").read_text()))
    assert sorted(listed) == sorted(
        (Settings.variable(field), _default(field)) for field in Settings.model_fields
    )


def test_limits_of_training_data_are_those_of_the_settings() -> None:
    fields = {Settings.variable(field): field for field in Settings.model_fields}
    listed = dict(_defaults((DOCS / "training-data.md").read_text()))
    assert listed
    for variable, default in listed.items():
        assert default.replace(",", "") == _default(fields[variable]), variable


def test_limits_of_public_hosts_are_marked_as_such() -> None:
    rows = _table((DOCS / "settings.md").read_text())
    marked = {row[0].strip("`") for row in rows if row[2].startswith("*public*")}
    described = {
        Settings.variable(name)
        for name, field in Settings.model_fields.items()
        if (field.description or "").startswith("On a public host")
    }
    assert marked == described


def test_the_readme_is_short_and_names_the_two_commands() -> None:
    assert len(README.splitlines()) <= 150
    assert re.search(r"^make run +#", README, re.MULTILINE)
    assert re.search(r"^make test +#", README, re.MULTILINE)


def test_the_readme_lists_every_backbone_with_its_input_and_licence() -> None:
    listed = {}
    for row in _table(README, heading="## Backbones"):
        names, sizes = re.findall(r"`([\w-]+)`", row[0]), row[1].split(", ")
        for place, name in enumerate(names):
            listed[name] = (sizes[min(place, len(sizes) - 1)], row[3])
    assert listed == {row.name: (str(row.size), row.licence) for row in BACKBONES.values()}


def test_every_command_is_documented_and_every_documented_command_exists() -> None:
    commands = {command.__name__ for command in COMMANDS}
    usage = (DOCS / "usage.md").read_text()
    rows = _table(usage, heading="## Command line")
    assert {row[0].strip("`").split()[0] for row in rows} - {"command", "---"} == commands
    for page in PAGES:
        named = re.findall(r"bin/tusker (\w+)|-m core (?!-)(\w+)", page.read_text())
        assert {first or second for first, second in named} <= commands, _name(page)


def test_the_usage_page_lists_the_views_of_a_report() -> None:
    from ui.reports.views import VIEWS

    rows = _table((DOCS / "usage.md").read_text(), heading="## Reports")
    assert [row[0] for row in rows if row[0] in VIEWS] == list(VIEWS)


def test_the_index_of_decisions_has_every_title() -> None:
    rows = _table((DOCS / "decisions" / "README.md").read_text())
    listed = {
        match[2]: (match[1]) for row in rows if (match := re.match(r"\[(.+)\]\((.+)\)", row[1]))
    }
    written = {
        path.name: path.read_text().partition("\n")[0].removeprefix("# ")
        for path in (DOCS / "decisions").glob("0*.md")
    }
    assert listed == written


def test_make_reliability_fills_the_tables_of_its_page_and_changes_nothing_else() -> None:
    page = reliability.PAGE.read_text(encoding="utf-8")
    counts = {"tried": 2, "survived": 1, "lost": 1, "resumed": 1}
    group = counts | {"name": "worker killed", "difference": None, "recovery": 0.1}
    figure = {"measured": 1.5, "at_least": None, "at_most": 3}
    tables = {
        "faults": reliability.faults_table({"faults": [group | {"troubles": ["no report"]}]}),
        "load": reliability.load_table({"figures": {"seconds per answer, median": figure}}),
    }
    for name, table in tables.items():
        heading = table.partition("\n")[0]
        assert heading in page, "the page has another heading than the program writes"
        filled = reliability.fill(page, name, table)
        before, _, rest = page.partition(reliability.BEGIN.format(name))
        after = rest.partition(reliability.END.format(name))[2]
        assert table in filled and filled.startswith(before) and filled.endswith(after)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        assert not anchor or anchor in _anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_and_modules_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    for path in re.findall(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./*-]*[\w/*])", text):
        assert any(ROOT.glob(path.rstrip("/"))), path
    for name in re.findall(rf"`((?:{FOLDERS})\.[\w.]+)`", text):
        assert _resolves(name.split(".")), name


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_make_targets_and_benchmarks_that_are_named_exist(page: Path) -> None:
    text, makefile = page.read_text(), (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"(?:`| {4}|^)make ([a-z]+)", text, re.MULTILINE)) <= targets
    for module in re.findall(r"-m benchmarks\.([a-z_]+)", text):
        assert (ROOT / "benchmarks" / f"{module}.py").is_file(), module


def _resolves(parts: list[str]) -> bool:
    """Whether a dotted name is a module, or something that a module defines."""
    for length in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:length])
        module = base.with_suffix(".py") if length > 1 else base
        if length == len(parts) and (base.is_dir() or module.is_file()):
            return True
        if length > 1 and (module.is_file() or (base / "__init__.py").is_file()):
            source = module if module.is_file() else base / "__init__.py"
            return bool(re.search(rf"\b{parts[length]}\b", source.read_text()))
    return False

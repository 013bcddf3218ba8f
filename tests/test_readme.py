"""README, CONTRIBUTING and docs name only what exists, with the right defaults."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.main import get_command

from benchmarks import reliability
from core.__main__ import app, main
from core.backbones import BACKBONES
from core.commands import COMMANDS
from core.export import formats
from core.jobs import folder
from core.predict import lookup
from core.runs import filenames
from core.settings import Settings
from core.training import config
from core.training.config import PRESETS, TrainingConfig

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "benchmarks" / "README.md"])
FOLDERS = "core|ui|api|pages|tests|benchmarks|docs"
SHOWN = {"none": "", f"{Path.home() / '.tusker'}": "~/.tusker"}
CALL = re.compile(r"(?:(?<![\w.:/-])|bin/)(?:tusker|python -m core) ([a-z]\w*)([^`|\n]*)")
"""A call of the command line: the command and its arguments."""
AVOIDED = re.compile(r"\b(whoever|anew|Thorough)\b")
FORMER_TERMS = {"CHANGELOG.md", "docs/decisions/0041-best-within-a-time-budget.md"}
"""Pages that name what is gone."""


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


@cache
def _options() -> Mapping[str, set[str]]:
    """The options of each command."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    return {
        name: {"--help", *(option for given in command.params for option in given.opts)}
        for name, command in commands.items()
    }


def _settings(part: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any, FieldInfo]]:
    """Name, value and field of each setting of a training."""
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from _settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, field


def _shown(value: object) -> str:
    """A setting of a training as the tables write it."""
    if isinstance(value, bool):
        return str(value).lower()
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return (f"{value:g}" if isinstance(value, float) else text) or "none"


def _range(field: FieldInfo) -> str:
    """The range of a setting as the tables write it; a dash if it has none."""
    words = {"ge": "{:g}", "gt": "over {:g}", "le": "to {:.10g}", "lt": "to below {:g}"}
    limits = [
        text.format(getattr(limit, name))
        for name, text in words.items()
        for limit in field.metadata
        if hasattr(limit, name)
    ]
    return " ".join(limits) or "–"


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


def test_every_command_is_documented_with_options_that_it_has() -> None:
    text = (DOCS / "command-line.md").read_text()
    described = {
        row[0].strip("`").split()[0]: row[1] for row in _table(text) if row[0].startswith("`")
    }
    assert described.keys() == {command.__name__ for command in COMMANDS}
    for command, purpose in described.items():
        assert set(re.findall(r"--[a-z-]+", purpose)) <= _options()[command], command


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_options_and_formats_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    for command, arguments in CALL.findall(text):
        assert command in _options(), command
        assert set(re.findall(r"--[a-z-]+", arguments)) <= _options()[command], arguments
    for name in re.findall(r"--format ([\w-]+)", text):
        assert formats.named([name]), name


def test_the_readme_shows_what_predict_prints(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = re.search(r"tusker predict (\S+)\n```\n\nprints\n\n```\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    monkeypatch.chdir(ROOT)
    assert main(["predict", shown[1]]) == 0
    assert capfd.readouterr().out == shown[2]


def test_the_page_of_the_api_shows_a_prediction_that_it_makes() -> None:
    text = (DOCS / "api.md").read_text()
    folder_name, name = re.findall(r"cd (\S+)\n.*?picture=@(\S+)", text)[0]
    values = re.findall(r'"label":"(.+?)","index":(\d+),"probability":([\d.]+)', text)[0]
    classifier = lookup.find("", Settings())
    answer = classifier.answer(classifier.load(ROOT / folder_name / name))
    (best,) = classifier.top(answer.probabilities, 1)
    assert values == (best.label, str(best.index), f"{best.probability:.2f}")


def test_the_page_of_training_settings_lists_each_with_its_default_and_range() -> None:
    text = (DOCS / "training-settings.md").read_text().partition("\n## Data and backbone\n")[2]
    listed = {}
    for row in _table(text):
        names = re.findall(r"`([\w.]+)`", row[0])
        for name, default in zip(names, row[1].split(", ") if names else [], strict=True):
            listed[name] = default, row[2]
    assert listed == {
        name: (_shown(value), _range(field)) for name, value, field in _settings(TrainingConfig())
    }


def test_presets_differ_from_the_defaults_as_their_table_says() -> None:
    rows = _table((DOCS / "training-settings.md").read_text(), heading="## Presets")
    listed = {row[0].strip("`"): row[1:] for row in rows if row[0].startswith("`")}
    default = {name: value for name, value, _ in _settings(TrainingConfig())}
    presets = [
        {name: value for name, value, _ in _settings(config.preset(preset))} for preset in PRESETS
    ]
    changed = {name for name in default if any(p[name] != default[name] for p in presets)}
    assert listed == {name: [_shown(p[name]) for p in presets] for name in changed - {"preset"}}


def test_the_page_of_files_names_every_file_of_a_run() -> None:
    text = (DOCS / "files.md").read_text()
    names = {value for name, value in vars(filenames).items() if name.isupper()}
    names = {name for name in names if isinstance(name, str) and not name.endswith(".lock")}
    for name in names | {folder.STATUS, folder.SPEC, folder.EVENTS, folder.LOG}:
        assert f"`{name}`" in text or f"`{name}/`" in text, name


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_pages_use_plain_words_and_todays_terms(page: Path) -> None:
    words = set(AVOIDED.findall(page.read_text()))
    assert words <= ({"Thorough"} if _name(page) in FORMER_TERMS else set())


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

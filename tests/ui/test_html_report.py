import base64
import hashlib
import html
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reports import make
from core import images
from core.checks import Finding, Severity
from core.dataset import Skipped
from core.evaluation import describe
from core.jobs.folder import EVENTS
from core.runs.filenames import (
    FOOTPRINT,
    HEATMAPS,
    LABEL_ISSUES,
    LEARNING_CURVE,
    OOD_SCORES,
)
from core.runs.run import Run
from core.settings import Settings
from tests import hostile
from ui import html_report
from ui.html_report import snapshots

VOID = {"meta", "link", "img", "br", "hr"}
ASKING = {"src", "href", "srcset", "poster", "data", "action", "formaction", "background"}


class Page(HTMLParser):
    """What a parser makes of the file.

    Attributes:
        elements: (tag, attributes) in order.
        scripts: (attributes, content) of each script element.
        text: what is shown, one line.
        unclosed: elements whose end was missing.
    """

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.unclosed: list[str] = []
        self._open: list[str] = []
        self._words: list[str] = []
        self.feed(content)
        self.unclosed += self._open
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag == "script":
            self.scripts.append((given, ""))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            given, content = self.scripts[-1]
            self.scripts[-1] = (given, content + data)
        elif self._open and self._open[-1] not in ("style", "noscript"):
            self._words.append(data)

    def values(self, tag: str, attribute: str) -> list[str]:
        """That attribute of every element of that kind that has it."""
        return [
            given[attribute] for kind, given in self.elements if kind == tag and attribute in given
        ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Four classes, 240 test pictures, everything that a run can have. Not to be changed."""
    run = make(Settings(home=tmp_path_factory.mktemp("made")), classes=4, test=240)
    sentence = f"{hostile.CLASSES[3]} has few pictures."
    run.findings.write((Finding(severity=Severity.WARNS, code="few", sentence=sentence),))
    skipped = tuple(Skipped(name=f"{hostile.CLASSES[1]}/{i}.jpg", reason="Why.") for i in range(60))
    run.dataset.write(run.dataset().model_copy(update={"skipped": skipped}))
    return hostile.renamed(run)


@pytest.fixture
def run(made: Run, tmp_path: Path) -> Run:
    """A copy of it, to spoil."""
    shutil.copytree(made.path, tmp_path / made.id)
    return Run(tmp_path / made.id)


@pytest.fixture(scope="module")
def page(made: Run) -> Page:
    return Page(html_report.render(made))


def flat(name: str) -> str:
    return " ".join(name.split())


def test_every_figure_of_the_report_is_in_the_file(made: Run, page: Page) -> None:
    report = made.report()
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    scores = [s for score in report.per_class for s in (score.precision, score.recall, score.f1)]
    averages = [a for mean in (report.macro, report.weighted) for _, a in mean]
    for figure in (*scores, *averages, report.certainty.before.error):
        assert describe(figure) in text
    for figure in (report.accuracy, report.macro.f1, report.baseline.accuracy):
        value, _, interval = describe(figure).partition(" (")
        assert f"{value} {interval.rstrip(')')}" in text
    for choice in report.certainty.choices:
        assert describe(choice.coverage) in text


def test_names_are_escaped(made: Run, page: Page) -> None:
    for name in (*hostile.CLASSES, hostile.TITLE, *(s.reason for s in made.dataset().skipped)):
        assert flat(name) in page.text
    assert not page.unclosed
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"iframe", "object", "embed", "form", "base", "b"}
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.values("img", "src"))
    assert not [name for _, given in page.elements for name in given if name.startswith("on")]
    assert flat(made.report().headline) in page.text
    assert flat(made.findings()[0].sentence) in page.text


def test_the_file_refers_to_no_other_address(page: Page) -> None:
    for tag, given in page.elements:
        for attribute in ASKING & set(given):
            assert given[attribute].startswith(("data:", "#")), f"{tag} {attribute}"
    styles = (Path(html_report.__file__).parent / "report.css").read_text()
    assert "url(" not in styles
    assert "@import" not in styles


def test_the_policy_allows_two_scripts_and_no_requests(page: Page) -> None:
    ((_, first),) = [
        e for e in page.elements if e[1].get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in first["content"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    run = [content for given, content in page.scripts if "type" not in given]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert rules["script-src"].split() == [f"'sha256-{found}'" for found in hashes]
    assert len(run) == 2


def test_the_data_of_charts_cannot_end_a_script_element(page: Page) -> None:
    figures = {
        given["id"]: json.loads(content) for given, content in page.scripts if "type" in given
    }
    wanted = {given["data-figure"] for _, given in page.elements if "data-figure" in given}
    assert wanted == set(figures)
    assert len(figures) == 8
    assert all(figure["data"] for figure in figures.values())
    assert not [content for given, content in page.scripts if "type" in given and "<" in content]


def test_pictures_charts_and_tables_have_text_alternatives(page: Page) -> None:
    for tag, given in page.elements:
        if tag == "img":
            assert given["alt"]
        if "data-figure" in given or "tabindex" in given:
            assert given["role"]
            assert given.get("aria-label") or given.get("aria-labelledby")
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert ("html", {"lang": "en"}) in page.elements
    ids = [given["id"] for _, given in page.elements if "id" in given]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.values("a", "href")} <= set(ids)


def test_every_wrong_picture_is_in_it_with_its_two_heat_maps(made: Run, page: Page) -> None:
    report = made.report()
    wrong = report.pictures - report.correct
    assert wrong
    sources = page.values("img", "src")
    doubted = len(made.label_issues())
    assert len(sources) == 3 * wrong + min(report.correct, snapshots.CORRECT) + doubted
    contents = [base64.b64decode(source.partition(",")[2]) for source in sources]
    kept = {made.thumbnail(place).read_bytes() for place in range(report.pictures)}
    assert len([content for content in contents if content not in kept]) >= 2 * wrong


def test_pictures_beyond_the_limits_are_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "WRONG", 1)
    report = run.report()
    wrong = report.pictures - report.correct
    assert f"{wrong - 1} pictures are left out" in Page(html_report.render(run)).text
    monkeypatch.setattr(snapshots, "BYTES", 0)
    page = Page(html_report.render(run))
    assert f"{wrong} pictures are left out" in page.text
    assert not page.values("img", "src")


def test_missing_parts_are_left_out(run: Run) -> None:
    for name in (FOOTPRINT, HEATMAPS, LEARNING_CURVE, LABEL_ISSUES, OOD_SCORES, EVENTS):
        (run.path / name).unlink()
    shutil.rmtree(run.path / "thumbnails")
    page = Page(html_report.render(run))
    assert "This was not measured." in page.text
    assert "Time per picture" not in page.text
    assert not page.values("img", "src")
    assert not page.unclosed
    figures = {given["id"] for given, _ in page.scripts if "id" in given}
    assert not figures & {"figure-training", "figure-learning"}


def test_a_run_without_mistakes_says_so(run: Run) -> None:
    report = run.report()
    right = tuple(s.model_copy(update={"predicted": s.label}) for s in report.predictions)
    perfect = report.model_copy(update={"predictions": right, "correct": report.pictures})
    run.write_report(perfect, run.probabilities())
    run.complete_with("x", 1e9, 8.0)
    assert "None of 240 test pictures." in Page(html_report.render(run)).text


def test_a_threshold_in_force_is_shown_with_its_effect(run: Run, page: Page) -> None:
    assert "None is in force" in page.text
    choice = run.report().certainty.choices[1]
    run.annotate(lambda notes: notes.model_copy(update={"threshold": choice.value}))
    text = Page(html_report.render(run)).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "In force: the answer is “not sure” below" in text
    assert f"It then answers {describe(choice.coverage)} of the test pictures" in text


def test_the_model_card_is_in_it_under_the_headings_of_the_report(page: Page) -> None:
    assert "Limits" in page.text


def test_a_large_report_stays_small_enough_to_send(run: Run) -> None:
    random = np.random.default_rng(0)
    hardly_shrinks = images.thumbnail(random.integers(0, 256, (160, 160, 3), dtype=np.uint8))
    report = run.report()
    said = report.predictions * 5
    wrong = tuple(one.model_copy(update={"predicted": (one.label + 1) % 4}) for one in said)
    run.write_thumbnails([hardly_shrinks] * len(wrong))
    run.write_heatmaps(random.integers(0, 256, (len(wrong), 2, 7, 7), dtype=np.uint8))
    update = {"predictions": wrong, "pictures": len(wrong), "correct": 0}
    run.write_report(report.model_copy(update=update), run.probabilities())
    run.complete_with("x", 1e9, 8.0)
    content = html_report.render(run)
    assert len(content.encode()) < 12_000_000
    assert "To keep this file small" in content


def test_the_file_does_not_reveal_the_id_of_the_run(made: Run) -> None:
    content = html_report.render(made)
    assert made.id not in content
    assert html.escape(str(made.path)) not in content

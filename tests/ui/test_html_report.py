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
ADDRESS_ATTRIBUTES = {
    "src",
    "href",
    "srcset",
    "poster",
    "data",
    "action",
    "formaction",
    "background",
}


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
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag == "script":
            self.scripts.append((attributes, ""))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            attributes, content = self.scripts[-1]
            self.scripts[-1] = (attributes, content + data)
        elif self._open and self._open[-1] not in ("style", "noscript"):
            self._words.append(data)

    def values(self, tag: str, attribute: str) -> list[str]:
        """That attribute of every element of that kind that has it."""
        return [
            attributes[attribute]
            for kind, attributes in self.elements
            if kind == tag and attribute in attributes
        ]


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Four classes, 240 test pictures, everything that a run can have. Not to be changed."""
    run = make(Settings(home=tmp_path_factory.mktemp("made")), classes=4, test=240)
    sentence = f"{hostile.CLASSES[3]} has few pictures."
    run.findings.write((Finding(severity=Severity.WARNS, code="few", sentence=sentence),))
    skipped = tuple(Skipped(name=f"{hostile.CLASSES[1]}/{i}.jpg", reason="Why.") for i in range(60))
    run.dataset.write(run.dataset().model_copy(update={"skipped": skipped}))
    return hostile.renamed(run)


@pytest.fixture
def run(full_run: Run, tmp_path: Path) -> Run:
    """A copy of it, to spoil."""
    shutil.copytree(full_run.path, tmp_path / full_run.id)
    return Run(tmp_path / full_run.id)


@pytest.fixture(scope="module")
def page(full_run: Run) -> Page:
    return Page(html_report.render(full_run))


def flat(name: str) -> str:
    return " ".join(name.split())


def test_every_figure_of_the_report_is_in_the_file(full_run: Run, page: Page) -> None:
    report = full_run.report()
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


def test_names_are_escaped(full_run: Run, page: Page) -> None:
    for name in (*hostile.CLASSES, hostile.TITLE, *(s.reason for s in full_run.dataset().skipped)):
        assert flat(name) in page.text
    assert not page.unclosed
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"iframe", "object", "embed", "form", "base", "b"}
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.values("img", "src"))
    assert not [
        name for _, attributes in page.elements for name in attributes if name.startswith("on")
    ]
    assert flat(full_run.report().headline) in page.text
    assert flat(full_run.findings()[0].sentence) in page.text


def test_the_file_refers_to_no_other_address(page: Page) -> None:
    for tag, attributes in page.elements:
        for attribute in ADDRESS_ATTRIBUTES & set(attributes):
            assert attributes[attribute].startswith(("data:", "#")), f"{tag} {attribute}"
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
    scripts = [content for attributes, content in page.scripts if "type" not in attributes]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in hashes]
    assert len(scripts) == 2


def test_the_data_of_charts_cannot_end_a_script_element(page: Page) -> None:
    figures = {
        attributes["id"]: json.loads(content)
        for attributes, content in page.scripts
        if "type" in attributes
    }
    chart_ids = {
        attributes["data-figure"] for _, attributes in page.elements if "data-figure" in attributes
    }
    assert chart_ids == set(figures)
    assert len(figures) == 8
    assert all(figure["data"] for figure in figures.values())
    assert not [
        content for attributes, content in page.scripts if "type" in attributes and "<" in content
    ]


def test_pictures_charts_and_tables_have_text_alternatives(page: Page) -> None:
    for tag, attributes in page.elements:
        if tag == "img":
            assert attributes["alt"]
        if "data-figure" in attributes or "tabindex" in attributes:
            assert attributes["role"]
            assert attributes.get("aria-label") or attributes.get("aria-labelledby")
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert ("html", {"lang": "en"}) in page.elements
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.values("a", "href")} <= set(ids)


def test_every_mistake_is_shown_with_two_heat_maps(full_run: Run, page: Page) -> None:
    report = full_run.report()
    wrong = report.pictures - report.correct
    assert wrong
    sources = page.values("img", "src")
    label_issues = len(full_run.label_issues())
    assert len(sources) == 3 * wrong + min(report.correct, snapshots.CORRECT) + label_issues
    contents = [base64.b64decode(source.partition(",")[2]) for source in sources]
    thumbnails = {full_run.thumbnail(index).read_bytes() for index in range(report.pictures)}
    assert len([content for content in contents if content not in thumbnails]) >= 2 * wrong


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
    figures = {attributes["id"] for attributes, _ in page.scripts if "id" in attributes}
    assert not figures & {"figure-training", "figure-learning"}


def test_a_run_without_mistakes_says_so(run: Run) -> None:
    report = run.report()
    right = tuple(s.model_copy(update={"predicted": s.label}) for s in report.predictions)
    perfect = report.model_copy(update={"predictions": right, "correct": report.pictures})
    run.write_report(perfect, run.probabilities())
    run.complete_with("x", 1e9, 8.0)
    assert "None of 240 test pictures." in Page(html_report.render(run)).text


def test_a_threshold_in_force_is_shown_with_its_effect(run: Run, page: Page) -> None:
    assert "No threshold is set" in page.text
    choice = run.report().certainty.choices[1]
    run.annotate(lambda notes: notes.model_copy(update={"threshold": choice.value}))
    text = Page(html_report.render(run)).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "With the current threshold, the answer is “not sure” below" in text
    assert f"It then answers {describe(choice.coverage)} of the test pictures" in text


def test_the_report_contains_the_model_card(page: Page) -> None:
    assert "Limits" in page.text


def test_a_large_report_stays_small_enough_to_send(run: Run) -> None:
    random = np.random.default_rng(0)
    incompressible = images.thumbnail(random.integers(0, 256, (160, 160, 3), dtype=np.uint8))
    report = run.report()
    predictions = report.predictions * 5
    wrong = tuple(
        prediction.model_copy(update={"predicted": (prediction.label + 1) % 4})
        for prediction in predictions
    )
    run.write_thumbnails([incompressible] * len(wrong))
    run.write_heatmaps(random.integers(0, 256, (len(wrong), 2, 7, 7), dtype=np.uint8))
    update = {"predictions": wrong, "pictures": len(wrong), "correct": 0}
    run.write_report(report.model_copy(update=update), run.probabilities())
    run.complete_with("x", 1e9, 8.0)
    content = html_report.render(run)
    assert len(content.encode()) < 12_000_000
    assert "To keep this file small" in content


def test_the_file_does_not_reveal_the_id_of_the_run(full_run: Run) -> None:
    content = html_report.render(full_run)
    assert full_run.id not in content
    assert html.escape(str(full_run.path)) not in content

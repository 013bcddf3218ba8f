"""A large report in the browser: seconds from a click to the settled page, and memory.

    python -m benchmarks.reports
    python -m benchmarks.reports --home FOLDER

Makes a run of 100 classes and 5,000 test pictures up, as a training would leave it, and reads it
in Chromium: every view, and what can be pressed in them. A page has settled when its script has
ended, nothing on it is stale, every picture is loaded and every chart drawn; the time until then
counts, the wait to be sure of it does not. With `--home` the run is made there and stays.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.report import Figure, show
from core import images, runs
from core.checks.labels import LabelIssue
from core.dataset import Dataset, Example
from core.evaluation import evaluate, intervals
from core.evaluation.learning_curve import learning_curve
from core.evaluation.report import Footprint, OodScores
from core.jobs import State
from core.jobs.events import Epoch, Kept
from core.jobs.folder import Order
from core.runs.run import Run
from core.settings import Settings
from core.training import config
from tests.browser import chromium
from tests.browser.server import start
from tests.shapes import draw

CLASSES, TEST = 100, 5_000
TAUGHT = 20_000
ALIKE = 5
"""Classes that look alike, so that they are taken for each other."""
MEGABYTE = 1024 * 1024
VIEWS = ("Confusions", "Pictures", "Certainty", "Training", "Data", "Export", "Summary")
SECONDS, MEGABYTES = 1.0, 400.0
SETTLED = """quiet => {
    const app = document.querySelector('[data-testid="stApp"]');
    const idle = app?.dataset.testScriptState === "notRunning"
        && !document.querySelector('[data-stale="true"], [data-testid="stSkeleton"]')
        && [...document.images].every(image => image.complete)
        && [...document.querySelectorAll('[data-testid="stPlotlyChart"]')]
            .every(chart => chart.querySelector(".main-svg"));
    if (!idle) { delete window.idleSince; return false; }
    window.idleSince ??= performance.now();
    return performance.now() - window.idleSince >= quiet ? window.idleSince : false;
}"""
QUIET = 400
"""Milliseconds of rest after which a page has settled."""
POLLING, PATIENCE = 20, 120_000
"""Milliseconds between two looks at it, since looking takes time too, and until it has failed."""


def make(settings: Settings, *, classes: int = CLASSES, test: int = TEST, seed: int = 0) -> Run:
    """A complete run as a training leaves it, but for its model: only what was measured is there.

    Answers are drawn at random: the true class is mostly the likeliest, then classes like it.
    """
    random = np.random.default_rng(seed)
    names = tuple(f"species {label:03d}" for label in range(classes))
    labels = np.sort(np.arange(test) % classes)
    given = _answers(random, labels, classes)
    dataset = _dataset(names, labels, taught=TAUGHT * test // TEST)
    run = runs.create(config.preset("balanced"), dataset, runs.new_path(settings))
    run.job.open(Order(kind="train", arguments={}))
    run.job.begin()
    report = evaluate(
        labels,
        given,
        names,
        [example.name for example in dataset.of("test")],
        temperature=1.3,
        uncalibrated=_answers(random, labels, classes),
        validation=_answers(random, labels, classes),
    )
    run.write_report(report, given)
    small = (_thumbnail(int(label), place) for place, label in enumerate(labels))
    run.write_thumbnails(small)
    run.write_heatmaps(random.integers(0, 256, (test, 2, 7, 7), dtype=np.uint8))
    strange = random.gamma(9, 0.065, test)
    run.write_ood_scores(
        OodScores(
            scores=tuple(np.round(strange, 4).tolist()),
            false_alarms=intervals.proportion(int((strange > 1).sum()), test),
        )
    )
    run.write_footprint(Footprint(milliseconds=4.1, megabytes=18.9, parameters=3_500_000))
    _follow(run, names)
    run.complete_with("made up", time.time(), 300.0)
    run.job.end(State.FINISHED)
    return run


def _answers(random: np.random.Generator, labels: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities (n, k), right in about four of five."""
    logits = random.gumbel(0, 1, (len(labels), classes))
    logits[labels[:, None] // ALIKE == np.arange(classes) // ALIKE] += 2.5
    logits[np.arange(len(labels)), labels] += 5.0
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


def _dataset(names: tuple[str, ...], labels: np.ndarray, taught: int) -> Dataset:
    parts = [("train", int(i) % len(names)) for i in range(taught)]
    parts += [("validation", int(i) % len(names)) for i in range(taught // 8)]
    parts += [("test", int(label)) for label in labels]
    examples = tuple(
        Example(
            name=f"{names[label]}/IMG_{number:05d}.jpg",
            path=f"{number:05d}.jpg",
            label=label,
            sha256=f"{number:064x}",
            width=640,
            height=480,
            split=part,
            group=number,
            format="JPEG",
            size=80_000,
        )
        for number, (part, label) in enumerate(parts)
    )
    return Dataset(name="made up", classes=names, examples=examples)


def _thumbnail(label: int, number: int) -> bytes:
    return images.thumbnail(np.asarray(draw(label % 8, number, size=160))[20:140])


def _follow(run: Run, names: tuple[str, ...]) -> None:
    """Epochs, a learning curve, labels in doubt: what the other views show."""
    for phase, epochs in (("head", 20), ("fine-tune", 16)):
        for epoch in range(1, epochs + 1):
            run.job.events.append(
                Epoch(
                    phase=phase,
                    epoch=epoch,
                    epochs=epochs,
                    loss=2 / epoch,
                    accuracy=min(1.0, 0.7 + 0.02 * epoch),
                    validation_loss=2.2 / epoch,
                    validation_accuracy=0.9 - 0.2 / epoch,
                    seconds=1.0,
                )
            )
        run.job.events.append(
            Kept(phase=phase, epoch=epochs, validation_loss=2.2 / epochs, validation_accuracy=0.88)
        )
    labels = np.arange(16 * len(names)) % len(names)
    run.write_learning_curve(
        learning_curve(
            np.eye(len(names))[labels],
            labels,
            np.arange(len(labels)),
            names,
            0,
            lambda _, __, asked: (asked * 0.8 + 0.2 / len(names))[None],
        )
    )
    doubted = tuple(
        LabelIssue(
            name=f"{names[i]}/{i}.jpg", label=i, suggested=(i + 1) % len(names), probability=0.9
        )
        for i in range(min(24, len(names)))
    )
    run.write_label_issues(doubted, (_thumbnail(i, TEST + i) for i in range(len(doubted))))


@dataclass
class Clock:
    """Seconds that actions on a page took until it had settled, by what was done."""

    page: Page
    taken: dict[str, list[float]] = field(default_factory=dict)

    def time(self, name: str, act: Callable[[], None]) -> None:
        """Do something and wait for the page."""
        self.page.evaluate("() => { delete window.idleSince; window.actedAt = performance.now(); }")
        act()
        settled = self.page.wait_for_function(SETTLED, arg=QUIET, timeout=PATIENCE, polling=POLLING)
        began = self.page.evaluate("window.actedAt ?? 0")  # a new page counts from 0
        self.taken.setdefault(name, []).append((settled.json_value() - began) / 1000)


def visit(clock: Clock, rounds: int) -> None:
    """Go through every view, and press what there is to press."""
    page = clock.page

    def choose(option: str) -> Callable[[], None]:
        return page.get_by_role("radio", name=option, exact=True).first.click

    for number in range(rounds):
        for view in VIEWS:
            clock.time(view, choose(view))
            for name, act in _pressed(page, view, number):
                clock.time(f"{view}: {name}", act)


def _pressed(page: Page, view: str, number: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """What is done in a view, other things each time."""
    if view == "Confusions":
        worst = page.get_by_role("button").filter(has_text="→")
        yield "a cell", worst.nth(number % 5).click
        cell = page.get_by_test_id("stPlotlyChart").locator(".nsewdrag")
        yield "a cell of the matrix", lambda: _click_diagonal(page, cell, number)
        shares = ("% of what it was", "% of what it said")[number % 2]
        yield "per cent", page.get_by_role("radio", name=shares).click
    if view == "Pictures":
        only = ("Wrong", "Right")[number % 2]
        yield "a filter", page.get_by_role("radio", name=only, exact=True).click
        yield "next page", page.get_by_role("button", name="Next").first.click
        picture = page.get_by_test_id("stMain").get_by_role("button").filter(has_text="%")
        yield "a picture", picture.nth(number).click
        yield "close", lambda: page.keyboard.press("Escape")


def _click_diagonal(page: Page, cell: object, number: int) -> None:
    box = cell.bounding_box()  # type: ignore[attr-defined]
    share = (5 * number + 2.5) / CLASSES
    page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] * share)


def main() -> int:
    """Make the run, read its report, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        home = asked.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(home=home)
        made = [
            path for path in runs.folder(settings).glob("*") if (path / "manifest.json").exists()
        ]
        run = Run(made[0]) if made else make(settings)
        server = stack.enter_context(start(home))
        playwright = stack.enter_context(sync_playwright())
        browser = chromium.launch(playwright)
        page = chromium.context(browser).new_page()
        page.goto(f"{server.url}/predict")  # what a server does once is not counted
        chromium.settle(page)
        clock = Clock(page)
        clock.time("opening", lambda: page.goto(f"{server.url}/reports?run={run.id}") and None)
        visit(clock, asked.rounds)
        memory = server.memory() / MEGABYTE
        browser.close()
    figures = {"opening it by its address, seconds": Figure(clock.taken.pop("opening")[0])}
    for name, seconds in clock.taken.items():
        figures[f"{name}, median seconds"] = Figure(median(seconds), at_most=SECONDS)
        figures[f"{name}, worst of {len(seconds)}"] = Figure(max(seconds), at_most=SECONDS)
    figures["web process, MB"] = Figure(memory, at_most=MEGABYTES)
    return show(figures, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())

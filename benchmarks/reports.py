"""Report pages in the browser: seconds from a click to the finished page, and memory.

    python -m benchmarks.reports
    python -m benchmarks.reports --home FOLDER

Generates a run with 100 classes and 5,000 test pictures and opens every view of its report in
Chromium. A page has settled when its script has ended, no element is stale, and all pictures and
charts are loaded. With `--home` the run is created there and kept.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.report import Figure, argument_parser, show
from core import images, runs
from core.checks.labels import LabelIssue
from core.dataset import Dataset, Example
from core.evaluation import evaluate, intervals
from core.evaluation.calibration import Predictions
from core.evaluation.learning_curve import learning_curve
from core.evaluation.report import Footprint, OodScores
from core.jobs import State
from core.jobs.events import Epoch, Kept
from core.jobs.folder import JobSpec
from core.runs.run import Run
from core.settings import Settings
from core.training import config
from tests.browser import chromium
from tests.browser.server import start
from tests.shapes import draw

CLASSES, TEST = 100, 5_000
TRAIN = 20_000
SIMILAR = 5
"""Classes per group of similar ones, which are confused with each other."""
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
"""Milliseconds without change after which a page has settled."""
POLLING, PATIENCE = 20, 120_000
"""Milliseconds between two checks, and until a page has failed."""


def make(settings: Settings, *, classes: int = CLASSES, test: int = TEST, seed: int = 0) -> Run:
    """Create a complete run without a model: only the results are there.

    Predictions are random: mostly the true class, then similar ones.
    """
    random = np.random.default_rng(seed)
    names = tuple(f"species {label:03d}" for label in range(classes))
    labels = np.sort(np.arange(test) % classes)
    probabilities = _probabilities(random, labels, classes)
    dataset = _dataset(names, labels, train=TRAIN * test // TEST)
    run = runs.create(config.preset("balanced"), dataset, runs.new_path(settings))
    run.job.open(JobSpec(kind="train", arguments={}))
    run.job.begin()
    report = evaluate(
        labels,
        probabilities,
        names,
        [example.name for example in dataset.of("test")],
        temperature=1.3,
        validation=Predictions(labels, _probabilities(random, labels, classes), np.arange(test)),
    )
    run.write_report(report, probabilities)
    thumbnails = (_thumbnail(int(label), i) for i, label in enumerate(labels))
    run.write_thumbnails(thumbnails)
    run.write_heatmaps(random.integers(0, 256, (test, 2, 7, 7), dtype=np.uint8))
    scores = random.gamma(9, 0.065, test)
    run.ood_scores.write(
        OodScores(
            scores=tuple(np.round(scores, 4).tolist()),
            false_alarms=intervals.proportion(int((scores > 1).sum()), test),
        )
    )
    run.footprint.write(Footprint(milliseconds=4.1, megabytes=18.9, parameters=3_500_000))
    _write_extras(run, names)
    run.complete_with("made up", time.time(), 300.0)
    run.job.end(State.FINISHED)
    return run


def _probabilities(random: np.random.Generator, labels: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities (n, k) with about 80 % accuracy."""
    logits = random.gumbel(0, 1, (len(labels), classes))
    logits[labels[:, None] // SIMILAR == np.arange(classes) // SIMILAR] += 2.5
    logits[np.arange(len(labels)), labels] += 5.0
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _dataset(names: tuple[str, ...], labels: np.ndarray, train: int) -> Dataset:
    parts = [("train", int(i) % len(names)) for i in range(train)]
    parts += [("validation", int(i) % len(names)) for i in range(train // 8)]
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


def _write_extras(run: Run, names: tuple[str, ...]) -> None:
    """Write epochs, a learning curve and label issues."""
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
    run.learning_curve.write(
        learning_curve(
            np.eye(len(names))[labels],
            labels,
            np.arange(len(labels)),
            names,
            0,
            lambda _, __, test: (test * 0.8 + 0.2 / len(names))[None],
        )
    )
    issues = tuple(
        LabelIssue(
            name=f"{names[i]}/{i}.jpg", label=i, suggested=(i + 1) % len(names), probability=0.9
        )
        for i in range(min(24, len(names)))
    )
    run.write_label_issues(issues, (_thumbnail(i, TEST + i) for i in range(len(issues))))


@dataclass
class Clock:
    """Measures the seconds from an action on a page until the page has settled."""

    page: Page
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def time(self, name: str, act: Callable[[], object]) -> None:
        """Run an action and wait until the page has settled."""
        self.page.evaluate("() => { delete window.idleSince; window.actedAt = performance.now(); }")
        act()
        settled = self.page.wait_for_function(SETTLED, arg=QUIET, timeout=PATIENCE, polling=POLLING)
        began = self.page.evaluate("window.actedAt ?? 0")  # a new page counts from 0
        self.seconds.setdefault(name, []).append((settled.json_value() - began) / 1000)


def visit(clock: Clock, rounds: int) -> None:
    """Open every view and use its controls."""
    page = clock.page

    def choose(option: str) -> Callable[[], None]:
        return partial(chromium.pick, page, option, exact=True)

    for number in range(rounds):
        for view in VIEWS:
            clock.time(view, choose(view))
            for name, act in _actions(page, view, number):
                clock.time(f"{view}: {name}", act)


def _actions(page: Page, view: str, number: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """Actions in a view, different in each round."""
    if view == "Confusions":
        worst = page.get_by_role("button").filter(has_text="→")
        yield "a cell", worst.nth(number % 5).click
        cell = page.get_by_test_id("stPlotlyChart").locator(".nsewdrag")
        yield "a cell of the matrix", lambda: _click_diagonal(page, cell, number)
        shares = ("% of actual", "% of predicted")[number % 2]
        yield "per cent", partial(chromium.pick, page, shares)
    if view == "Pictures":
        only = ("Wrong", "Correct")[number % 2]
        yield "a filter", partial(chromium.pick, page, only, exact=True)
        yield "next page", page.get_by_role("button", name="Next").first.click
        picture = page.get_by_test_id("stMain").get_by_role("button").filter(has_text="%")
        yield "a picture", picture.nth(number).click
        yield "close", lambda: page.keyboard.press("Escape")


def _click_diagonal(page: Page, cell: object, number: int) -> None:
    box = cell.bounding_box()  # type: ignore[attr-defined]
    share = (5 * number + 2.5) / CLASSES
    page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] * share)


def main() -> int:
    """Run the benchmark and print the figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(home=home)
        existing = [run for run in runs.list_runs(settings) if run.complete]
        run = existing[0] if existing else make(settings)
        server = stack.enter_context(start(home))
        playwright = stack.enter_context(sync_playwright())
        browser = chromium.launch(playwright)
        page = chromium.context(browser).new_page()
        page.goto(f"{server.url}/predict")  # the first page of a server takes longer
        chromium.settle(page)
        clock = Clock(page)
        clock.time("opening", lambda: page.goto(f"{server.url}/reports?run={run.id}"))
        visit(clock, options.rounds)
        memory = server.memory() / MEGABYTE
        browser.close()
    figures = {"first page, seconds": Figure(clock.seconds.pop("opening")[0])}
    for name, seconds in clock.seconds.items():
        figures[f"{name}, median seconds"] = Figure(median(seconds), at_most=SECONDS)
        figures[f"{name}, worst of {len(seconds)}"] = Figure(max(seconds), at_most=SECONDS)
    figures["web process, MB"] = Figure(memory, at_most=MEGABYTES)
    return show(figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())

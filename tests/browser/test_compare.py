import shutil
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from core.evaluation import evaluate
from core.runs.run import Run
from tests.browser import chromium


@pytest.fixture
def two_runs(trained_run: Run) -> Iterator[tuple[Run, Run]]:
    """The run twice more: wrong on its first test picture, and right on all."""
    runs = [
        Run(trained_run.path.with_name(start + trained_run.id[4:])) for start in ("bad0", "900d")
    ]
    for run, wrong in zip(runs, (1, 0), strict=True):
        # Without what is still being written: exports, and what takes another's place.
        ignored = shutil.ignore_patterns("model", ".*")
        shutil.copytree(trained_run.path, run.path, ignore=ignored)
        _write_predictions(run, wrong)
    yield runs[0], runs[1]
    for run in runs:  # other tests read the list
        shutil.rmtree(run.path)


def _write_predictions(run: Run, wrong: int) -> None:
    """Let a run be wrong on its first so many test pictures, and right on the others."""
    report, manifest = run.report(), run.manifest()
    labels = np.array([predicted.label for predicted in report.predictions])
    predicted = np.where(np.arange(len(labels)) < wrong, (labels + 1) % len(report.classes), labels)
    probabilities = np.full((len(labels), len(report.classes)), 0.1, np.float32)
    probabilities[np.arange(len(labels)), predicted] = 1 - 0.1 * (len(report.classes) - 1)
    names = [prediction.name for prediction in report.predictions]
    run.write_report(evaluate(labels, probabilities, report.classes, names), probabilities)
    run.complete_with(manifest.name, manifest.completed_at, manifest.seconds)


@pytest.mark.slow
def test_runs_are_compared_by_a_link_also_on_a_telephone_and_their_reports_read(
    open_page: Callable[..., Page], two_runs: tuple[Run, Run]
) -> None:
    bad, good = two_runs
    picture = bad.report().predictions[0].name
    page = open_page(f"reports?compare={bad.id},{good.id}")
    expect(page.get_by_text("No difference that")).to_be_visible()
    expect(page.get_by_text("Now correct (1)")).to_be_visible()
    expect(page.get_by_alt_text(picture)).to_be_visible()
    chromium.press(page, "Make it the reference")
    expect(page.get_by_text("Now wrong (1)")).to_be_visible()
    page.wait_for_url(lambda url: url.index(good.id) < url.index(bad.id))

    page.get_by_role("button", name=f"B · {bad.title}").click()
    expect(page.get_by_role("heading", name=bad.report().headline)).to_be_visible()
    assert f"run={bad.id}" in page.url
    chromium.press(page, "Back to comparing")
    expect(page.get_by_alt_text(picture)).to_be_visible()

    page.set_viewport_size({"width": chromium.NARROW, "height": 900})
    chromium.settle(page)
    assert chromium.overflow(page) <= 0

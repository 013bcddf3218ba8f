from collections.abc import Callable

import pytest

from core import card, samples
from core.evaluation import describe
from core.evaluation.report import Footprint
from core.extras import FOOTPRINT
from core.run import Run
from core.training.events import Note
from tests.pages.conftest import NAMES
from tests.pages.visitor import Visitor, reading
from ui import exports

FILES = {"Report as one HTML file", "Report as JSON", "Download MODEL_CARD.md"}


@pytest.fixture
def run(run_in: Callable[..., Run]) -> Run:
    return run_in()


def test_the_model_the_report_and_the_card_can_be_taken_away(visitor: Visitor, run: Run) -> None:
    visitor.open("reports", run=run.id, view="Export")
    groups = [heading.value for heading in visitor.at.subheader]
    assert groups[-3:] == ["The model", "The report", "The model card"]
    assert set(visitor.buttons()) >= FILES
    assert visitor.download("Download MODEL_CARD.md").decode() == card.card(run)


def test_the_card_is_read_on_the_page_letter_by_letter(visitor: Visitor, run: Run) -> None:
    visitor.open("reports", run=run.id, view="Export")
    (shown,) = [text for text in visitor.marked() if "What it cannot do" in text]
    for name in NAMES:
        assert name in reading(shown)
        assert name not in shown, "it would be rendered"
    assert describe(run.report().accuracy) in shown
    assert not [line for line in shown.splitlines() if line.startswith(("# ", "## "))]


def test_what_the_model_takes_is_said_with_what_it_means(visitor: Visitor, run: Run) -> None:
    run.write_footprint(Footprint(milliseconds=4.26, megabytes=18.71, parameters=4_123_456))
    visitor.open("reports", run=run.id, view="Export")
    shown = {metric.label: metric.value for metric in visitor.at.metric}
    assert shown["Time for a picture"] == "4.3 ms"
    assert shown["Size"] == "18.7 MB"
    assert shown["Parameters"] == "4.1 million"
    (run.path / FOOTPRINT).unlink()
    assert "Its speed and size were not measured." in visitor.see().reads()


def test_files_that_were_not_made_are_named_with_the_reason(visitor: Visitor, run: Run) -> None:
    run.job.events.append(Note(sentence=f"{exports.FAILED}: {NAMES[0]} is no name."))
    visitor.open("reports", run=run.id, view="Export")
    assert "classifier.keras and classifier.tflite were not made" in visitor.reads()
    assert f"{exports.FAILED}: {NAMES[0]} is no name." in visitor.reads()


def test_the_sample_comes_without_its_model_and_says_so(visitor: Visitor) -> None:
    if not samples.RUN.is_dir():
        pytest.skip("the sample is not there")
    visitor.open("reports", run=samples.RUN.name, view="Export")
    assert "The sample comes with its report and without its model." in visitor.reads()
    assert set(visitor.buttons()) >= FILES
    assert not [label for label in visitor.buttons() if "bundle" in label]

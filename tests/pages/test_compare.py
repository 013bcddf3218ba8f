from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from core.dataset import Dataset
from core.evaluation import describe, evaluate
from core.jobs import State
from core.runs import summarise
from core.runs.annotations import Correction
from core.runs.corrections import correct
from core.runs.filenames import CONFIG, DATASET, REPORT
from core.runs.run import Run
from core.settings import Settings
from tests.pages.conftest import NAMES, seal
from tests.pages.visitor import Visitor, plain_text
from ui import run_line, state

HOSTILE = "**bold** [x](y) $z^2$"


@pytest.fixture
def right_on(run_in: Callable[..., Run]) -> Callable[..., Run]:
    """`right_on([0, 1])`: a finished run that gets these test pictures right, and no others."""

    def make(indices: Iterable[int], *, sure: float = 0.7) -> Run:
        run = run_in()
        report, correct = run.report(), set(indices)
        classes = len(report.classes)
        probabilities = np.full((report.pictures, classes), (1 - sure) / (classes - 1), np.float32)
        labels = [prediction.label for prediction in report.predictions]
        for index, label in enumerate(labels):
            probabilities[index, label if index in correct else (label + 1) % classes] = sure
        names = [prediction.name for prediction in report.predictions]
        run.write_report(evaluate(labels, probabilities, report.classes, names), probabilities)
        seal(run)
        return run

    return make


def compare(visitor: Visitor, *runs: Run) -> Visitor:
    """Open the comparison of these runs, the first as the reference."""
    return visitor.open("reports", compare=",".join(run.id for run in runs))


def cells(visitor: Visitor, column: str) -> dict[str, list[str]]:
    """Rows of the table that begins with this column, as they read, by their first cell."""
    for table in visitor.at.table:
        frame = table.value
        if plain_text(frame.columns[0]) == column:
            rows = [[plain_text(str(cell)) for cell in row] for row in frame.to_numpy()]
            return {row[0]: row[1:] for row in rows}
    raise AssertionError(f"no table begins with {column!r}")


def pictures(visitor: Visitor) -> list[str]:
    """Names of the pictures that are shown."""
    return [image.alt for images in visitor.at.get("image") for image in images.proto.imgs]


def test_a_card_has_the_preset_and_the_date_that_the_list_has(
    visitor: Visitor, right_on: Callable[..., Run], host: Settings
) -> None:
    first, second = right_on([]), right_on([])
    path = second.path / CONFIG
    path.write_text(path.read_text().replace('"quick"', '"custom"'))
    manifest = second.manifest()
    second.complete_with(manifest.name, manifest.completed_at + 7200, manifest.seconds)
    said = f"Own settings · {run_line.date(summarise(second, host).at)}"
    assert said in compare(visitor, first, second).text()
    assert said in visitor.open("reports").text()


def test_the_better_run_is_named_with_its_figures(
    visitor: Visitor, right_on: Callable[..., Run]
) -> None:
    worse, better = right_on([]), right_on(range(7))
    compare(visitor, worse, better)
    pictures = worse.report().pictures
    assert f"B is better than A: 7 more of {pictures} pictures" in visitor.text()
    assert "(p = 0.016)" in visitor.text()
    rows = cells(visitor, "Figure")
    accuracies = [describe(run.report().accuracy) for run in (worse, better)]
    assert rows["Accuracy"][0] == accuracies[0]
    assert rows["Accuracy"][1].split()[-1] == "better"
    assert "Better and worse: than A" in visitor.text()
    assert rows["Accuracy"][1].startswith(accuracies[1])
    assert rows["Macro F1"][1].endswith("better")
    assert rows["Model size"][0] == rows["Model size"][1], "equal, so neither is called smaller"
    assert rows["Training pictures"] == [str(len(worse.dataset().of("train")))] * 2
    assert cells(visitor, "Against A")["B"][:2] == ["7", "0"]
    recalls = visitor.table("Class", "Recall of A", "Recall of B")
    assert [row[0] for row in recalls] == list(worse.report().classes)
    assert recalls[0][1] == describe(worse.report().per_class[0].recall)


def test_another_reference_reverses_the_comparison(
    visitor: Visitor, right_on: Callable[..., Run]
) -> None:
    worse, better = right_on([]), right_on(range(7))
    compare(visitor, worse, better).press("Make it the reference")
    assert visitor.at.query_params[state.COMPARE] == f"{better.id},{worse.id}"
    assert "B is worse than A: 7 fewer" in visitor.text()
    rows = cells(visitor, "Figure")
    assert rows["Accuracy"][0].endswith("best") and rows["Accuracy"][1].endswith("worse")


def test_a_difference_that_may_be_chance_is_not_called_better(
    visitor: Visitor, right_on: Callable[..., Run]
) -> None:
    compare(visitor, right_on([0, 1, 2, 3]), right_on([0, 1, 2, 4, 5]))
    assert "No difference that" in visitor.text()
    assert "A predicts 4 correctly, B 5" in visitor.text()
    text = str(cells(visitor, "Figure"))
    assert not any(word in text for word in ("better", "worse", "best", "smallest"))
    assert "Better and worse" not in visitor.text(), "no cell has such a mark"


def test_changed_pictures_are_shown_with_both_predictions(
    visitor: Visitor, right_on: Callable[..., Run]
) -> None:
    first, second = right_on([0, 1, 2]), right_on([2, 3], sure=0.9)
    compare(visitor, first, second)
    predictions, classes = first.report().predictions, first.report().classes
    assert pictures(visitor) == [predictions[3].name]
    wrong = (predictions[3].label + 1) % len(classes)
    caption = " ".join(visitor.text().split())
    assert f"A {classes[wrong]} 70 % B {classes[predictions[3].label]} 90 %" in caption
    visitor.choose("Now wrong (2)", "Now wrong")
    assert set(pictures(visitor)) == {predictions[0].name, predictions[1].name}
    assert "2 pictures correct in A, wrong in B." in visitor.text()


def test_with_three_runs_p_is_adjusted(visitor: Visitor, right_on: Callable[..., Run]) -> None:
    runs = [right_on([]), right_on(range(7)), right_on([7])]
    compare(visitor, *runs)
    assert "(p = 0.031, adjusted for 2 comparisons)" in visitor.text()
    assert "Holm" in visitor.text()
    assert cells(visitor, "Against A")["C"][-2:] == ["1", "1"]
    visitor.choose("C")
    assert pictures(visitor) == [runs[0].report().predictions[7].name]


def test_other_test_pictures_are_not_paired(visitor: Visitor, right_on: Callable[..., Run]) -> None:
    first, second = right_on([]), right_on(range(7))
    dataset = second.dataset()
    changed = dataset.of("test")[0].model_copy(update={"sha256": "f" * 64})
    replace(second, dataset, changed)
    compare(visitor, first, second)
    count = first.report().pictures
    assert (
        f"No paired test of A and B: of their {count} and {count} test pictures, {count - 1} are "
        "the same." in visitor.text()
    )
    assert "Which pictures changed?" not in visitor.text()
    assert "better" not in str(cells(visitor, "Figure"))


def test_only_settings_that_differ_are_listed(
    visitor: Visitor, right_on: Callable[..., Run]
) -> None:
    first, second = right_on([0]), right_on([0])
    assert "All runs have the same settings." in compare(visitor, first, second).text()
    run_config = second.config()
    views = run_config.augmentation.model_copy(update={"views": 3})
    (second.path / CONFIG).write_text(
        run_config.model_copy(update={"augmentation": views, "crop": 0.9}).model_dump_json()
    )
    seal(second)
    compare(visitor, first, second)
    assert cells(visitor, "Setting") == {
        "Crop": [str(first.config().crop), "0.9"],
        "Augmentation: views": [str(first.config().augmentation.views), "3"],
    }


def test_corrected_labels_are_listed_when_no_setting_differs(
    visitor: Visitor, right_on: Callable[..., Run]
) -> None:
    first, second = right_on([0]), right_on([0])
    assert "training pictures differ" not in compare(visitor, first, second).text()
    dataset = second.dataset()
    examples = dataset.of("train")[:2]
    other_class = dataset.classes[(examples[0].label + 1) % 4]
    corrections = tuple(
        Correction(sha256=example.sha256, name=example.name, label=label)
        for example, label in zip(examples, (other_class, None), strict=True)
    )
    second.dataset.write(correct(dataset, corrections))
    seal(second)
    text = compare(visitor, first, second).text()
    assert "All runs have the same settings." in text
    assert "in B, 1 picture is in another class and 1 picture is missing." in text


def test_names_are_shown_as_they_are(visitor: Visitor, right_on: Callable[..., Run]) -> None:
    first, second = right_on([0]), right_on([1])
    first.annotate(lambda annotations: annotations.named(HOSTILE))
    compare(visitor, first, second)
    assert {f"A · {HOSTILE}", f"B · {second.title}"} <= set(visitor.buttons())
    (figures,) = [t.value for t in visitor.at.table if t.value.columns[0] == "Figure"]
    assert [plain_text(name) for name in figures.columns[1:]] == [
        f"A · {HOSTILE}",
        f"B · {second.title}",
    ]
    assert any(name in visitor.text() for name in NAMES)


def test_unknown_and_damaged_and_unfinished_runs_are_named_and_the_rest_is_compared(
    visitor: Visitor, right_on: Callable[..., Run], run_in: Callable[..., Run]
) -> None:
    first, second, damaged, failed = right_on([0]), right_on([1]), run_in(), run_in(State.FAILED)
    (damaged.path / REPORT).write_bytes(b"{")
    damaged.annotate(lambda annotations: annotations.named("hurt"))
    failed.annotate(lambda annotations: annotations.named("failed"))
    ids = ("0" * 32, failed.id, damaged.id, first.id, "../..", second.id, first.id)
    visitor.open("reports", compare=", ".join(ids))
    text = visitor.text()
    assert text.count("No run with this id is on this machine.") == 1
    assert "hurt: report.json of this run is not the file that the training wrote." in text
    assert "failed has no report. Status: failed." in text
    assert "A predicts 1 correctly, B 1" in text
    assert len([label for label in visitor.buttons() if " · " in label]) == 2


@pytest.mark.parametrize("parameter", [",", "x", "{0}", "{0},{0}", "{0},x"])
def test_fewer_than_two_runs_lead_back_to_the_list(
    visitor: Visitor, right_on: Callable[..., Run], parameter: str
) -> None:
    run = right_on([0])
    visitor.open("reports", compare=parameter.format(run.id))
    remaining = f"one is left: {run.title}" if "{0}" in parameter else "none is left"
    assert f"Two runs are needed to compare; {remaining}." in visitor.text()
    visitor.press("All runs")
    assert state.COMPARE not in visitor.at.query_params
    assert [title.value for title in visitor.at.title] == [
        "How good is it, and where does it fail?"
    ]


def test_a_report_opened_from_a_comparison_leads_back_to_it(
    visitor: Visitor, right_on: Callable[..., Run]
) -> None:
    runs = right_on([0]), right_on([1])
    compare(visitor, *runs).press(f"B · {runs[1].title}")
    assert visitor.at.query_params[state.RUN] == runs[1].id
    assert runs[1].report().headline in visitor.text()
    visitor.press("Back to comparing")
    assert "A predicts 1 correctly, B 1" in visitor.text()


def test_in_public_mode_a_link_adds_its_runs_to_the_list(
    right_on: Callable[..., Run], public: None
) -> None:
    runs = right_on([0]), right_on([1])
    friend = compare(Visitor(), *runs)
    assert "A predicts 1 correctly, B 1" in friend.text()
    assert set(friend.at.session_state[state.OPENED]) == {run.id for run in runs}


def replace(run: Run, dataset: Dataset, changed: Any) -> None:
    """Put another example in place of the one of that name."""
    examples = [
        changed if example.name == changed.name else example for example in dataset.examples
    ]
    content = dataset.model_copy(update={"examples": tuple(examples)}).model_dump_json()
    (run.path / DATASET).write_text(content)
    seal(run)


def test_runs_that_were_not_tested_fairly_are_named_before_the_verdict(
    visitor: Visitor, right_on: Callable[..., Run]
) -> None:
    runs = right_on([]), right_on(range(4))
    for run, named in ((runs[1], "B was"), (runs[0], "A and B were")):
        run.write_report(run.report().model_copy(update={"leaked": 3}), run.probabilities())
        seal(run)
        (warning,) = (each.value for each in compare(visitor, *runs).at.warning)
        assert warning.startswith(f"{named} not tested fairly")

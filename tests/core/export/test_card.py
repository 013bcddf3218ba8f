import html
import re
from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt

from core.checks import Finding, Severity
from core.evaluation import Estimate, describe
from core.evaluation.report import Footprint, OodScores
from core.export import card
from core.runs.annotations import Correction, Origin
from core.runs.filenames import FOOTPRINT, LABEL_ISSUES, LEARNING_CURVE, OOD_SCORES
from core.runs.run import Run
from tests import hostile
from tests.core.trainings import TrainedRun

NASTY = hostile.CLASSES[:3]
PARTS = {"train": "Training", "validation": "Validation", "test": "Test"}


def reads(markdown: str) -> str:
    """What a reader sees of it, without its marks."""
    rendered = MarkdownIt("commonmark").enable("table").render(markdown)
    return html.unescape(re.sub(r"<[^<>]+>", " ", rendered))


@pytest.fixture
def run(trained_run: Callable[..., TrainedRun]) -> Run:
    return trained_run().run


def test_every_figure_is_the_one_of_the_report(run: Run) -> None:
    report, said = run.report(), reads(card.card(run))
    figures = [
        report.accuracy,
        report.macro.f1,
        report.balanced_accuracy,
        report.baseline.accuracy,
        report.certainty.before.error,
    ]
    figures += [report.certainty.after.error] if report.certainty.after else []
    for figure in figures:
        assert describe(figure) in said
    assert report.headline in said
    assert f"{report.pictures} test pictures took no part" in said
    for mistake in report.confusion.worst[: card.MISTAKES]:
        was, called = report.classes[mistake.label], report.classes[mistake.predicted]
        assert f"{was} taken for {called}: {mistake.count} time" in said


def test_classes_are_listed_with_their_pictures_in_each_part(run: Run) -> None:
    dataset, said = run.dataset(), card.card(run)
    for label, name in enumerate(dataset.classes):
        counts = [dataset.count(label, split) for split in PARTS]
        assert f"| {name} | {' | '.join(map(str, counts))} |" in said
    assert "| Class | " + " | ".join(PARTS.values()) + " |" in said


def test_names_are_shown_letter_by_letter(run: Run) -> None:
    sentence = f"{NASTY[1]} has 3 pictures."
    run.findings.write((Finding(severity=Severity.WARNS, code="few", sentence=sentence),))
    said = card.card(hostile.renamed(run, NASTY))
    assert sentence in reads(said)
    rendered = MarkdownIt("commonmark").enable("table").render(said)
    assert "<img" not in rendered
    assert "<a " not in rendered
    for name in (*NASTY, hostile.TITLE):
        assert " ".join(name.split()) in reads(said)


def test_what_was_not_worked_out_is_said_or_left_out(run: Run) -> None:
    for name in (FOOTPRINT, LEARNING_CURVE, LABEL_ISSUES, OOD_SCORES):
        (run.path / name).unlink(missing_ok=True)
    said = reads(card.card(run))
    assert "Not measured." in said
    assert "This was not estimated." in said
    assert "not like the training pictures" not in said
    assert "It always answers with one of its 3 classes" in said


def test_costs_and_false_alarms_are_told(run: Run) -> None:
    alarms = Estimate(value=0.25, low=0.125, high=0.5)
    run.footprint.write(Footprint(milliseconds=4.26, megabytes=18.71, parameters=4_123_456))
    strange = tuple([0.5] * run.report().pictures)
    run.ood_scores.write(OodScores(scores=strange, false_alarms=alarms))
    said = reads(card.card(run))
    assert "4.3 ms per picture" in said
    assert "19 MB" in said
    assert "4.1 million parameters" in said
    assert describe(alarms) in said


def test_a_threshold_in_force_is_told_with_what_it_gives(run: Run) -> None:
    choice = run.report().certainty.choices[-1]
    assert choice.value > 0
    assert "not sure" not in card.card(run)
    run.annotate(lambda notes: notes.model_copy(update={"threshold": choice.value}))
    said = reads(card.card(run))
    assert "“not sure”" in said
    assert describe(choice.coverage) in said
    assert describe(choice.error) in said


def test_a_threshold_of_ones_own_is_told_by_what_the_test_pictures_give(run: Run) -> None:
    run.annotate(lambda notes: notes.model_copy(update={"threshold": 1.0}))
    found = card.Facts(run).threshold
    assert found is not None
    sure = [p for p in run.report().predictions if p.probability >= 1]
    assert found.coverage.value == len(sure) / run.report().pictures


def test_classes_with_few_test_pictures_are_named(run: Run) -> None:
    report = run.report()
    assert {score.support for score in report.per_class} <= set(range(card.FEW))
    (line,) = [one for one in card.card(run).splitlines() if one.startswith("- Fewer than 10")]
    for score in report.per_class:
        assert f"{score.name} ({score.support})" in line


def test_pictures_that_look_the_same_are_counted_where_they_are(run: Run) -> None:
    dataset = run.dataset()
    assert "No two pictures were found to look the same" in card.card(run)

    def alike(*splits: str) -> str:
        pairs = [next(e for e in dataset.examples if e.split == split) for split in splits]
        if len(set(splits)) == 1:
            pairs = [e for e in dataset.examples if e.split == splits[0]][:2]
        names = {example.name for example in pairs}
        examples = tuple(
            e.model_copy(update={"group": 1}) if e.name in names else e for e in dataset.examples
        )
        run.dataset.write(dataset.model_copy(update={"examples": examples}))
        return card.card(run)

    assert "2 pictures look the same as another one. They" in alike("train", "train")
    assert "2 of them have their duplicate in another split" in alike("train", "test")


def test_what_a_run_was_trained_again_from_is_named_and_its_address_is_not(run: Run) -> None:
    said = Correction(sha256="0" * 64, name="a.jpg", label=None)
    before = Origin(run="f" * 32, name=NASTY[0], corrections=(said,))
    run.origin.write(before)
    assert f"Trained again from “{NASTY[0]}”, with 1 picture corrected" in reads(card.card(run))
    for secret in (before.run, run.id, str(run.path)):
        assert secret not in card.card(run)

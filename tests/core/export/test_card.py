import html
import re
from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt

from core.checks import Finding, Severity
from core.evaluation import Estimate, describe
from core.evaluation.report import Footprint, OodScores
from core.export import card
from core.jobs.events import Kept, Note
from core.runs.annotations import Correction, Origin
from core.runs.filenames import FOOTPRINT, LABEL_ISSUES, LEARNING_CURVE, OOD_SCORES
from core.runs.run import Run
from core.training import config
from tests import hostile
from tests.core.trainings import TrainedRun

HOSTILE = hostile.CLASSES[:3]
PARTS = {"train": "Training", "validation": "Validation", "test": "Test"}


def rendered_text(markdown: str) -> str:
    """What a reader sees of it, without its marks."""
    rendered = MarkdownIt("commonmark").enable("table").render(markdown)
    return html.unescape(re.sub(r"<[^<>]+>", " ", rendered))


@pytest.fixture
def run(trained_run: Callable[..., TrainedRun]) -> Run:
    return trained_run().run


def test_the_figures_are_those_of_the_report(run: Run) -> None:
    report, text = run.report(), rendered_text(card.card(run))
    figures = [
        report.accuracy,
        report.macro.f1,
        report.balanced_accuracy,
        report.baseline.accuracy,
        report.certainty.before.error,
    ]
    figures += [report.certainty.after.error] if report.certainty.after else []
    for figure in figures:
        assert describe(figure) in text
    assert report.headline in text
    assert f"{report.pictures} test pictures took no part" in text
    for mistake in report.confusion.worst[: card.MISTAKES]:
        actual, predicted = report.classes[mistake.label], report.classes[mistake.predicted]
        assert f"{actual} taken for {predicted}: {mistake.count} time" in text


def test_classes_are_listed_with_their_pictures_in_each_part(run: Run) -> None:
    dataset, text = run.dataset(), card.card(run)
    for label, name in enumerate(dataset.classes):
        counts = [dataset.counts(split)[label] for split in PARTS]
        assert f"| {name} | {' | '.join(map(str, counts))} |" in text
    assert "| Class | " + " | ".join(PARTS.values()) + " |" in text


def test_names_are_escaped(run: Run) -> None:
    sentence = f"{HOSTILE[1]} has 3 pictures."
    run.findings.write((Finding(severity=Severity.WARNS, code="few", sentence=sentence),))
    text = card.card(hostile.renamed(run, HOSTILE))
    assert sentence in rendered_text(text)
    rendered_html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<img" not in rendered_html
    assert "<a " not in rendered_html
    for name in (*HOSTILE, hostile.TITLE):
        assert " ".join(name.split()) in rendered_text(text)


def test_missing_results_are_named_or_omitted(run: Run) -> None:
    for name in (FOOTPRINT, LEARNING_CURVE, LABEL_ISSUES, OOD_SCORES):
        (run.path / name).unlink(missing_ok=True)
    text = rendered_text(card.card(run))
    assert "Not measured." in text
    assert "This was not estimated." in text
    assert "not like the training pictures" not in text
    assert "It always answers with one of its 3 classes" in text


def test_costs_and_false_alarms_are_shown(run: Run) -> None:
    alarms = Estimate(value=0.25, low=0.125, high=0.5)
    run.footprint.write(Footprint(milliseconds=4.26, megabytes=18.71, parameters=4_123_456))
    strange = tuple([0.5] * run.report().pictures)
    run.ood_scores.write(OodScores(scores=strange, false_alarms=alarms))
    text = rendered_text(card.card(run))
    assert "4.3 ms per picture" in text
    assert "19 MB" in text
    assert "4.1 million parameters" in text
    assert describe(alarms) in text


def test_a_threshold_is_shown_with_its_coverage_and_error(run: Run) -> None:
    choice = run.report().certainty.choices[-1]
    assert choice.value > 0
    assert "not sure" not in card.card(run)
    run.annotate(lambda notes: notes.model_copy(update={"threshold": choice.value}))
    text = rendered_text(card.card(run))
    assert "“not sure”" in text
    assert describe(choice.coverage) in text
    assert describe(choice.error) in text


def test_a_custom_threshold_is_measured_on_the_test_pictures(run: Run) -> None:
    run.annotate(lambda notes: notes.model_copy(update={"threshold": 1.0}))
    threshold = card.RunDetails(run).threshold
    assert threshold is not None
    sure = [p for p in run.report().predictions if p.probability >= 1]
    assert threshold.coverage.value == len(sure) / run.report().pictures


def test_classes_with_few_test_pictures_are_named(run: Run) -> None:
    report = run.report()
    assert {score.support for score in report.per_class} <= set(range(card.FEW))
    (line,) = [
        text_line
        for text_line in card.card(run).splitlines()
        if text_line.startswith("- Fewer than 10")
    ]
    for score in report.per_class:
        assert f"{score.name} ({score.support})" in line


def test_near_duplicates_are_counted_by_split(run: Run) -> None:
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


FROZEN, VIEWS = "The backbone stayed frozen", r"(\d) views? of each picture"


def test_a_run_whose_fine_tuning_was_left_out_is_described_as_it_was_trained(run: Run) -> None:
    run.config.write(config.preset("best", backbone="tiny"))
    reason = "Fine-tuning was left out: it could not show a gain."
    kept = Kept(
        phase="fine-tune", epoch=0, validation_loss=0.1, validation_accuracy=1, reason=reason
    )
    run.job.events.append(kept)
    text = card.card(run)
    assert FROZEN in text
    assert re.findall(VIEWS, text) == ["1"]
    assert reason in rendered_text(text)
    run.job.events.append(kept.model_copy(update={"epoch": 3, "reason": ""}))
    text = card.card(run)
    assert FROZEN not in text
    assert re.findall(VIEWS, text) == ["4"]


def test_steps_that_failed_after_the_report_are_listed(run: Run) -> None:
    run.job.events.append(Note(sentence="Labels were not looked at.", lasting=True))
    assert "Labels were not looked at." in rendered_text(card.card(run))


def test_a_continued_run_names_the_earlier_model(run: Run) -> None:
    assert "earlier model" not in card.card(run)
    run.config.write(run.config().model_copy(update={"start": "0" * 64}))
    text = card.card(run)
    assert "The training continued from an earlier model" in text
    assert "Whether the earlier model learned from edited copies of them is not known" in text
    assert FROZEN not in text
    assert "0" * 64 not in text


def test_a_head_that_no_epoch_improved_is_not_called_a_logistic_regression(run: Run) -> None:
    run.job.events.append(Kept(phase="head", epoch=0, validation_loss=0.1, validation_accuracy=0.9))
    (sentence,) = card.describe_choices(run)
    assert "no epoch was better than the start" in sentence
    assert "logistic" not in sentence


def test_the_original_of_a_retrained_run_is_named_without_its_id(run: Run) -> None:
    correction = Correction(sha256="0" * 64, name="a.jpg", label=None)
    origin = Origin(run="f" * 32, name=HOSTILE[0], corrections=(correction,))
    run.origin.write(origin)
    assert f"Trained again from “{HOSTILE[0]}”, with 1 picture corrected" in rendered_text(
        card.card(run)
    )
    for secret in (origin.run, run.id, str(run.path)):
        assert secret not in card.card(run)


def rewritten(run: Run, **changes: object) -> str:
    """The card of a run whose report has these values instead."""
    report, probabilities = run.report(), run.probabilities()
    run.write_report(report.model_copy(update=changes), probabilities)
    manifest = run.manifest()
    run.complete_with(manifest.name, manifest.completed_at, manifest.seconds)
    return rendered_text(card.card(run))


def test_a_leak_is_said_where_the_evaluation_is_described(run: Run) -> None:
    text = rewritten(run, leaked=2)
    assert "2 nearly equal pictures that the model learned from" in text
    assert "took no part" not in text


def test_classes_without_test_pictures_are_named(run: Run) -> None:
    first, *others = run.report().per_class
    missing = first.model_copy(update={"support": 0, "recall": None})
    text = rewritten(run, per_class=(missing, *others))
    assert f"recall of {first.name}, without pictures in the test set" in text

import json
from collections.abc import Callable

import pytest

from core.evaluation import Estimate, browsing, describe
from core.evaluation.report import Report
from core.evaluation.wording import difference
from core.runs.filenames import HEATMAPS
from core.runs.run import Run
from core.settings import Settings
from tests.pages.conftest import NAMES, seal
from tests.pages.visitor import Visitor, plain_text
from ui.reports.views import pictures
from ui.reports.views.complete_run import CompleteRun
from ui.reports.views.summary import interval


def test_the_most_important_figures_come_first(visitor: Visitor, run: Run, report: Report) -> None:
    visitor.open("reports", run=run.id)
    assert report.headline in visitor.text()
    assert [(metric.label, metric.value) for metric in visitor.at.metric] == [
        ("Accuracy", describe(report.accuracy)),
        ("Macro F1", describe(report.macro.f1)),
        ("Baseline (most common class)", describe(report.baseline.accuracy)),
    ]


def test_every_figure_is_listed_with_its_interval(
    visitor: Visitor, run: Run, report: Report
) -> None:
    visitor.open("reports", run=run.id)
    (table,) = visitor.at.table
    shown = dict(zip(table.value["Figure"], table.value["With 95 % interval"], strict=True))
    assert shown == {
        "Accuracy": describe(report.accuracy),
        "Gain over the baseline": difference(report.baseline.gain),
        "Balanced accuracy": describe(report.balanced_accuracy),
        "Top-2 accuracy": describe(report.top[1]),
        "Top-3 accuracy": describe(report.top[2]),
        "Macro precision": describe(report.macro.precision),
        "Macro recall": describe(report.macro.recall),
        "Macro F1": describe(report.macro.f1),
        "Weighted precision": describe(report.weighted.precision),
        "Weighted recall": describe(report.weighted.recall),
        "Weighted F1": describe(report.weighted.f1),
        "Log loss": describe(report.log_loss, percent=False),
    }


def test_classes_are_listed_with_numbers_that_can_be_sorted(
    visitor: Visitor, run: Run, report: Report
) -> None:
    visitor.open("reports", run=run.id)
    rows = visitor.table("Class", "Pictures", "Predicted", "Recall", "Recall interval")
    for row, score in zip(rows, report.per_class, strict=True):
        assert score.recall is not None
        assert row[:3] == (score.name, score.support, score.predicted)
        assert row[3] == pytest.approx(100 * score.recall.value)
        assert row[4] == interval(score.recall)
    (table,) = (frame for frame in visitor.at.dataframe if "Predicted" in frame.value.columns)
    assert table.proto.placeholder == "–", "and not None, where a class has no test pictures"


def test_a_figure_of_a_class_is_not_rounded_to_all(
    visitor: Visitor, run: Run, report: Report
) -> None:
    first, *others = report.per_class
    nearly = first.model_copy(update={"recall": Estimate(value=0.997, low=0.9, high=1)})
    changed = report.model_copy(update={"per_class": (nearly, *others)})
    run.write_report(changed, run.probabilities())
    seal(run)
    visitor.open("reports", run=run.id)
    (table,) = (frame for frame in visitor.at.dataframe if "Predicted" in frame.value.columns)
    assert table.value["Recall"][0] == pytest.approx(99.7)
    assert "%.1f" in json.dumps(json.loads(table.proto.columns)["Recall"])


def test_curves_of_classes_are_drawn_once_they_are_asked_for(visitor: Visitor, run: Run) -> None:
    visitor.open("reports", run=run.id)
    assert not [alt for alt in visitor.charts() if alt.startswith("ROC")]
    visitor.at.session_state["curves"] = True
    visitor.rerun()
    assert [alt for alt in visitor.charts() if alt == f"ROC of {len(NAMES)} classes"]
    visitor.choose("Precision–recall", "precision_recall")
    assert [alt for alt in visitor.charts() if alt.startswith("Precision–recall of")]


def test_a_pair_of_the_summary_leads_to_its_cell(
    visitor: Visitor, run: Run, report: Report
) -> None:
    worst = report.confusion.worst[0]
    visitor.open("reports", run=run.id)
    actual, predicted = report.classes[worst.label], report.classes[worst.predicted]
    visitor.press_key(f"pair {worst.label} {worst.predicted}")
    address = visitor.at.query_params
    assert (address["was"], address["said"]) == (str(worst.label), str(worst.predicted))
    assert f"Actual {actual}, predicted {predicted}: {worst.count} picture" in visitor.text()


def test_the_address_opens_a_cell_with_its_pictures_and_predictions(
    visitor: Visitor, run: Run, report: Report
) -> None:
    first = next(p for p in report.predictions if p.label == p.predicted)
    cell = (first.label, first.predicted)
    visitor.open("reports", run=run.id, view="Confusions", was=str(cell[0]), said=str(cell[1]))
    predictions = [p for p in report.predictions if (p.label, p.predicted) == cell]
    assert len(visitor.at.image) == 2 * len(predictions), "each with its heat map"
    assert len([b for b in visitor.buttons() if b == "Look closer"]) == len(predictions)
    for prediction in predictions:
        for label, _ in prediction.top[:3]:
            assert report.classes[label][:20] in visitor.text()


@pytest.mark.parametrize(
    "address", [{"was": "0"}, {"was": "0", "said": "99"}, {"was": "-1", "said": "²"}], ids=str
)
def test_an_address_that_names_no_cell_opens_none(
    visitor: Visitor, run: Run, address: dict[str, str]
) -> None:
    visitor.open("reports", run=run.id, view="Confusions", **address)
    assert "Click a cell, or choose both classes" in visitor.text()
    assert not visitor.at.image


def test_a_cell_can_be_chosen_by_its_classes_or_from_the_list(
    visitor: Visitor, run: Run, report: Report
) -> None:
    visitor.open("reports", run=run.id, view="Confusions")
    visitor.fill("Actual", 0).fill("Predicted", 1)
    assert f"Actual {NAMES[0]}, predicted {NAMES[1]}" in visitor.text()
    worst = report.confusion.worst[0]
    visitor.press_key(f"worst {(worst.label, worst.predicted)}")
    assert visitor.at.query_params["was"] == str(worst.label)
    assert len(visitor.at.image) == 3 * worst.count, "evidence for both classes"


def test_a_cell_of_one_run_is_not_chosen_in_the_report_of_the_next(
    visitor: Visitor, run: Run, run_in: Callable[..., Run], report: Report
) -> None:
    second = run_in()
    first = report.predictions[0]
    cell = {"was": str(first.label), "said": str(first.predicted)}
    visitor.open("reports", run=run.id, view="Confusions", **cell)
    visitor.press("All runs")
    assert not {"run", *cell} & set(visitor.at.query_params)
    visitor.press_key(f"open {second.id}")
    assert visitor.at.query_params["run"] == second.id
    assert not set(cell) & set(visitor.at.query_params)


def test_a_run_without_heat_maps_says_so_and_shows_the_pictures(
    visitor: Visitor, run: Run, report: Report
) -> None:
    (run.path / HEATMAPS).unlink()
    first = report.predictions[0]
    visitor.open(
        "reports", run=run.id, view="Confusions", was=str(first.label), said=str(first.predicted)
    )
    assert "This run has no heat maps" in visitor.text()
    assert visitor.at.image
    run.job.begin()
    with run.job.lock().acquire():
        assert "no heat maps" not in visitor.rerun().text()
        assert "heat maps of this run are being made" in visitor.text()


def test_every_picture_is_listed_the_wrong_ones_first(
    visitor: Visitor, run: Run, report: Report
) -> None:
    wrong = [
        prediction for prediction in report.predictions if prediction.label != prediction.predicted
    ]
    assert wrong, "two classes look the same"
    visitor.open("reports", run=run.id, view="Pictures")
    assert f"{report.pictures} pictures of {report.pictures}, {len(wrong)} wrong" in visitor.text()
    assert len(visitor.at.image) == min(report.pictures, 24)
    names = [image.proto.imgs[0].alt or image.proto.alt for image in visitor.at.image]
    assert set(names[: len(wrong)]) == {prediction.name for prediction in wrong}
    for prediction in wrong:
        assert f"Actual: {report.classes[prediction.label]}" in visitor.text()


@pytest.mark.parametrize("only", ["Wrong", "Right"])
def test_the_address_and_old_links_hold_the_filters(
    visitor: Visitor, run: Run, report: Report, only: str
) -> None:
    file_name = report.predictions[0].name.rpartition("/")[2]
    visitor.open(
        "reports", run=run.id, view="Pictures", only=only, file=file_name, order="Least sure",
        **{"class": report.classes[report.predictions[0].label]},
    )  # fmt: skip
    expected = [
        prediction
        for prediction in report.predictions
        if (prediction.label == prediction.predicted) == (only == "Right")
        and prediction.label == report.predictions[0].label
        and file_name in prediction.name
    ]
    assert len(visitor.at.image) == len(expected)
    assert f" of {report.pictures}" in visitor.text()


def test_pictures_are_filtered_by_probability_and_by_verdict(
    visitor: Visitor, run: Run, report: Report
) -> None:
    middle = sorted(prediction.probability for prediction in report.predictions)[
        report.pictures // 2
    ]
    run.annotate(lambda prediction: prediction.model_copy(update={"threshold": middle}))
    ood_scores = run.ood_scores()
    visitor.open("reports", run=run.id, view="Pictures", answered="not sure")
    unsure = [
        prediction
        for index, prediction in enumerate(report.predictions)
        if prediction.probability < middle and (ood_scores is None or ood_scores.scores[index] <= 1)
    ]
    assert f"{len(unsure)} picture" in visitor.text()
    assert len(visitor.at.image) == len(unsure)
    sure = [prediction for prediction in report.predictions if prediction.probability <= 0.6]
    visitor.fill("Verdict", None)
    visitor.at.slider[0].set_value((0, 60))
    visitor.rerun()
    assert len(visitor.at.image) == len(sure)


def test_the_csv_holds_the_filtered_pictures(run: Run, report: Report, host: Settings) -> None:
    view, rows = CompleteRun(run, report, host), browsing.rows(report, run.ood_scores())
    header = pictures.csv_header(view)
    second, first = (
        dict(zip(header, row, strict=True)) for row in pictures.csv_rows(view, rows, [2, 0])
    )
    assert (first["file"], second["file"]) == tuple(report.predictions[i].name for i in (0, 2))
    assert second["actual"] == report.classes[report.predictions[2].label]
    assert second["predicted"] == second["class 1"]
    assert second["probability"] == report.predictions[2].probability
    assert second["correct"] == ("yes" if second["actual"] == second["predicted"] else "no")


def test_a_picture_opens_in_a_dialog(visitor: Visitor, run: Run, report: Report) -> None:
    visitor.open("reports", run=run.id, view="Pictures", only="Wrong")
    (button, *_) = [b for b in visitor.at.button if b.key and b.key.startswith("open ")]
    index = int(button.key.split()[-1])
    button.click()
    visitor.rerun()
    prediction = report.predictions[index]
    text = "\n".join(map(plain_text, visitor.markdown_texts()))
    actual, predicted = report.classes[prediction.label], report.classes[prediction.predicted]
    assert f"Predicted {predicted}, actual {actual}" in text
    assert f"Evidence for {predicted}" in text
    assert f"Evidence for {actual}" in text


@pytest.mark.parametrize("view", ["Summary", "Confusions", "Pictures", "Training"])
def test_views_work_without_thumbnails_and_extras(
    visitor: Visitor, run: Run, report: Report, view: str
) -> None:
    for file in run.path.glob("thumbnails/*"):
        file.unlink()
    for name in (HEATMAPS, "unlike.json", "learning_curve.json"):
        (run.path / name).unlink(missing_ok=True)
    cell = report.predictions[0]
    address = {"was": str(cell.label), "said": str(cell.predicted)}
    visitor.open("reports", run=run.id, view=view, **address)
    assert not visitor.at.error


@pytest.mark.parametrize("empty", ["view", "only", "order", "class", "called", "sure", "answered"])
def test_a_parameter_without_a_value_is_as_good_as_none(
    visitor: Visitor, run: Run, empty: str
) -> None:
    parameters = {"view": "Pictures", empty: ""}
    visitor.open("reports", run=run.id, **parameters)
    assert not visitor.apologies()

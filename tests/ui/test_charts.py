import json
from types import SimpleNamespace

import numpy as np
import pytest

from core.bakeoff.result import Candidate, Comparison, Conditions
from core.evaluation import evaluate
from core.evaluation.advice import Point
from core.evaluation.calibration import Predictions
from core.evaluation.intervals import proportion
from core.evaluation.learning_curve import LearningCurve
from core.jobs.events import Epoch, Kept
from ui.charts import bars, certainty, comparison, confusion, learning, palette
from ui.charts.drawing import PERCENTS, literal, per_cents
from ui.text import share

HOSTILE = "<b>rose</b> & $x^2$ %{y} *thorn*\n" + "x" * 90


def report(classes, pictures=300, **options):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, len(classes), pictures)
    probabilities = generator.random((pictures, len(classes)))
    probabilities[np.arange(pictures), labels] += 0.6
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return evaluate(labels, probabilities, classes, **options)


def class_names(classes):
    return tuple(f"class {i}" for i in range(classes))


def epochs():
    return [
        Epoch(phase=phase, epoch=i, epochs=3, loss=1 / i, accuracy=0.8, seconds=1.0,
              validation_loss=1.2 / i, validation_accuracy=0.7)
        for phase in ("head", "fine-tune")
        for i in (1, 2, 3)
    ]  # fmt: skip


def kept_event(phase, epoch):
    return Kept(phase=phase, epoch=epoch, validation_loss=0.5, validation_accuracy=0.7)


def comparison_of_two():
    conditions = Conditions(seed=0, validation=0.1, test=0.1, crop=0.9, pictures="")
    figures = (("resnet50", 90, 40.0, 102.0), ("efficientnet-lite0", 80, 4.0, 18.6))
    candidates = [
        Candidate(
            backbone=name,
            correct=right,
            accuracy=proportion(right, 100),
            difference=None,
            milliseconds=milliseconds,
            megabytes=megabytes,
        )
        for name, right, milliseconds, megabytes in figures
    ]
    return Comparison(conditions=conditions, pictures=100, held_out=9, candidates=tuple(candidates))


def learning_curve_of(classes):
    points = [
        Point(taught=8 * 2**i, per_class=4 * 2**i, accuracy=proportion(60 + 10 * i, 100))
        for i in range(3)
    ]
    return LearningCurve(
        classes=classes,
        points=tuple(points),
        gain=proportion(10, 100),
        trends=(),
        wanted=(),
        verdict="rising",
        sentence="",
    )


def every_figure(classes):
    probabilities = np.tile(np.full(len(classes), 1 / len(classes)), (20, 1))
    probabilities[:, 0] += 0.01
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    drawn_report = report(
        classes, validation=Predictions(np.zeros(20, int), probabilities, np.arange(20))
    )
    yield learning.training_curves(epochs(), [kept_event("head", 2), kept_event("fine-tune", 3)])
    for values in ("count", "row", "column"):
        yield confusion.confusion_matrix(drawn_report, values=values)
    for measure in ("precision", "recall", "f1"):
        yield bars.per_class(drawn_report, measure)
    yield certainty.reliability(drawn_report.certainty)
    yield certainty.coverage(drawn_report.certainty)
    yield comparison.accuracy_by_time(comparison_of_two())
    yield learning.learning_curve(learning_curve_of(classes))
    yield certainty.class_curves(drawn_report)
    yield certainty.class_curves(drawn_report, "precision_recall", [0, 1])


@pytest.mark.parametrize("size", [2, 100])
def test_every_figure_is_plain_json_without_title_or_background(size):
    for figure in every_figure(class_names(size)):
        layout = json.loads(figure.to_json())["layout"]
        assert "title" not in layout
        assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == palette.CLEAR
        assert 100 < layout["height"] < 1700


def test_every_tick_in_per_cents_has_its_sign():
    for axis in (PERCENTS, per_cents([52.0, 97.0])):
        assert axis["ticktext"] == [f"{tick} %" for tick in axis["tickvals"]]


def test_names_are_escaped_in_every_figure():
    for figure in every_figure((HOSTILE, "**bold** [link](x)", "<script>")):
        # The text alternative is an attribute, in which nothing is markup.
        figure.update_layout(template=None, meta=None)
        text = json.dumps(json.loads(figure.to_json()))
        for markup in ("<b>rose", "<script", "$x", "& "):
            assert markup not in text


def test_an_escaped_name_has_one_line_of_bounded_length():
    assert literal("a\n b\t<i>") == "a b &lt;i&gt;"
    assert literal("&amp;") == "&amp;amp;"
    assert literal("abcdefgh", 5) == "abcd…"
    assert literal("<<<<", 4) == "&lt;" * 4


def test_shares_are_never_rounded_to_0_or_100_percent():
    values = (0, 0.0004, 0.004, 0.034, 0.8532, 0.996, 0.9996, 1)
    texts = ["0 %", "< 0.1 %", "0.4 %", "3 %", "85 %", "99.6 %", "> 99.9 %", "100 %"]
    assert [share(value) for value in values] == texts


def test_both_phases_share_an_axis_with_a_mark_between_them():
    figure = learning.training_curves(epochs(), [kept_event("head", 2), kept_event("fine-tune", 3)])
    by_name = {trace.name: trace for trace in figure.data if trace.yaxis == "y"}
    assert list(by_name["training"].x) == [1, 2, 3, 4, 5, 6]
    assert list(by_name["kept"].x) == [2, 6]
    assert {shape.x0 for shape in figure.layout.shapes} == {3.5}
    assert [a.text for a in figure.layout.annotations] == ["head", "fine-tune"]


def test_a_phase_that_kept_its_start_is_marked_before_its_first_epoch():
    figure = learning.training_curves(epochs(), [kept_event("head", 0), kept_event("fine-tune", 0)])
    assert [list(t.x) for t in figure.data if t.name == "kept"] == [[0.5, 3.5], [0.5, 3.5]]
    assert [len(t.y) for t in figure.data if t.name == "kept"] == [2, 2]


def test_a_measured_start_is_drawn_as_epoch_0():
    start = Epoch(phase="fine-tune", epoch=0, epochs=3, validation_loss=0.4,
                  validation_accuracy=0.9, seconds=0)  # fmt: skip
    figure = learning.training_curves([start, *epochs()[3:]], [kept_event("fine-tune", 0)])
    training, validation = (
        next(t for t in figure.data if t.name == name) for name in ("training", "validation")
    )
    assert training.y[0] is None and training.y[1] == pytest.approx(80)
    assert list(validation.y[:2]) == pytest.approx([90, 70])
    assert list(figure.layout.xaxis2.ticktext) == [0, 1, 2, 3]
    assert [list(trace.x) for trace in figure.data if trace.name == "kept"] == [[1], [1]]
    assert "epoch: on validation 0.90" in learning.training_curves([start]).layout.meta


def test_the_axis_names_iterations_and_epochs():
    solved = [
        Epoch(phase="head", unit="iteration", epoch=number, epochs=200, loss=1.0, accuracy=0.5,
              validation_loss=1.0, validation_accuracy=0.5, seconds=0)
        for number in (0, 1, 2, 30)
    ]  # fmt: skip
    figure = learning.training_curves(solved, [kept_event("head", 30)])
    assert figure.layout.xaxis2.title.text == "iteration of the solver"
    assert list(figure.layout.xaxis2.ticktext) == [0, 5, 10, 15, 20, 25, 30]
    assert list(figure.data[0].x) == pytest.approx([1, 1.1, 1.2, 4]), "to scale"
    assert [list(trace.x) for trace in figure.data if trace.name == "kept"] == [[4], [4]]
    both = learning.training_curves([*solved, *epochs()[-2:]])
    assert both.layout.xaxis2.title.text == "iteration of the solver, then epoch"


def test_curves_can_be_drawn_without_validation():
    event = SimpleNamespace(phase="head", unit="epoch", epoch=1, loss=1.0, accuracy=0.5,
                            validation_loss=None, validation_accuracy=None)  # fmt: skip
    assert {trace.name for trace in learning.training_curves([event]).data} == {"training"}


@pytest.mark.parametrize("size", [3, 21])
def test_every_cell_with_pictures_can_be_clicked(size):
    drawn_report = report(class_names(size))
    figure = confusion.confusion_matrix(drawn_report)
    squares = figure.data[-1]
    counts = np.array(drawn_report.confusion.counts)
    for x, y, (label, predicted, count) in zip(
        squares.x, squares.y, squares.customdata, strict=True
    ):
        assert (y, x) == (label, predicted), "the order of the report's classes"
        assert counts[label, predicted] == count
    assert sum(count for *_, count in squares.customdata) == drawn_report.pictures
    assert len(squares.x) == (size * size if size <= 20 else (counts > 0).sum())
    assert f"{drawn_report.classes[2]} {counts[2, 2]} of {counts[2].sum()}" in figure.layout.meta


def test_bars_of_classes_keep_their_order_and_mark_undefined_ones():
    labels = np.array([0] * 10 + [1] * 10)
    probabilities = np.tile([0.8, 0.1, 0.1], (20, 1))
    probabilities[12:] = [0.1, 0.8, 0.1]
    figure = bars.per_class(evaluate(labels, probabilities, ("a", "b", "absent")), "recall")
    assert list(figure.layout.yaxis.ticktext) == ["a", "b", "absent"]
    assert list(figure.data[0].x) == [100, 80, 0]
    assert [a.text for a in figure.layout.annotations] == ["no test pictures"]
    assert figure.data[0].error_x.arrayminus[0] > 0


def test_the_threshold_is_marked_on_the_coverage_curve():
    measured = report(class_names(3)).certainty
    assert len(certainty.coverage(measured).data) == 1
    point = measured.coverage[len(measured.coverage) // 2]
    mark = certainty.coverage(measured, point.threshold).data[1]
    assert mark.x[0] == pytest.approx(100 * point.coverage)
    assert mark.y[0] == pytest.approx(100 * point.error)


def test_a_class_has_the_same_colour_in_every_chart():
    drawn_report = report(class_names(12))
    both = certainty.class_curves(drawn_report, labels=[3, 11]).data
    single = certainty.class_curves(drawn_report, "precision_recall", labels=[11]).data
    assert both[1].line.color == single[0].line.color == palette.class_colour(11)
    assert both[0].line.color == both[1].line.color
    assert both[0].line.dash != both[1].line.dash


def test_a_backbone_is_a_point_with_its_interval():
    first, second = comparison.accuracy_by_time(comparison_of_two(), "efficientnet-lite0").data
    assert (first.name, list(first.x), list(first.y)) == ("ResNet50", [40.0], [90.0])
    assert first.y[0] + first.error_y.array[0] == pytest.approx(100 * proportion(90, 100).high)
    assert first.y[0] - first.error_y.arrayminus[0] == pytest.approx(100 * proportion(90, 100).low)
    assert first.customdata[0][2] == "102.0", "its size, for those who point at it"
    assert first.marker.symbol.endswith("-open")
    assert not second.marker.symbol.endswith("-open")
    assert first.marker.color != second.marker.color
    assert first.marker.symbol.removesuffix("-open") != second.marker.symbol


def test_a_learning_curve_has_points_and_a_band_of_intervals():
    figure = learning.learning_curve(learning_curve_of(("a", "b")))
    band, line = figure.data
    assert list(line.x) == [4, 8, 16]
    assert list(line.y) == [60, 70, 80]
    assert list(figure.layout.xaxis.ticktext) == ["4", "8", "16"]
    high, low = band.y[:3], band.y[:2:-1]
    assert all(b < y < a for a, y, b in zip(high, line.y, low, strict=True))


@pytest.mark.parametrize("right", [0, 5_000, 9_990, 10_000])
def test_the_axis_shows_every_interval_and_is_not_too_narrow(right):
    accuracy = proportion(right, 10_000)
    candidates = [
        candidate.model_copy(update={"accuracy": accuracy})
        for candidate in comparison_of_two().candidates
    ]
    figure = comparison.accuracy_by_time(
        comparison_of_two().model_copy(update={"candidates": candidates})
    )
    low, high = figure.layout.yaxis.range
    assert low <= 100 * accuracy.low and high >= 100 * accuracy.high
    assert high - low > 5


def test_a_share_in_a_cell_is_neither_rounded_to_all_nor_to_none():
    labels = np.repeat([0, 1], [300, 300])
    predicted = labels.copy()
    predicted[0] = 1
    report = evaluate(labels, np.eye(2)[predicted] * 0.8 + 0.1, ["ants", "bees"])
    figure = confusion.confusion_matrix(report, values="row")
    written = {(note.y, note.x): note.text for note in figure.layout.annotations}
    assert written == {(0, 0): "99.7", (0, 1): "0.3", (1, 1): "100"}
    counts = confusion.confusion_matrix(report)
    assert {note.text for note in counts.layout.annotations} == {"299", "1", "300"}

import math
import warnings

import numpy as np
import pytest
from sklearn import metrics

from core.errors import BadDataset, BadInput
from core.evaluation import Report, evaluate
from core.evaluation.calibration import Predictions
from core.evaluation.report import VERSION


def draw_predictions(pictures, classes, *, seed=0, sharp=2.0, labels=None, never=()):
    """Labels and float32 probabilities of a model that is right more often than not."""
    generator = np.random.default_rng(seed)
    if labels is None:
        labels = generator.integers(0, classes, pictures)
    logits = generator.normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += sharp
    logits[:, list(never)] = -20
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(labels), (exponent / exponent.sum(axis=1, keepdims=True)).astype(np.float32)


def class_names(classes):
    return tuple(f"class {i}" for i in range(classes))


CASES = {
    "two classes": (draw_predictions(60, 2), 2),
    "three classes": (draw_predictions(153, 3), 3),
    "a hundred classes": (draw_predictions(1500, 100), 100),
    "one picture a class": (draw_predictions(0, 12, labels=np.arange(12)), 12),
    "one picture in all": (draw_predictions(0, 3, labels=np.array([1])), 3),
    "a class without pictures": (
        draw_predictions(0, 5, labels=np.array([0, 1, 2, 4] * 12), sharp=1),
        5,
    ),
    "a class never predicted": (draw_predictions(90, 4, never=[2]), 4),
    "a class neither there nor predicted": (
        draw_predictions(0, 4, labels=np.array([0, 1, 2] * 9), never=[3]),
        4,
    ),
    "never right": (draw_predictions(40, 3, sharp=-9.0), 3),
    "always right": (draw_predictions(40, 3, sharp=30.0), 3),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def case(request):
    (labels, probabilities), classes = request.param
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield labels, probabilities, classes, evaluate(labels, probabilities, class_names(classes))


def test_averages_equal_scikit_learns(case):
    labels, probabilities, _, report = case
    predicted = probabilities.argmax(axis=1)
    assert report.accuracy.value == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert report.balanced_accuracy.value == pytest.approx(
        metrics.balanced_accuracy_score(labels, predicted)
    )
    for average, undefined in (("macro", np.nan), ("weighted", 0)):
        averages = getattr(report, average)
        expected = metrics.precision_recall_fscore_support(
            labels, predicted, average=average, zero_division=undefined
        )
        assert (
            averages.precision.value,
            averages.recall.value,
            averages.f1.value,
        ) == pytest.approx(expected[:3])


def test_log_loss_and_top_k_equal_scikit_learns(case):
    labels, probabilities, classes, report = case
    every = np.arange(classes)
    assert report.log_loss.value == pytest.approx(
        metrics.log_loss(labels, y_proba=probabilities, labels=every), rel=1e-5
    )
    assert len(report.top) == min(5, classes - 1)
    for k, estimate in enumerate(report.top, start=1):
        scores = probabilities[:, 1] if classes == 2 else probabilities
        assert estimate.value == pytest.approx(
            metrics.top_k_accuracy_score(labels, scores, k=k, labels=every)
        )


def test_figures_of_classes_equal_scikit_learns(case):
    labels, probabilities, classes, report = case
    expected = metrics.precision_recall_fscore_support(
        labels, probabilities.argmax(axis=1), labels=np.arange(classes), zero_division=np.nan
    )
    for i, score in enumerate(report.per_class):
        for estimate, value in zip(
            (score.precision, score.recall, score.f1), (x[i] for x in expected[:3]), strict=True
        ):
            if math.isnan(value):
                assert estimate is None
            else:
                assert estimate.value == pytest.approx(value)
                assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert score.support == expected[3][i]


def test_the_confusion_matrix_equals_scikit_learns(case):
    labels, probabilities, classes, report = case
    expected = metrics.confusion_matrix(
        labels, probabilities.argmax(axis=1), labels=np.arange(classes)
    )
    assert np.array_equal(report.confusion.counts, expected)
    assert sorted(report.confusion.order) == list(range(classes))


def test_areas_under_curves_equal_scikit_learns(case):
    labels, probabilities, _, report = case
    for i, pair in enumerate(report.curves):
        positive = labels == i
        if positive.any() and not positive.all():
            assert pair.roc.area == pytest.approx(
                metrics.roc_auc_score(positive, probabilities[:, i])
            )
        else:
            assert pair.roc is None
        if positive.any():
            assert pair.precision_recall.area == pytest.approx(
                metrics.average_precision_score(positive, probabilities[:, i])
            )
        else:
            assert pair.precision_recall is None


def test_a_report_survives_json_without_nan(case):
    report = case[-1]
    text = report.model_dump_json()
    assert "NaN" not in text and "Infinity" not in text
    assert Report.model_validate_json(text) == report
    assert Report.model_validate_json(text.encode()).version == VERSION


def test_ties_go_to_the_first_class_in_accuracy_and_top_k_alike():
    report = evaluate([0, 1], [[0.4, 0.4, 0.2], [0.4, 0.4, 0.2]], class_names(3))
    assert report.accuracy.value == report.top[0].value == 0.5
    assert report.top[1].value == 1.0


def test_predictions_have_names_and_the_best_classes_first():
    labels, probabilities = draw_predictions(9, 30)
    report = evaluate(labels, probabilities, class_names(30), [f"{i}.jpg" for i in range(9)])
    for i, prediction in enumerate(report.predictions):
        best = np.argsort(-probabilities[i])
        assert prediction.name == f"{i}.jpg"
        assert prediction.label == labels[i]
        assert prediction.predicted == prediction.top[0].label == best[0]
        assert [choice.label for choice in prediction.top] == best[:5].tolist()
        assert prediction.probability == pytest.approx(probabilities[i].max(), abs=1e-6)
    assert len(evaluate(*draw_predictions(9, 20), class_names(20)).predictions[0].top) == 20


def test_the_baseline_predicts_the_most_common_training_class():
    labels, probabilities = np.array([0, 0, 0, 1]), np.tile([0.9, 0.1], (4, 1))
    report = evaluate(labels, probabilities, class_names(2))
    assert (report.baseline.label, report.baseline.accuracy.value) == (0, 0.75)
    assert report.baseline.gain.value == 0
    report = evaluate(labels, probabilities, class_names(2), training_counts=[3, 7])
    assert (report.baseline.label, report.baseline.accuracy.value) == (1, 0.25)
    assert report.baseline.gain.value == 0.5


def test_certainty_compares_probabilities_with_and_without_temperature():
    labels, unsure = draw_predictions(400, 4, seed=1)
    # By Bayes' rule these pictures deserve twice the logits, and not six times.
    probabilities, before = (
        sharp / sharp.sum(axis=1, keepdims=True)
        for sharp in (unsure.astype(float) ** n for n in (2, 6))
    )
    without = evaluate(labels[:200], before[:200], class_names(4)).certainty
    assert (without.temperature, without.after, without.choices) == (None, None, ())
    certainty = evaluate(
        labels[:200],
        probabilities[:200],
        class_names(4),
        temperature=3.0,
        validation=Predictions(labels[200:], probabilities[200:], np.arange(200)),
    ).certainty
    assert certainty.before.error.value == pytest.approx(without.before.error.value)
    assert certainty.after.error.value < certainty.before.error.value
    assert certainty.temperature == 3
    assert (
        certainty.coverage
        == evaluate(labels[:200], probabilities[:200], class_names(4)).certainty.coverage
    )
    assert certainty.choices[0].coverage.value == 1
    assert certainty.choices[-1].error.value < certainty.choices[0].error.value
    no_validation = Predictions(labels[:0], probabilities[:0], labels[:0])
    arguments = labels[:200], probabilities[:200], class_names(4)
    assert evaluate(*arguments, validation=no_validation).certainty.choices == ()


def test_an_empty_test_set_is_refused():
    with pytest.raises(BadDataset, match="test picture"):
        evaluate(np.zeros(0, int), np.zeros((0, 3)), class_names(3))


def test_probabilities_that_are_not_numbers_are_refused():
    with pytest.raises(BadInput, match="1 of 2 test pictures"):
        evaluate([0, 1], [[0.5, 0.5], [np.nan, 0.5]], class_names(2))


@pytest.mark.parametrize(
    ("labels", "probabilities", "classes"),
    [
        ([0, 1], [[0.5, 0.5]], 2),
        ([0], [[0.5, 0.5]], 3),
        ([0], [[0.9, 0.9]], 2),
        ([0], [[1.5, -0.5]], 2),
    ],
)
def test_wrong_shapes_and_ranges_raise_value_errors(labels, probabilities, classes):
    with pytest.raises(ValueError, match="expected"):
        evaluate(labels, probabilities, class_names(classes))


@pytest.mark.parametrize(("pictures", "group"), [(1, 1), (5, 1), (20, 1), (40, 8)])
def test_the_interval_of_the_log_loss_contains_the_truth_also_without_mistakes(pictures, group):
    losses = -np.log([0.99, 0.007])
    truth, contained = float(np.dot([0.93, 0.07], losses)), []
    for seed in range(60):
        right = np.random.default_rng(seed).random(pictures) < 0.93
        groups = np.arange(pictures) // group
        labels = np.where(right[groups], 0, 1)
        probabilities = np.tile([0.99, 0.007, 0.003], (pictures, 1))
        estimate = evaluate(labels, probabilities, ["a", "b", "c"], groups=groups).log_loss
        contained.append(estimate.low <= truth <= estimate.high)
    assert np.mean(contained) > 0.92

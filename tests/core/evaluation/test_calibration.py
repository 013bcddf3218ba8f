import numpy as np
import pytest
from sklearn.calibration import _TemperatureScaling, calibration_curve
from sklearn.metrics import log_loss

from core.evaluation import calibration


@pytest.fixture
def answers():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(600, 4)) * 2
    labels = np.array([generator.choice(4, p=p) for p in calibration._softmax(logits)])
    return labels, calibration._softmax(logits)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_temperature_that_was_applied_is_found_again(answers, temperature):
    labels, probabilities = answers
    distorted = calibration.scale(probabilities, 1 / temperature)
    found = calibration.fit_temperature(labels, distorted)
    assert found == pytest.approx(temperature, rel=0.1)


def test_the_temperature_equals_that_of_scikit_learn(answers):
    labels, probabilities = answers
    expected = _TemperatureScaling().fit(np.log(probabilities), labels)
    found = calibration.fit_temperature(labels, probabilities)
    assert found == pytest.approx(1 / float(expected.beta_), rel=1e-4)


def test_no_other_temperature_is_likelier(answers):
    labels, probabilities = answers
    best = calibration.fit_temperature(labels, probabilities)
    losses = [
        log_loss(labels, y_proba=calibration.scale(probabilities, best * factor))
        for factor in (0.98, 1.0, 1.02)
    ]
    assert losses[1] == min(losses)


def test_scaling_changes_no_answer(answers):
    _, probabilities = answers
    scaled = calibration.scale(probabilities, 3.0)
    assert (scaled.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert scaled.sum(axis=1) == pytest.approx(1)


def test_pictures_that_are_all_right_or_missing_tell_no_temperature():
    right = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert calibration.fit_temperature(np.array([0, 1]), right) is None
    assert calibration.fit_temperature(np.zeros(0, int), np.zeros((0, 2))) is None


def test_probabilities_of_exactly_zero_are_no_obstacle():
    given = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.4]])
    found = calibration.fit_temperature(np.array([0, 0, 0]), given)
    assert calibration.COLDEST < found <= calibration.HOTTEST
    assert np.isfinite(calibration.scale(given, found)).all()


def test_bins_equal_those_of_scikit_learn(answers):
    labels, probabilities = answers
    right = probabilities.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=10)
    found = calibration.reliability(labels, probabilities)
    assert [b.accuracy.value for b in found.bins] == pytest.approx(accuracy)
    assert [b.confidence for b in found.bins] == pytest.approx(confidence)
    assert sum(b.count for b in found.bins) == len(labels)
    weights = np.array([b.count for b in found.bins]) / len(labels)
    assert found.error.value == pytest.approx(weights @ np.abs(accuracy - confidence))


def test_the_edges_of_the_bins_belong_to_the_lower_one():
    given = np.array([[0.5, 0.5], [1.0, 0.0]])
    bins = calibration.reliability(np.array([0, 0]), given).bins
    assert [(b.low, b.high, b.count) for b in bins] == [(0.4, 0.5, 1), (0.9, 1.0, 1)]


def test_coverage_counts_what_a_threshold_lets_through(answers):
    labels, probabilities = answers
    points = calibration.coverage(labels, probabilities, points=10_000)
    confidence = probabilities.max(axis=1)
    wrong = probabilities.argmax(axis=1) != labels
    for threshold, coverage, error in points[::50]:
        answered = confidence >= threshold - 1e-6
        assert coverage == pytest.approx(answered.mean(), abs=1e-6)
        assert error == pytest.approx(wrong[answered].mean(), abs=1e-6)
    assert points[-1].coverage == 1
    thinned = calibration.coverage(labels, probabilities, points=40)
    assert len(thinned) <= 40
    assert set(thinned) <= set(points)
    assert thinned[-1] == points[-1]


def test_thresholds_are_chosen_by_validation_and_measured_on_the_test(answers):
    labels, probabilities = answers
    validation, test = probabilities[:200], probabilities[200:]
    found = calibration.choices(validation, labels[200:], test, aims=(1.0, 0.9, 0.5))
    assert [choice.aim for choice in found] == [1.0, 0.9, 0.5]
    confidence = test.max(axis=1)
    for choice in found:
        assert (validation.max(axis=1) >= choice.value).mean() >= choice.aim
        assert (validation.max(axis=1) > choice.value).mean() < choice.aim or choice.aim == 1
        answered = confidence >= choice.value
        assert choice.coverage.value == pytest.approx(answered.mean())
        wrong = test.argmax(axis=1)[answered] != labels[200:][answered]
        assert choice.error.value == pytest.approx(wrong.mean())
    assert found[0].value == 0 and found[0].coverage.value == 1
    assert found[-1].error.value < found[0].error.value


def test_equal_probabilities_are_answered_together():
    labels, given = np.array([0, 0, 0, 1]), np.tile([0.8, 0.2], (4, 1))
    assert len(calibration.coverage(labels, given)) == 1
    everything, strict = calibration.choices(given, labels, given)
    assert (everything.value, strict.value) == (0, 0.8)
    assert everything.coverage.value == strict.coverage.value == 1


def test_a_threshold_that_no_test_picture_reaches_has_no_error():
    sure, unsure = np.array([[0.99, 0.01]]), np.array([[0.6, 0.4]])
    strict = calibration.choices(sure, np.array([0]), unsure)[-1]
    assert (strict.value, strict.coverage.value, strict.error) == (0.99, 0, None)


def test_without_validation_pictures_there_is_nothing_to_choose_by():
    assert calibration.choices(np.empty((0, 2)), np.array([0]), np.array([[0.6, 0.4]])) == ()

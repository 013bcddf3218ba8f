import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import _TemperatureScaling, calibration_curve

from core.evaluation import calibration, curves
from core.evaluation.calibration import Predictions


def predictions_of(labels, probabilities):
    """Predictions for single pictures."""
    return Predictions(np.array(labels), np.array(probabilities), np.arange(len(labels)))


@pytest.fixture
def predictions():
    generator = np.random.default_rng(0)
    probabilities = softmax(generator.normal(size=(600, 4)) * 2, axis=1)
    return predictions_of([generator.choice(4, p=p) for p in probabilities], probabilities)


@pytest.fixture
def halves(predictions):
    """Predictions for validation and for test pictures."""
    return [Predictions(*(x[part] for x in predictions)) for part in np.s_[:200, 200:]]


def test_the_temperature_equals_scikit_learns(predictions):
    labels, probabilities, _ = predictions
    expected = _TemperatureScaling().fit(np.log(probabilities), labels)
    result = calibration.fit_temperature(labels, probabilities)
    assert result == pytest.approx(1 / float(expected.beta_), rel=1e-4)


def test_without_mistakes_or_pictures_there_is_no_temperature():
    right = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert calibration.fit_temperature(np.array([0, 1]), right) is None
    assert calibration.fit_temperature(np.zeros(0, int), np.zeros((0, 2))) is None


def test_probabilities_of_zero_are_allowed():
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.4]])
    result = calibration.fit_temperature(np.array([0, 0, 0]), probabilities)
    assert calibration.LOWEST_TEMPERATURE < result <= calibration.HIGHEST_TEMPERATURE
    assert np.isfinite(calibration.apply_temperature(probabilities, result)).all()


def test_bins_equal_scikit_learns(predictions):
    labels, probabilities, _ = predictions
    accuracy, confidence = calibration_curve(
        predictions.correct, probabilities.max(axis=1), n_bins=10
    )
    result = calibration.reliability(predictions)
    assert [b.accuracy.value for b in result.bins] == pytest.approx(accuracy)
    assert [b.confidence for b in result.bins] == pytest.approx(confidence)
    assert sum(b.count for b in result.bins) == len(labels)
    weights = np.array([b.count for b in result.bins]) / len(labels)
    assert result.error.value == pytest.approx(weights @ np.abs(accuracy - confidence))


def test_an_edge_belongs_to_the_lower_bin():
    bins = calibration.reliability(predictions_of([0, 0], [[0.5, 0.5], [1.0, 0.0]])).bins
    assert [(b.low, b.high, b.count) for b in bins] == [(0.4, 0.5, 1), (0.9, 1.0, 1)]


def test_coverage_counts_the_pictures_above_a_threshold(predictions, monkeypatch):
    thinned = calibration.coverage(predictions)
    monkeypatch.setattr(curves, "POINTS", 10_000)
    points = calibration.coverage(predictions)
    confidence = predictions.probabilities.max(axis=1)
    wrong = predictions.probabilities.argmax(axis=1) != predictions.labels
    for threshold, coverage, error in points[::50]:
        covered = confidence >= threshold - 1e-6
        assert coverage == pytest.approx(covered.mean(), abs=1e-6)
        assert error == pytest.approx(wrong[covered].mean(), abs=1e-6)
    assert points[-1].coverage == 1
    assert len(thinned) <= 200 < len(points)
    assert set(thinned) <= set(points)
    assert thinned[-1] == points[-1]


def test_thresholds_are_chosen_on_validation_and_measured_on_both(halves):
    result = calibration.choices(*halves)
    assert [choice.target_coverage for choice in result] == list(calibration.COVERAGES)
    validation = halves[0].probabilities.max(axis=1)
    for choice in result:
        assert (validation >= choice.value).mean() >= choice.target_coverage
        stricter = (validation > choice.value).mean()
        assert stricter < choice.target_coverage or choice.target_coverage == 1
        errors = []
        for labels, probabilities, _ in halves:
            covered = probabilities.max(axis=1) >= choice.value
            errors.append((probabilities[covered].argmax(axis=1) != labels[covered]).mean())
        assert choice.coverage.value == pytest.approx(covered.mean())
        assert [choice.validation.value, choice.error.value] == pytest.approx(errors)
    assert result[0].value == 0 and result[0].coverage.value == 1
    assert result[-1].error.value < result[0].error.value


def test_equal_probabilities_pass_a_threshold_together():
    predictions = predictions_of([0, 0, 0, 1], np.tile([0.8, 0.2], (4, 1)))
    assert len(calibration.coverage(predictions)) == 1
    everything, strict = calibration.choices(predictions, predictions)
    assert (everything.value, strict.value) == (0, 0.8)
    assert everything.coverage.value == strict.coverage.value == 1


def test_a_threshold_that_no_test_picture_reaches_has_no_error():
    sure, unsure = predictions_of([0], [[0.99, 0.01]]), predictions_of([0], [[0.6, 0.4]])
    strict = calibration.choices(sure, unsure)[-1]
    assert (strict.value, strict.coverage.value, strict.error) == (0.99, 0, None)


def draw_overconfident(seed, pictures, group=1):
    """Predictions that are sure to 99 % and right for 93 %, alike within a group."""
    generator = np.random.default_rng(seed)
    groups = np.arange(pictures) // group
    right = (generator.random(pictures) < 0.93)[groups]
    probabilities = np.tile([0.99, 0.007, 0.003], (pictures, 1))
    return Predictions(np.where(right, 0, 1), probabilities, groups)


@pytest.mark.parametrize(("pictures", "group"), [(5, 1), (20, 1), (40, 8), (200, 1)])
def test_the_interval_of_the_error_contains_the_truth_also_without_mistakes(pictures, group):
    errors = [
        calibration.reliability(draw_overconfident(seed, pictures, group)).error
        for seed in range(150)
    ]
    assert np.mean([error.low <= 0.06 <= error.high for error in errors]) > 0.92


def test_one_picture_says_little_about_the_calibration():
    error = calibration.reliability(predictions_of([0], [[0.9, 0.1]])).error
    assert error.value == pytest.approx(0.1)
    assert error.low == 0 and error.high > 0.5


def test_of_calibrated_probabilities_the_error_may_be_zero():
    generator = np.random.default_rng(0)
    lows = []
    for _ in range(60):
        confidence = generator.uniform(0.5, 1, 100)
        right = generator.random(100) < confidence
        probabilities = np.stack([confidence, 1 - confidence], axis=1)
        predictions = predictions_of(np.where(right, 0, 1), probabilities)
        lows.append(calibration.reliability(predictions).error.low)
    assert np.mean(np.array(lows) < 0.005) > 0.92

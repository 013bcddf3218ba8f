"""A head that answers honestly."""

import itertools

import numpy as np
import pytest

from core.evaluation import calibration
from core.model.dense import DenseHead
from core.training.calibrated_head import calibrate


def clouds(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds of three classes, (n, 2) float32, and their labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n)
    centres = np.array([[0, 0], [2, 0], [0, 2]])
    return (centres[labels] + random.normal(size=(n, 2))).astype(np.float32), labels


def overconfident_head() -> DenseHead:
    """A head that is right about the clouds and far too sure."""
    kernel = np.array([[0, 2, 0], [0, 0, 2]], np.float32)
    return DenseHead(((5 * kernel, np.array([0, -10, -10], np.float32)),))


def test_an_overconfident_head_is_calibrated_and_keeps_its_predictions() -> None:
    features, labels = clouds(0)
    raw = overconfident_head()
    calibrated = calibrate(raw, raw.probabilities(features), labels)
    assert calibrated.temperature is not None and calibrated.temperature > 2
    fresh, truth = clouds(1)
    cooled = calibrated.head.probabilities(fresh)
    before = raw.probabilities(fresh)
    np.testing.assert_array_equal(cooled.argmax(axis=1), before.argmax(axis=1))
    uncalibrated = calibration.Predictions(truth, before.astype(float), np.arange(len(truth)))
    errors = [
        calibration.reliability(uncalibrated._replace(probabilities=p.astype(float))).error.value
        for p in (before, cooled)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_the_temperature_is_in_the_weights() -> None:
    features, labels = clouds(0)
    raw = overconfident_head()
    calibrated = calibrate(raw, raw.probabilities(features), labels)
    assert calibrated.temperature is not None
    loaded = DenseHead.from_arrays(calibrated.head.arrays())
    np.testing.assert_allclose(
        loaded.logits(features) * calibrated.temperature, raw.logits(features), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(calibrated.validation, loaded.probabilities(features), atol=1e-5)


def test_validation_without_errors_leaves_the_head_unchanged() -> None:
    features, labels = clouds(0)
    raw = overconfident_head()
    right = raw.probabilities(features).argmax(axis=1) == labels
    calibrated = calibrate(raw, raw.probabilities(features[right]), labels[right])
    assert calibrated.temperature is None
    assert calibrated.head is raw


@pytest.mark.parametrize("hidden", [0, 1])
def test_a_tempered_head_divides_its_logits(hidden: int) -> None:
    random = np.random.default_rng(0)
    widths = [4, *([5] * hidden), 3]
    head = DenseHead(
        tuple(
            (
                random.normal(size=(a, b)).astype(np.float32),
                random.normal(size=b).astype(np.float32),
            )
            for a, b in itertools.pairwise(widths)
        )
    )
    features = random.normal(size=(7, 4)).astype(np.float32)
    np.testing.assert_allclose(
        head.with_temperature(2.5).logits(features),
        head.logits(features) / 2.5,
        rtol=1e-5,
        atol=1e-6,
    )

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


def boastful() -> DenseHead:
    """A head that is right about the clouds and far too sure."""
    kernel = np.array([[0, 2, 0], [0, 0, 2]], np.float32)
    return DenseHead(((5 * kernel, np.array([0, -10, -10], np.float32)),))


def test_a_head_that_is_too_sure_is_cooled_and_keeps_its_answers() -> None:
    features, labels = clouds(0)
    raw = boastful()
    found = calibrate(raw, raw.probabilities(features), labels)
    assert found.temperature is not None and found.temperature > 2
    fresh, truth = clouds(1)
    cooled = found.head.probabilities(fresh)
    before = raw.probabilities(fresh)
    np.testing.assert_array_equal(cooled.argmax(axis=1), before.argmax(axis=1))
    errors = [calibration.reliability(truth, p.astype(float)).error.value for p in (before, cooled)]
    assert errors[1] < 0.7 * errors[0]


def test_the_temperature_is_in_the_weights() -> None:
    features, labels = clouds(0)
    raw = boastful()
    found = calibrate(raw, raw.probabilities(features), labels)
    assert found.temperature is not None
    again = DenseHead.from_arrays(found.head.arrays())
    np.testing.assert_allclose(
        again.logits(features) * found.temperature, raw.logits(features), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(found.validation, again.probabilities(features), atol=1e-5)


def test_where_validation_cannot_tell_the_head_stays_as_it_is() -> None:
    features, labels = clouds(0)
    raw = boastful()
    right = raw.probabilities(features).argmax(axis=1) == labels
    found = calibrate(raw, raw.probabilities(features[right]), labels[right])
    assert found.temperature is None
    assert found.head is raw


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
        head.tempered(2.5).logits(features), head.logits(features) / 2.5, rtol=1e-5, atol=1e-6
    )

"""Prediction sets have the right class as often as they promise, for single pictures and bursts."""

import numpy as np
import pytest

from core.evaluation import prediction_sets
from core.evaluation.calibration import Predictions
from core.evaluation.report import SetLevel

ROUNDS = 300


def draw(generator, groups, sizes, *, classes=4, correlation=0.0):
    """Predictions; difficulties of a group may be shared."""
    group = np.repeat(np.arange(groups), sizes)
    of_group = generator.normal(size=groups)[group]
    of_picture = generator.normal(size=len(group))
    spread = np.exp(np.sqrt(correlation) * of_group + np.sqrt(1 - correlation) * of_picture)
    logits = generator.normal(size=(len(group), classes)) * spread[:, None]
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    # The model is overconfident: actual classes are drawn from flatter probabilities.
    actual = np.sqrt(probabilities)
    actual /= actual.sum(axis=1, keepdims=True)
    labels = (actual.cumsum(axis=1) < generator.random((len(group), 1))).sum(axis=1)
    return Predictions(labels.clip(0, classes - 1), probabilities, group)


def test_a_set_has_the_likeliest_classes_until_their_sum_exceeds_the_limit():
    row = np.float32([0.1, 0.5, 0.3, 0.1])
    for limit, expected in [(0.0, [1]), (0.49, [1]), (0.5, [1, 2]), (0.85, [1, 2, 0])]:
        assert prediction_sets.members(row, limit).tolist() == expected
    assert prediction_sets.members(row, 1.0).tolist() == [1, 2, 0, 3]


def test_a_level_needs_as_many_groups_as_its_promise_can_be_counted_on():
    generator = np.random.default_rng(0)
    assert [prediction_sets.groups_needed(level) for level in prediction_sets.LEVELS] == [
        *(4, 9, 19, 99)
    ]
    for count, offered in [(0, 0), (3, 0), (4, 1), (18, 2), (19, 3), (98, 3), (99, 4)]:
        limits = prediction_sets.calibrate(draw(generator, count, 1))
        assert [level.level for level in limits] == list(prediction_sets.LEVELS[:offered])
        bursts = prediction_sets.calibrate(draw(generator, count, 5))
        assert len(bursts) == offered, "five frames of a burst are worth one picture"


def test_limits_are_the_order_statistics_of_split_conformal_prediction():
    generator = np.random.default_rng(1)
    predictions = draw(generator, 59, 1)
    scores = np.sort(
        [
            row[row > row[label]].sum()
            for row, label in zip(predictions.probabilities, predictions.labels, strict=True)
        ]
    )
    for level in prediction_sets.calibrate(predictions):
        rank = int(np.ceil(60 * level.level - 1e-9))
        assert level.limit == pytest.approx(scores[rank - 1], abs=2e-6)


@pytest.mark.parametrize(
    ("sizes", "correlation"), [(1, 0.0), (8, 0.9), (lambda random: random.geometric(0.1, 60), 0.9)]
)
@pytest.mark.parametrize("level", [pytest.param(0.8, marks=pytest.mark.slow), 0.95])
def test_a_picture_of_a_new_group_is_covered_as_promised(sizes, correlation, level, monkeypatch):
    monkeypatch.setattr(prediction_sets, "LEVELS", (level,))
    generator = np.random.default_rng(2)
    covered = []
    for _ in range(ROUNDS):
        group_sizes = sizes(generator) if callable(sizes) else sizes
        calibration = draw(generator, 60, group_sizes, correlation=correlation)
        (limit,) = prediction_sets.calibrate(calibration)
        new = draw(generator, 100, 1, correlation=correlation)
        (measured,) = prediction_sets.measure(new, [limit])
        covered.append(measured.coverage.value)
    assert level - 0.01 < np.mean(covered) < level + 0.025


def test_a_large_group_counts_no_more_than_a_small_one(monkeypatch):
    monkeypatch.setattr(prediction_sets, "LEVELS", (0.95,))
    # Every picture of the one large group is wrong; all others are right.
    probabilities = np.tile([0.9, 0.1], (140, 1))
    labels = np.repeat([1, 0], [100, 40])
    groups = np.concatenate([np.zeros(100, int), np.arange(1, 41)])
    limits = [
        prediction_sets.calibrate(Predictions(labels, probabilities, each))[0].limit
        for each in (groups, np.arange(140))
    ]
    assert limits == pytest.approx([0.0, 0.9], abs=1e-5)


def test_what_is_measured_are_the_sets_of_the_test_pictures():
    probabilities = np.array([[0.9, 0.1, 0], [0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.4, 0.3, 0.3]])
    predictions = Predictions(np.array([0, 1, 2, 2]), probabilities, np.arange(4))
    levels = [SetLevel(level=0.8, limit=limit) for limit in (0.75, 0)]
    measurement, alone = prediction_sets.measure(predictions, levels)
    assert measurement.coverage.value == 0.75
    assert measurement.several.value == 0.75
    assert measurement.covered_of_several is not None
    assert measurement.covered_of_several.value == pytest.approx(2 / 3)
    assert measurement.size == pytest.approx((1 + 2 + 2 + 3) / 4)
    assert (alone.covered_of_several, alone.size) == (None, 1)


def test_without_a_choice_the_level_is_95_percent_or_the_highest_below_it():
    levels = [SetLevel(level=level, limit=0.5) for level in prediction_sets.LEVELS]
    for offered, chosen, expected in [
        (4, None, 0.95),
        (2, None, 0.9),
        (0, None, None),
        (4, 0.99, 0.99),
        (4, 0.0, None),
        (2, 0.99, None),
    ]:
        level_in_force = prediction_sets.level_used(levels[:offered], chosen)
        assert (level_in_force and level_in_force.level) == expected

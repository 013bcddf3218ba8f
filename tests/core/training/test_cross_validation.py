"""Predictions for pictures that a head was not trained on."""

import numpy as np
import pytest

from core.errors import BadDataset
from core.evaluation import folds
from core.training.cross_validation import cross_validate, learning_curve_of, out_of_fold
from tests.core.training.clouds import clusters


def probabilities_of(features, labels, groups, seed=0, **how):
    """Predicted out of fold, at a strength that is neither strict nor loose."""
    return out_of_fold(features, labels, groups, seed, **{"strength": 1e-2} | how)


def predicted(features, labels, groups, seed=0, **how):
    """Labels, predicted out of fold."""
    return probabilities_of(features, labels, groups, seed, **how).argmax(axis=1)


def validate(features, labels, groups, count=5, **how):
    """A cross-validation that chooses the strength."""
    return cross_validate(features, labels, folds.assign(labels, groups, count, 0), **how)


def test_separable_classes_are_predicted_out_of_fold():
    train = clusters(90, spread=0.7)
    probabilities = probabilities_of(train.features, train.labels, np.arange(len(train.labels)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    answers = probabilities.argmax(axis=1)
    assert (answers == train.labels).mean() > 0.9


def test_predictions_are_not_better_than_chance_on_noise():
    noise = np.random.default_rng(0).normal(size=(90, 40)).astype(np.float32)
    labels = np.random.default_rng(1).permutation(90) % 3
    answers = predicted(noise, labels, np.arange(90))
    assert (answers == labels).mean() < 0.5


def test_groups_stay_in_one_fold():
    # The label of each group is arbitrary: only its own members would tell it.
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 4)
    labels = random.permutation(30)[groups] % 3
    features = random.normal(size=(30, 40))[groups] + 0.01 * random.normal(size=(120, 40))
    features = features.astype(np.float32)
    assert (predicted(features, labels, groups) == labels).mean() < 0.6
    assert (predicted(features, labels, np.arange(120)) == labels).mean() > 0.95


def test_the_strength_is_chosen_without_near_duplicates_of_held_out_pictures():
    # Nothing can be learned, so regularisation should be strong and no prediction confident.
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 4)
    labels = random.permutation(60)[groups] % 3
    features = random.normal(size=(60, 40))[groups] + 0.01 * random.normal(size=(240, 40))
    careful = validate(features.astype(np.float32), labels, groups)
    assert careful.probabilities.max(axis=1).mean() < 0.5
    fooled = validate(features.astype(np.float32), labels, np.arange(240))
    assert careful.strength < fooled.strength


def test_the_strength_with_the_least_cross_validated_loss_is_chosen():
    train, few = clusters(60, spread=2), (1e-9, 0.01, 100)
    groups = np.arange(len(train.labels))
    chosen = validate(train.features, train.labels, groups, strengths=few)
    assert chosen.strength == 0.01
    for strength in (1e-9, 100):
        other = validate(train.features, train.labels, groups, strengths=(strength,))
        assert other.loss > chosen.loss


def test_pictures_of_a_single_group_are_refused():
    train = clusters(30)
    with pytest.raises(BadDataset, match="30"):
        probabilities_of(train.features, train.labels, np.zeros(30, np.int64))


def test_a_class_of_a_single_group_is_never_predicted_for_it():
    train = clusters(60)
    keep = (train.labels != 2) | (np.arange(len(train.labels)) == 2)
    arrays = [array[keep] for array in (train.features, train.labels, np.arange(len(train.labels)))]
    probabilities = probabilities_of(*arrays)
    assert probabilities[arrays[1] == 2, 2] == 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_seed_decides_the_folds():
    train = clusters(60, spread=2)
    first, repeated, different = (
        probabilities_of(train.features, train.labels, np.arange(len(train.labels)), seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, repeated)
    assert not np.array_equal(first, different)


def test_a_rare_class_counts_as_much_as_a_common_one():
    train = clusters(400, classes=2, spread=3)
    keep = (train.labels == 0) | (np.arange(len(train.labels)) < 40)
    arrays = [array[keep] for array in (train.features, train.labels, np.arange(len(train.labels)))]
    weighted, plain = (predicted(*arrays, weighted=weighted) for weighted in (True, False))
    rare = arrays[1] == 1
    assert (weighted[rare] == 1).mean() > (plain[rare] == 1).mean()


def test_a_learning_curve_rises_to_the_cross_validated_accuracy():
    train = clusters(150, spread=3, d=60)
    curve = learning_curve_of(
        train.features, train.labels, np.arange(len(train.labels)), ("a", "b", "c"), 0
    )
    assert [round(point.per_class) for point in curve.points] == [5, 10, 20, 40]
    first, last = (curve.points[at].accuracy.value for at in (0, -1))
    assert last > first
    answers = predicted(train.features, train.labels, np.arange(len(train.labels)))
    assert last == pytest.approx((answers == train.labels).mean(), abs=0.06)


def test_a_class_with_a_single_picture_does_not_stop_the_curve():
    train = clusters(60)
    keep = (train.labels != 2) | (np.arange(len(train.labels)) == 2)
    arrays = [array[keep] for array in (train.features, train.labels, np.arange(len(train.labels)))]
    assert learning_curve_of(*arrays, ("a", "b", "c"), 0).verdict == "unknown"
    keep = (train.labels != 2) | (np.arange(len(train.labels)) < 9)
    arrays = [array[keep] for array in (train.features, train.labels, np.arange(len(train.labels)))]
    assert learning_curve_of(*arrays, ("a", "b", "c"), 0).verdict != "unknown"

import numpy as np
import pytest

from core.evaluation import folds


def labels_and_groups(n=60, classes=3, sizes=(1, 1, 1, 2, 3), seed=0):
    """Labels, and groups of several sizes within a class."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    groups = np.empty(n, np.int64)
    number = 0
    for label in range(classes):
        indices = list(np.flatnonzero(labels == label))
        while indices:
            size = int(random.choice(sizes))
            groups[indices[:size]] = number
            indices, number = indices[size:], number + 1
    return labels, groups


@pytest.mark.parametrize("count", [2, 3, 5])
def test_groups_are_in_one_fold_and_classes_are_divided_evenly(count):
    labels, groups = labels_and_groups()
    fold = folds.assign(labels, groups, count, 0)
    for group in np.unique(groups):
        assert len(np.unique(fold[groups == group])) == 1
    for label in range(3):
        counts = np.bincount(fold[labels == label], minlength=count)
        assert counts.max() - counts.min() <= 3, "no more than the largest group"
    counts = np.bincount(fold, minlength=count)
    assert counts.max() - counts.min() <= 4, "nor do all classes fill the same folds first"


def test_the_rarest_class_limits_the_number_of_folds():
    labels = np.array([0] * 9 + [1] * 6)
    single_groups = np.arange(15)
    assert folds.feasible(labels, single_groups, 5) == 5
    groups = np.concatenate([single_groups[:9], [20, 20, 20, 21, 21, 22]])
    assert folds.feasible(labels, groups, 5) == 3
    groups[9:] = 20
    assert folds.feasible(labels, groups, 5) == 1, "none can be held out and taught"

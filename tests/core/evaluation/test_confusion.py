import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from core.evaluation import confusion

COUNTS = np.array([[5, 0, 3], [0, 4, 0], [1, 0, 7]])


def test_shares_equal_scikit_learns():
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, 4, (2, 50))
    counts = confusion.matrix(labels, predicted, 5)
    for axis, normalize in ((1, "true"), (0, "pred")):
        expected = confusion_matrix(labels, predicted, labels=range(5), normalize=normalize)
        assert confusion.shares(counts, axis) == pytest.approx(expected)


def test_the_worst_confusions_come_first():
    worst = confusion.worst(COUNTS)
    assert [(m.label, m.predicted, m.count) for m in worst] == [(0, 2, 3), (2, 0, 1)]
    assert worst[0].share == pytest.approx(3 / 8)
    assert len(confusion.worst(np.ones((9, 9), int))) == 20


def test_confused_classes_are_neighbours():
    counts = np.diag([20] * 6)
    for a, b in ((0, 3), (3, 5), (1, 4)):
        counts[a, b] = counts[b, a] = 6
    order = list(confusion.order(counts))
    assert sorted(order[:3]) == [0, 3, 5] and order[1] == 3
    assert sorted(order[3:5]) == [1, 4]
    assert order[5] == 2


def test_classes_that_are_never_confused_keep_their_order():
    assert confusion.order(np.diag([3, 0, 5])) == (0, 1, 2)


def test_shuffled_blocks_are_recovered():
    generator = np.random.default_rng(0)
    block = generator.permutation(np.repeat(np.arange(20), 5))
    counts = np.where(block[:, None] == block, 3, 0) + 30 * np.eye(100, dtype=int)
    blocks_in_order = block[list(confusion.order(counts))]
    assert (np.diff(blocks_in_order) != 0).sum() == 19

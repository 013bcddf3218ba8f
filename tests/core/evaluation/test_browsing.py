import numpy as np
import pytest

from core.evaluation import evaluate
from core.evaluation.browsing import ORDERS, find, rows
from core.evaluation.intervals import proportion
from core.evaluation.report import OodScores

LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 1, 1, 1, 0, 2])
PROBABILITY = np.array([0.9, 0.6, 0.8, 0.5, 0.7, 0.95])
NAMES = ("ant/A.JPG", "ant/b.jpg", "ant/c.jpg", "bee/a.jpg", "bee/d.jpg", "İ/e.jpg")


@pytest.fixture
def table():
    probabilities = np.repeat((1 - PROBABILITY)[:, None] / 2, 3, axis=1)
    probabilities[np.arange(6), PREDICTED] = PROBABILITY
    report = evaluate(LABELS, probabilities, ("ant", "bee", "cat"), NAMES)
    scores = (0.2, 0.3, 1.2, 0.4, 0.5, 0.6)
    return rows(report, OodScores(scores=scores, false_alarms=proportion(1, 6)))


@pytest.mark.parametrize(
    ("order", "indices"),
    [
        ("Wrong first", [2, 1, 4, 3, 0, 5]),
        ("Most surely wrong", [2, 4, 1, 3, 0, 5]),
        ("Surest", [5, 0, 2, 4, 1, 3]),
        ("Least sure", [3, 1, 4, 2, 0, 5]),
    ],
)
def test_pictures_are_sorted(table, order, indices):
    assert find(table, order).tolist() == indices


@pytest.mark.parametrize(
    ("filters", "indices"),
    [
        ({"label": 0}, {0, 1, 2}),
        ({"predicted": 0}, {0, 4}),
        ({"correct": False}, {1, 2, 4}),
        ({"correct": True}, {0, 3, 5}),
        ({"low": 0.7, "high": 0.9}, {0, 2, 4}),
        ({"text": "a.jpg"}, {0, 3}),
        ({"label": 0, "correct": False, "text": "C."}, {2}),
        ({"verdict": "unlike"}, {2}),
        ({"verdict": "not sure", "threshold": 0.65}, {1, 3}),
        ({"verdict": "sure", "threshold": 0.65}, {0, 4, 5}),
    ],
    ids=str,
)
def test_filters_select_pictures(table, filters, indices):
    for order in ORDERS:
        assert set(find(table, order, **filters).tolist()) == indices


def test_a_cell_starts_with_the_most_probable_picture(table):
    assert table.cell(0, 1).tolist() == [2, 1]
    assert table.cell(2, 0).tolist() == []

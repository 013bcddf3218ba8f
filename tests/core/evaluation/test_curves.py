import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from core.evaluation import curves


@pytest.fixture(params=[0.0, 1.0], ids=["without ties", "with ties"])
def scored(request):
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 300)
    score = np.clip(0.3 * generator.normal(size=300) + 0.3 + 0.4 * labels, 0, 1)
    if request.param:
        score = score.round(1)
    return labels, np.stack([1 - score, score], axis=1)


def test_roc_points_equal_scikit_learns(scored, monkeypatch):
    monkeypatch.setattr(curves, "POINTS", 1000)
    labels, probabilities = scored
    x, y, _ = roc_curve(labels, probabilities[:, 1])
    roc = curves.class_curves(labels, probabilities)[1].roc
    assert roc.x == pytest.approx(x, abs=1e-4)
    assert roc.y == pytest.approx(y, abs=1e-4)


def test_precision_recall_points_are_among_scikit_learns(scored, monkeypatch):
    monkeypatch.setattr(curves, "POINTS", 1000)
    labels, probabilities = scored
    precision, recall, _ = precision_recall_curve(labels, probabilities[:, 1])
    expected = set(zip(recall.round(4).tolist(), precision.round(4).tolist(), strict=True))
    curve = curves.class_curves(labels, probabilities)[1].precision_recall
    assert set(zip(curve.x, curve.y, strict=True)) <= expected
    for x, y in expected:
        # Between two kept points of one recall, precision lies between theirs.
        precisions = [v for u, v in zip(curve.x, curve.y, strict=True) if u == x]
        assert min(precisions) <= y <= max(precisions) or x == 1


def test_thinning_keeps_the_ends_and_the_shape():
    generator = np.random.default_rng(0)
    x, y = np.sort(generator.random((2, 5000)))
    indices = curves.thin(x, y)
    assert len(indices) <= 200
    assert (indices[0], indices[-1]) == (0, 4999)
    assert np.abs(np.interp(x, x[indices], y[indices]) - y).max() < 0.02
    assert curves.thin(x[:50], y[:50]).tolist() == list(range(50))


def test_a_class_without_pictures_or_without_others_has_no_roc():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]])
    first, second, _ = curves.class_curves(np.array([0, 0]), probabilities)
    assert first.roc is None and first.precision_recall.area == 1
    assert second.roc is None and second.precision_recall is None

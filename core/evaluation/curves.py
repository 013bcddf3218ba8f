"""ROC and precision–recall curves of each class against the rest."""

import numpy as np

from core.evaluation.intervals import Flags, Floats, Ints
from core.evaluation.report import ClassCurves, Curve

POINTS = 200
"""Maximum number of points of a curve."""
DIGITS = 4


def class_curves(labels: Ints, probabilities: Floats) -> tuple[ClassCurves, ...]:
    """Compute both curves of every class, given class indices (n,) and probabilities (n, k).

    Returns:
        k pairs, with None as `ClassCurves` says. Areas are computed from all points.
    """
    ranked = np.argsort(-probabilities, axis=0, kind="stable")
    return tuple(
        _pair(labels[order] == i, probabilities[order, i]) for i, order in enumerate(ranked.T)
    )


def thin(x: Floats, y: Floats) -> Ints:
    """Indices of at most `POINTS` points, evenly spread along a line, including both ends."""
    if len(x) <= POINTS:
        return np.arange(len(x))
    length = np.concatenate([[0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    indices = np.unique(np.searchsorted(length, np.linspace(0, length[-1], POINTS)))
    indices[-1] = len(x) - 1
    return indices


def _pair(positive: Flags, score: Floats) -> ClassCurves:
    # Equal probabilities pass a threshold together.
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))
    tp: Ints = np.cumsum(positive, dtype=np.int64)[last]
    fp: Ints = last + 1 - tp
    if not tp[-1]:
        return ClassCurves(roc=None, precision_recall=None)
    return ClassCurves(
        roc=_roc(tp, fp) if fp[-1] else None,
        precision_recall=_precision_recall(tp, fp),
    )


def _roc(tp: Ints, fp: Ints) -> Curve:
    tp, fp = np.append(0, tp), np.append(0, fp)
    x, y = fp / fp[-1], tp / tp[-1]
    corners = np.append(True, (np.diff(tp, 2) != 0) | (np.diff(fp, 2) != 0))
    corners = np.append(corners, True)
    return _curve(x[corners], y[corners], float(np.trapezoid(y, x)))


def _precision_recall(tp: Ints, fp: Ints) -> Curve:
    precision, recall = tp / (tp + fp), tp / tp[-1]
    area = float(np.sum(np.diff(recall, prepend=0) * precision))
    # Between two true positives, precision only falls, so the ends of each fall are enough.
    rises = np.diff(tp, prepend=0) > 0
    ends = rises | np.append(rises[1:], True)
    x, y = np.append(0, recall[ends]), np.append(1, precision[ends])
    return _curve(x, y, area)


def _curve(x: Floats, y: Floats, area: float) -> Curve:
    indices = thin(x, y)
    return Curve(
        x=tuple(np.round(x[indices], DIGITS).tolist()),
        y=tuple(np.round(y[indices], DIGITS).tolist()),
        area=min(max(area, 0.0), 1.0),
    )

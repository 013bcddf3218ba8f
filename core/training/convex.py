"""The start of a linear head: multinomial logistic regression, solved to its optimum."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from core.dense import DenseHead

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse regularisation strengths that cross-validation chooses from."""
USUAL = 1e-3
"""The strength where there are too few pictures to choose by."""
FOLDS = 3
ITERATIONS = 200


def logistic_regression(
    features: np.ndarray, labels: np.ndarray, owners: np.ndarray, weights: np.ndarray, seed: int
) -> DenseHead:
    """A linear head whose strength was chosen on these pictures alone.

    The penalty is the same in any rotation of the space, so the problem is solved in the span of
    the pictures, which with few pictures is much smaller.

    Args:
        features: (n, d) float32, standardised.
        labels: (n,) int64; every class occurs.
        owners: (n,) int64, the picture each row was rendered from.
        weights: (classes,) of each class.
        seed: of the solver.

    Source: scikit-learn's `LogisticRegression` with the L2 penalty.
    """
    rotation = _span(features)
    rows = features @ rotation

    def solve(strength: float, chosen: np.ndarray | slice) -> LogisticRegression:
        model = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=1e-3, random_state=seed)
        return model.fit(rows[chosen], labels[chosen], weights[labels[chosen]])

    held_out = _folds(labels, owners)
    losses = [
        sum(
            _loss(solve(strength, ~outside), rows[outside], labels[outside]) for outside in held_out
        )
        for strength in STRENGTHS
    ]
    model = solve(STRENGTHS[int(np.argmin(losses))] if held_out else USUAL, slice(None))
    coefficients, intercepts = model.coef_, model.intercept_
    if len(weights) == 2:  # scikit-learn keeps one row for two classes
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    kernel = rotation @ coefficients.T
    return DenseHead(((kernel.astype(np.float32), intercepts.astype(np.float32)),))


def _span(features: np.ndarray) -> np.ndarray:
    """An orthonormal basis (d, r) of the rows, r at most the number of rows."""
    n, d = features.shape
    if n >= d:
        return np.eye(d, dtype=np.float32)
    basis, _ = np.linalg.qr(features.T)
    return basis


def _folds(labels: np.ndarray, owners: np.ndarray) -> list[np.ndarray]:
    """Which rows (n,) bool each fold holds out; views of a picture stay together.

    Every class is in every fold and outside it; where one has too few pictures for that, there
    are no folds.
    """
    pictures, first = np.unique(owners, return_index=True)
    if np.unique(labels[first], return_counts=True)[1].min() < FOLDS:
        return []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(first, labels[first])
    return [np.isin(owners, pictures[held_out]) for _, held_out in folds]


def _loss(model: LogisticRegression, rows: np.ndarray, labels: np.ndarray) -> float:
    """Summed cross-entropy; the labels are those that the model was taught."""
    right = model.predict_proba(rows)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(right, 1e-12)).sum())

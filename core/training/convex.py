"""The start of a linear head: multinomial logistic regression, solved to its optimum."""

from __future__ import annotations

import numpy as np

from core.evaluation import folds
from core.model.dense import DenseHead, softmax
from core.training import lbfgs

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse regularisation strengths that cross-validation chooses from, the strictest first."""
USUAL = 1e-3
"""The strength where there are too few pictures to choose by."""
FOLDS = 3
CHOOSERS = 4_000
"""Rows that are enough to choose a strength by; more would only take longer."""
ITERATIONS = 200
TOLERANCE = 1e-4
"""Largest entry of the gradient at the optimum, of the mean loss."""


def logistic_regression(
    features: np.ndarray,
    labels: np.ndarray,
    owners: np.ndarray,
    weights: np.ndarray,
    seed: int,
    start: DenseHead | None = None,
) -> DenseHead:
    """A linear head whose strength was chosen on these pictures alone.

    The penalty is the same in any rotation of the space, so the problem is solved in the span of
    the pictures, which with few pictures is much smaller.

    Args:
        features: (n, d) float32, scaled.
        labels: (n,) int64; every class occurs.
        owners: (n,) int64, the picture each row was rendered from.
        weights: (classes,) of each class.
        seed: of the folds.
        start: a linear head to begin at; the optimum is the same.

    Source: scikit-learn's `LogisticRegression` with the L2 penalty, whose optimum this is.
    """
    rows, rotation = span(features)
    strength = _best_strength(rows, labels, owners, weights, seed)
    kernel, bias = solve(rows, labels, weights, strength, _begun(start, rotation))
    if rotation is not None:
        kernel = rotation @ kernel
    return DenseHead(((kernel.astype(np.float32), bias.astype(np.float32)),))


def _begun(
    start: DenseHead | None, rotation: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Kernel and bias of a head in the basis of the rows."""
    if start is None:
        return None
    kernel, bias = start.layers[-1]
    return (kernel if rotation is None else rotation.T @ kernel), bias


def solve(
    rows: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    strength: float,
    start: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise `strength` times the summed weighted cross-entropy plus half the squared kernel.

    Args:
        rows: (n, d) float32.
        labels: (n,) int64.
        weights: (classes,) of each class.
        start: kernel and bias to begin at; zeros if None.

    Returns:
        Kernel (d, classes) and bias (classes,), float64.
    """
    n, d = rows.shape
    classes = len(weights)
    own = np.arange(n), labels
    shares = (weights[labels] / n).astype(np.float32)
    # Two classes are told apart by one vector; here it stands twice, half as long each.
    penalty = (2 if classes == 2 else 1) / (strength * n)

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        kernel, bias = point[: d * classes].reshape(d, classes), point[d * classes :]
        found = softmax(rows @ kernel.astype(np.float32) + bias.astype(np.float32))
        loss = -float(shares @ np.log(np.maximum(found[own], 1e-30)))
        found[own] -= 1
        found *= shares[:, None]
        gradient = (rows.T @ found) + penalty * kernel
        value = loss + penalty / 2 * float((kernel**2).sum())
        return value, np.concatenate([gradient.ravel(), found.sum(axis=0, dtype=np.float64)])

    kernel, bias = start or (np.zeros((d, classes)), np.zeros(classes))
    point = np.concatenate([kernel.ravel(), bias]).astype(np.float64)
    best = lbfgs.minimise(objective, point, iterations=ITERATIONS, tolerance=TOLERANCE)
    return best[: d * classes].reshape(d, classes), best[d * classes :]


def span(features: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows in an orthonormal basis (d, r) of their span, and that basis, if it is smaller."""
    n, d = features.shape
    if n >= d:
        return features, None
    rotation, triangle = np.linalg.qr(features.T)
    return np.ascontiguousarray(triangle.T), rotation


def _best_strength(
    rows: np.ndarray, labels: np.ndarray, owners: np.ndarray, weights: np.ndarray, seed: int
) -> float:
    """The strength with the least loss on rows that were held out, views of a picture together."""
    if len(STRENGTHS) == 1:
        return STRENGTHS[0]
    if len(rows) > CHOOSERS:
        # Few pictures in all their views would be fewer than as many pictures.
        first = np.unique(owners, return_index=True)[1]
        some = np.random.default_rng(seed).permutation(first)[:CHOOSERS]
        if folds.feasible(labels[some], owners[some], FOLDS) == FOLDS:
            rows, labels, owners = rows[some], labels[some], owners[some]
    if folds.feasible(labels, owners, FOLDS) < FOLDS:
        return USUAL
    fold = folds.assign(labels, owners, FOLDS, seed)
    losses = np.zeros(len(STRENGTHS))
    for held_out in range(FOLDS):
        outside = fold == held_out
        start = None
        for place, strength in enumerate(STRENGTHS):
            start = solve(rows[~outside], labels[~outside], weights, strength, start)
            losses[place] += _loss(start, rows[outside], labels[outside])
    return STRENGTHS[int(np.argmin(losses))]


def _loss(head: tuple[np.ndarray, np.ndarray], rows: np.ndarray, labels: np.ndarray) -> float:
    """Summed cross-entropy."""
    kernel, bias = head
    found = softmax(rows @ kernel.astype(np.float32) + bias.astype(np.float32))
    right = found[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(right, 1e-12)).sum())

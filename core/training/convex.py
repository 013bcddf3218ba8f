"""Multinomial logistic regression: a linear head as the optimum of a convex problem."""

from collections.abc import Callable

import numpy as np

from core.evaluation.calibration import softmax
from core.model.dense import DenseHead
from core.training import lbfgs

DEFAULT_STRENGTH = 1e-3
"""The inverse regularisation strength where there are too few pictures to choose one."""
ITERATIONS = 200
TOLERANCE = 1e-4
"""Largest entry of the gradient of the mean loss at the optimum."""
CONSTANT = 1e-6
"""A feature with a smaller standard deviation counts as constant."""

Weights = tuple[np.ndarray, np.ndarray]
"""Kernel (d, classes) and bias (classes,)."""


def fit_scale(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and scale of each feature, (d,) float32 each, for `apply_scale`.

    The scale is the geometric mean of a feature's own standard deviation and that of all features:
    the strong features of an embedding carry more information than the weak ones, and full
    standardisation would make them equal. A feature that is constant in training may vary in other
    pictures; divided by almost zero it would drown all others, so its scale is 1.

    Args:
        features: (n, d) float32, of the training pictures only.

    Source: Pareto scaling, van den Berg et al., BMC Genomics 7:142 (2006).
    """
    deviation = features.std(axis=0)
    overall = np.sqrt((deviation**2).mean())
    scale = np.where(deviation > CONSTANT, np.sqrt(deviation * overall), 1)
    return features.mean(axis=0), scale.astype(np.float32)


def apply_scale(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Scaled features, (n, d) float32."""
    scaled = features - mean
    scaled /= scale  # in place: these arrays are large
    return scaled


def logistic_regression(
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    strength: float,
    start: DenseHead | None = None,
    trace: Callable[[DenseHead], None] = lambda _head: None,
) -> DenseHead:
    """Fit a linear head.

    The penalty is invariant to rotation, so the problem is solved in the span of the pictures,
    which has fewer dimensions when there are few pictures.

    Args:
        features: (n, d) float32, scaled.
        labels: (n,) int64; every class occurs.
        weights: (classes,) loss weight of each class.
        strength: inverse regularisation strength.
        start: a linear head to start from; the optimum is the same.
        trace: called with the head before the first iteration and after each one.

    Source: the problem of scikit-learn's `LogisticRegression` with the L2 penalty.
    """
    rows, rotation = span(features)

    def to_head(kernel: np.ndarray, bias: np.ndarray) -> DenseHead:
        kernel = kernel if rotation is None else rotation @ kernel
        return DenseHead(((kernel.astype(np.float32), bias.astype(np.float32)),))

    first = None
    if start is not None:
        kernel, bias = start.layers[-1]
        first = (kernel if rotation is None else rotation.T @ kernel), bias
    return to_head(
        *solve(rows, labels, weights, strength, first, lambda *point: trace(to_head(*point)))
    )


def solve(
    rows: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    strength: float,
    start: Weights | None = None,
    trace: Callable[[np.ndarray, np.ndarray], None] = lambda _kernel, _bias: None,
    tolerance: float = TOLERANCE,
) -> Weights:
    """Minimise `strength` times the summed weighted cross-entropy plus half the squared kernel.

    Args:
        rows: (n, d) float32.
        labels, weights, trace: as for `logistic_regression`, with kernel and bias for the head.
        start: where to start; zeros if None.
        tolerance: largest entry of the gradient of the mean loss at the end.

    Returns:
        Kernel and bias, float64.
    """
    n, d = rows.shape
    classes = len(weights)
    actual = np.arange(n), labels
    shares = (weights[labels] / n).astype(np.float32)
    # scikit-learn has one vector for two classes; here there are two of half that length.
    penalty = (2 if classes == 2 else 1) / (strength * n)

    def split(point: np.ndarray) -> Weights:
        return point[: d * classes].reshape(d, classes), point[d * classes :]

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        kernel, bias = split(point)
        errors = softmax(rows @ kernel.astype(np.float32) + bias.astype(np.float32))
        loss = -float(shares @ np.log(np.maximum(errors[actual], 1e-30)))
        errors[actual] -= 1
        errors *= shares[:, None]
        gradient = (rows.T @ errors) + penalty * kernel
        value = loss + penalty / 2 * float((kernel**2).sum())
        return value, np.concatenate([gradient.ravel(), errors.sum(axis=0, dtype=np.float64)])

    kernel, bias = start or (np.zeros((d, classes)), np.zeros(classes))
    best = lbfgs.minimise(
        objective,
        np.concatenate([kernel.ravel(), bias]).astype(np.float64),
        iterations=ITERATIONS,
        tolerance=tolerance,
        trace=lambda point: trace(*split(point)),
    )
    return split(best)


def span(features: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows in an orthonormal basis (d, r) of their span, and that basis, if it is smaller."""
    n, d = features.shape
    if n >= d:
        return features, None
    rotation, triangle = np.linalg.qr(features.T)
    return np.ascontiguousarray(triangle.T), rotation

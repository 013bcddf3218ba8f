"""Fit a head to captured pictures at once, and score it on bursts that it was not trained on."""

from dataclasses import dataclass

import numpy as np

from core.evaluation import folds
from core.model.dense import DenseHead
from core.system import threads
from core.training import convex, cross_validation
from core.training.head import class_weights


@dataclass(frozen=True)
class FittedHead:
    """A head with its cross-validated accuracy.

    Attributes:
        head: with one output per label.
        correct: number of pictures that were predicted correctly out of fold; None where a class
            has only one burst.
        total: number of pictures.
    """

    head: DenseHead
    correct: int | None
    total: int


def fit(embeddings: np.ndarray, labels: np.ndarray, bursts: np.ndarray) -> FittedHead:
    """Fit the head of a Quick training, in well under a second for hundreds of pictures.

    The regularisation strength is chosen by the loss on held-out bursts; with few bursts it is the
    default, whose predictions are cautious.

    Args:
        embeddings: (n, d) float32.
        labels: (n,) int64; every class occurs, and there are two or more.
        bursts: (n,) int64; pictures of one burst are nearly the same.
    """
    strength, correct = convex.DEFAULT_STRENGTH, None
    count = folds.feasible(labels, bursts, cross_validation.FOLDS)
    if count >= folds.MINIMUM:
        few = count == folds.MINIMUM
        validated = cross_validation.cross_validate(
            embeddings,
            labels,
            folds.assign(labels, bursts, count, seed=0),
            strengths=(strength,) if few else cross_validation.STRENGTHS,
        )
        strength = validated.strength
        correct = int((validated.probabilities.argmax(axis=1) == labels).sum())
    with threads.ONE_BLAS_THREAD:
        mean, scale = convex.fit_scale(embeddings)
        rows = convex.apply_scale(embeddings, mean, scale)
        weights = class_weights(labels, int(labels.max()) + 1)
        head = convex.logistic_regression(rows, labels, weights, strength)
    return FittedHead(head.with_scaling(1 / scale, -mean / scale), correct, len(labels))

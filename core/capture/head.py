"""Learn from embeddings at once: a convex head, and how well it does on bursts it did not see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from core.evaluation import folds
from core.model.dense import DenseHead
from core.training import convex
from core.training.head import class_weights
from core.training.standardization import apply_scale, fit_scale

FOLDS = 5


@dataclass(frozen=True)
class FittedHead:
    """A head and what is known of it.

    Attributes:
        head: of as many classes as there were labels.
        right: pictures that heads taught on other bursts were right on; None where a class has
            no second burst to ask about.
        asked: of how many.
    """

    head: DenseHead
    right: int | None
    asked: int


def fit(
    embeddings: np.ndarray, labels: np.ndarray, bursts: np.ndarray, seed: int = 0
) -> FittedHead:
    """The head that a training would start from, in well under a second for hundreds of pictures.

    How sure it may be is decided by its regularisation, which is chosen by the loss on bursts that
    were held out; with few bursts it is the usual one, whose answers are modest.

    Args:
        embeddings: (n, d) float32.
        labels: (n,) int64; every class occurs, and there are two or more.
        bursts: (n,) int64; pictures of one burst are nearly the same.
        seed: of the folds.
    """
    classes = int(labels.max()) + 1
    # Matrices of this size take several times longer on two threads of BLAS than on one.
    with threadpool_limits(1, user_api="blas"):
        mean, scale = fit_scale(embeddings)
        rows, rotation = convex.span(apply_scale(embeddings, mean, scale))
        weights = class_weights(labels, classes)
        head = convex.logistic_regression(rows, labels, bursts, weights, seed)
        right = _right(rows, labels, bursts, classes, seed)
    if rotation is not None:
        kernel, bias = head.layers[0]
        head = DenseHead(((rotation @ kernel, bias),))
    return FittedHead(head.after(1 / scale, -mean / scale), right, len(labels))


def _right(
    rows: np.ndarray, labels: np.ndarray, bursts: np.ndarray, classes: int, seed: int
) -> int | None:
    """How many pictures a head names that was taught on other bursts."""
    number = folds.feasible(labels, bursts, FOLDS)
    if number < folds.MINIMUM:
        return None
    fold = folds.assign(labels, bursts, number, seed)
    right = 0
    for outside in range(number):
        asked = fold == outside
        weights = class_weights(labels[~asked], classes)
        kernel, bias = convex.solve(rows[~asked], labels[~asked], weights, convex.USUAL)
        right += int(((rows[asked] @ kernel + bias).argmax(axis=1) == labels[asked]).sum())
    return right

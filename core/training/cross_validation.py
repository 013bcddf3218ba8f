"""Logistic regressions cross-validated on features: out-of-fold predictions and learning curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from core.errors import BadDataset
from core.evaluation import folds
from core.evaluation import learning_curve as evaluation
from core.evaluation.learning_curve import LearningCurve
from core.model.dense import softmax
from core.system import threads
from core.training import convex
from core.training.head import class_weights

FOLDS = 5
CURVE_STRENGTHS = (1e-3, 1e-2)
"""Inverse regularisation strengths of a learning curve, whose many heads must be quick to fit."""


def out_of_fold(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    seed: int,
    *,
    strength: float | None = None,
    weighted: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Predict each picture by a logistic regression that was trained on other groups.

    Args:
        features: (n, d) float32, embeddings of the plain views.
        labels: (n,) int64, 0 to k - 1.
        groups: (n,) int64; pictures of one group are in the same fold.
        seed: for the folds.
        strength: inverse regularisation strength; chosen by cross-validation in each fold if None.
        weighted: whether classes are weighted inversely to their counts.
        progress: called with (folds done, folds in all); may raise `Cancelled`.

    Returns:
        Probabilities (n, k) float32. A class whose pictures are all in one group has probability 0
        for these.

    Raises:
        BadDataset: all pictures are in one group.
    """
    count = max(folds.MINIMUM, folds.feasible(labels, groups, FOLDS))
    fold = folds.assign(labels, groups, count, seed)
    numbers = np.unique(fold)
    if len(numbers) < folds.MINIMUM:
        raise BadDataset(
            f"Expected pictures that differ, found {len(labels)} that look the same. Add others."
        )
    classes = int(labels.max()) + 1
    strengths = None if strength is None else (strength,)
    probabilities = np.zeros((len(labels), classes), np.float32)
    for done, number in enumerate(numbers, start=1):
        held_out = fold == number
        train = features[~held_out], labels[~held_out], groups[~held_out]
        (probabilities[held_out],) = _fit_and_predict(
            *train, features[held_out], classes, seed, strengths, weighted=weighted
        )
        if progress is not None:
            progress(done, len(numbers))
    return probabilities


@dataclass(frozen=True)
class CrossValidated:
    """A logistic regression, cross-validated at the strength with the least loss.

    Attributes:
        strength: inverse regularisation strength.
        probabilities: (n, k) float32 of each picture, by a fit to other groups.
        labels: (n,) int64 of the pictures.
    """

    strength: float
    probabilities: np.ndarray
    labels: np.ndarray


def cross_validate(
    features: np.ndarray, labels: np.ndarray, fold: np.ndarray, *, weighted: bool
) -> CrossValidated:
    """Choose a strength by the loss on held-out pictures.

    Args:
        features: (n, d) float32, embeddings of the plain views.
        labels: (n,) int64, 0 to k - 1.
        fold: (n,) int64, as by `folds.assign`; every class is in two or more folds.
        weighted: whether classes are weighted inversely to their counts.
    """
    mean, scale = convex.fit_scale(features)
    rows = convex.apply_scale(features, mean, scale)
    classes = int(labels.max()) + 1
    fitted: dict[int, convex.Weights] = {}
    strength = convex.STRENGTHS[0]

    def hold_out(number: int) -> np.ndarray:
        inside = fold != number
        known = labels[inside]
        weights = class_weights(known, classes) if weighted else np.ones(classes)
        start = fitted.get(number)
        fitted[number] = convex.solve(rows[inside], known, weights, strength, start)
        kernel, bias = fitted[number]
        return softmax(rows[~inside] @ kernel.astype(np.float32) + bias.astype(np.float32))

    best, least = None, np.inf
    numbers = np.unique(fold).tolist()
    cores = threads.cores()
    # Matrices of this size take several times longer on two threads of BLAS than on one.
    with threadpool_limits(1, user_api="blas"):
        rows, _ = convex.span(rows)
        for strength in convex.STRENGTHS:
            probabilities = np.empty((len(labels), classes), np.float32)
            held_out = threads.map_ordered(
                hold_out, numbers, threads=cores, most=cores, name="fold"
            )
            for number, result in zip(numbers, held_out, strict=True):
                probabilities[fold == number] = result
            own = probabilities[np.arange(len(labels)), labels]
            loss = -float(np.log(np.maximum(own, 1e-12)).sum())
            if loss >= least:
                break  # weaker regularisation takes longest, and the loss has one minimum
            best, least = CrossValidated(strength, probabilities, labels), loss
    assert best is not None
    return best


def learning_curve(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    classes: tuple[str, ...],
    seed: int,
) -> LearningCurve:
    """Accuracy by number of training pictures, and whether more pictures would help.

    Args:
        features: (n, d) float32, embeddings of the plain training and validation pictures.
        labels: (n,) int64.
        groups: (n,) int64, as by `splitting.groups`.
        classes: (k,) names.
        seed: for folds and subsets.
    """

    def predict(train: np.ndarray, train_labels: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        unused_groups = train_labels  # the strengths are given
        return _fit_and_predict(
            train, train_labels, unused_groups, held_out, len(classes), seed, CURVE_STRENGTHS
        )

    return evaluation.learning_curve(features, labels, groups, classes, seed, predict)


def _fit_and_predict(
    train: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    held_out: np.ndarray,
    classes: int,
    seed: int,
    strengths: Sequence[float] | None,
    *,
    weighted: bool = True,
) -> np.ndarray:
    """Probabilities (s, m, classes) float32 of held-out features, by one head per strength.

    Without strengths there is one head, whose strength is chosen on the training groups.
    """
    present, places = np.unique(labels, return_inverse=True)
    if len(present) == 1:
        certain = np.zeros((len(strengths or (None,)), len(held_out), classes), np.float32)
        certain[:, :, present] = 1
        return certain
    mean, scale = convex.fit_scale(train)
    rows = convex.apply_scale(train, mean, scale)
    held_out = convex.apply_scale(held_out, mean, scale)
    weights = class_weights(places, len(present)) if weighted else np.ones(len(present))
    # Matrices of this size take several times longer on two threads of BLAS than on one.
    with threadpool_limits(1, user_api="blas"):
        several_fits = strengths is None or len(strengths) > 1
        if several_fits and 2 * len(rows) < rows.shape[1]:  # else the span costs more than it saves
            rows, rotation = convex.span(rows)
            held_out = held_out @ rotation
        if strengths is None:
            strengths = (convex.best_strength(rows, places, groups, weights, seed),)
        probabilities = np.zeros((len(strengths), len(held_out), classes), np.float32)
        fitted = None
        for number, strength in enumerate(strengths):
            fitted = kernel, bias = convex.solve(rows, places, weights, strength, fitted)
            probabilities[number][:, present] = softmax(held_out @ kernel + bias)
    return probabilities

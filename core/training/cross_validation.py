"""Linear heads taught on a part of the pictures and asked about the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from core.dataset import Example, splitting
from core.evaluation import folds
from core.evaluation.learning_curve import LearningCurve
from core.evaluation.learning_curve import learning_curve as curve_of
from core.model.dense import softmax
from core.training import convex
from core.training.head import class_weights
from core.training.standardization import apply_scale, fit_scale

FOLDS = 5
STRENGTHS = (1e-3, 1e-2)
"""Inverse regularisation strengths of a learning curve, whose heads are many and must be quick."""


def groups(examples: Sequence[Example]) -> np.ndarray:
    """A number for each picture, (n,) int64; those that look the same, or are, share theirs."""
    found = np.empty(len(examples), np.int64)
    for number, places in enumerate(splitting.units(examples, range(len(examples)))):
        found[places] = number
    return found


def out_of_fold(
    embeddings: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    seed: int,
    *,
    weighted: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """What each picture is taken for by a head that was taught on other pictures.

    Args:
        embeddings: (n, d) float32, of the pictures as they are.
        labels: (n,) int64.
        groups: (n,) int64; pictures of one group are in one fold.
        seed: of the folds and the solver.
        weighted: whether a rare class counts as much as a common one.
        progress: told (folds done, folds in all); may raise `Cancelled`.

    Returns:
        Labels (n,) int64.
    """
    number = max(folds.MINIMUM, folds.feasible(labels, groups, FOLDS))
    fold = folds.assign(labels, groups, number, seed)
    answers = np.empty(len(labels), np.int64)
    for outside in range(number):
        asked = fold == outside
        if asked.any() and not asked.all():
            answer = teach(
                embeddings[~asked], labels[~asked], groups[~asked], seed, weighted=weighted
            )
            answers[asked] = answer(embeddings[asked])
        if progress is not None:
            progress(outside + 1, number)
    return answers


def teach(
    embeddings: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    seed: int,
    *,
    weighted: bool = True,
) -> Callable[[np.ndarray], np.ndarray]:
    """A logistic regression on some pictures: what says the labels (m,) of embeddings (m, d).

    A class without any picture is never said.
    """
    present, places = np.unique(labels, return_inverse=True)
    mean, scale = fit_scale(embeddings)
    if len(present) == 1:
        return lambda others: np.full(len(others), present[0])
    weights = class_weights(places, len(present)) if weighted else np.ones(len(present))
    # Matrices of this size take several times longer on two threads of BLAS than on one.
    with threadpool_limits(1, user_api="blas"):
        head = convex.logistic_regression(
            apply_scale(embeddings, mean, scale), places, groups, weights, seed
        )
    return lambda others: present[head.logits(apply_scale(others, mean, scale)).argmax(axis=1)]


def learning_curve(
    embeddings: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    classes: tuple[str, ...],
    seed: int,
) -> LearningCurve:
    """Accuracy against pictures a class, and whether more would help.

    Args:
        embeddings: (n, d) float32, of the training and validation pictures as they are.
        labels: (n,) int64.
        groups: (n,) int64, as `groups` gives them.
        classes: (k,) names.
        seed: of folds and subsets.
    """

    def ask(taught: np.ndarray, called: np.ndarray, asked: np.ndarray) -> np.ndarray:
        present, places = np.unique(called, return_inverse=True)
        found = np.zeros((len(STRENGTHS), len(asked), len(classes)), np.float32)
        if len(present) == 1:
            found[:, :, present] = 1
            return found
        mean, scale = fit_scale(taught)
        rows, rotation = apply_scale(taught, mean, scale), None
        if 2 * len(taught) < taught.shape[1]:  # with more, finding the span takes longer
            rows, rotation = convex.span(rows)
        others = apply_scale(asked, mean, scale)
        others = others if rotation is None else others @ rotation
        weights = class_weights(places, len(present))
        start = None
        for number, strength in enumerate(STRENGTHS):
            start = kernel, bias = convex.solve(rows, places, weights, strength, start)
            found[number][:, present] = softmax(others @ kernel + bias)
        return found

    with threadpool_limits(1, user_api="blas"):
        return curve_of(embeddings, labels, groups, classes, seed, ask)

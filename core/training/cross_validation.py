"""Logistic regressions cross-validated on features: out-of-fold predictions and learning curve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from core.errors import BadDataset
from core.evaluation import folds
from core.evaluation import learning_curve as evaluation
from core.evaluation.calibration import tempered_loss
from core.evaluation.inflation import Inflation
from core.evaluation.inflation import inflation as compare_splits
from core.evaluation.learning_curve import LearningCurve
from core.evaluation.metrics import cross_entropy
from core.model.dense import softmax
from core.system import threads
from core.training import convex
from core.training.head import class_weights

FOLDS = 5
CURVE_STRENGTHS = (1e-3, 1e-2)
"""Inverse regularisation strengths of a learning curve, whose many heads must be quick to fit."""

TOLERANCE = 1e-3
"""Tolerance of `convex.solve`. Ten times that of a final head: the same strengths and features are
chosen, in half the time."""
INFLATION_STRENGTH = 1e-2
INFLATION_TRIALS = 3
"""Random folds over which each of the two accuracies is averaged."""


def out_of_fold(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    seed: int,
    *,
    strength: float | None = None,
    weighted: bool = True,
    progress: Callable[[int, int], None] | None = None,
    count: int | None = None,
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
        count: number of folds; as many as leave each class in each fold, up to five, if None.

    Returns:
        Probabilities (n, k) float32. A class whose pictures are all in one group has probability 0
        for these.

    Raises:
        BadDataset: all pictures are in one group.
    """
    count = count or max(folds.MINIMUM, folds.feasible(labels, groups, FOLDS))
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
        (probabilities[held_out],) = _fit_and_predict(
            features[~held_out],
            labels[~held_out],
            features[held_out],
            classes,
            seed,
            strengths,
            weighted=weighted,
            groups=groups[~held_out],
        )
        if progress is not None:
            progress(done, len(numbers))
    return probabilities


def inflation(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    ordinary: np.ndarray,
    seed: int,
    *,
    weighted: bool = True,
) -> Inflation | None:
    """Measure by how much a split that divides the chosen groups would inflate the accuracy.

    The same head is cross-validated twice on the same features, with folds that keep groups
    together and with folds of an ordinary split, several times each.

    Args:
        features: (n, d) float32, embeddings of the plain training and validation pictures.
        labels: (n,) int64.
        groups: (n,) int64, the chosen groups.
        ordinary: (n,) int64, the groups that an ordinary split keeps together.
        seed: of the folds.
        weighted: whether classes are weighted inversely to their counts.

    Returns:
        None if fewer than two classes have pictures in several groups.
    """
    several = [c for c in np.unique(labels) if len(np.unique(groups[labels == c])) > 1]
    if len(several) < 2:
        return None
    included = np.isin(labels, several)
    labels, features = np.unique(labels[included], return_inverse=True)[1], features[included]
    groups, ordinary = groups[included], ordinary[included]
    count = min(FOLDS, len(np.unique(groups)))

    def correct(grouping: np.ndarray) -> np.ndarray:
        """How often each picture is predicted correctly, (n,)."""
        trials = [
            out_of_fold(
                features,
                labels,
                grouping,
                seed + trial,
                strength=INFLATION_STRENGTH,
                weighted=weighted,
                count=count,
            ).argmax(axis=1)
            == labels
            for trial in range(INFLATION_TRIALS)
        ]
        return np.mean(trials, axis=0)

    return compare_splits(correct(groups), correct(ordinary), groups)


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

    @property
    def accuracy(self) -> float:
        """Share of the pictures that are predicted correctly."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())

    @property
    def loss(self) -> float:
        """Mean log loss at the best temperature."""
        return tempered_loss(self.labels, self.probabilities.astype(np.float64))


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
        train_labels = labels[inside]
        weights = class_weights(train_labels, classes) if weighted else np.ones(classes)
        start = fitted.get(number)
        fitted[number] = convex.solve(
            rows[inside], train_labels, weights, strength, start, tolerance=TOLERANCE
        )
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
            loss = float(cross_entropy(labels, probabilities).sum())
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
        return _fit_and_predict(train, train_labels, held_out, len(classes), seed, CURVE_STRENGTHS)

    return evaluation.learning_curve(features, labels, groups, classes, seed, predict)


def _fit_and_predict(
    train: np.ndarray,
    labels: np.ndarray,
    held_out: np.ndarray,
    classes: int,
    seed: int,
    strengths: Sequence[float] | None,
    *,
    weighted: bool = True,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Probabilities (s, m, classes) float32 of held-out features, by one head per strength.

    Without strengths there is one head, whose strength is chosen by cross-validation over folds
    that keep groups (n,) together.
    """
    present, class_index = np.unique(labels, return_inverse=True)
    if len(present) == 1:
        certain = np.zeros((len(strengths or (None,)), len(held_out), classes), np.float32)
        certain[:, :, present] = 1
        return certain
    mean, scale = convex.fit_scale(train)
    rows = convex.apply_scale(train, mean, scale)
    held_out = convex.apply_scale(held_out, mean, scale)
    weights = class_weights(class_index, len(present)) if weighted else np.ones(len(present))
    # Matrices of this size take several times longer on two threads of BLAS than on one.
    with threadpool_limits(1, user_api="blas"):
        several_fits = strengths is None or len(strengths) > 1
        if several_fits and 2 * len(rows) < rows.shape[1]:  # else the span costs more than it saves
            rows, rotation = convex.span(rows)
            held_out = held_out @ rotation
        if strengths is None:
            groups = np.arange(len(rows)) if groups is None else groups
            strengths = (convex.best_strength(rows, class_index, groups, weights, seed),)
        probabilities = np.zeros((len(strengths), len(held_out), classes), np.float32)
        fitted = None
        for number, strength in enumerate(strengths):
            fitted = kernel, bias = convex.solve(rows, class_index, weights, strength, fitted)
            probabilities[number][:, present] = softmax(held_out @ kernel + bias)
    return probabilities

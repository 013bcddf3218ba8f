"""Logistic regressions cross-validated on features: out-of-fold predictions and learning curve."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import BadDataset
from core.evaluation import folds
from core.evaluation.calibration import calibrated_loss, softmax
from core.evaluation.inflation import Inflation, compare_splits
from core.evaluation.learning_curve import LearningCurve, learning_curve
from core.evaluation.metrics import cross_entropy
from core.system import threads
from core.training import convex
from core.training.head import class_weights

FOLDS = 5
TOGETHER = 4_000
"""Most pictures whose folds are fitted at the same time."""
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse regularisation strengths that cross-validation chooses from, the strictest first."""
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
    strength: float,
    weighted: bool = True,
    count: int | None = None,
) -> np.ndarray:
    """Predict each picture by a logistic regression that was trained on other groups.

    Args:
        features, labels, weighted: as for `cross_validate`.
        groups: (n,) int64; pictures of one group are in the same fold.
        count: number of folds; as many as leave each class in each fold, up to five, if None.

    Returns:
        Probabilities (n, k) float32. A class whose pictures are all in one group has probability 0
        for these.

    Raises:
        BadDataset: all pictures are in one group.
    """
    count = count or max(folds.MINIMUM, folds.feasible(labels, groups, FOLDS))
    fold = folds.assign(labels, groups, count, seed)
    result = cross_validate(features, labels, fold, weighted=weighted, strengths=(strength,))
    return result.probabilities


def inflation_of(
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
        features, labels, weighted: as for `cross_validate`, of training and validation pictures.
        groups: (n,) int64, the chosen groups.
        ordinary: (n,) int64, the groups that an ordinary split keeps together.

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
        return calibrated_loss(self.labels, self.probabilities.astype(np.float64))


def cross_validate(
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    *,
    weighted: bool = True,
    strengths: Sequence[float] = STRENGTHS,
    progress: Callable[[int, int], None] | None = None,
) -> CrossValidated:
    """Choose a strength by the loss on held-out pictures.

    Many pictures are fitted fold by fold in this thread: folds at once would each hold a copy of
    most features, and could not be stopped in the middle.

    Args:
        features: (n, d) float32, embeddings of the plain views.
        labels: (n,) int64, 0 to k - 1.
        fold: (n,) int64, as by `folds.assign`. A class that is in one fold only has probability 0
            for the pictures of that fold.
        weighted: whether classes are weighted inversely to their counts.
        strengths: to choose from, the strictest first.
        progress: called with (fits done, most fits in all); may raise `Cancelled`.

    Raises:
        BadDataset: all pictures are in one fold.
    """
    numbers = np.unique(fold).tolist()
    if len(numbers) < folds.MINIMUM:
        raise BadDataset(
            f"Expected pictures that differ, found {len(labels)} that look the same. Add others."
        )
    mean, scale = convex.fit_scale(features)
    rows = convex.apply_scale(features, mean, scale)
    classes = int(labels.max()) + 1
    fitted: dict[int, convex.Weights] = {}
    strength = strengths[0]

    def hold_out(number: int) -> np.ndarray:
        inside = fold != number
        present, index = np.unique(labels[inside], return_inverse=True)
        weights = class_weights(index, len(present)) if weighted else np.ones(len(present))
        start = fitted.get(number)
        fitted[number] = kernel, bias = convex.solve(
            rows[inside], index, weights, strength, start, tolerance=TOLERANCE
        )
        probabilities = np.zeros((len(rows) - len(index), classes), np.float32)
        logits = rows[~inside] @ kernel.astype(np.float32) + bias.astype(np.float32)
        probabilities[:, present] = softmax(logits)
        return probabilities

    best, least, done = None, np.inf, 0
    cores, most = threads.cores(), len(numbers) * len(strengths)
    together = len(rows) <= TOGETHER
    with threads.ONE_BLAS_THREAD if together else contextlib.nullcontext():
        rows, _ = convex.span(rows)
        for strength in strengths:
            probabilities = np.empty((len(labels), classes), np.float32)
            held_out: Iterable[np.ndarray] = (
                threads.map_ordered(hold_out, numbers, threads=cores, most=cores, name="fold")
                if together
                else map(hold_out, numbers)
            )
            for number, result in zip(numbers, held_out, strict=True):
                probabilities[fold == number] = result
                done += 1
                if progress is not None:
                    progress(done, most)
            loss = float(cross_entropy(labels, probabilities).sum())
            if loss >= least:
                break  # weaker regularisation takes longest, and the loss has one minimum
            best, least = CrossValidated(strength, probabilities, labels), loss
    assert best is not None
    return best


def learning_curve_of(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    classes: tuple[str, ...],
    seed: int,
) -> LearningCurve:
    """Accuracy by number of training pictures, and whether more pictures would help.

    Args:
        features, labels: as for `cross_validate`, of training and validation pictures.
        groups: (n,) int64, as by `splitting.groups`.
    """

    def predict(train: np.ndarray, train_labels: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        present, index = np.unique(train_labels, return_inverse=True)
        mean, scale = convex.fit_scale(train)
        rows = convex.apply_scale(train, mean, scale)
        held_out = convex.apply_scale(held_out, mean, scale)
        probabilities = np.zeros((len(CURVE_STRENGTHS), len(held_out), len(classes)), np.float32)
        weights, fitted = class_weights(index, len(present)), None
        with threads.ONE_BLAS_THREAD:
            if 2 * len(rows) < rows.shape[1]:  # else the span costs more than it saves
                rows, rotation = convex.span(rows)
                held_out = held_out @ rotation
            for number, strength in enumerate(CURVE_STRENGTHS):
                fitted = kernel, bias = convex.solve(rows, index, weights, strength, fitted)
                probabilities[number][:, present] = softmax(held_out @ kernel + bias)
        return probabilities

    return learning_curve(features, labels, groups, classes, seed, predict)

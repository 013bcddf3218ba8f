"""Accuracy, precision, recall and F1 of confusion matrices, with their intervals."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation import intervals
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import Averages, ClassScore, Estimate

Metric = Literal["precision", "recall", "f1"]
METRICS: tuple[Metric, ...] = ("precision", "recall", "f1")
TINY = 1e-12
"""Smaller probabilities count as this, so that their logarithm is finite."""
Averaging = Literal["macro", "weighted"]
"""Macro averages are over the classes for which the metric is defined, so that macro recall is
balanced accuracy; weighted ones weight classes by their pictures, and 0 / 0 counts as 0."""


class ClassCounts(NamedTuple):
    """Counts by class, each (…, k): correct pictures, pictures and predictions of the class."""

    hits: NDArray[Any]
    support: NDArray[Any]
    predicted: NDArray[Any]


class Effects(NamedTuple):
    """Design effects of groups on the metrics of each class, (k,) each, and on accuracy."""

    precision: Floats
    recall: Floats
    f1: Floats
    accuracy: float


def class_counts(counts: Ints) -> ClassCounts:
    """Counts by class of a confusion matrix (k, k)."""
    return ClassCounts(np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0))


def effects(labels: Ints, predicted: Ints, groups: Ints, classes: int) -> Effects:
    """Design effects of the groups (n,) of pictures with these actual and predicted classes."""
    correct = labels == predicted
    # F1 is about the pictures that are of a class, predicted as it, or both.
    wrong = np.flatnonzero(~correct)
    either = np.concatenate([np.arange(len(labels)), wrong])
    parts = np.concatenate([labels, predicted[wrong]])
    return Effects(
        intervals.design_effect(correct, groups, predicted, classes),
        intervals.design_effect(correct, groups, labels, classes),
        intervals.design_effect(correct[either], groups[either], parts, classes),
        float(intervals.design_effect(correct, groups)[0]),
    )


def resample(
    labels: Ints,
    predictions: Sequence[Ints],
    weights: Ints | Floats,
    support: Ints,
    effect: Floats,
) -> list[ClassCounts]:
    """Counts by class, (`RESAMPLES`, k), of bootstrap samples of a test set, for each model.

    All models get the same samples, and every class keeps its number of pictures. Pictures with
    equal labels and predictions are drawn together, as a cell: the time does not depend on their
    number. Of each class, as many are drawn as its pictures divided by their design effect.

    Args:
        labels, weights: class of each cell and its weight within it, (c,).
        predictions: of each model for the cells, (c,).
        support, effect: pictures of each class and the effect of their groups, (k,).
    """
    generator = np.random.default_rng(0)
    shape = (intervals.RESAMPLES, len(support))
    tallies = [
        ClassCounts(np.zeros(shape), np.broadcast_to(support, shape), np.zeros(shape))
        for _ in predictions
    ]
    for label in np.unique(labels):
        inside = np.flatnonzero(labels == label)
        shares = weights[inside] / weights[inside].sum()
        worth = max(1, round(support[label] / effect[label]))
        drawn = generator.multinomial(worth, shares, size=len(tallies[0].hits))
        drawn = drawn * (support[label] / worth)
        for tally, predicted in zip(tallies, predictions, strict=True):
            tally.hits[:, label] = drawn[:, predicted[inside] == label].sum(axis=1)
            order = np.argsort(predicted[inside], kind="stable")
            names, starts = np.unique(predicted[inside][order], return_index=True)
            tally.predicted[:, names] += np.add.reduceat(drawn[:, order], starts, axis=1)
    return tallies


def mean(counts: ClassCounts, metric: Metric, averaging: Averaging) -> Floats:
    """An average over classes, (…,)."""
    weights, values = _weights(counts, metric, averaging), _ratio(*_fraction(counts, metric))
    return _ratio((weights * values).sum(axis=-1), weights.sum(axis=-1))


def by_class(
    classes: tuple[str, ...], counts: ClassCounts, effects: Effects
) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each class; None for 0 / 0."""
    estimates = {
        metric: [
            intervals.around(float(value), float(low), float(high)) if trials else None
            for value, low, high, trials in zip(*_bounds(counts, metric, effects), strict=True)
        ]
        for metric in METRICS
    }
    return tuple(
        ClassScore(
            name=name,
            support=int(counts.support[i]),
            predicted=int(counts.predicted[i]),
            **{metric: column[i] for metric, column in estimates.items()},
        )
        for i, name in enumerate(classes)
    )


def average(counts: Ints, effects: Effects) -> tuple[Estimate, Averages, Averages]:
    """Balanced accuracy, macro and weighted averages of a confusion matrix (k, k).

    Each interval contains two: the stratified bootstrap's, which accounts for correlation between
    classes, and the one that follows from the intervals of the classes, which accounts for
    mistakes that the test set happens not to contain. Weighted recall is accuracy and has
    Wilson's interval. With three pictures per class or fewer, F1 is biased downwards.
    """
    labels, predicted = np.nonzero(counts)
    tally, weights = class_counts(counts), counts[labels, predicted]
    (draws,) = resample(labels, [predicted], weights, tally.support, effects.recall)

    def estimate(metric: Metric, averaging: Averaging) -> Estimate:
        values, low, high, trials = _bounds(tally, metric, effects)
        # 0 / 0 has weight 0, or counts as 0 without any uncertainty.
        low, high = np.where(trials > 0, low, values), np.where(trials > 0, high, values)
        weights = _weights(tally, metric, averaging)
        outer = intervals.weighted_mean(values, low, high, weights / weights.sum())
        inner = intervals.percentiles(mean(draws, metric, averaging))
        ends = np.clip(np.array([*outer, *inner], float), 0, 1)
        return intervals.around(float(mean(tally, metric, averaging)), *ends.tolist())

    macro = Averages(**{metric: estimate(metric, "macro") for metric in METRICS})
    weighted = Averages(
        precision=estimate("precision", "weighted"),
        recall=intervals.proportion(
            int(tally.hits.sum()), int(tally.support.sum()), effects.accuracy
        ),
        f1=estimate("f1", "weighted"),
    )
    return macro.recall, macro, weighted


def cross_entropy(labels: Ints, probabilities: np.ndarray) -> np.ndarray:
    """Cross-entropy of each picture, (…, n), for probabilities (…, n, k) of one dtype."""
    actual = probabilities[..., np.arange(len(labels)), labels]
    return -np.log(np.maximum(actual, TINY))


def log_losses(labels: Ints, probabilities: Floats) -> Floats:
    """Cross-entropy as scikit-learn's `log_loss` has it, (n,): clipped by the dtype's precision."""
    epsilon = float(np.finfo(probabilities.dtype).eps)
    actual = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(actual, epsilon, 1 - epsilon))


def log_losses_by_rank(probabilities: Floats) -> Floats:
    """Mean log losses, (2,), if all labels were the pictures' first and their second classes."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    return np.array([log_losses(labels, probabilities).mean() for labels in best.T])


def ranks(labels: Ints, probabilities: Floats) -> Ints:
    """Rank of each picture's label among its probabilities, 0 for the first, (n,).

    Equal probabilities are ranked in the order of the classes, as by `argmax`.
    """
    actual = np.take_along_axis(probabilities, labels[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    return ((probabilities > actual) | ((probabilities == actual) & earlier)).sum(axis=1)


def _fraction(counts: ClassCounts, metric: Metric) -> tuple[Ints | Floats, Ints | Floats]:
    """Numerator and denominator of a metric of each class, (…, k) each."""
    hits, support, predicted = counts
    match metric:
        case "precision":
            return hits, predicted
        case "recall":
            return hits, support
        case "f1":
            return 2 * hits, support + predicted


def _weights(counts: ClassCounts, metric: Metric, averaging: Averaging) -> Ints | Floats:
    """Weight of each class in an average, (…, k), up to a factor."""
    if averaging == "weighted":
        return counts.support
    return (_fraction(counts, metric)[1] > 0).astype(np.int64)


def _bounds(
    counts: ClassCounts, metric: Metric, effects: Effects
) -> tuple[Floats, Floats, Floats, Ints | Floats]:
    """A metric of each class with its interval, and its denominator, each (k,).

    Precision and recall have Wilson intervals, F1 has the interval that follows from it.
    """
    numerator, denominator = _fraction(counts, metric)
    effect = getattr(effects, metric)
    if metric == "f1":
        low, high = intervals.wilson_f1(counts.hits / effect, (denominator - numerator) / effect)
    else:
        low, high = intervals.wilson(numerator / effect, denominator / effect)
    return _ratio(numerator, denominator), low, high, denominator


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    return np.divide(numerator, denominator, out=np.zeros(numerator.shape), where=denominator > 0)

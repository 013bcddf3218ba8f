"""Accuracy, precision, recall and F1 of confusion matrices, with their intervals."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation import intervals
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import Averages, ClassScore, Estimate


class ClassCounts(NamedTuple):
    """Counts by class, each (…, k): correct pictures, pictures and predictions of the class."""

    hits: Ints
    support: Ints
    predicted: Ints


class Means(NamedTuple):
    """Averages over classes, each (…,)."""

    balanced: Floats
    macro_precision: Floats
    macro_recall: Floats
    macro_f1: Floats
    weighted_precision: Floats
    weighted_f1: Floats


class _Bounds(NamedTuple):
    """A metric of each class with its interval, and its denominator, each (k,)."""

    values: Floats
    low: Floats
    high: Floats
    trials: Ints


def count(counts: Ints) -> ClassCounts:
    """Counts by class of a confusion matrix (k, k)."""
    return ClassCounts(np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0))


def resample(counts: Ints, *, seed: int, resamples: int = intervals.RESAMPLES) -> ClassCounts:
    """Counts of stratified bootstrap samples of a test set, each (resamples, k).

    Every class keeps its number of pictures. Drawing cells of the confusion matrix is equivalent
    to drawing pictures, and as fast for a million of them.
    """
    generator = np.random.default_rng(seed)
    hits = np.zeros((resamples, len(counts)), np.int64)
    predicted = np.zeros_like(hits)
    for label, row in enumerate(counts):
        cells = np.flatnonzero(row)
        if not len(cells):
            continue
        drawn = generator.multinomial(row.sum(), row[cells] / row.sum(), size=resamples)
        predicted[:, cells] += drawn
        hits[:, label] = drawn[:, cells == label].sum(axis=1)
    return ClassCounts(hits, np.broadcast_to(counts.sum(axis=1), hits.shape), predicted)


def means(counts: ClassCounts) -> Means:
    """Averages over classes, with scikit-learn's defaults.

    Macro averages cover the classes with pictures or predictions, balanced accuracy those with
    pictures; 0 / 0 counts as 0.
    """
    hits, support, predicted = counts
    recall, precision = _ratio(hits, support), _ratio(hits, predicted)
    f1 = _ratio(2 * hits, support + predicted)
    occurs = (support + predicted) > 0
    share = support / support.sum(axis=-1, keepdims=True)
    return Means(
        balanced=_mean(recall, support > 0),
        macro_precision=_mean(precision, occurs),
        macro_recall=_mean(recall, occurs),
        macro_f1=_mean(f1, occurs),
        weighted_precision=(share * precision).sum(axis=-1),
        weighted_f1=(share * f1).sum(axis=-1),
    )


def by_class(classes: tuple[str, ...], counts: ClassCounts) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each class; None for 0 / 0."""
    estimates = {
        metric: [
            intervals.around(float(value), float(low), float(high)) if trials else None
            for value, low, high, trials in zip(*bounds, strict=True)
        ]
        for metric, bounds in _bounds(counts).items()
    }
    return tuple(
        ClassScore(
            name=name,
            support=int(counts.support[i]),
            predicted=int(counts.predicted[i]),
            precision=estimates["precision"][i],
            recall=estimates["recall"][i],
            f1=estimates["f1"][i],
        )
        for i, name in enumerate(classes)
    )


def average(counts: Ints, *, seed: int) -> tuple[Estimate, Averages, Averages]:
    """Balanced accuracy, macro and weighted averages of a confusion matrix (k, k).

    Each interval contains two: the stratified bootstrap's, which accounts for correlation between
    classes, and the one that follows from the intervals of the classes, which accounts for
    mistakes that the test set happens not to contain. Weighted recall is accuracy and has
    Wilson's interval. With three pictures per class or fewer, F1 is biased downwards.
    """
    tally = count(counts)
    hits, support, predicted = tally
    value = means(tally)
    draws = means(resample(counts, seed=seed))
    occurs = (support + predicted) > 0
    plain, share = occurs / occurs.sum(), support / support.sum()
    has_pictures = (support > 0) / (support > 0).sum()
    bounds = _bounds(tally)

    def estimate(field: str, metric: str, weights: Floats) -> Estimate:
        values, low, high, trials = bounds[metric]
        # 0 / 0 is 0 by definition, without any uncertainty.
        low, high = np.where(trials > 0, low, values), np.where(trials > 0, high, values)
        below, above = intervals.weighted_mean(values, low, high, weights)
        ends = np.clip([below, above, *intervals.percentiles(getattr(draws, field))], 0, 1)
        return intervals.around(float(getattr(value, field)), *ends.tolist())

    return (
        estimate("balanced", "recall", has_pictures),
        Averages(
            precision=estimate("macro_precision", "precision", plain),
            recall=estimate("macro_recall", "recall", plain),
            f1=estimate("macro_f1", "f1", plain),
        ),
        Averages(
            precision=estimate("weighted_precision", "precision", share),
            recall=intervals.proportion(int(hits.sum()), int(support.sum())),
            f1=estimate("weighted_f1", "f1", share),
        ),
    )


def log_losses(labels: Ints, probabilities: Floats) -> Floats:
    """Log loss of each picture, (n,), clipped by the precision of the probabilities' dtype."""
    epsilon = float(np.finfo(probabilities.dtype).eps)
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(own, epsilon, 1 - epsilon))


def ranks(labels: Ints, probabilities: Floats) -> Ints:
    """Rank of each picture's label among its probabilities, 0 for the first, (n,).

    Equal probabilities are ranked in the order of the classes, as by `argmax`.
    """
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    return ((probabilities > own) | ((probabilities == own) & earlier)).sum(axis=1)


def _bounds(counts: ClassCounts) -> dict[str, _Bounds]:
    """Precision and recall with Wilson intervals, F1 with the interval that follows from them."""
    hits, support, predicted = counts
    either = support + predicted
    f1_bounds = intervals.wilson_f1(hits, either - 2 * hits)
    return {
        "precision": _Bounds(
            _ratio(hits, predicted), *intervals.wilson(hits, predicted), predicted
        ),
        "recall": _Bounds(_ratio(hits, support), *intervals.wilson(hits, support), support),
        "f1": _Bounds(_ratio(2 * hits, either), *f1_bounds, either),
    }


def _ratio(above: ArrayLike, below: ArrayLike) -> Floats:
    above, below = np.asarray(above, float), np.asarray(below, float)
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)


def _mean(values: Floats, where: NDArray[np.bool_]) -> Floats:
    return _ratio((values * where).sum(axis=-1), where.sum(axis=-1))

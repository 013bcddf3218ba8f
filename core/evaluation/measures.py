"""Accuracy, precision, recall and F1 of a confusion matrix, and of many resampled ones at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation import intervals
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import Averages, ClassScore, Estimate


class Tally(NamedTuple):
    """Counts by class, each (…, k): right answers, pictures of it, pictures called so."""

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
    weighted_recall: Floats
    weighted_f1: Floats


def tally(counts: Ints) -> Tally:
    """Counts by class of a confusion matrix (k, k)."""
    return Tally(np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0))


def resampled(counts: Ints, *, seed: int, resamples: int = intervals.RESAMPLES) -> Tally:
    """Tallies of test sets drawn from this one class by class, each (resamples, k).

    Every class keeps its number of pictures. Drawing cells of the matrix is the same as
    drawing pictures, and as fast for a million of them.
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
    return Tally(hits, np.broadcast_to(counts.sum(axis=1), hits.shape), predicted)


def means(tallied: Tally) -> Means:
    """Averages as scikit-learn has them by default.

    Macro averages run over the classes that occur among labels or answers, and 0 / 0 counts as
    0; balanced accuracy runs over the classes that have pictures.
    """
    hits, support, predicted = tallied
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
        weighted_recall=(share * recall).sum(axis=-1),
        weighted_f1=(share * f1).sum(axis=-1),
    )


def by_class(classes: tuple[str, ...], tallied: Tally) -> tuple[ClassScore, ...]:
    """Precision and recall with Wilson intervals, F1 with the one that follows from them."""
    hits, support, predicted = tallied
    either = support + predicted
    precision = _estimates(_ratio(hits, predicted), *intervals.wilson(hits, predicted), predicted)
    recall = _estimates(_ratio(hits, support), *intervals.wilson(hits, support), support)
    f1 = _estimates(_ratio(2 * hits, either), *intervals.wilson_f1(hits, either - 2 * hits), either)
    return tuple(
        ClassScore(
            name=name,
            support=int(support[i]),
            predicted=int(predicted[i]),
            precision=precision[i],
            recall=recall[i],
            f1=f1[i],
        )
        for i, name in enumerate(classes)
    )


def averaged(counts: Ints, *, seed: int) -> tuple[Estimate, Averages, Averages]:
    """Balanced accuracy, macro and weighted averages with their intervals.

    Each interval holds both the stratified bootstrap's and the one that follows from the
    intervals of the classes: the first knows that classes err together, the second that a
    class without mistakes may still make one. Weighted recall is accuracy and has Wilson's.
    With three pictures a class or fewer, F1 itself leans low, and its interval with it.
    """
    tallied = tally(counts)
    hits, support, predicted = tallied
    value = means(tallied)
    low, high = intervals.percentiles(np.array(means(resampled(counts, seed=seed))).T)
    occurs = (support + predicted) > 0
    plain, share = occurs / occurs.sum(), support / support.sum()
    has_pictures = (support > 0) / (support > 0).sum()
    either = support + predicted
    bounds = {
        "precision": (_ratio(hits, predicted), *intervals.wilson(hits, predicted), predicted),
        "recall": (_ratio(hits, support), *intervals.wilson(hits, support), support),
        "f1": (_ratio(2 * hits, either), *intervals.wilson_f1(hits, either - 2 * hits), either),
    }

    def estimate(field: str, measure: str, weights: Floats) -> Estimate:
        values, lower, upper, trials = bounds[measure]
        # A class that 0 / 0 made 0 is 0 by definition: nothing is uncertain about it.
        known = np.asarray(trials) > 0
        below, above = intervals.weighted_mean(
            values, np.where(known, lower, values), np.where(known, upper, values), weights
        )
        position = Means._fields.index(field)
        ends = (below, above, float(low[position]), float(high[position]))
        return intervals.around(float(value[position]), *(min(max(end, 0.0), 1.0) for end in ends))

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


def ranks(labels: Ints, probabilities: Floats) -> Ints:
    """Place of each picture's label among its probabilities, 0 for the first, (n,).

    Equal probabilities are taken in the order of the classes, as `argmax` does.
    """
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    return ((probabilities > own) | ((probabilities == own) & earlier)).sum(axis=1)


def _ratio(above: ArrayLike, below: ArrayLike) -> Floats:
    above, below = np.asarray(above, float), np.asarray(below, float)
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)


def _mean(values: Floats, where: NDArray[np.bool_]) -> Floats:
    return _ratio((values * where).sum(axis=-1), where.sum(axis=-1))


def _estimates(values: Floats, low: Floats, high: Floats, trials: Ints) -> list[Estimate | None]:
    return [
        intervals.around(float(v), float(lo), float(hi)) if n else None
        for v, lo, hi, n in zip(values, low, high, trials, strict=True)
    ]

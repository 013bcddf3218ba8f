"""Differences between two models on the same test pictures, and whether they are significant."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.evaluation import intervals, metrics
from core.evaluation.intervals import Floats, Ints
from core.evaluation.metrics import Averaging, ClassCounts, Metric
from core.evaluation.report import Estimate

ALPHA = 1 - intervals.LEVEL
"""Significance level."""
MINIMUM_PICTURES = 10
"""With fewer pictures, a bootstrap of their losses is not reliable."""


@dataclass(frozen=True)
class Difference:
    """The second model's figure minus the first model's.

    Attributes:
        estimate: with its interval.
        p: p-value of the null hypothesis that both models are equally good.
        adjusted: `p`, adjusted for multiple comparisons.
    """

    estimate: Estimate
    p: float
    adjusted: float

    @property
    def significant(self) -> bool:
        """Whether the difference is more than chance."""
        return self.adjusted < ALPHA


def mcnemar(only_first: int, only_second: int) -> float:
    """P-value of the exact McNemar test, computed in integers so that no count is too large.

    Args:
        only_first, only_second: number of pictures that only one model predicts correctly.

    Returns:
        The two-sided p-value, 0 to 1; 1 if the models never differ.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions
        or percentages", Psychometrika 12 (1947), with the binomial in place of chi-square.
        Recommended for two trained models by Dietterich, "Approximate statistical tests for
        comparing supervised classification learning algorithms", Neural Computation 10 (1998).
    """
    differing, fewer = only_first + only_second, min(only_first, only_second)
    ways = tail = 1
    for drawn in range(1, fewer + 1):
        ways = ways * (differing - drawn + 1) // drawn
        tail += ways
    return min(1.0, 2 * tail / 2**differing)


def from_draws(draws: Floats) -> float:
    """Two-sided p-value of a difference from its bootstrap draws, (m,); at least 2 / (m + 1).

    Source: Davison and Hinkley, "Bootstrap methods and their application" (1997), section 4.2.
    """
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (1 + beyond) / (1 + len(draws)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values for multiple comparisons; bounds the family-wise error rate.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
        of Statistics 6 (1979).
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return tuple(adjusted)


def of_accuracy(only_first: int, only_second: int, pictures: int) -> Difference:
    """Difference of accuracy, from the pictures that only one model predicts correctly."""
    p = mcnemar(only_first, only_second)
    return Difference(intervals.paired_difference(only_second, only_first, pictures), p, p)


def of_averages(
    labels: Ints, first: Ints, second: Ints, classes: int, *, seed: int
) -> tuple[Difference, Difference]:
    """Differences of balanced accuracy and macro F1, by a paired stratified bootstrap.

    As in `intervals.paired_difference`, one additional picture that only the first model predicts
    correctly and one for the second, spread over the classes, widen the intervals of small sets.

    Args:
        labels, first, second: actual classes and the predictions of both models, (n,).
        classes: number of classes.
        seed: of the bootstrap.
    """
    shape = (classes, classes, classes)
    seen, times = np.unique(
        np.ravel_multi_index((labels, first, second), shape), return_counts=True
    )
    present, sizes = np.unique(labels, return_counts=True)
    wrong = (present + 1) % classes  # any wrong class will do
    added = [(present, present, wrong), (present, wrong, present)]
    cells = np.concatenate([seen, *(np.ravel_multi_index(cell, shape) for cell in added)])
    counts: Ints = np.zeros(len(cells), np.int64)
    counts[: len(seen)] = times
    weights = np.where(counts > 0, counts, 1 / len(present))
    label, *predictions = np.unravel_index(cells, shape)

    generator = np.random.default_rng(seed)
    drawn: Ints = np.zeros((intervals.RESAMPLES, len(cells)), np.int64)
    for name, size in zip(present, sizes, strict=True):
        inside = np.flatnonzero(label == name)
        shares = weights[inside] / weights[inside].sum()
        drawn[:, inside] = generator.multinomial(size, shares, size=len(drawn))

    tallies = [
        [_count(label, prediction, times, classes) for prediction in predictions]
        for times in (counts[None], drawn)
    ]

    def difference(metric: Metric, averaging: Averaging) -> Difference:
        value, draws = (
            metrics.mean(after, metric, averaging) - metrics.mean(before, metric, averaging)
            for before, after in tallies
        )
        return _difference(float(value[0]), draws)

    return difference("recall", "balanced"), difference("f1", "macro")


def of_log_loss(labels: Ints, first: Floats, second: Floats, *, seed: int) -> Difference | None:
    """Difference of log loss, by a paired bootstrap; None below `MINIMUM_PICTURES` pictures.

    Args:
        labels: actual classes, (n,).
        first, second: probabilities of both models, (n, k).
        seed: of the bootstrap.
    """
    if len(labels) < MINIMUM_PICTURES:
        return None
    values = metrics.log_losses(labels, second) - metrics.log_losses(labels, first)
    draws = intervals.bootstrap(len(values), lambda rows: values[rows].mean(axis=1), seed=seed)
    return _difference(float(values.mean()), draws)


def _count(label: Ints, prediction: Ints, times: Ints, classes: int) -> ClassCounts:
    """Counts by class where cells (c,) of a label and a prediction occur `times` times, (m, c)."""
    return ClassCounts(
        _sum_by(label, times * (label == prediction), classes),
        _sum_by(label, times, classes),
        _sum_by(prediction, times, classes),
    )


def _sum_by(key: Ints, times: Ints, classes: int) -> Ints:
    """Sums of columns (m, c) by the class (c,) of each, (m, k)."""
    order = np.argsort(key, kind="stable")
    present, starts = np.unique(key[order], return_index=True)
    sums = np.zeros((len(times), classes), np.int64)
    sums[:, present] = np.add.reduceat(times[:, order], starts, axis=1)
    return sums


def _difference(value: float, draws: Floats) -> Difference:
    low, high = intervals.percentiles(draws)
    p = from_draws(draws)
    return Difference(intervals.around(value, float(low), float(high)), p, p)

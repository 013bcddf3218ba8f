"""Differences between two models on the same test pictures, and whether they are significant."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.evaluation import confusion, intervals, metrics
from core.evaluation.intervals import Floats, Ints
from core.evaluation.metrics import Metric
from core.evaluation.report import Estimate

ALPHA = 1 - intervals.LEVEL
"""Significance level."""
MINIMUM_GROUPS = 10
"""With fewer groups of pictures, a bootstrap of their losses is not reliable."""
ROUNDING = 1e-9
"""Relative difference of sums that are equal but for rounding."""


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


def sign_flip(change: Ints, groups: Ints) -> float:
    """P-value of the exact permutation test that swaps the two models in whole groups.

    It is two-sided. If each picture is a group, this is the exact McNemar test.

    Args:
        change: of each picture, (n,): 1 if only the second model is correct, -1 if only the first.
        groups: of the pictures, (n,), any numbers.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions
        or percentages", Psychometrika 12 (1947), recommended for two trained models by Dietterich,
        "Approximate statistical tests for comparing supervised classification learning
        algorithms", Neural Computation 10 (1998); Fisher, "The design of experiments" (1935),
        section 21, for groups.
    """
    _, group = np.unique(groups, return_inverse=True)
    sums = np.rint(np.bincount(group, change)).astype(np.int64)
    sizes, times = np.unique(np.abs(sums[sums != 0]), return_counts=True)
    chances = np.ones(1)  # of each sum over the groups that favour the second model
    for size, count in zip(sizes.tolist(), times.tolist(), strict=True):
        logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
        binomial = np.zeros(size * count + 1)
        binomial[::size] = np.exp(logs[-1] - logs - logs[::-1] - count * np.log(2))
        chances = np.convolve(chances, binomial)
    distance = np.abs(2 * np.arange(len(chances)) - (len(chances) - 1))
    return min(1.0, float(chances[distance >= abs(int(sums.sum()))].sum()))


def random_sign_flip(change: Floats, groups: Ints) -> float:
    """P-value as of `sign_flip`, from random swaps: for changes that are not whole numbers."""
    _, group = np.unique(groups, return_inverse=True)
    sums, generator = np.bincount(group, change), np.random.default_rng(0)
    swapped = [generator.choice((-1.0, 1.0), len(sums)) @ sums for _ in range(intervals.RESAMPLES)]
    beyond = int((np.abs(swapped) >= abs(float(sums.sum())) * (1 - ROUNDING)).sum())
    return (1 + beyond) / (1 + intervals.RESAMPLES)


def p_value(draws: Floats) -> float:
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
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(np.asarray(p_values)[order] * factors).clip(max=1)
    return tuple(adjusted.tolist())


def of_averages(
    labels: Ints, first: Ints, second: Ints, classes: int, groups: Ints
) -> tuple[Difference, Difference]:
    """Differences of balanced accuracy and macro F1, by a paired stratified bootstrap.

    As in `intervals.accuracy_difference`, one additional picture that only the first model predicts
    correctly and one for the second, spread over the classes, widen the intervals of small sets. Of
    every class as many pictures are drawn as its groups are worth.

    Args:
        labels, first, second, groups: of the pictures, (n,): actual class and predicted classes.
        classes: their number.
    """
    change = (second == labels).astype(np.int64) - (first == labels)
    effects = intervals.design_effect(change, groups, labels, classes)
    observed, times = np.unique(np.stack([labels, first, second]), axis=1, return_counts=True)
    present = np.unique(labels)
    wrong = (present + 1) % classes  # any wrong class will do
    added = [present, present, wrong], [present, wrong, present]
    label, *predictions = np.concatenate([observed, *added], axis=1)
    weights = np.concatenate([times, np.full(2 * len(present), 1 / len(present))])
    exact = [metrics.class_counts(confusion.matrix(labels, p, classes)) for p in (first, second)]
    support = exact[0].support
    drawn = metrics.resample(label, predictions, weights, support, effects)

    def difference(metric: Metric) -> Difference:
        value, draws = (
            metrics.mean(after, metric, "macro") - metrics.mean(before, metric, "macro")
            for before, after in (exact, drawn)
        )
        p = p_value(draws)
        return Difference(intervals.from_draws(float(value), draws), p, p)

    return difference("recall"), difference("f1")


def of_log_loss(labels: Ints, first: Floats, second: Floats, groups: Ints) -> Difference | None:
    """Difference of log loss of probabilities (n, k); None below `MINIMUM_GROUPS` groups.

    The interval is a paired bootstrap's. The p-value is a permutation test's, since a bootstrap
    finds too many differences of few losses significant. Both have one more group that is right and
    one that is wrong: without mistakes in the test set, the surer model would always be better.
    """
    if len(np.unique(groups)) < MINIMUM_GROUPS:
        return None
    change = metrics.log_losses(labels, second) - metrics.log_losses(labels, first)
    unseen = metrics.log_losses_by_rank(second) - metrics.log_losses_by_rank(first)
    values, groups = intervals.with_unseen(change, groups, unseen)
    estimate = intervals.from_draws(float(change.mean()), intervals.bootstrap(values, groups))
    p = random_sign_flip(values, groups)
    return Difference(estimate, p, p)

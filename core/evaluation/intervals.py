"""Confidence intervals for figures of a test set, whose pictures may come in groups."""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.report import Estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
RESAMPLES = 1_000
UNSEEN = 0.15
"""Groups with one value throughout that `design_effect` adds to those in the test set. Chosen by
simulation, so that intervals cover 93 to 97 % for bursts of 3, 10 and 30 (`benchmarks/trust.py`).
"""


def bonferroni_z(intervals: int) -> float:
    """Half-width, in standard deviations, of intervals that all hold at once (Bonferroni)."""
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / intervals)


def wilson(successes: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
    """Bounds of the Wilson interval of proportions, 0 and 1 without trials.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference",
        JASA 22 (1927).
    """
    x, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    safe = np.maximum(n, 1)
    centre = (x + Z**2 / 2) / (n + Z**2)
    half = Z / (n + Z**2) * np.sqrt(x * (n - x) / safe + Z**2 / 4)
    low = np.where(x <= 0, 0.0, np.clip(centre - half, 0, 1))
    high = np.where(x >= n, 1.0, np.clip(centre + half, 0, 1))
    return low, high


def wilson_f1(hits: ArrayLike, misses: ArrayLike) -> tuple[Floats, Floats]:
    """Interval of an F1 score, from the Wilson interval of hits / (hits + misses).

    F1 = 2 J / (1 + J) increases with J = TP / (TP + FP + FN), so bounds of J are bounds of F1. Hits
    are true positives, misses all others of these.

    Source: Hand, Christen and Kirielle, "F*: an interpretable transformation of the F-measure",
        Machine Learning 110 (2021), for the relation.
    """
    low, high = wilson(hits, np.asarray(hits) + np.asarray(misses))
    return 2 * low / (1 + low), 2 * high / (1 + high)


def design_effect(
    values: ArrayLike, groups: Ints, parts: Ints | None = None, count: int = 1
) -> Floats:
    """By how much groups increase the variance of a mean: n pictures are worth n / effect.

    The variance of the ratio estimator over groups, divided by that over single pictures. A share
    of a typical group with one value throughout is added to both, because a test set without
    mistakes does not show whether mistakes come in groups. Without groups, the effect is 1.

    Args:
        values: of the pictures, (n,); 0 or 1 for a proportion, -1 to 1 for a difference.
        groups: group of each picture, (n,), any numbers.
        parts: for means of several parts of the pictures, the part of each, (n,), 0 to `count` - 1.
        count: number of parts.

    Returns:
        (count,), 1 or more.

    Source: Kish, "Survey sampling" (1965), sections 5.4 and 8.2, for the effect and its use as an
        effective number of trials; Korn and Graubard, "Confidence intervals for proportions with
        small expected number of positive counts estimated from survey data", Survey Methodology 24
        (1998), for why small samples need a correction.
    """
    values = np.asarray(values, float)
    parts = np.zeros(len(values), np.int64) if parts is None else parts
    trials = np.maximum(np.bincount(parts, minlength=count), 1)
    deviation = values - (np.bincount(parts, values, count) / trials)[parts]
    _, number = np.unique(groups, return_inverse=True)
    cells, cell = np.unique(number * count + parts, return_inverse=True)
    between = np.bincount(cells % count, np.bincount(cell, deviation) ** 2, count)
    typical = np.bincount(cells % count, np.bincount(cell) ** 2, count) / trials
    within = np.bincount(parts, deviation**2, count)
    added = np.maximum(UNSEEN * typical, np.finfo(float).tiny)
    return np.maximum((between + added * typical) / (within + added), 1.0)


def proportion(successes: float, trials: float, effect: float = 1.0) -> Estimate:
    """A proportion of 1 or more trials with its Wilson interval; `effect` as of `design_effect`."""
    low, high = wilson(successes / effect, trials / effect)
    return around(successes / trials, float(low), float(high))


def share(values: ArrayLike, groups: Ints) -> Estimate:
    """The mean of the values of pictures, (n,) from 0 to 1, as a proportion."""
    values = np.asarray(values, float)
    return proportion(float(values.sum()), len(values), float(design_effect(values, groups)[0]))


def accuracy_difference(change: ArrayLike, groups: Ints) -> Estimate:
    """The difference of the accuracies of two models on the same pictures.

    Args:
        change: of each picture, (n,): 1 if only the second model predicts it correctly, -1 if only
            the first. May be fractions between, if predictions are averages; the interval is then
            conservative.
        groups: of the pictures, (n,).

    Source: Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial
        proportions based on paired data", J. Educ. Behav. Stat. 37 (2012).
    """
    change = np.asarray(change, float)
    effect = float(design_effect(change, groups)[0])
    adjusted = len(change) / effect + 2
    up, down = ((float(side[side > 0].sum()) / effect + 1) / adjusted for side in (change, -change))
    half = Z * np.sqrt((up + down - (up - down) ** 2) / adjusted)
    low, high = max(up - down - half, -1.0), min(up - down + half, 1.0)
    return around(float(change.mean()), low, high)


def weighted_mean(
    values: Floats, low: Floats, high: Floats, weights: Floats
) -> tuple[float, float]:
    """Bounds of a mean of independent figures from the bounds of each, (k,); weights sum to 1.

    Unlike a bootstrap's, they account for uncertainty about classes without any mistake.

    Source: Zou and Donner, "Construction of confidence limits about effect measures: a general
        approach", Statistics in Medicine 27 (2008).
    """
    mean = float(weights @ values)
    below = float(np.sqrt(np.sum((weights * (values - low)) ** 2)))
    above = float(np.sqrt(np.sum((weights * (high - values)) ** 2)))
    return mean - below, mean + above


def bootstrap(values: Floats, groups: Ints) -> Floats:
    """Means, (`RESAMPLES`,), of values (n,) on samples of their groups (n,), equal for equal input.

    Source: Davison and Hinkley, "Bootstrap methods and their application" (1997), section 3.8.
    """
    names, group = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(group, values), np.bincount(group)], axis=1)
    generator = np.random.default_rng(0)
    totals, counts = np.transpose(
        [
            np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names)) @ sums
            for _ in range(RESAMPLES)  # one by one: all at once are a large array
        ]
    )
    return totals / counts


def with_unseen(values: Floats, groups: Ints, unseen: Floats) -> tuple[Floats, Ints]:
    """Add a group of typical size for each unseen value to the values and groups, (n,) each.

    As in `accuracy_difference`, they widen the interval of a small test set, which may lack them.
    """
    names, sizes = np.unique(groups, return_counts=True)
    typical = round(float((sizes**2).sum() / sizes.sum()))
    more = names.max() + 1 + np.arange(len(unseen))
    return (
        np.concatenate([values, np.repeat(unseen, typical)]),
        np.concatenate([groups, np.repeat(more, typical)]),
    )


def from_draws(value: float, draws: Floats) -> Estimate:
    """A figure with the interval of its bootstrap draws, (m,)."""
    return around(value, *map(float, percentiles(draws)))


def percentiles(draws: Floats) -> tuple[Floats, Floats]:
    """Bounds of the middle 95 % of bootstrap draws, along the first axis."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def around(value: float, *bounds: float) -> Estimate:
    """An estimate with the narrowest interval that contains its value and all `bounds`."""
    return Estimate(value=value, low=min(value, *bounds), high=max(value, *bounds))

"""Confidence intervals for figures of a test set."""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.report import Estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
RESAMPLES = 1_000
CHUNK = 1_000_000
"""Indices that a bootstrap draws at once; bounds its memory."""


def wilson(successes: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
    """Wilson interval of a proportion.

    Args:
        successes, trials: counts of a common shape; without trials the bounds are 0 and 1.

    Returns:
        Lower and upper bounds of that shape.

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

    F1 = 2 J / (1 + J) increases with J = TP / (TP + FP + FN), so bounds of J are bounds of F1.

    Args:
        hits: true positives.
        misses: false positives plus false negatives.

    Source: Hand, Christen and Kirielle, "F*: an interpretable transformation of the F-measure",
        Machine Learning 110 (2021), for the relation.
    """
    low, high = wilson(hits, np.asarray(hits) + np.asarray(misses))
    return 2 * low / (1 + low), 2 * high / (1 + high)


def proportion(successes: float, trials: int) -> Estimate:
    """A proportion with its Wilson interval; `trials` is at least 1."""
    low, high = wilson(successes, trials)
    return around(successes / trials, float(low), float(high))


def paired_difference(only_first: float, only_second: float, trials: int) -> Estimate:
    """Difference of the accuracies of two models on the same pictures, first minus second.

    Args:
        only_first, only_second: number of pictures that only one model predicts correctly. May be
            fractions if predictions are averages; the interval is then conservative.
        trials: number of pictures.

    Source: Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial
        proportions based on paired data", J. Educ. Behav. Stat. 37 (2012).
    """
    first, second = (only_first + 1) / (trials + 2), (only_second + 1) / (trials + 2)
    difference = first - second
    half = Z * np.sqrt((first + second - difference**2) / (trials + 2))
    value = (only_first - only_second) / trials
    return around(value, max(difference - half, -1.0), min(difference + half, 1.0))


def weighted_mean(
    values: Floats, low: Floats, high: Floats, weights: Floats
) -> tuple[float, float]:
    """Bounds of a weighted mean of independent figures, from the bounds of each.

    Unlike a bootstrap's, they account for uncertainty about classes without any mistake.

    Args:
        values, low, high, weights: arrays of one shape (k,); the weights sum to 1.

    Source: Zou and Donner, "Construction of confidence limits about effect measures: a general
        approach", Statistics in Medicine 27 (2008).
    """
    mean = float(weights @ values)
    below = float(np.sqrt(np.sum((weights * (values - low)) ** 2)))
    above = float(np.sqrt(np.sum((weights * (high - values)) ** 2)))
    return mean - below, mean + above


def bootstrap(
    pictures: int,
    statistic: Callable[[Ints], Floats],
    *,
    seed: int,
) -> Floats:
    """Compute a statistic on bootstrap samples of a test set.

    Args:
        pictures: size of the test set.
        statistic: maps indices (m, pictures), one sample per row, to (m,) values.
        seed: of the random samples.

    Returns:
        The values, (`RESAMPLES`,).

    Source: Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapter 13.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, CHUNK // pictures)
    parts = []
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        parts.append(statistic(generator.integers(0, pictures, size=(count, pictures))))
    return np.concatenate(parts)


def percentiles(draws: Floats) -> tuple[Floats, Floats]:
    """Bounds of the middle 95 % of bootstrap draws, along the first axis."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def around(value: float, *bounds: float) -> Estimate:
    """An estimate with the narrowest interval that contains its value and all `bounds`."""
    return Estimate(value=value, low=min(value, *bounds), high=max(value, *bounds))

"""Significance tests for two models on the same test pictures."""

from collections.abc import Sequence

from core.evaluation.intervals import LEVEL, Floats

ALPHA = 1 - LEVEL
"""Significance level."""


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

"""Whether a difference between two answers to the same pictures is more than chance."""

from collections.abc import Sequence

from core.evaluation.intervals import LEVEL, Floats

ALPHA = 1 - LEVEL
"""A difference is more than chance where its p-value is below this."""


def mcnemar(only_first: int, only_second: int) -> float:
    """How likely two equally good answers differ at least so unevenly.

    The exact test: of the pictures that only one gets right, each is as likely the one's as the
    other's. In whole numbers, so that no count is too large for it.

    Args:
        only_first, only_second: pictures that only the one got right.

    Returns:
        The two-sided p-value, 0 to 1; 1 where they never differ.

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
    """Two-sided p-value of a difference, from bootstrap draws of it, (m,).

    The smallest that m draws can show is 2 / (m + 1).

    Source: Davison and Hinkley, "Bootstrap methods and their application" (1997), section 4.2.
    """
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (1 + beyond) / (1 + len(draws)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values, each as large as it must be because several were looked at.

    The chance that any of them is below a level by chance alone is then at most that level.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
        of Statistics 6 (1979).
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return tuple(adjusted)

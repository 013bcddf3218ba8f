"""How much higher a figure of one model is than another's, on the same test pictures."""

from dataclasses import dataclass

import numpy as np

from core.evaluation import intervals, measures
from core.evaluation.intervals import Floats, Ints
from core.evaluation.measures import Means, Tally
from core.evaluation.report import Estimate
from core.evaluation.significance import ALPHA, from_draws, mcnemar

FEWEST = 10
"""Pictures below which a bootstrap of their losses sees too little to be believed."""


@dataclass(frozen=True)
class Difference:
    """How much higher the second's figure is than the first's.

    Attributes:
        estimate: second less first.
        p: how likely chance alone makes so large a difference between two that are equally good.
        adjusted: `p`, made larger where several comparisons were made.
    """

    estimate: Estimate
    p: float
    adjusted: float

    @property
    def beyond_chance(self) -> bool:
        """Whether it is more than chance explains."""
        return self.adjusted < ALPHA


def of_accuracy(only_first: int, only_second: int, pictures: int) -> Difference:
    """Accuracy, from how many pictures only the one or only the other got right."""
    p = mcnemar(only_first, only_second)
    return Difference(intervals.paired_difference(only_second, only_first, pictures), p, p)


def of_averages(
    labels: Ints, one: Ints, two: Ints, classes: int, *, seed: int
) -> tuple[Difference, Difference]:
    """Balanced accuracy and macro F1, from test sets drawn class by class, both answers at once.

    As in `intervals.paired_difference`, one picture more that only the first gets right and one
    that only the second does, shared out among the classes, keep the draws from being surer than
    so few pictures allow.

    Args:
        labels, one, two: what each picture is, and what each model called it, (n,).
    """
    shape = (classes, classes, classes)
    seen, times = np.unique(np.ravel_multi_index((labels, one, two), shape), return_counts=True)
    present, sizes = np.unique(labels, return_counts=True)
    wrong = (present + 1) % classes  # which wrong answer is no matter
    added = [(present, present, wrong), (present, wrong, present)]
    cells = np.concatenate([seen, *(np.ravel_multi_index(cell, shape) for cell in added)])
    counts: Ints = np.zeros(len(cells), np.int64)
    counts[: len(seen)] = times
    weights = np.where(counts > 0, counts, 1 / len(present))
    label, first, second = np.unravel_index(cells, shape)

    generator = np.random.default_rng(seed)
    drawn: Ints = np.zeros((intervals.RESAMPLES, len(cells)), np.int64)
    for name, size in zip(present, sizes, strict=True):
        inside = np.flatnonzero(label == name)
        shares = weights[inside] / weights[inside].sum()
        drawn[:, inside] = generator.multinomial(size, shares, size=len(drawn))

    def second_less_first(times: Ints) -> Means:
        figures = [_figures(label, answer, times, classes) for answer in (first, second)]
        return Means(*(theirs - ours for ours, theirs in zip(*figures, strict=True)))

    value, draws = second_less_first(counts[None]), second_less_first(drawn)
    return (
        _difference(float(value.balanced[0]), draws.balanced),
        _difference(float(value.macro_f1[0]), draws.macro_f1),
    )


def of_log_loss(labels: Ints, first: Floats, second: Floats, *, seed: int) -> Difference | None:
    """Log loss, from test sets drawn picture by picture; None below `FEWEST` pictures.

    Args:
        labels: what each picture is, (n,).
        first, second: probabilities that each model gave it, (n, k).
    """
    if len(labels) < FEWEST:
        return None
    values = _losses(second, labels) - _losses(first, labels)
    draws = intervals.bootstrap(len(values), lambda rows: values[rows].mean(axis=1), seed=seed)
    return _difference(float(values.mean()), draws)


def _figures(label: Ints, answer: Ints, times: Ints, classes: int) -> Means:
    """Averages where cells (c,) of one label and one answer occur so many times, (m, c)."""
    hits = _summed(times * (label == answer), label, classes)
    return measures.means(
        Tally(hits, _summed(times, label, classes), _summed(times, answer, classes))
    )


def _summed(times: Ints, by: Ints, classes: int) -> Ints:
    """Columns (m, c) added up by the class (c,) of each, (m, k)."""
    order = np.argsort(by, kind="stable")
    present, starts = np.unique(by[order], return_index=True)
    found = np.zeros((len(times), classes), np.int64)
    found[:, present] = np.add.reduceat(times[:, order], starts, axis=1)
    return found


def _losses(probabilities: Floats, labels: Ints) -> Floats:
    """Log loss of each picture, (n,); clipped as that of a report is."""
    epsilon = float(np.finfo(probabilities.dtype).eps)
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(own, epsilon, 1 - epsilon))


def _difference(value: float, draws: Floats) -> Difference:
    low, high = intervals.percentiles(draws)
    p = from_draws(draws)
    return Difference(intervals.around(value, float(low), float(high)), p, p)

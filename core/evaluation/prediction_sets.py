"""Prediction sets: the classes among which the right one is, with a promised coverage."""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from core.evaluation import intervals
from core.evaluation.calibration import Predictions
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import SetCoverage, SetLevel

Level = TypeVar("Level", bound=SetLevel)
LEVELS = (0.8, 0.9, 0.95, 0.99)
"""Coverages that can be promised."""
DEFAULT = 0.95
"""The level unless the owner has chosen another; a lower one where this is not offered."""
DIGITS = 6
"""Decimal places of a limit, which is rounded up."""
ROUNDING = 1e-9


def members(probabilities: np.ndarray, limit: float) -> Ints:
    """Indices of the classes in the prediction set of (k,) probabilities; at least one.

    Source: Romano, Sesia and Candès, "Classification with valid and adaptive coverage", NeurIPS
        2020, without randomisation.
    """
    order, before = _before(probabilities[np.newaxis])
    return order[0][before[0] <= limit]


def groups_needed(level: float) -> int:
    """Smallest number of groups that a level can be calibrated on: 19 for 95 %."""
    return math.ceil(1 / (1 - level) - ROUNDING) - 1


def calibrate(predictions: Predictions) -> tuple[SetLevel, ...]:
    """The limit of each of `LEVELS`, from pictures that the model was not trained on.

    The score of a picture is the probability that lies before its class, which is the least limit
    with which its set has that class. The limit is the quantile of the scores in which every group
    counts the same, and a new group counts as one score that is larger than all: a picture of a
    new group is covered as promised. Levels that there are too few groups for are left out.

    Source: Vovk, Gammerman and Shafer, "Algorithmic learning in a random world" (2005), for split
        conformal prediction; Lee, Barber and Willett, "Distribution-free inference with
        hierarchical data" (2023), for the quantile by groups; Romano et al. (2020) for the score.
    """
    if not len(predictions.labels):
        return ()
    scores, _ = _scores(predictions)
    _, group, sizes = np.unique(predictions.groups, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(1 / sizes[group[order]]) / (len(sizes) + 1)
    indices = np.searchsorted(reached, np.asarray(LEVELS) - ROUNDING)
    return tuple(
        SetLevel(level=level, limit=_rounded_up(float(scores[order[index]])))
        for level, index in zip(LEVELS, indices.tolist(), strict=True)
        if index < len(scores)
    )


def level_used(levels: Sequence[Level], chosen: float | None) -> Level | None:
    """The level that applies; None for no prediction sets.

    Args:
        levels: those that the model offers.
        chosen: by the owner; 0 for no sets, None for the default.
    """
    if chosen is not None:
        return next((level for level in levels if level.level == chosen), None)
    return max(
        (level for level in levels if level.level <= DEFAULT),
        key=lambda level: level.level,
        default=None,
    )


def measure(predictions: Predictions, levels: Sequence[SetLevel]) -> tuple[SetCoverage, ...]:
    """How often the sets of each level have the right class, and how large they are.

    There must be at least one prediction.
    """
    (scores, before), groups = _scores(predictions), predictions.groups
    measured = []
    for level in levels:
        covered, sizes = scores <= level.limit, (before <= level.limit).sum(axis=1)
        several = sizes > 1
        measured.append(
            SetCoverage(
                level=level.level,
                limit=level.limit,
                coverage=intervals.share(covered, groups),
                several=intervals.share(several, groups),
                covered_of_several=intervals.share(covered[several], groups[several])
                if several.any()
                else None,
                size=float(sizes.mean()),
            )
        )
    return tuple(measured)


def _before(probabilities: np.ndarray) -> tuple[Ints, Floats]:
    """Classes by descending probability, (n, k), and the sum of those before each, (n, k)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1).astype(np.float64)
    return order, np.pad(ranked.cumsum(axis=1)[:, :-1], ((0, 0), (1, 0)))


def _scores(predictions: Predictions) -> tuple[Floats, Floats]:
    """The sum of the probabilities before the actual class, (n,), and before each, (n, k)."""
    order, before = _before(predictions.probabilities)
    return before[order == predictions.labels[:, np.newaxis]], before


def _rounded_up(limit: float) -> float:
    return min(1.0, math.ceil(limit * 10**DIGITS - ROUNDING) / 10**DIGITS)

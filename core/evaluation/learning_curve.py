"""Learning curves: accuracy by number of training pictures, from cross-validation.

Only training and validation pictures are used. Each is predicted by heads trained on other
pictures: on all of them, half of them, a quarter, and so on.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from core.evaluation import folds, intervals
from core.evaluation.advice import Outlook, Point, Trend, advise
from core.evaluation.intervals import Floats, Ints
from core.evaluation.metrics import cross_entropy
from core.evaluation.report import Estimate, ReportPart

Predict = Callable[[np.ndarray, Ints, np.ndarray], np.ndarray]
"""Trains heads on embeddings (m, d) with labels (m,) and predicts embeddings (p, d): probabilities
(s, p, k) of `s` heads that differ in their regularisation."""

FOLDS = 5
REPEATS = 3
"""Maximum number of random subsets of each size in each fold."""
PICTURES_REPEATED = 900
"""Number of pictures over all repeats that is enough; larger datasets need fewer repeats."""
PICTURES_PREDICTED = 3_000
"""Number of predicted pictures that is enough; larger datasets leave some folds out."""
MINIMUM_PER_CLASS = 4.0
"""Mean number of training groups per class in the smallest subset."""
MAXIMUM_POINTS = 8


class LearningCurve(ReportPart, extra="ignore"):
    """Points from few pictures to all, and advice.

    `gain` is the gain in accuracy by the last doubling; None if there are too few pictures. Earlier
    files have further fields.
    """

    version: Literal[1] = 1
    classes: tuple[str, ...]
    points: tuple[Point, ...]
    gain: Estimate | None
    trends: tuple[Trend, ...]
    verdict: Outlook
    sentence: str


def learning_curve(
    embeddings: np.ndarray,
    labels: Ints,
    groups: Ints,
    classes: tuple[str, ...],
    seed: int,
    predict: Predict,
) -> LearningCurve:
    """Compute a learning curve by grouped cross-validation on nested subsets.

    For each fold, heads are trained on the other folds: on all pictures, random groups with half of
    each class, half of these, and so on. A point pools the predictions of all folds. Its interval
    is Wilson's for the pictures and their groups, because more subsets do not add pictures.

    Args:
        embeddings: (n, d) float32 of the unaugmented pictures, without test pictures.
        labels: (n,) int64, 0 to k - 1.
        groups: (n,) int64, equal for pictures that look the same.
        predict: each point uses the regularisation with the lowest cross-entropy on the held-out
            pictures.

    Source: Perlich, Provost and Simonoff, "Tree induction vs. logistic regression: a
        learning-curve analysis", JMLR 4 (2003), for nested subsets.
    """
    number = folds.feasible(labels, groups, FOLDS)
    if number < folds.MINIMUM:
        return _summarise(classes, labels, groups, [], [])
    fold = folds.assign(labels, groups, number, seed)
    pairs = np.unique(np.stack([groups, labels]), axis=1).shape[1]
    per_class = pairs * (number - 1) / number / len(np.unique(labels))
    used = min(number, math.ceil(PICTURES_PREDICTED * number / len(labels)))
    predicted = np.flatnonzero(fold < used)
    correct: list[Floats] = []
    sizes: list[float] = []
    for share in _shares(per_class):
        repeats = 1 if share == 1 else min(REPEATS, max(1, PICTURES_REPEATED // len(labels)))
        counts: list[int] = []
        losses: list[Floats] = []
        hits: list[Floats] = []
        for outside in range(used):
            pool, held_out = np.flatnonzero(fold != outside), np.flatnonzero(fold == outside)
            for repeat in range(repeats):
                chosen = pool[_subset(labels[pool], groups[pool], share, (seed, outside, repeat))]
                probabilities = predict(embeddings[chosen], labels[chosen], embeddings[held_out])
                counts.append(len(chosen))
                losses.append(cross_entropy(labels[held_out], probabilities).sum(axis=1))
                hits.append(np.zeros((len(probabilities), len(labels))))
                hits[-1][:, held_out] = probabilities.argmax(axis=2) == labels[held_out]
        best = int(np.argmin(np.sum(losses, axis=0)))
        correct.append(np.sum(hits, axis=0)[best, predicted] / repeats)
        sizes.append(float(np.mean(counts)))
    return _summarise(classes, labels[predicted], groups[predicted], correct, sizes)


def _shares(per_class: float) -> list[float]:
    """…, a quarter, half and all of the pictures, while classes have enough groups."""
    shares = [1.0]
    while len(shares) < MAXIMUM_POINTS and per_class * shares[0] / 2 >= MINIMUM_PER_CLASS:
        shares.insert(0, shares[0] / 2)
    return shares


def _subset(labels: Ints, groups: Ints, share: float, seed: tuple[int, ...]) -> Ints:
    """Indices of the groups that hold about a share of each class, at least one group.

    With the same seed, smaller subsets are inside larger.
    """
    names, group = np.unique(groups, return_inverse=True)
    order: Ints = np.random.default_rng(seed).permutation(len(names))[group]
    chosen = []
    for label in np.unique(labels):
        members: Ints = np.flatnonzero(labels == label)
        _, rank, sizes = np.unique(order[members], return_inverse=True, return_counts=True)
        middles = np.cumsum(sizes) - sizes / 2
        count = max(1, int((middles < share * len(members)).sum()))
        chosen.append(members[rank < count])
    return np.sort(np.concatenate(chosen))


def _summarise(
    classes: tuple[str, ...], labels: Ints, groups: Ints, correct: list[Floats], sizes: list[float]
) -> LearningCurve:
    """The curve from how often each picture is predicted correctly, (n,) for each size."""
    present = np.unique(labels)
    points = tuple(
        Point(
            taught=round(count),
            per_class=count / len(present),
            accuracy=intervals.share(row, groups),
        )
        for count, row in zip(sizes, correct, strict=True)
    )
    gain, trends = None, tuple[Trend, ...]()
    if len(points) > 1:
        full, change = correct[-1], correct[-1] - correct[-2]
        gain = intervals.accuracy_difference(change, groups)
        trends = tuple(
            Trend(
                label=int(label),
                recall=intervals.share(full[of_class], groups[of_class]),
                gain=intervals.accuracy_difference(change[of_class], groups[of_class]),
            )
            for label in present
            for of_class in [labels == label]
        )
    verdict, sentence = advise(classes, points, gain, trends)
    return LearningCurve(
        classes=classes,
        points=points,
        gain=gain,
        trends=trends,
        verdict=verdict,
        sentence=sentence,
    )

"""Deal pictures to folds, so that each is answered by a model that was not taught on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

FEWEST = 2
"""Folds that make sense at all."""


def deal(labels: Ints, groups: Ints, folds: int, seed: int) -> Ints:
    """The fold of each picture.

    Every class is shared out as evenly as its groups allow; pictures of one group stay together.
    The largest groups are dealt first, each to the fold that lacks most.

    Args:
        labels: (n,) 0 to k - 1.
        groups: (n,) any numbers; pictures with the same one look the same.
        folds: at least 2.
        seed: of the order among groups of one size.

    Returns:
        (n,) 0 to `folds` - 1.
    """
    generator = np.random.default_rng(seed)
    kinds, unit = np.unique(groups, return_inverse=True)
    sizes = np.bincount(unit)
    classes = int(labels.max(initial=0)) + 1
    counts = np.zeros((len(kinds), classes), np.int64)
    np.add.at(counts, (unit, labels), 1)
    label = counts.argmax(axis=1)  # of several labels in a group the commonest counts

    shuffled = generator.permutation(len(kinds))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    given = np.zeros((classes, folds), np.int64)
    fold = np.zeros(len(kinds), np.int64)
    for one in order:
        lack = given[label[one]]
        # Where folds have as many of the class, the one with the fewest pictures in all.
        fold[one] = np.lexsort((given.sum(axis=0), lack))[0]
        given[label[one], fold[one]] += sizes[one]
    return fold[unit]


def affordable(labels: Ints, groups: Ints, most: int) -> int:
    """As many folds as the rarest class has groups, up to `most`; 1 if there can be none.

    With fewer groups than folds, a class would be missing from some fold.
    """
    units = [len(np.unique(groups[labels == label])) for label in np.unique(labels)]
    found = min([most, *units])
    return found if found >= FEWEST else 1

"""Stratified, grouped folds for cross-validation."""

import numpy as np

from core.evaluation.intervals import Ints

MINIMUM = 2
"""Fewest folds of a cross-validation."""


def assign(labels: Ints, groups: Ints, folds: int, seed: int) -> Ints:
    """Assign each picture to a fold.

    The pictures of a group go to the same fold; each class is divided as evenly as its groups
    allow. Groups are assigned by decreasing size, each to the fold with the fewest pictures of
    its class; the seed orders those of the same size.

    Args:
        labels: (n,) 0 to k - 1.
        groups: (n,) any numbers.
        folds: 2 or more.
    """
    generator = np.random.default_rng(seed)
    names, group = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group)
    classes = int(labels.max(initial=0)) + 1
    counts = np.zeros((len(names), classes), np.int64)
    np.add.at(counts, (group, labels), 1)
    group_label = counts.argmax(axis=1)  # the most common label of each group

    shuffled = generator.permutation(len(names))
    assigned = np.zeros((classes, folds), np.int64)
    fold = np.zeros(len(names), np.int64)
    for index in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        label = group_label[index]
        # Ties go to the fold with the fewest pictures in all.
        fold[index] = np.lexsort((assigned.sum(axis=0), assigned[label]))[0]
        assigned[label, fold[index]] += sizes[index]
    return fold[group]


def feasible(labels: Ints, groups: Ints, most: int) -> int:
    """The number of groups of the rarest class, up to `most`; 1 if no cross-validation is possible.

    With so many folds, no class is missing from one.
    """
    counts = [len(np.unique(groups[labels == label])) for label in np.unique(labels)]
    number = min([most, *counts])
    return number if number >= MINIMUM else 1

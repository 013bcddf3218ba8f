"""The confusion matrix: counts, shares, the order of classes and the worst mistakes."""

import numpy as np

from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import Confusion, Mistake

WORST = 20
"""Number of mistakes that a report lists."""


def build_confusion(labels: Ints, predicted: Ints, classes: int) -> Confusion:
    """Build the confusion matrix from class indices, (n,) each."""
    counts = matrix(labels, predicted, classes)
    return Confusion(
        counts=tuple(tuple(row) for row in counts.tolist()),
        order=order(counts),
        worst=worst(counts),
    )


def matrix(labels: Ints, predicted: Ints, classes: int) -> Ints:
    """Number of pictures by actual class (rows) and predicted class (columns), (k, k)."""
    flat = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes)


def shares(counts: Ints, axis: int = 1) -> Floats:
    """Shares of each actual class, or, with axis 0, of each predicted class; 0 for 0 / 0."""
    return counts / np.maximum(counts.sum(axis=axis, keepdims=True), 1)


def worst(counts: Ints) -> tuple[Mistake, ...]:
    """The cells off the diagonal with most pictures; ties go by the share of the class."""
    rows, columns = np.nonzero(counts - np.diag(np.diagonal(counts)))
    cells = rows, columns, counts[rows, columns], shares(counts)[rows, columns]
    ranked = np.lexsort((columns, rows, -cells[3], -cells[2]))[:WORST]
    return tuple(
        Mistake(label=label, predicted=predicted, count=number, share=share)
        for label, predicted, number, share in zip(
            *(part[ranked].tolist() for part in cells), strict=True
        )
    )


def order(counts: Ints) -> tuple[int, ...]:
    """Order the classes so that classes that are confused with each other are neighbours.

    Average-linkage clustering of the symmetric confusion rates; each merge flips its two halves
    so that the most similar ends meet. Classes that are never confused come last, in their order.
    """
    similarity = shares(counts) + shares(counts).T
    np.fill_diagonal(similarity, 0)
    groups = [[i] for i in range(len(counts))]
    between = similarity.copy()
    sizes = np.ones(len(counts))
    while len(groups) > 1:
        average = between / np.outer(sizes, sizes)
        np.fill_diagonal(average, 0)
        a, b = sorted(divmod(int(average.argmax()), len(groups)))
        if average[a, b] <= 0:
            break
        groups[a] = _join(groups[a], groups[b], similarity)
        between[a] += between[b]
        between[:, a] += between[:, b]
        sizes[a] += sizes[b]
        keep = np.arange(len(groups)) != b
        between, sizes = between[np.ix_(keep, keep)], sizes[keep]
        del groups[b]
    groups.sort(key=lambda group: (-len(group), min(group)))
    return tuple(label for group in groups for label in group)


def _join(first: list[int], second: list[int], similarity: Floats) -> list[int]:
    ways = [(first, second), (first, second[::-1]), (first[::-1], second), (second, first)]
    left, right = max(ways, key=lambda way: similarity[way[0][-1], way[1][0]])
    return left + right

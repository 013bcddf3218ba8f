"""The confusion matrix: counts, shares, the order of classes and the worst mistakes."""

import numpy as np

from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import Confusion, Mistake

WORST = 20
"""Number of mistakes that a report lists."""


def confuse(labels: Ints, predicted: Ints, classes: int) -> Confusion:
    """Build the confusion matrix from class indices, (n,) each."""
    counts = count(labels, predicted, classes)
    return Confusion(
        counts=tuple(tuple(row) for row in counts.tolist()),
        order=order(counts),
        worst=worst(counts),
    )


def count(labels: Ints, predicted: Ints, classes: int) -> Ints:
    """Number of pictures by actual class (rows) and predicted class (columns), (k, k)."""
    flat = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes)


def by_row(counts: Ints) -> Floats:
    """Shares of the pictures of each actual class; a row without pictures is all zeros."""
    total = counts.sum(axis=1, keepdims=True)
    return counts / np.maximum(total, 1)


def by_column(counts: Ints) -> Floats:
    """Shares of the predictions of each class; a column without predictions is all zeros."""
    total = counts.sum(axis=0, keepdims=True)
    return counts / np.maximum(total, 1)


def worst(counts: Ints) -> tuple[Mistake, ...]:
    """The cells off the diagonal with most pictures; ties go by the share of the class."""
    mistakes = counts - np.diag(np.diagonal(counts))
    shares = by_row(counts)
    rows, columns = np.nonzero(mistakes)
    ranked = np.lexsort((columns, rows, -shares[rows, columns], -mistakes[rows, columns]))
    return tuple(
        Mistake(
            label=int(rows[i]),
            predicted=int(columns[i]),
            count=int(mistakes[rows[i], columns[i]]),
            share=float(shares[rows[i], columns[i]]),
        )
        for i in ranked[:WORST]
    )


def order(counts: Ints) -> tuple[int, ...]:
    """Order the classes so that classes that are confused with each other are neighbours.

    Average-linkage clustering of the symmetric confusion rates; each merge flips its two halves
    so that the most similar ends meet. Classes that are never confused come last, in their order.
    """
    shares = by_row(counts)
    similarity = shares + shares.T
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

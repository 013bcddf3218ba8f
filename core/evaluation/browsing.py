"""Filter and sort the test pictures of a report."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.evaluation.intervals import Flags, Floats, Ints
from core.evaluation.report import OodScores, Report

VerdictName = Literal["sure", "not sure", "unlike"]


@dataclass(frozen=True)
class Rows:
    """The n test pictures of a report as arrays (n,), in its order.

    Attributes:
        names: file names in lower case.
        probability: of the predicted class, 0 to 1.
        ood_score: over 1 for pictures not like the training pictures; None if unknown.
        alike: number of pictures with the same actual and predicted class.
    """

    names: tuple[str, ...]
    labels: Ints
    predicted: Ints
    probability: Floats
    ood_score: Floats | None
    alike: Ints

    @property
    def correct(self) -> Flags:
        """Whether each prediction is correct, (n,)."""
        return self.labels == self.predicted

    def verdicts(self, threshold: float) -> dict[VerdictName, Flags]:
        """Which pictures get which verdict, (n,) each, at a probability threshold."""
        unlike = np.zeros(len(self.names), bool)
        if self.ood_score is not None:
            unlike = self.ood_score > 1
        sure = self.probability >= threshold
        return {"sure": sure & ~unlike, "not sure": ~sure & ~unlike, "unlike": unlike}

    def cell(self, label: int, predicted: int) -> Ints:
        """Indices of the pictures in a cell of the confusion matrix, the most probable first."""
        indices = np.flatnonzero((self.labels == label) & (self.predicted == predicted))
        return indices[np.argsort(-self.probability[indices], kind="stable")]


ORDERS: dict[str, Callable[[Rows], tuple[np.ndarray, ...]]] = {
    "Wrong first": lambda rows: (
        rows.correct,
        np.where(rows.correct, 0, -rows.alike),
        np.where(rows.correct, 0, rows.labels),
        np.where(rows.correct, 0, rows.predicted),
        np.where(rows.correct, rows.probability, -rows.probability),
    ),
    "Most surely wrong": lambda rows: (
        rows.correct,
        np.where(rows.correct, rows.probability, -rows.probability),
    ),
    "Least sure": lambda rows: (rows.probability,),
    "Surest": lambda rows: (-rows.probability,),
}
"""Sorting keys by name of the order. `Wrong first` goes through the confusions, the most common
first; `Most surely wrong` sorts all mistakes by probability."""


def rows(report: Report, ood: OodScores | None) -> Rows:
    """Convert the test pictures of a report to arrays."""
    predictions = report.predictions
    labels = np.array([p.label for p in predictions], np.int64)
    predicted = np.array([p.predicted for p in predictions], np.int64)
    return Rows(
        names=tuple(p.name.casefold() for p in predictions),
        labels=labels,
        predicted=predicted,
        probability=np.array([p.probability for p in predictions]),
        ood_score=None if ood is None else np.array(ood.scores),
        alike=np.array(report.confusion.counts)[labels, predicted],
    )


def round_robin(labels: Iterable[int]) -> list[int]:
    """Indices of the first picture of each class, then of the second of each, and so on."""
    counts: Counter[int] = Counter()
    ranked = []
    for index, label in enumerate(labels):
        ranked.append((counts[label], label, index))
        counts[label] += 1
    return [index for *_, index in sorted(ranked)]


def find(
    rows: Rows,
    order: str,
    *,
    label: int | None = None,
    predicted: int | None = None,
    correct: bool | None = None,
    low: float = 0.0,
    high: float = 1.0,
    verdict: VerdictName | None = None,
    threshold: float = 0.0,
    text: str = "",
) -> Ints:
    """Indices of the pictures that meet all conditions, (m,), in one of `ORDERS`; None allows all.

    Args:
        low, high: range of the probability of the predicted class.
        verdict: at `threshold`.
        text: part of the file name, in any case.
    """
    passed = (rows.probability >= low) & (rows.probability <= high)
    conditions = ((rows.labels, label), (rows.predicted, predicted), (rows.correct, correct))
    for values, required in conditions:
        if required is not None:
            passed &= values == required
    if verdict is not None:
        passed &= rows.verdicts(threshold)[verdict]
    if text:
        passed &= np.array([text.casefold() in name for name in rows.names])
    indices = np.flatnonzero(passed)
    keys = [key[indices] for key in ORDERS[order](rows)]
    return indices[np.lexsort(keys[::-1])]

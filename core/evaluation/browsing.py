"""Find test pictures of a report: what was said of each in arrays, filtered and put in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import OodScores, Report

Flags = NDArray[np.bool_]
Verdict = Literal["sure", "not sure", "unlike"]


@dataclass(frozen=True)
class Rows:
    """The n test pictures of a report, in its order.

    Attributes:
        names: of the files, in lower case.
        labels: what each was, (n,).
        predicted: what was said of it, (n,).
        probability: of what was said, (n,), 0 to 1.
        strangeness: (n,), over 1 where it would be called unlike; None where it is not known.
        alike: how many pictures share what it was and what was said, (n,).
    """

    names: tuple[str, ...]
    labels: Ints
    predicted: Ints
    probability: Floats
    ood_score: Floats | None
    alike: Ints

    @property
    def right(self) -> Flags:
        """Which were answered rightly, (n,)."""
        return self.labels == self.predicted

    def verdicts(self, threshold: float) -> dict[Verdict, Flags]:
        """Which would be called what, each (n,), when answers below `threshold` are not sure."""
        unlike = np.zeros(len(self.names), bool)
        if self.ood_score is not None:
            unlike = self.ood_score > 1
        sure = self.probability >= threshold
        return {"sure": sure & ~unlike, "not sure": ~sure & ~unlike, "unlike": unlike}

    def cell(self, label: int, predicted: int) -> Ints:
        """Places of the pictures of one class that were called another, the surest first."""
        places = np.flatnonzero((self.labels == label) & (self.predicted == predicted))
        return places[np.argsort(-self.probability[places], kind="stable")]


@dataclass(frozen=True)
class Wanted:
    """Which pictures to find; what is None or left out does not matter.

    Attributes:
        label: what they were.
        predicted: what was said of them.
        right: whether that was right.
        low: least probability of what was said.
        high: most probability of it.
        verdict: what they would be called, given `threshold`.
        threshold: probability below which an answer is not sure.
        text: part of the name of the file, in any case.
    """

    label: int | None = None
    predicted: int | None = None
    right: bool | None = None
    low: float = 0.0
    high: float = 1.0
    verdict: Verdict | None = None
    threshold: float = 0.0
    text: str = ""


ORDERS: dict[str, Callable[[Rows], tuple[np.ndarray, ...]]] = {
    "Wrong first": lambda rows: (
        rows.right,
        np.where(rows.right, 0, -rows.alike),
        np.where(rows.right, 0, rows.labels),
        np.where(rows.right, 0, rows.predicted),
        np.where(rows.right, rows.probability, -rows.probability),
    ),
    "Most surely wrong": lambda rows: (
        rows.right,
        np.where(rows.right, rows.probability, -rows.probability),
    ),
    "Least sure": lambda rows: (rows.probability,),
    "Surest": lambda rows: (-rows.probability,),
}
"""What pictures are sorted by, the first key first. `Wrong first` keeps the pictures of a confusion
together, the commonest first; `Most surely wrong` goes by probability alone."""


def rows(report: Report, unlike: OodScores | None) -> Rows:
    """The test pictures of a report as arrays."""
    said = report.predictions
    labels = np.array([one.label for one in said], np.int64)
    predicted = np.array([one.predicted for one in said], np.int64)
    return Rows(
        names=tuple(one.name.casefold() for one in said),
        labels=labels,
        predicted=predicted,
        probability=np.array([one.probability for one in said]),
        ood_score=None if unlike is None else np.array(unlike.scores),
        alike=np.array(report.confusion.counts)[labels, predicted],
    )


def find(among: Rows, wanted: Wanted, order: str) -> Ints:
    """Places of the pictures that are wanted, (m,), in one of `ORDERS`; ties by their place."""
    chosen = (among.probability >= wanted.low) & (among.probability <= wanted.high)
    if wanted.label is not None:
        chosen &= among.labels == wanted.label
    if wanted.predicted is not None:
        chosen &= among.predicted == wanted.predicted
    if wanted.right is not None:
        chosen &= among.right == wanted.right
    if wanted.verdict is not None:
        chosen &= among.verdicts(wanted.threshold)[wanted.verdict]
    if wanted.text:
        part = wanted.text.casefold()
        chosen &= np.array([part in name for name in among.names])
    places = np.flatnonzero(chosen)
    keys = [key[places] for key in ORDERS[order](among)]
    return places[np.lexsort(keys[::-1])]

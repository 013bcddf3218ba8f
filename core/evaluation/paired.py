"""Two models on the same test pictures: which is better, by how much, and on which pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from core.evaluation import differences
from core.evaluation.differences import Difference
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import Report
from core.evaluation.significance import holm


@dataclass(frozen=True)
class EvaluatedModel:
    """A report, and what finds its test pictures again among those of another.

    Attributes:
        report: of n test pictures and k classes.
        keys: SHA-256 of each test picture, in the order of the report, (n,).
        probabilities: what the model answered to each, (n, k).
    """

    report: Report
    keys: tuple[str, ...]
    probabilities: Floats

    def __post_init__(self) -> None:
        shape = (len(self.report.predictions), len(self.report.classes))
        if len(self.keys) != shape[0] or self.probabilities.shape != shape:
            raise ValueError(
                f"expected {shape[0]} keys and probabilities {shape}, found {len(self.keys)} and "
                f"{self.probabilities.shape}"
            )


class Place(NamedTuple):
    """Where one picture stands in both reports."""

    first: int
    second: int


@dataclass(frozen=True)
class PairedComparison:
    """Two models that were tested on the same pictures.

    Attributes:
        pictures: how many.
        both, only_first, only_second, neither: pictures by who was right.
        accuracy, balanced_accuracy, macro_f1: the second's less the first's.
        log_loss: likewise, so that less than 0 is better; None below `differences.FEWEST` pictures.
        righted: pictures that the first got wrong and the second right, in the first's order.
        wronged: the other way round.
        comparisons: how many were made together, for which `adjusted` makes up.
    """

    pictures: int
    both: int
    only_first: int
    only_second: int
    neither: int
    accuracy: Difference
    balanced_accuracy: Difference
    macro_f1: Difference
    log_loss: Difference | None
    righted: tuple[Place, ...]
    wronged: tuple[Place, ...]
    comparisons: int = 1

    def favours(self, figure: str) -> int:
        """Whom a figure of `DIFFERENCES` speaks for by more than chance.

        Returns:
            1 for the second, -1 for the first, 0 for neither.
        """
        found: Difference | None = getattr(self, figure)
        if found is None or not found.beyond_chance:
            return 0
        higher = found.estimate.value > 0
        return 1 if higher != (figure == "log_loss") else -1


@dataclass(frozen=True)
class NotComparable:
    """Two models whose tests cannot be paired, and why.

    Attributes:
        first, second: test pictures of each.
        shared: pictures that are in both tests; fewer than all of them is reason enough.
        relabelled: pictures whose label is another, where all are shared.
        other_classes: whether they choose among different classes.
    """

    first: int
    second: int
    shared: int
    relabelled: int
    other_classes: bool


DIFFERENCES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
"""Attributes of `Paired` that are differences."""


def compare(
    first: EvaluatedModel, second: EvaluatedModel, *, seed: int = 0
) -> PairedComparison | NotComparable:
    """Compare two models picture by picture, if the same pictures tested both.

    They did where pictures, labels and classes are the same; their order may differ, and classes
    are known by name. It says which of two trained models is better, not which way of training
    is: another seed would have made others of them.

    Args:
        first, second: what each answered.
        seed: of the bootstraps. Equal input and seed give an equal result.
    """
    if apart := _apart(first, second):
        return apart
    places = [there for _, there in sorted(zip(_ordered(first), _ordered(second), strict=True))]
    names = first.report.classes
    columns = [second.report.classes.index(name) for name in names]
    labels, one = _said(first)
    two = np.argsort(columns)[_said(second)[1][places]]
    ours, theirs = one == labels, two == labels
    only_first, only_second = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    balanced, macro = differences.of_averages(labels, one, two, len(names), seed=seed)
    given = second.probabilities[places][:, columns]
    return PairedComparison(
        pictures=len(labels),
        both=int((ours & theirs).sum()),
        only_first=only_first,
        only_second=only_second,
        neither=int((~ours & ~theirs).sum()),
        accuracy=differences.of_accuracy(only_first, only_second, len(labels)),
        balanced_accuracy=balanced,
        macro_f1=macro,
        log_loss=differences.of_log_loss(labels, first.probabilities, given, seed=seed),
        righted=tuple(Place(int(i), places[i]) for i in np.flatnonzero(theirs & ~ours)),
        wronged=tuple(Place(int(i), places[i]) for i in np.flatnonzero(ours & ~theirs)),
    )


def against(
    reference: EvaluatedModel, others: Sequence[EvaluatedModel], *, seed: int = 0
) -> tuple[PairedComparison | NotComparable, ...]:
    """Compare each of several models with one; p-values make up for there being several."""
    found = [compare(reference, other, seed=seed) for other in others]
    paired = [one for one in found if isinstance(one, PairedComparison)]
    changes: list[dict[str, Any]] = [{} for _ in paired]
    for name in DIFFERENCES:
        known = [(i, getattr(one, name)) for i, one in enumerate(paired) if getattr(one, name)]
        adjusted = holm([difference.p for _, difference in known])
        for (i, difference), p in zip(known, adjusted, strict=True):
            changes[i][name] = replace(difference, adjusted=p)
    done = iter(
        replace(one, comparisons=len(paired), **change)
        for one, change in zip(paired, changes, strict=True)
    )
    return tuple(next(done) if isinstance(one, PairedComparison) else one for one in found)


def _ordered(answered: EvaluatedModel) -> list[int]:
    """Places of the pictures, in an order that depends on pictures and labels alone."""
    return sorted(range(len(answered.keys)), key=lambda place: _identity(answered, place))


def _identity(answered: EvaluatedModel, place: int) -> tuple[str, str]:
    report = answered.report
    return answered.keys[place], report.classes[report.predictions[place].label]


def _said(answered: EvaluatedModel) -> tuple[Ints, Ints]:
    """What each picture is and was called, (n,) each."""
    said = answered.report.predictions
    return np.array([one.label for one in said]), np.array([one.predicted for one in said])


def _apart(first: EvaluatedModel, second: EvaluatedModel) -> NotComparable | None:
    shared = (Counter(first.keys) & Counter(second.keys)).total()
    alike = Counter(_identity(first, place) for place in range(len(first.keys))) & Counter(
        _identity(second, place) for place in range(len(second.keys))
    )
    other_classes = set(first.report.classes) != set(second.report.classes)
    if len(first.keys) == len(second.keys) == alike.total() and not other_classes:
        return None
    return NotComparable(
        first=len(first.keys),
        second=len(second.keys),
        shared=shared,
        relabelled=shared - alike.total(),
        other_classes=other_classes,
    )

"""Compare two models picture by picture on the same test pictures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from core.evaluation import differences, intervals
from core.evaluation.differences import Difference, holm
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import Report


@dataclass(frozen=True)
class EvaluatedModel:
    """A model's report on n test pictures and k classes, with more about them in its order.

    Attributes:
        keys: SHA-256, (n,), to match them with those of other reports.
        probabilities: (n, k).
        groups: (n,).
    """

    report: Report
    keys: tuple[str, ...]
    probabilities: Floats
    groups: Ints

    def __post_init__(self) -> None:
        shape = (len(self.report.predictions), len(self.report.classes))
        shapes = len(self.keys), self.probabilities.shape, len(self.groups)
        if shapes != (shape[0], shape, shape[0]):
            raise ValueError(
                f"expected {shape[0]} keys and groups and probabilities {shape}, found {shapes}"
            )

    def labelled_keys(self) -> list[tuple[str, str]]:
        """Key and class name of each picture."""
        classes = self.report.classes
        labels = [classes[prediction.label] for prediction in self.report.predictions]
        return list(zip(self.keys, labels, strict=True))


class Position(NamedTuple):
    """Index of one picture in both reports."""

    first: int
    second: int


@dataclass(frozen=True)
class PairedComparison:
    """Comparison of two models on the same test pictures.

    Attributes:
        pictures: number of test pictures.
        both: number of pictures that both models predict correctly.
        accuracy, balanced_accuracy, macro_f1: second minus first.
        log_loss: second minus first, so that negative values favour the second; None below
            `differences.MINIMUM_GROUPS` groups of pictures.
        fixed: pictures that only the second model predicts correctly, in the first's order.
        broken: pictures that only the first model predicts correctly.
        comparisons: number of comparisons that p-values are adjusted for.
    """

    pictures: int
    both: int
    accuracy: Difference
    balanced_accuracy: Difference
    macro_f1: Difference
    log_loss: Difference | None
    fixed: tuple[Position, ...]
    broken: tuple[Position, ...]
    comparisons: int = 1

    def favours(self, figure: str) -> int:
        """Which model is significantly better: 1 for the second, -1 the first, 0 for neither."""
        difference: Difference | None = getattr(self, figure)
        if difference is None or not difference.significant:
            return 0
        higher = difference.estimate.value > 0
        return 1 if higher != (figure == "log_loss") else -1


@dataclass(frozen=True)
class NotComparable:
    """Why two models cannot be compared picture by picture.

    Attributes:
        first, second: number of test pictures of each model.
        shared: number of pictures in both test sets.
        relabelled: number of shared pictures with different labels.
    """

    first: int
    second: int
    shared: int
    relabelled: int


DIFFERENCES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
"""Attributes of `PairedComparison` that are differences."""


def compare(first: EvaluatedModel, second: EvaluatedModel) -> PairedComparison | NotComparable:
    """Compare two models if they were tested on the same pictures.

    Pictures, labels and classes must be the same, in any order; classes are matched by name.
    Pictures that are one group for either model are one group here. The result is about the two
    trained models, not about the ways they were trained: another seed would give other models.
    """
    if reason := _not_comparable(first, second):
        return reason
    # In the order of pictures and labels, the two test sets are the same.
    order, other = (
        sorted(range(len(m.keys)), key=m.labelled_keys().__getitem__) for m in (first, second)
    )
    matching = [j for _, j in sorted(zip(order, other, strict=True))]
    names = first.report.classes
    columns = [second.report.classes.index(name) for name in names]
    labels = np.array([p.label for p in first.report.predictions])
    before = _predicted(first)
    after = np.argsort(columns)[_predicted(second)[matching]]
    change = (after == labels).astype(np.int64) - (before == labels)
    broken, fixed = np.flatnonzero(change < 0), np.flatnonzero(change > 0)
    groups = _joined(first.groups, second.groups[matching])
    p = differences.sign_flip(change, groups)
    balanced, macro = differences.of_averages(labels, before, after, len(names), groups)
    probabilities = second.probabilities[matching][:, columns]
    return PairedComparison(
        pictures=len(labels),
        both=int(((before == labels) & (after == labels)).sum()),
        accuracy=Difference(intervals.accuracy_difference(change, groups), p, p),
        balanced_accuracy=balanced,
        macro_f1=macro,
        log_loss=differences.of_log_loss(labels, first.probabilities, probabilities, groups),
        fixed=tuple(Position(int(i), matching[i]) for i in fixed),
        broken=tuple(Position(int(i), matching[i]) for i in broken),
    )


def compare_with(
    reference: EvaluatedModel, models: Sequence[EvaluatedModel]
) -> tuple[PairedComparison | NotComparable, ...]:
    """Compare models with a reference; p-values are adjusted for the number of models."""
    results = [compare(reference, model) for model in models]
    paired = [i for i, result in enumerate(results) if isinstance(result, PairedComparison)]
    for name in DIFFERENCES:
        present = [(i, d) for i in paired if (d := getattr(results[i], name))]
        adjusted = holm([difference.p for _, difference in present])
        for (i, difference), p in zip(present, adjusted, strict=True):
            changes = {name: replace(difference, adjusted=p), "comparisons": len(paired)}
            results[i] = replace(results[i], **changes)
    return tuple(results)


def _predicted(model: EvaluatedModel) -> Ints:
    return np.array([prediction.predicted for prediction in model.report.predictions])


def _joined(first: Ints, second: Ints) -> Ints:
    """Groups (n,) that are unions of the groups of both, (n,) each."""
    groups = np.unique(first, return_inverse=True)[1]
    others = [np.unique(each, return_inverse=True)[1] for each in (second, first)]
    while True:
        before = groups
        for other in others:
            lowest = np.full(len(groups), len(groups))
            np.minimum.at(lowest, other, groups)
            groups = lowest[other]
        if (groups == before).all():
            return groups


def _not_comparable(first: EvaluatedModel, second: EvaluatedModel) -> NotComparable | None:
    shared = (Counter(first.keys) & Counter(second.keys)).total()
    equal = (Counter(first.labelled_keys()) & Counter(second.labelled_keys())).total()
    same_classes = set(first.report.classes) == set(second.report.classes)
    if len(first.keys) == len(second.keys) == equal and same_classes:
        return None
    return NotComparable(
        first=len(first.keys),
        second=len(second.keys),
        shared=shared,
        relabelled=shared - equal,
    )

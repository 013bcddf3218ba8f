"""Two models on the same test pictures: which is better, by how much, and on which pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from core.evaluation import intervals, measures
from core.evaluation.intervals import Floats, Ints
from core.evaluation.measures import Means, Tally
from core.evaluation.report import Estimate, Report
from core.evaluation.significance import ALPHA, from_draws, holm, mcnemar

FEWEST = 10
"""Pictures below which a bootstrap of their losses sees too little to be believed."""


@dataclass(frozen=True)
class Answered:
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


@dataclass(frozen=True)
class Difference:
    """How much higher the second's figure is than the first's.

    Attributes:
        estimate: second less first.
        p: how likely chance alone makes so large a difference between two that are equally good.
        adjusted: `p`, made larger where several comparisons were made.
    """

    estimate: Estimate
    p: float
    adjusted: float

    @property
    def beyond_chance(self) -> bool:
        """Whether it is more than chance explains."""
        return self.adjusted < ALPHA


class Place(NamedTuple):
    """Where one picture stands in both reports."""

    first: int
    second: int


@dataclass(frozen=True)
class Paired:
    """Two models that were tested on the same pictures.

    Attributes:
        pictures: how many.
        both, only_first, only_second, neither: pictures by who was right.
        accuracy, balanced_accuracy, macro_f1: the second's less the first's.
        log_loss: likewise, so that less than 0 is better; None below `FEWEST` pictures.
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


@dataclass(frozen=True)
class Apart:
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


def compare(first: Answered, second: Answered, *, seed: int = 0) -> Paired | Apart:
    """Compare two models picture by picture, if the same pictures tested both.

    They did where pictures, labels and classes are the same; their order may differ, and classes
    are known by name. It says which of two trained models is better, not which way of training
    is: another seed would have made others of them.

    Args:
        first, second: what each answered.
        seed: of the bootstraps. Equal input and seed give an equal result.
    """
    there, here = _ordered(first), _ordered(second)
    if apart := _apart(first, second):
        return apart
    places = [one for _, one in sorted(zip(there, here, strict=True))]
    names = first.report.classes
    columns = [second.report.classes.index(name) for name in names]
    labels = np.array([said.label for said in first.report.predictions])
    one, two = (
        np.array([said.predicted for said in answered.report.predictions])
        for answered in (first, second)
    )
    two = np.argsort(columns)[two[places]]
    ours, theirs = one == labels, two == labels
    only_first, only_second = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    p = mcnemar(only_first, only_second)
    balanced, macro = _averages(labels, one, two, len(names), seed)
    losses = _losses(second.probabilities[places][:, columns], labels) - _losses(
        first.probabilities, labels
    )
    return Paired(
        pictures=len(labels),
        both=int((ours & theirs).sum()),
        only_first=only_first,
        only_second=only_second,
        neither=int((~ours & ~theirs).sum()),
        accuracy=Difference(
            intervals.paired_difference(only_second, only_first, len(labels)), p, p
        ),
        balanced_accuracy=balanced,
        macro_f1=macro,
        log_loss=_mean(losses, seed) if len(losses) >= FEWEST else None,
        righted=tuple(Place(int(i), places[i]) for i in np.flatnonzero(theirs & ~ours)),
        wronged=tuple(Place(int(i), places[i]) for i in np.flatnonzero(ours & ~theirs)),
    )


def against(
    reference: Answered, others: Sequence[Answered], *, seed: int = 0
) -> tuple[Paired | Apart, ...]:
    """Compare each of several models with one; p-values make up for there being several."""
    found = [compare(reference, other, seed=seed) for other in others]
    paired = [(i, one) for i, one in enumerate(found) if isinstance(one, Paired)]
    for name in DIFFERENCES:
        known = [(i, found_) for i, one in paired if (found_ := getattr(one, name)) is not None]
        for (i, difference), adjusted in zip(
            known, holm([difference.p for _, difference in known]), strict=True
        ):
            changed = {name: replace(difference, adjusted=adjusted), "comparisons": len(paired)}
            found[i] = replace(found[i], **changed)
    return tuple(found)


def _ordered(answered: Answered) -> list[int]:
    """Places of the pictures, in an order that depends on pictures and labels alone."""
    return sorted(range(len(answered.keys)), key=lambda place: _identity(answered, place))


def _identity(answered: Answered, place: int) -> tuple[str, str]:
    report = answered.report
    return answered.keys[place], report.classes[report.predictions[place].label]


def _apart(first: Answered, second: Answered) -> Apart | None:
    shared = (Counter(first.keys) & Counter(second.keys)).total()
    alike = Counter(_identity(first, place) for place in range(len(first.keys))) & Counter(
        _identity(second, place) for place in range(len(second.keys))
    )
    other_classes = set(first.report.classes) != set(second.report.classes)
    if len(first.keys) == len(second.keys) == alike.total() and not other_classes:
        return None
    return Apart(
        first=len(first.keys),
        second=len(second.keys),
        shared=shared,
        relabelled=shared - alike.total(),
        other_classes=other_classes,
    )


def _averages(
    labels: Ints, one: Ints, two: Ints, classes: int, seed: int
) -> tuple[Difference, Difference]:
    """Balanced accuracy and macro F1, from test sets drawn class by class, both answers together.

    As in `intervals.paired_difference`, one picture more that only the first gets right and one
    that only the second does, shared out among the classes, keep the draws from being certain of
    a difference, or of none, that few pictures show.

    Args:
        labels, one, two: what each picture is and was called by each, (n,).
    """
    cells, counts = np.unique((labels * classes + one) * classes + two, return_counts=True)
    present = np.unique(labels)
    beside = (present + 1) % classes  # a wrong answer, no matter which
    cells = np.concatenate(
        (
            cells,
            (present * classes + present) * classes + beside,
            (present * classes + beside) * classes + present,
        )
    )
    weights = np.concatenate((counts, np.full(2 * len(present), 1 / len(present))))
    label, first, second = np.unravel_index(cells, (classes,) * 3)
    generator = np.random.default_rng(seed)
    drawn = np.zeros((intervals.RESAMPLES, len(cells)))
    for name, size in zip(present, np.bincount(labels)[present], strict=True):
        inside = np.flatnonzero(label == name)
        shares = weights[inside] / weights[inside].sum()
        drawn[:, inside] = generator.multinomial(size, shares, size=len(drawn))
    support = np.bincount(labels, minlength=classes)

    def figures(answers: Ints, times: Floats) -> Means:
        called = times @ np.eye(classes)[answers]
        hits = times @ (np.eye(classes)[label] * (answers == label)[:, None])
        tally = Tally(*(np.rint(part).astype(np.int64) for part in (hits, called)))
        return tally
    raise NotImplementedError

"""Checks of the classes: are there enough, and enough of each?"""

from collections import defaultdict

import numpy as np

from core.checks.findings import Case, Finding, Remedy, Severity, counted, listed
from core.dataset import Dataset

FEWEST = 3  # pictures of a class: one for each part
FEW = 20  # below this a class is learned and scored poorly
IMBALANCE = 3  # times


def two_classes(case: Case) -> Finding | None:
    """Nothing to tell apart."""
    if len(case.dataset.classes) >= 2:
        return None
    return Finding(
        severity=Severity.BLOCKS,
        code="two_classes",
        sentence="At least two classes are needed. Add a folder of pictures of something else.",
    )


def too_few(case: Case) -> Finding | None:
    """Classes with fewer pictures than a split can share out."""
    poor = [
        name
        for name, count in zip(case.dataset.classes, _counts(case.dataset), strict=True)
        if count < FEWEST
    ]
    if not poor:
        return None
    return Finding(
        severity=Severity.BLOCKS,
        code="too_few",
        sentence=f"At least {FEWEST} pictures of a class are needed; {listed(poor)} "
        f"{'has' if len(poor) == 1 else 'have'} fewer. Add some, or leave the class out.",
        files=_files(case.dataset, poor),
        remedy=Remedy(
            kind="leave_out",
            label=f"Leave out {counted(len(poor), 'class', 'classes')}",
            classes=tuple(poor),
        ),
    )


def few(case: Case) -> Finding | None:
    """Classes with so few pictures that their scores say little."""
    poor = [
        name
        for name, count in zip(case.dataset.classes, _counts(case.dataset), strict=True)
        if FEWEST <= count < FEW
    ]
    if not poor:
        return None
    return Finding(
        severity=Severity.WARNS,
        code="few",
        sentence=f"{listed(poor)} {'has' if len(poor) == 1 else 'have'} fewer than {FEW} pictures "
        "to learn from, so scores will be uncertain. Add some if you can.",
    )


def imbalance(case: Case) -> Finding | None:
    """Classes of very different sizes."""
    counts = _counts(case.dataset)
    if len(counts) < 2 or max(counts) < IMBALANCE * max(min(counts), 1):
        return None
    most, least = int(np.argmax(counts)), int(np.argmin(counts))
    names = case.dataset.classes
    return Finding(
        severity=Severity.WARNS,
        code="imbalance",
        sentence=f"{names[most]} has {counts[most] / max(counts[least], 1):.0f} times as many "
        f"pictures as {names[least]} ({counts[most]:,} and {counts[least]:,}). Rare classes will "
        "be given more weight while learning.",
    )


def similar_names(case: Case) -> Finding | None:
    """Classes whose names differ only in capitals, spaces or the folder above them."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for name in case.dataset.classes:
        alike["".join(name.split("/")[-1].casefold().split())].append(name)
    same = next((names for names in alike.values() if len(names) > 1), None)
    if not same:
        return None
    return Finding(
        severity=Severity.WARNS,
        code="similar_names",
        sentence=f"{listed(same)} have nearly the same name. Merge them if they are one class.",
        remedy=Remedy(kind="merge", label=f"Merge into {same[0]}", classes=tuple(same)),
    )


def _counts(dataset: Dataset) -> list[int]:
    """Pictures of each class; of a predefined split, those to learn from."""
    counts = [0] * len(dataset.classes)
    for example in dataset.examples:
        counts[example.label] += not dataset.predefined or example.split == "train"
    return counts


def _files(dataset: Dataset, classes: list[str]) -> tuple[str, ...]:
    return tuple(e.name for e in dataset.examples if dataset.classes[e.label] in classes)

"""Findings about a dataset, and remedies that one click applies."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from core.archive.unpacking import Skipped
from core.dataset import Dataset, Example

LEFT_OUT = "Left out on the advice of a finding."


class Severity(StrEnum):
    """Severity of a finding."""

    BLOCKS = "blocks"
    WARNS = "warns"
    INFORMS = "informs"


class Remedy(BaseModel):
    """A change to a dataset that resolves a finding.

    Attributes:
        kind: `leave_out` removes `files` and all pictures of `classes`; `merge` merges the later
            of `classes` into the first.
        label: of the button.
        files: `Example.name` of each.
        classes: names of classes.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["leave_out", "merge"]
    label: str
    files: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


class Finding(BaseModel):
    """A problem or a property of a dataset.

    Attributes:
        severity: `BLOCKS` prevents training.
        code: of the check, as stored in findings.json.
        sentence: for the visitor.
        files: `Example.name` of the pictures concerned; duplicates are next to each other.
        remedy: if there is one.
    """

    model_config = ConfigDict(frozen=True)

    severity: Severity
    code: str
    sentence: str
    files: tuple[str, ...] = ()
    remedy: Remedy | None = None


@dataclass(frozen=True)
class CheckInput:
    """The input of a check.

    Attributes:
        dataset: with groups.
        measures: (n, 4) float32, one row per example, as in `fingerprints.MEASURES`.
        copies: groups of two or more examples with equal pixels, by place.
    """

    dataset: Dataset
    measures: np.ndarray
    copies: tuple[tuple[int, ...], ...]


def apply(dataset: Dataset, remedies: Iterable[Remedy]) -> Dataset:
    """Apply remedies: first classes are merged, then files are left out.

    The dataset itself is not changed; applying fewer remedies to it undoes the others.
    """
    remedies = list(remedies)
    name_of = {name: name for name in dataset.classes}
    for remedy in remedies:
        if remedy.kind == "merge" and remedy.classes:
            into = name_of[remedy.classes[0]]
            absorbed = {name_of[name] for name in remedy.classes if name in name_of}
            name_of = {old: into if new in absorbed else new for old, new in name_of.items()}
    leaving = [remedy for remedy in remedies if remedy.kind == "leave_out"]
    files = {name for remedy in leaving for name in remedy.files}
    classes = {name for remedy in leaving for name in remedy.classes}
    kept: list[Example] = []
    removed: list[Example] = []
    for example in dataset.examples:
        out = example.name in files or dataset.classes[example.label] in classes
        (removed if out else kept).append(example)
    labels = [name_of[dataset.classes[example.label]] for example in kept]
    names = tuple(name for name in dataset.classes if name in set(labels))
    place = {name: index for index, name in enumerate(names)}
    examples = tuple(
        example.model_copy(update={"label": place[label]})
        for example, label in zip(kept, labels, strict=True)
    )
    skipped = tuple(Skipped(name=example.name, reason=LEFT_OUT) for example in removed)
    return dataset.model_copy(
        update={"classes": names, "examples": examples, "skipped": dataset.skipped + skipped}
    )

"""Findings about a dataset, and remedies that one click applies."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from pydantic import BaseModel

from core.archive.names import ENCODINGS
from core.archive.unpacking import Skipped
from core.dataset import Dataset, Example, layout
from core.dataset.examples import Note

LEFT_OUT = "Excluded by a remedy that was applied."


class Severity(StrEnum):
    """Severity of a finding."""

    BLOCKS = "blocks"
    WARNS = "warns"
    INFORMS = "informs"


class Remedy(BaseModel, frozen=True):
    """A change to a dataset that resolves a finding.

    Attributes:
        kind: `leave_out` removes `files` and all pictures of `classes`; `merge` merges the later
            of `classes` into the first; `read_as` takes the classes from nested folders by
            `reading`; `rename` gives `classes` the names `names`.
        label: of the button.
        files: `Example.name` of each.
        classes: names of classes.
    """

    kind: Literal["leave_out", "merge", "read_as", "rename"]
    label: str
    files: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    reading: layout.Reading | None = None
    names: tuple[str, ...] = ()


class Finding(BaseModel, frozen=True):
    """A problem or a property of a dataset.

    Attributes:
        severity: `BLOCKS` prevents training.
        code: of the check, as stored in findings.json.
        sentence: for the visitor.
        files: `Example.name` of the pictures concerned; duplicates are next to each other.
        remedy: if there is one.
    """

    severity: Severity
    code: str
    sentence: str
    files: tuple[str, ...] = ()
    remedy: Remedy | None = None

    @property
    def resolved_by_default(self) -> bool:
        """Whether its remedy is safe to apply unasked: it blocks, or merges `Daisy` and `daisy`."""
        if self.remedy is None:
            return False
        spellings = {name.casefold() for name in self.remedy.classes}
        return self.severity is Severity.BLOCKS or (
            self.remedy.kind == "merge" and len(spellings) == 1
        )


@dataclass(frozen=True)
class CheckInput:
    """The input of a check.

    Attributes:
        dataset: with groups.
        measures: (n, 4) float32, one row per example, as in `fingerprints.MEASURES`.
        duplicates: groups of two or more examples with equal pixels, by place.
    """

    dataset: Dataset
    measures: np.ndarray
    duplicates: tuple[tuple[int, ...], ...]


def apply(dataset: Dataset, remedies: Iterable[Remedy]) -> Dataset:
    """Apply remedies in order; nested folders are read again first, and files left out last.

    The dataset itself is not changed; applying fewer remedies to it undoes the others.
    """
    remedies = list(remedies)
    for remedy in remedies:
        if remedy.kind == "read_as":
            dataset = _read_as(dataset, remedy.reading)
    name_of = {name: name for name in dataset.classes}
    left_out: set[str] = set()  # by their original names
    for remedy in remedies:
        if remedy.kind == "leave_out":
            left_out |= {old for old, new in name_of.items() if new in remedy.classes}
        if remedy.kind == "rename":
            new_names = dict(zip(remedy.classes, remedy.names, strict=True))
            name_of = {old: new_names.get(new, new) for old, new in name_of.items()}
        if remedy.kind == "merge" and remedy.classes:
            into = name_of[remedy.classes[0]]
            absorbed = {name_of[name] for name in remedy.classes if name in name_of}
            name_of = {old: into if new in absorbed else new for old, new in name_of.items()}
    files = {name for each in remedies if each.kind == "leave_out" for name in each.files}
    kept: list[Example] = []
    removed: list[Example] = []
    for example in dataset.examples:
        out = example.name in files or dataset.classes[example.label] in left_out
        (removed if out else kept).append(example)
    labels = [name_of[dataset.classes[example.label]] for example in kept]
    names = tuple(sorted(set(labels)))
    place = {name: index for index, name in enumerate(names)}
    examples = tuple(
        example.model_copy(update={"label": place[label]})
        for example, label in zip(kept, labels, strict=True)
    )
    skipped = tuple(Skipped(name=example.name, reason=LEFT_OUT) for example in removed)
    renamed = any(remedy.kind == "rename" for remedy in remedies)
    notes = tuple(note for note in dataset.notes if not (renamed and note.encodings))
    return dataset.model_copy(
        update={
            "classes": names,
            "examples": examples,
            "skipped": dataset.skipped + skipped,
            "notes": notes,
        }
    )


def from_note(note: Note, dataset: Dataset) -> Finding:
    """The finding that shows a note, with the other interpretation as a remedy."""
    remedy = None
    if note.reading:
        label = "Make each subfolder a class" if note.reading == "path" else "Use the outer folders"
        remedy = Remedy(kind="read_as", label=label, reading=note.reading)
    elif len(note.encodings) > 1:
        used, other = note.encodings[:2]
        names = [name.encode(used, "replace").decode(other, "replace") for name in dataset.classes]
        remedy = Remedy(
            kind="rename",
            label=f"Read them as {ENCODINGS[other]}",
            classes=dataset.classes,
            names=tuple(names),
        )
    severity = Severity.WARNS if note.warns else Severity.INFORMS
    return Finding(severity=severity, code=note.code, sentence=note.sentence, remedy=remedy)


def _read_as(dataset: Dataset, reading: layout.Reading | None) -> Dataset:
    """The dataset with classes from its nested folders by another reading."""
    inferred = layout.infer([example.name for example in dataset.examples], reading)
    place = {name: index for index, name in enumerate(inferred.classes)}
    examples = tuple(
        example.model_copy(update={"label": place[assignment.label]})
        for example, assignment in zip(dataset.examples, inferred.assignments, strict=True)
        if not assignment.reason
    )
    notes = tuple(note for note in dataset.notes if not note.reading)
    return dataset.model_copy(
        update={"classes": inferred.classes, "examples": examples, "notes": notes}
    )

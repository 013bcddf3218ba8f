"""Findings about a dataset, and remedies that one click applies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from pydantic import BaseModel

from core.archive.names import ENCODINGS
from core.archive.unpacking import Skipped
from core.dataset import Dataset, Example, layout
from core.dataset.examples import Note
from core.dataset.layout import Split

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
            `reading`; `rename` gives `classes` the names `names`, which may be those of others;
            `move` moves `files` to the class in `classes`; `add` adds the pictures whose id is in
            `files`; `unstretch` reads pictures of more than 8 bits as their files declare.
        label: of the button.
        files: `Example.name` of each.
        classes: names of classes.
    """

    kind: Literal["leave_out", "merge", "read_as", "rename", "move", "add", "unstretch"]
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


def apply(
    dataset: Dataset, remedies: Iterable[Remedy], added: Mapping[str, Dataset] | None = None
) -> Dataset:
    """Apply remedies in order; nested folders are read again first.

    The dataset itself is not changed; applying fewer remedies to it undoes the others.

    Args:
        added: pictures that were added later, by their id.
    """
    remedies = list(remedies)
    for remedy in remedies:
        if remedy.kind == "read_as":
            dataset = _read_as(dataset, remedy.reading)
    examples, skipped = list(dataset.examples), list(dataset.skipped)
    labels: list[str | None] = [dataset.classes[example.label] for example in examples]
    for remedy in remedies:
        if remedy.kind == "add":
            more = (added or {})[remedy.files[0]]
            split: Split | None = "train" if dataset.predefined else None
            examples += [each.model_copy(update={"split": split}) for each in more.examples]
            labels += [more.classes[example.label] for example in more.examples]
            skipped += more.skipped
        else:
            labels = _relabelled(remedy, examples, labels)
    names = tuple(sorted({label for label in labels if label is not None}))
    place = {name: index for index, name in enumerate(names)}
    pairs = list(zip(examples, labels, strict=True))
    kept = [each.model_copy(update={"label": place[name]}) for each, name in pairs if name]
    skipped += [Skipped(name=example.name, reason=LEFT_OUT) for example, name in pairs if not name]
    renamed = any(remedy.kind == "rename" for remedy in remedies)
    plain = any(remedy.kind == "unstretch" for remedy in remedies)
    notes = tuple(
        note
        for note in dataset.notes
        if not (renamed and note.encodings) and not (plain and note.stretched)
    )
    scale = dataset.scale
    return dataset.model_copy(
        update={
            "scale": scale.model_copy(update={"gain": 1.0}) if plain else scale,
            "classes": names,
            "examples": tuple(kept),
            "skipped": tuple(skipped),
            "notes": notes,
        }
    )


def _relabelled(
    remedy: Remedy, examples: list[Example], labels: list[str | None]
) -> list[str | None]:
    """The class of each picture after a remedy; None for those that are left out."""
    files = dict.fromkeys(remedy.files, remedy.classes[0] if remedy.kind == "move" else None)
    classes: dict[str, str | None] = {}
    match remedy.kind:
        case "leave_out":
            classes = dict.fromkeys(remedy.classes)
        case "merge":
            classes = dict.fromkeys(remedy.classes, remedy.classes[0])
        case "rename":
            classes = dict(zip(remedy.classes, remedy.names, strict=True))
    return [
        None if label is None else files.get(example.name, classes.get(label, label))
        for example, label in zip(examples, labels, strict=True)
    ]


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
    elif note.stretched:
        remedy = Remedy(kind="unstretch", label="Do not stretch them")
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

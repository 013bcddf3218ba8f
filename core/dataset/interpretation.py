"""Decide where the labels of a dataset are: in folders, tables or file names."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from core.archive.unpacking import Extraction, Member
from core.dataset import (
    combining,
    file_names,
    folder_names,
    label_files,
    layout,
    reading_findings,
    refusals,
    repeats,
)
from core.dataset.findings import Finding, warns
from core.errors import BadDataset

# Columns that rather say something about the pictures of a class than name it.
_REMARKS = re.compile(r"the column (tags?|tagname|annotations?|choices?) of ", re.IGNORECASE)


ClassExpectation = Literal["several", "preferably_several", "any", "none"]
"""Which classes are expected.

`several`: at least two. Where there are fewer folders, labels are sought elsewhere.
`preferably_several`: likewise, but one is accepted where no labels of several are found.
`any`: one folder is enough, as to evaluate a model on.
`none`: folders do not matter, and all pictures get one class without a name.
"""


class Interpretation(NamedTuple):
    """Classes and splits, and findings about how files were read.

    Attributes:
        source: labels or splits that are not from folders, if they were used.
        unread: tables that may define a split, but were not understood.
    """

    layout: layout.Layout
    notes: tuple[Finding, ...] = ()
    source: label_files.Labels | None = None
    unread: tuple[str, ...] = ()


def interpret(
    name: str,
    pictures: Sequence[str],
    others: Sequence[Member],
    files: Extraction,
    expect_classes: ClassExpectation = "several",
    contents: Sequence[str] = (),
) -> Interpretation:
    """The class and split of each picture: from folders, else from tables or file names.

    Args:
        contents: hash of each picture; empty if they are not known.

    Raises:
        BadDataset: there are no pictures, or labels of parts of pictures.
        NoClasses: there are no labels, or fewer than two classes.
    """
    if expect_classes == "none":
        return Interpretation(layout.Layout((layout.Assignment(),) * len(pictures)))
    repeated = repeats.find(pictures, contents)
    unused = repeated | dict.fromkeys(folder_names.masks(pictures), layout.MASK)
    used = [picture for picture in pictures if picture not in unused]
    labels = _find_labels(name, used, others, expect_classes)
    remaining = iter(labels.layout.assignments)
    assignments = tuple(
        layout.Assignment(reason=unused[each]) if each in unused else next(remaining)
        for each in pictures
    )
    inferred = replace(labels.layout, assignments=assignments)
    interpretation = labels._replace(layout=inferred)
    refusals.check_pictures(name, pictures, files, others)
    fewest = 2 if expect_classes == "several" else 1
    refusals.check_classes(name, pictures, inferred, labels.source, files, others, fewest)
    lists = [member.name for member in others if folder_names.may_list_split(member.name)]
    notes = (
        *labels.notes,
        *reading_findings.repeated(repeated),
        *reading_findings.interpreted(
            used, [*lists, *labels.unread], labels.layout, labels.source, files
        ),
        *reading_findings.without_pictures(pictures, inferred, files),
    )
    return interpretation._replace(notes=notes)


def _find_labels(
    name: str, pictures: Sequence[str], others: Sequence[Member], expectation: ClassExpectation
) -> Interpretation:
    """The classes of folders; where there are too few, those of tables or file names."""
    folders = layout.infer(pictures)
    if _are_enough(folders, expectation):
        return _beside_folders(name, pictures, others, folders)
    notes: tuple[Finding, ...] = ()
    try:
        tables = label_files.find(name, pictures, others)
    except label_files.LabelsOfParts as refusal:  # unless the file names have labels
        names = file_names.find(pictures)
        labels = {label for label, _ in names.labels.values()} if names else set()
        if not labels or _are_numbered(labels):
            raise
        tables = label_files.find(name, pictures, others, labels)
        notes = (warns("boxes", f"{refusal} Only the file names were used."),)
    if tables and tables.enough:
        return Interpretation(layout.with_labels(pictures, tables), notes, tables, tables.unread)
    if source := file_names.find(pictures, tables) or tables:
        return Interpretation(layout.with_labels(pictures, source), notes, source)
    return Interpretation(folders)


def _are_enough(folders: layout.Layout, expectation: ClassExpectation) -> bool:
    """Whether no other labels than those of folders are needed."""
    if refusals.is_flat_split(folders):
        return False
    if len(folders.classes) == 1:
        return expectation == "any" and not folder_names.is_generic(folders.classes[0])
    return len(folders.classes) > 1


def _beside_folders(
    name: str, pictures: Sequence[str], others: Sequence[Member], folders: layout.Layout
) -> Interpretation:
    """The classes of folders with what tables add to them."""
    try:
        source = label_files.find(name, pictures, others, folders.classes)
    except BadDataset:  # the folders have labels, but lists of a split were not read either
        tables = [m.name for m in others if m.name.lower().endswith(label_files.SUFFIXES)]
        tests = [n for n in tables if folder_names.role(PurePosixPath(n).stem) == "test"]
        return Interpretation(folders, unread=tuple(tests))
    if source is None:
        return Interpretation(folders)
    comparison = combining.Comparison(pictures, folders, source)
    if _are_parts(comparison):
        if source.unread:  # that was judged by the folders
            source = label_files.find(name, pictures, others) or source
        return Interpretation(layout.with_labels(pictures, source), (), source, source.unread)
    notes = comparison.disagreement()
    both = comparison.combined()
    if both == folders:
        return Interpretation(folders, notes, None, source.unread)
    pairs = zip(folders.assignments, both.assignments, strict=True)
    if all(after.label in ("", before.label) for before, after in pairs):
        # Only the split is from the table.
        splits = {picture: ("", split) for picture, (_, split) in source.labels.items()}
        source = source._replace(labels=splits)
    return Interpretation(both, notes, source, source.unread)


def _are_parts(comparison: combining.Comparison) -> bool:
    """Whether the classes are in the table, and folders such as `part_1` and `raw` mean nothing."""
    classes, source = comparison.folders.classes, comparison.source
    # `images` of `train_images`
    rest = [folder_names.divide_name(folder)[-1] for folder in classes]
    unnamed = all(map(folder_names.is_generic, rest)) and any(map(folder_names.is_part, rest))
    words = folder_names.words_of(classes[0])
    named = any(map(folder_names.is_generic, words)) or not _REMARKS.match(source.source)
    most = len(source.labels) >= label_files.MINIMUM_SHARE * len(comparison.pictures)
    are_parts = (_are_numbered(classes) or unnamed) and named
    return are_parts and source.enough and most and not comparison.renumbers()


def _are_numbered(labels: Iterable[str]) -> bool:
    """Whether names differ only in their numbers."""
    return len({re.sub(r"\d+", "", label) for label in labels}) == 1

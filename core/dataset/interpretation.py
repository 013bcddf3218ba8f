"""Decide where the labels of a dataset are, and say how its files were interpreted."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

from core.archive.unpacking import NESTED, Extraction, Member
from core.dataset import (
    combining,
    encodings,
    file_names,
    folder_names,
    label_files,
    layout,
    repeats,
)
from core.dataset.findings import Finding, Remedy, informs, warns
from core.errors import BadDataset, NoClasses
from core.images.formats import READABLE
from core.system import prose

MOST_LISTED = 5
LONGEST = 80
"""Characters of a cell that are shown."""
SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
# Columns that rather say something about the pictures of a class than name it.
_REMARKS = re.compile(r"the column (tags?|tagname|annotations?|choices?) of ", re.IGNORECASE)


class Interpretation(NamedTuple):
    """Classes and splits, findings about how files were read, and the tables that were."""

    layout: layout.Layout
    notes: tuple[Finding, ...]
    tables: tuple[str, ...]


def interpret(
    name: str,
    pictures: Sequence[str],
    others: Sequence[Member],
    files: Extraction,
    fewest_classes: int = 2,
    accept_one: bool = False,
    contents: Sequence[str] = (),
) -> Interpretation:
    """The class and split of each picture: from folders, else from tables or file names.

    Args:
        name: of the dataset, for messages.
        pictures: names of the readable pictures.
        others: all other files.
        files: what was extracted.
        fewest_classes: that are accepted; where there are fewer folders, other labels are sought.
        accept_one: whether one class is accepted if none are found.
        contents: hash of each picture; empty if they are not known.

    Raises:
        BadDataset: there are no pictures, or labels of parts of pictures.
        NoClasses: there are no labels, or fewer than two classes.
    """
    repeated = repeats.find(pictures, contents)
    unused = {p: layout.BY_YEAR if repeats.by_year(p) else layout.REPEATED for p in repeated}
    unused |= dict.fromkeys(folder_names.masks(pictures), layout.MASK)
    everything, pictures = pictures, [picture for picture in pictures if picture not in unused]
    inferred = layout.infer(pictures)
    source = None
    notes: list[Finding] = []
    lists = [member.name for member in others if folder_names.may_list_split(member.name)]
    classes = inferred.classes
    flat = len(classes) == 1 and folder_names.is_generic(classes[0])  # enough to evaluate on
    if flat or len(classes) < fewest_classes or _is_flat_split(inferred):
        source = label_files.find(name, pictures, others)
        if source is None or not source.enough:
            source = file_names.find(pictures, source) or source
        if source:
            inferred = _labelled(pictures, source)
    else:
        try:
            source = label_files.find(name, pictures, others, classes)
        except BadDataset:  # the folders have labels, but lists of a split were not read either
            lists += [
                member.name
                for member in others
                if member.name.lower().endswith(label_files.SUFFIXES)
                and folder_names.role(PurePosixPath(member.name).stem) == "test"
            ]
        if source:
            # Folders such as `part_1` and `part_2` may be no classes.
            numbered = len({re.sub(r"\d+", "", label) for label in inferred.classes}) == 1
            words = folder_names.words_of(inferred.classes[0])
            parts = any(map(folder_names.is_generic, words)) or not _REMARKS.match(source.source)
            most = len(source.labels) >= label_files.MINIMUM_SHARE * len(pictures)
            lists += source.files if source.divided else ()
            folders = inferred
            parts = parts and not combining.renumbers(pictures, folders, source)
            if numbered and parts and source.enough and most:
                inferred = _labelled(pictures, source)
            else:
                notes += combining.disagreement(pictures, folders, source)
                inferred = combining.combined(pictures, folders, source)
            if inferred == folders:
                source = None
            elif all(
                after.label in ("", before.label)
                for before, after in zip(folders.assignments, inferred.assignments, strict=True)
            ):  # only the split is from the table
                splits = {name: ("", split) for name, (_, split) in source.labels.items()}
                source = source._replace(labels=splits)
    if unused:
        used = iter(inferred.assignments)
        assignments = tuple(
            layout.Assignment(reason=unused[each]) if each in unused else next(used)
            for each in everything
        )
        inferred = replace(inferred, assignments=assignments)
    _check_classes(name, inferred, files, others, 1 if accept_one else fewest_classes, source)
    notes += _repeated_notes(repeated)
    notes += _notes(pictures, lists, inferred, source, files)
    return Interpretation(inferred, tuple(notes), source.files if source else ())


def _labelled(pictures: Sequence[str], source: label_files.Labels) -> layout.Layout:
    """The classes and splits of a table."""
    labels = [source.labels.get(picture, ("", "")) for picture in pictures]
    return layout.with_labels(pictures, labels, source.source, source.contradictions)


def file_notes(cut: Sequence[str], pages: Sequence[str]) -> Iterator[Finding]:
    """Findings about pictures whose files end early, and about TIFFs of several pages."""
    if cut:
        what = prose.count(len(cut), "picture ends", "pictures end")
        sentence = f"{what} early, with at least 95 % there: {_listed(cut)}. Download them again"
        yield warns("cut_short", f"{sentence} if you can.")
    if pages:
        what = prose.count(len(pages), "TIFF has", "TIFFs have")
        sentence = f"{what} several pages, of which only the first was read: {_listed(pages)}."
        yield informs("pages", f"{sentence} To use the others, save each as a picture.")


def _is_flat_split(inferred: layout.Layout) -> bool:
    """Whether all classes are named like parts of a split."""
    roles = {folder_names.role(label) for label in inferred.classes}
    return None not in roles and "train" in roles


def _check_classes(
    name: str,
    inferred: layout.Layout,
    files: Extraction,
    others: Sequence[Member],
    fewest_classes: int,
    source: label_files.Labels | None,
) -> None:
    """Check that there are enough classes."""
    nested = [entry.name for entry in files.skipped if entry.reason == NESTED]
    if not inferred.assignments and nested:
        raise BadDataset(
            f"{name} contains an archive, {nested[0]}, and no pictures. Unpack that archive and "
            "upload its class folders."
        )
    if not inferred.assignments:
        largest = max(others, key=lambda member: member.path.stat().st_size, default=None)
        packed = f" {largest.name} holds none that can be read." if largest else ""
        raise BadDataset(
            f"No readable pictures in {name}.{packed} Put {READABLE} files into it, each class in "
            "its own folder."
        )
    classes = inferred.classes
    if len(classes) < fewest_classes and any(a.reason == layout.MASK for a in inferred.assignments):
        raise BadDataset(
            f"Expected pictures in class folders; {name} has pictures and masks, for segmentation. "
            "Leave the masks out, and put the pictures of each class into one folder."
        )
    names = [*(member.name for member in others), *(entry.name for entry in files.skipped)]
    sheet = next((n for n in names if n.lower().endswith(SPREADSHEETS)), None)
    advice = f" If {sheet} has the labels, save it as CSV." if sheet else ""
    if source and len(classes) < fewest_classes:
        only = f", and only {prose.listed(classes)}" if classes else ""
        labelled = sum(bool(label) for label, _ in source.labels.values())
        raise NoClasses(
            f"Expected labels of at least two classes in {source.source} of {name}; it gives a "
            f"label to {labelled:,} of {prose.count(len(inferred.assignments))}{only}. Add the "
            f"other rows, or use one folder per class.{advice}"
        )
    if not classes:
        by_year = any(a.reason == layout.BY_YEAR for a in inferred.assignments)
        where = "in folders by year" if by_year else "at the top level"
        raise NoClasses(
            f"No class folders in {name}. Found {len(inferred.assignments)} pictures {where}. "
            f"Put each class in its own folder: flowers/rose/…, flowers/tulip/…{advice}"
        )
    if _is_flat_split(inferred):
        raise NoClasses(
            f"Expected class folders; {name} has pictures directly in {prose.listed(classes)}, and "
            "no labels for them. Put each class in its own folder: train/rose/…, test/rose/…"
            f"{advice}"
        )
    if len(classes) < fewest_classes:
        raise NoClasses(
            f"Expected at least two classes; {name} has one, {classes[0]}. Add a folder "
            f"with pictures of something else.{advice}"
        )


def _notes(
    pictures: Sequence[str],
    lists: Sequence[str],
    inferred: layout.Layout,
    source: label_files.Labels | None,
    files: Extraction,
) -> Iterator[Finding]:
    folders = {folder for picture in pictures for folder in picture.split("/")[:-1]}
    if changed := sorted(
        {folder_names.printable(f) for f in folders if folder_names.printable(f) != f}
    ):
        yield informs(
            "control_signs",
            "Line breaks and control characters in names of folders were replaced by spaces: "
            f"{_listed(changed)}.",
        )
    if source:
        yield _source_note(inferred, source)
    if lists and not inferred.predefined:
        yield warns(
            "split_not_read",
            f"{lists[0]} may say which pictures are for testing, but not in a form that can be "
            "read, so the split is random. To use it, list them in test.txt or move them into a "
            "test folder.",
        )
    if inferred.reading == "top":
        yield informs(
            "subfolders",
            "Subfolders belong to the class folder above them: the classes are "
            f"{_listed(inferred.classes)}.",
            remedy=Remedy(kind="read_as", label="Make each subfolder a class", reading="path"),
        )
    elif inferred.reading:
        yield informs(
            "subfolders",
            f"The innermost folders are the classes: {_listed(inferred.classes)}. The folders "
            "above them are not.",
            remedy=Remedy(kind="read_as", label="Use the outer folders", reading="top"),
        )
    if inferred.unlabelled:
        yield warns(
            "unlabelled",
            f"Pictures in {_listed(inferred.unlabelled)} were left out, as test pictures without "
            "labels. If it is a class, rename the folder after what it shows, such as blood test.",
        )
    if inferred.spellings:
        pairs = [" and ".join(names) for names in inferred.spellings]
        sentence = f"Spelled differently, and read as one class: {_listed(pairs)}."
        yield informs("spellings", sentence)
    yield from encodings.findings(inferred.classes, files)
    if files.empty_folders:
        yield warns(
            "empty_folders",
            f"No pictures in {_listed(files.empty_folders)}. If these are classes, add pictures to "
            "them.",
        )


def _repeated_notes(names: Collection[str]) -> Iterator[Finding]:
    years = tuple(sorted(filter(repeats.by_year, names)))
    others = tuple(sorted(set(names).difference(years)))
    if others:
        folders = sorted({PurePosixPath(name).parent.name or "the top level" for name in others})
        sentence = (
            f"{prose.count(len(others))} in {_listed(folders)} were left out: such folders repeat "
            "the pictures of the class folders. What is only there needs a class folder."
        )
        yield warns("repeated", sentence, files=others)
    if years:
        sentence = f"{prose.count(len(years))} in folders by year were left out: the albums are "
        sentence += "the classes. What is in no album needs a class folder."
        yield warns("by_year", sentence, files=years)


def _source_note(inferred: layout.Layout, source: label_files.Labels) -> Finding:
    """Which table was used, and for what."""
    if any(label for label, _ in source.labels.values()):
        sentence = f"Labels were read from {source.source}: {_listed(inferred.classes)}."
    else:
        splits = Counter(str(assigned.split) for assigned in inferred.assignments)
        parts = (("training", "train"), ("validation", "validation"), ("test", "test"))
        each = [f"{splits[part]:,} for {name}" for name, part in parts if splits[part]]
        sentence = f"The split was read from {prose.listed(source.files)}: {prose.listed(each)}."
    if source.missing:
        rows = prose.count(len(source.missing), "row names", "rows name")
        sentence += f" {rows} no picture in this data, such as {source.missing[0][:LONGEST]}."
    return informs("labels_from", sentence)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_LISTED])
    return shown + (f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else "")

"""Decide where the labels of a dataset are, and say how its files were interpreted."""

import contextlib
import re
from collections.abc import Iterator, Sequence

from core.archive.names import ENCODINGS
from core.archive.unpacking import NESTED, Extraction, Member
from core.dataset import label_files, layout
from core.dataset.findings import Finding, Remedy, informs, warns
from core.errors import BadDataset, NoClasses
from core.images.decoding import READABLE
from core.system import prose

MOST_LISTED = 5


def interpret(
    name: str,
    pictures: Sequence[str],
    others: Sequence[Member],
    files: Extraction,
    fewest_classes: int = 2,
    accept_one: bool = False,
) -> tuple[layout.Layout, tuple[Finding, ...]]:
    """The class and split of each picture: from folders, else from tables or file names.

    Args:
        name: of the dataset, for messages.
        pictures: names of the readable pictures.
        others: all other files.
        files: what was extracted.
        fewest_classes: that are accepted; where there are fewer folders, other labels are sought.
        accept_one: whether one class is accepted if none are found.

    Raises:
        BadDataset: there are no pictures, or labels of parts of pictures.
        NoClasses: there are no labels, or fewer than two classes.
    """
    inferred = layout.infer(pictures)
    source = None
    if len(inferred.classes) < fewest_classes or _is_flat_split(inferred):
        source = label_files.find(name, pictures, others)
        if source is None or not source.enough:
            source = label_files.in_names(pictures) or source
    elif len({re.sub(r"\d+", "", label) for label in inferred.classes}) == 1:
        # Folders such as `part_1` and `part_2` may be no classes.
        with contextlib.suppress(BadDataset):
            source = label_files.find(name, pictures, others, titled=True)
        if source and not source.enough:
            source = None
    if source:
        labels = [source.labels.get(picture, ("", "")) for picture in pictures]
        inferred = layout.with_labels(pictures, labels, source.source)
    _check_classes(name, inferred, files, 1 if accept_one else fewest_classes, source)
    return inferred, tuple(_notes(pictures, inferred, source, files))


def cut_short(names: Sequence[str]) -> tuple[Finding, ...]:
    """A finding about the pictures that were read although the end of their files is missing."""
    if not names:
        return ()
    what = "picture ends" if len(names) == 1 else "pictures end"
    sentence = (
        f"{len(names):,} {what} early, with at least 95 % there: {_listed(names)}. Download "
        "them again if you can."
    )
    return (warns("cut_short", sentence),)


def _is_flat_split(inferred: layout.Layout) -> bool:
    """Whether all classes are named like parts of a split."""
    roles = {layout.role(label) for label in inferred.classes}
    return None not in roles and "train" in roles


def _check_classes(
    name: str,
    inferred: layout.Layout,
    files: Extraction,
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
        raise BadDataset(
            f"No readable pictures in {name}. Put {READABLE} files into it, each class in its own "
            "folder."
        )
    classes = inferred.classes
    if source and len(classes) < fewest_classes:
        raise NoClasses(
            f"Expected labels of at least two classes in {source.source} of {name}; it gives a "
            f"label to {len(source.labels):,} of {prose.count(len(inferred.assignments))}, and "
            f"only {prose.listed(classes)}. Add the other rows, or use one folder per class."
        )
    if not classes:
        raise NoClasses(
            f"No class folders in {name}. Found {len(inferred.assignments)} pictures at the top "
            "level. Put each class in its own folder: flowers/rose/…, flowers/tulip/…"
        )
    if _is_flat_split(inferred):
        raise NoClasses(
            f"Expected class folders; {name} has pictures directly in {prose.listed(classes)}, and "
            "no labels for them. Put each class in its own folder: train/rose/…, test/rose/…"
        )
    if len(classes) < fewest_classes:
        raise NoClasses(
            f"Expected at least two classes; {name} has one, {classes[0]}. Add a folder "
            "with pictures of something else."
        )


def _notes(
    pictures: Sequence[str],
    inferred: layout.Layout,
    source: label_files.Labels | None,
    files: Extraction,
) -> Iterator[Finding]:
    folders = {folder for picture in pictures for folder in picture.split("/")[:-1]}
    if changed := sorted({layout.printable(f) for f in folders if layout.printable(f) != f}):
        yield informs(
            "control_signs",
            "Line breaks and control characters in names of folders were replaced by spaces: "
            f"{_listed(changed)}.",
        )
    if source:
        yield informs(
            "labels_from",
            f"Labels were read from {source.source}: {_listed(inferred.classes)}.",
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
    if inferred.spellings:
        pairs = [" and ".join(names) for names in inferred.spellings]
        yield informs(
            "spellings",
            f"Spelled differently in training and test, and read as one class: {_listed(pairs)}.",
        )
    if files.encodings:
        used, *others = files.encodings
        names = [label for label in inferred.classes if not label.isascii()][:3]
        sentence = (
            "The archive does not say how its names are encoded. They were read as "
            f"{ENCODINGS[used]}: {', '.join(names)}."
        )
        if others:
            label, both = f"Read them as {ENCODINGS[others[0]]}", (used, others[0])
            remedy = Remedy(kind="decode", label=label, names=both)
            yield warns("encoding", sentence, remedy=remedy)
        else:
            yield informs("encoding", sentence)
    elif files.garbled:
        yield warns(
            "encoding",
            "The archive does not say how its names are encoded, and no encoding fits: "
            f"{', '.join(files.garbled)}. Zip the folders with a tool that writes UTF-8.",
        )
    if files.empty_folders:
        yield warns(
            "empty_folders",
            f"No pictures in {_listed(files.empty_folders)}. If these are classes, add pictures to "
            "them.",
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_LISTED])
    return shown + (f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else "")

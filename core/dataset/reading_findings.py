"""Findings about how the files of a dataset were read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath

from core.archive.inspection import CLOSED, CLUTTER, LINKED_FOLDER
from core.archive.name_encodings import ENCODINGS, decode_again
from core.archive.unpacking import Extraction
from core.dataset import folder_names, label_files, layout, repeats, split_lists
from core.dataset.findings import Finding, Remedy, informs, warns
from core.system import prose

MOST_LISTED = 5
LONGEST = 80
"""Characters of a cell that are shown."""
SHOWN = 3
"""Names of classes in a sentence."""
_listed = partial(prose.listed, most=MOST_LISTED)
# Files of documents and programs, which are not in class folders.
_NOTES = (*label_files.SUFFIXES, ".md", ".rst", ".pdf", ".html", ".py", ".ipynb", ".m", ".sh")


def files(cut: Sequence[str], pages: Sequence[str]) -> Iterator[Finding]:
    """Findings about pictures whose files end early, and about files of several pictures."""
    if cut:
        what = prose.count(len(cut), "picture ends", "pictures end")
        sentence = f"{what} early, with at least 95 % there: {_listed(cut)}. Download them again"
        yield warns("cut_short", f"{sentence} if you can.")
    if pages:
        what = prose.count(len(pages), "file has", "files have")
        sentence = f"{what} several pages or frames; only the first was read: {_listed(pages)}."
        yield informs("pages", f"{sentence} To use the others, save each as a picture.")


def repeated(reasons: Mapping[str, str]) -> Iterator[Finding]:
    """Findings about pictures that were left out because class folders or albums have them.

    Args:
        reasons: as by `repeats.find`.
    """
    years = tuple(sorted(name for name, reason in reasons.items() if reason == repeats.BY_YEAR))
    others = tuple(sorted(reasons.keys() - set(years)))
    if others:
        parents = (str(PurePosixPath(name).parent) for name in others)
        folders = sorted({"the top level" if parent == "." else parent for parent in parents})
        sentence = (
            f"Left out {prose.count(len(others))} in {_listed(folders)}: such folders repeat the "
            "pictures of the class folders. Pictures that are only there need a class folder."
        )
        yield warns("repeated", sentence, files=others)
    if years:
        sentence = f"Left out {prose.count(len(years))} in folders by year: the albums are "
        sentence += "the classes. Pictures that are in no album need a class folder."
        yield warns("by_year", sentence, files=years)


def without_pictures(
    pictures: Sequence[str], inferred: layout.Layout, files: Extraction
) -> Iterator[Finding]:
    """The finding about empty folders, and about those beside class folders without pictures.

    Args:
        pictures: names of all of them.
    """
    labels = {(_above(p), a.label) for p, a in zip(pictures, inferred.assignments, strict=True)}
    held = {folder for above, _ in labels for folder in _paths(above)}
    of_classes = {
        _above(folder)
        for above, label in labels
        for folder in _paths(above)
        if label and folder.rpartition("/")[2] == label
    }
    names = [member.name for member in files.members]
    names += [entry.name for entry in files.skipped if entry.reason != CLUTTER]
    used = {_above(name) for name in names if not name.lower().endswith(_NOTES)}
    others = {folder for above in used for folder in _paths(above)} - held
    beside = (folder for folder in others if folder and _above(folder) in of_classes)
    if without := sorted({*files.empty_folders, *beside}):
        sentence = f"No readable pictures in {_listed(without)}. If these are classes, add some."
        yield warns("empty_folders", sentence)


def interpreted(
    pictures: Sequence[str],
    lists: Sequence[str],
    inferred: layout.Layout,
    source: label_files.Labels | None,
    files: Extraction,
) -> Iterator[Finding]:
    """How classes and splits were read.

    Args:
        pictures: names of those that were interpreted.
        lists: files that may define a split, but were not understood.
        source: labels that are not from folders, if they were used.
    """
    folders = {folder for picture in pictures for folder in picture.split("/")[:-1]}
    shown = ((folder, folder_names.printable(folder)) for folder in folders)
    if changed := sorted({printable for folder, printable in shown if printable != folder}):
        yield informs(
            "control_characters",
            "Line breaks and control characters in names of folders were replaced by spaces: "
            f"{_listed(changed)}.",
        )
    if source:
        yield _source_note(inferred, source)
    if inferred.validation_tests:
        yield informs(
            "validation_tests",
            "There are no test pictures, so the validation pictures are the test set, and others "
            "are taken from training to validate on.",
        )
    if lists and not inferred.predefined:
        yield warns(
            "split_not_read",
            f"{lists[0]} may say which pictures are for testing, but not in a form that can be "
            "read, so the split is random. To use it, list them in test.txt or move them into a "
            "test folder.",
        )
    roles = {folder_names.role(folder) for folder in folders - set(inferred.classes)}
    if (
        {"train"} < roles & split_lists.SPLITS
        and not (source or inferred.predefined)
        and not any(assigned.reason for assigned in inferred.assignments)
    ):
        yield warns(
            "split_not_read",
            "The training folder has no class in common with those for validation and test, so the "
            "split is random.",
        )
    if inferred.level == "top":
        yield informs(
            "subfolders",
            "Subfolders belong to the class folder above them.",
            remedy=Remedy(kind="read_as", label="Make each subfolder a class", reading="path"),
        )
        yield from _repeated_subfolders(pictures, inferred)
    elif inferred.level:
        yield informs(
            "subfolders",
            "The innermost folders are the classes. The folders above them are not.",
            remedy=Remedy(kind="read_as", label="Use the outer folders", reading="top"),
        )
    if source is None and all(map(folder_names.is_part, inferred.classes)):
        yield warns(
            "parts",
            f"The classes are named like parts of a collection: {_listed(inferred.classes)}. If "
            "they are, put the pictures of each class into one folder: flowers/rose/…",
        )
    if inferred.unlabelled:
        yield warns(
            "unlabelled",
            f"Pictures in {_listed(inferred.unlabelled)} were left out, as test pictures without "
            "labels. If it is a class, rename the folder after what it shows, such as blood test.",
        )
    if inferred.spellings:
        pairs = [" = ".join(names) for names in inferred.spellings]
        sentence = f"Spelled differently, and read as one class: {_listed(pairs)}."
        yield informs("spellings", sentence)
    yield from _encoding_notes(pictures, inferred.classes, files)
    if links := [entry.name for entry in files.skipped if entry.reason == LINKED_FOLDER]:
        yield warns(
            "linked_folders",
            f"Links to folders are not followed: {_listed(links)}. Put the folders there instead.",
        )
    if closed := [entry.name for entry in files.skipped if entry.reason == CLOSED]:
        yield warns(
            "closed_folders",
            f"No permission to open {_listed(closed)}. Change it, or move the pictures.",
        )


def _above(name: str) -> str:
    return name.rpartition("/")[0]


def _paths(folder: str) -> list[str]:
    """A folder and those above it: `a/b` and `a`."""
    parts = folder.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _repeated_subfolders(pictures: Sequence[str], outer: layout.Layout) -> Iterator[Finding]:
    """The finding that the inner folders may be the classes, where several outer ones have them."""
    # One picture of each folder is enough.
    labels = {
        _above(picture): (picture, assigned.label)
        for picture, assigned in zip(pictures, outer.assignments, strict=True)
        if not assigned.reason
    }
    inner = layout.infer([picture for picture, _ in labels.values()], "inner")
    pairs = zip(labels.values(), inner.assignments, strict=True)
    counts = Counter(below for _, below in {(label, each.label) for (_, label), each in pairs})
    repeated = sorted(name for name, count in counts.items() if count > 1)
    words = {word for name in repeated for word in folder_names.words_of(name)}
    if not words <= folder_names.VIEWS:  # `cat/front` and `dog/front` are views of the classes
        sentence = (
            f"Several of the folders {_listed(outer.classes)} have subfolders named "
            f"{_listed(repeated)}. If these are the classes, make them the outer folders: "
            f"{repeated[0]}/{outer.classes[0]}/…"
        )
        remedy = Remedy(kind="read_as", label="Use the inner folders", reading="inner")
        yield warns("repeated_subfolders", sentence, remedy=remedy)


def _source_note(inferred: layout.Layout, source: label_files.Labels) -> Finding:
    """Which table was used, and for what."""
    if any(label for label, _ in source.labels.values()):
        sentence = f"Labels were read from {source.source}: {_listed(inferred.classes)}."
        others = [file for file in source.files if file not in source.source]
        if others and inferred.predefined:
            sentence += f" The split was read from {_listed(others)}."
    else:
        splits = Counter(str(assigned.split) for assigned in inferred.assignments)
        parts = (("training", "train"), ("validation", "validation"), ("test", "test"))
        each = [f"{splits[part]:,} for {name}" for name, part in parts if splits[part]]
        sentence = f"The split was read from {prose.listed(source.files)}: {prose.listed(each)}."
    if source.missing:
        rows = prose.count(len(source.missing), "row names", "rows name")
        sentence += f" {rows} no picture in this data, such as {source.missing[0][:LONGEST]}."
    return informs("labels_from", sentence)


def _encoding_notes(
    pictures: Sequence[str], classes: Sequence[str], files: Extraction
) -> Iterator[Finding]:
    """How names of classes were read, and a remedy for each other encoding that fits.

    There are none if the archive says how its names are encoded.
    """
    unmarked = folder_names.nfc("\n".join(sorted(files.unmarked)))
    parts = ((label, part) for label in classes for part in label.split("/"))
    named = [label for label, part in parts if not part.isascii() and part in unmarked][:SHOWN]
    if named and files.encodings:
        used, *more = files.encodings
        marked = tuple(p for p in pictures if not p.isascii() and p not in files.unmarked)
        sentence = (
            "The archive does not say how its names are encoded. They were read as "
            f"{ENCODINGS[used]}: {', '.join(named)}."
        )
        if not more:
            yield informs("encoding", sentence)
        for n, other in enumerate(more):
            read = [decode_again(name, used, other) for name in named]
            fits = f"{ENCODINGS[other]} fits the names, too: {', '.join(read)}."
            label = f"Read them as {ENCODINGS[other]}"
            remedy = Remedy(kind="decode", label=label, files=marked, names=(used, other))
            code = f"encoding_{other}" if n else "encoding"
            yield warns(code, fits if n else f"{sentence} {fits}", remedy=remedy)
    elif files.unmarked and not files.encodings:
        yield warns(
            "encoding",
            "The archive does not say how its names are encoded, and no encoding fits: "
            f"{_listed(sorted(files.unmarked))}. Zip the folders with a tool that writes UTF-8.",
        )

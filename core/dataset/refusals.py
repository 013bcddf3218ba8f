"""Refuse uploads in which there are no pictures or too few classes, and say what to do."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from core.archive.inspection import LINKED_FOLDER
from core.archive.sources import is_archive
from core.archive.unpacking import NESTED, OTHER_FILE, SPREADSHEETS, Extraction, Member
from core.dataset import folder_names, label_files, layout, repeats, tables
from core.errors import BadDataset, NoClasses
from core.images.formats import READABLE
from core.settings import MEGABYTE
from core.system import prose

# Files that may have labels, but are not read.
_OTHERS = ".parquet .mat .arrow .lst .yaml .yml .pkl .db .csv.gz"
_UNREAD = (*SPREADSHEETS, *_OTHERS.split())


def is_flat_split(inferred: layout.Layout) -> bool:
    """Whether all classes are named like parts of a split."""
    roles = {folder_names.role(label) for label in inferred.classes}
    return None not in roles and "train" in roles


def check_pictures(
    name: str, pictures: Sequence[str], files: Extraction, others: Sequence[Member]
) -> None:
    """Check that there are pictures. Raises BadDataset."""
    if pictures:
        return
    nested = [entry.name for entry in files.skipped if entry.reason == NESTED]
    nested += [member.name for member in others if is_archive(member.name)]  # of a folder
    if nested:
        raise BadDataset(
            f"{name} contains an archive, {nested[0]}, and no pictures. Unpack that archive and "
            "upload its class folders."
        )
    largest = sorted(others, key=lambda member: -member.path.stat().st_size)
    unread = [member.name for member in largest]
    unread += [entry.name for entry in files.skipped if entry.reason == OTHER_FILE]
    packed = f" {unread[0]} holds none that can be read." if unread else ""
    raise BadDataset(
        f"No readable pictures in {name}.{packed} Put {READABLE} files into it, each class in "
        f"its own folder.{_about_links(files)}"
    )


def check_classes(
    name: str,
    pictures: Sequence[str],
    inferred: layout.Layout,
    source: label_files.Labels | None,
    files: Extraction,
    others: Sequence[Member],
    fewest_classes: int,
) -> None:
    """Check that there are enough classes.

    Args:
        source: labels that are not from folders, if they were used.

    Raises:
        BadDataset: the pictures are for segmentation.
        NoClasses: there are no labels, or too few classes.
    """
    classes = inferred.classes
    pictures_found = prose.count(len(inferred.assignments))
    enough = len(classes) >= fewest_classes
    reasons = {assigned.reason for assigned in inferred.assignments}
    if not enough and layout.MASK in reasons:
        raise BadDataset(
            f"Expected pictures in class folders; {name} has pictures and masks, for segmentation. "
            "Leave the masks out, and put the pictures of each class into one folder."
        )
    if enough and (source or not is_flat_split(inferred)):
        return
    if source:
        only = f", and only {prose.listed(classes)}" if classes else ""
        labelled = sum(bool(label) for label, _ in source.labels.values())
        problem = (
            f"Expected labels of at least two classes in {source.source} of {name}; it gives a "
            f"label to {labelled:,} of {pictures_found}{only}. Add the other rows, or use one "
            "folder per class."
        )
    elif not classes:
        where = "in folders by year" if repeats.BY_YEAR in reasons else "at the top level"
        problem = (
            f"No class folders in {name}. Found {pictures_found} {where}. Put each class in its "
            "own folder: flowers/rose/…, flowers/tulip/…"
        )
    elif is_flat_split(inferred):
        problem = (
            f"Expected class folders; {name} has pictures directly in {prose.listed(classes)}, and "
            "no labels for them. Put each class in its own folder: train/rose/…, test/rose/…"
        )
    else:
        one = "training pictures of one" if layout.NO_TRAINING in reasons else "one"
        problem = (
            f"Expected at least two classes; {name} has {one}, {classes[0]}. Add a folder "
            "with pictures of something else."
        )
    advice = _about_tables(pictures, others, files, source) or _about_links(files)
    raise NoClasses(problem + advice)


def _about_tables(
    pictures: Sequence[str],
    others: Sequence[Member],
    files: Extraction,
    source: label_files.Labels | None,
) -> str:
    """Advice about a file that may have the labels, but was not understood; empty without one."""
    names = [*(member.name for member in others), *(entry.name for entry in files.skipped)]
    if unread := next((name for name in names if name.lower().endswith(_UNREAD)), ""):
        return f" If {unread} has the labels, save it as CSV."
    large = (m for m in others if m.name.lower().endswith(label_files.TABLES))
    if table := next((m.name for m in large if not tables.is_small(m.path)), ""):
        most = tables.LARGEST // MEGABYTE
        return f" If {table} has the labels, leave rows or columns out: at most {most} MB are read."
    of_one = {PurePosixPath(picture).stem for picture in pictures}  # `1.json`, `1.jpg.json`
    used = source.files if source else ()
    unused = (
        name
        for name in names
        if name.lower().endswith(label_files.TABLES)
        and name not in used
        and folder_names.role(PurePosixPath(name).stem) != "unlabelled"
        and PurePosixPath(name).name.split(".")[0] not in of_one
    )
    if table := next(unused, ""):
        return (
            f" If {table} has the labels, give each of its rows the name of a file, such as "
            f"{pictures[0]}, and a label."
        )
    return ""


def _about_links(files: Extraction) -> str:
    """Advice if class folders may be missing because they are links; empty without links."""
    link = next((entry.name for entry in files.skipped if entry.reason == LINKED_FOLDER), "")
    return f" {link} is a link, which is not followed: put what it leads to there." if link else ""

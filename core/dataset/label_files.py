"""Read labels from tables and from the files of labelling tools."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from core.archive.unpacking import Member
from core.dataset import label_columns, records, split_lists, tables
from core.dataset.folder_names import role
from core.dataset.label_columns import LabelAndSplit, TableLabels, Trust
from core.errors import BadDataset
from core.system import prose

MINIMUM_SHARE = 0.5
"""Share of the pictures that a table of one class must name to be used."""
TABLES = (*tables.TABLES, *records.SUFFIXES)
SUFFIXES = (*TABLES, ".xml", ".txt")
DETECTION = (
    "is an export for object detection ({format}), which labels parts of pictures. Export it for "
    "classification, one folder per class, or crop the objects first."
)


class LabelsOfParts(BadDataset):
    """The files are an export for object detection."""


class Labels(NamedTuple):
    """Labels by file name.

    Attributes:
        source: where they come from, such as `train.csv`.
        labels: name of a picture → its class, and its split where the source has one.
        enough: whether they may be the labels of the dataset.
        contradictions: pictures with several labels.
        missing: file names in the source that are not in the dataset.
        files: that were read.
        unread: files that may define a split, but none that can be used.
    """

    source: str
    labels: dict[str, LabelAndSplit]
    enough: bool = True
    contradictions: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def find(
    name: str, pictures: Sequence[str], others: Sequence[Member], classes: Collection[str] = ()
) -> Labels | None:
    """Labels and splits of pictures in tables; None if there are none.

    A table of a part, such as `train.csv`, says to which split its pictures belong. The labels of a
    file are not used if one with a clearer title has labels of the same pictures.

    Args:
        classes: of the folders, if there are any: then only columns with the title of labels, or of
            these classes, are labels, because a table may name sites or patients.

    Raises:
        LabelsOfParts: the files are an export for object detection without labels of whole
            pictures.
        BadDataset: they are a project without pictures, or contradict each other.
    """
    found_tables, refusals = _tables(name, pictures, others)
    parts = split_lists.parts({PurePosixPath(member.name).stem for member in others})
    sources: dict[tuple[str, ...], TableLabels] = {}
    for files, table in found_tables.items():
        part = parts.get(PurePosixPath(files[0]).stem)
        try:
            sources[files] = label_columns.read(
                files[0], table, classes, part, strict=len(files) > 1
            )
        except BadDataset as refusal:
            refusals.append(refusal)
    trusted = any(source.trust is Trust.TITLED for source in sources.values())
    if refusals and not trusted and not classes:
        raise refusals[0]
    merged = _merged(name, sources, len(pictures))
    if not merged.files:
        return None
    if split_lists.divides(merged.labels, pictures, classes):
        return merged
    undivided: dict[str, LabelAndSplit] = {
        picture: (label, None) for picture, (label, _) in merged.labels.items()
    }
    return merged._replace(labels=undivided, unread=merged.files)


def _tables(
    name: str, pictures: Sequence[str], others: Sequence[Member]
) -> tuple[dict[tuple[str, ...], tables.Table], list[BadDataset]]:
    """The tables that name pictures, by file, and refusals of files that label parts of them.

    The files about one picture each of a folder are one table.
    """
    lookup = tables.Lookup(pictures)
    stems = {PurePosixPath(picture).stem for picture in pictures}
    refusals: list[BadDataset] = []
    found_tables: dict[tuple[str, ...], tables.Table] = {}
    of_pictures: defaultdict[str, dict[str, dict[str, str]]]  # by folder and name
    of_pictures = defaultdict(dict)
    # Suffixes of files about one picture, of which one is enough: such files can embed the picture
    # and take long to parse.
    boxed: set[str] = set()
    for member in others:
        path = PurePosixPath(member.name)
        suffix = path.suffix.lower()
        is_submission = role(path.stem) == "unlabelled"  # a sample submission, as on Kaggle
        of_one = suffix in boxed and path.stem in stems
        if suffix not in SUFFIXES or is_submission or of_one or not tables.is_small(member.path):
            continue
        text = tables.read_text(member.path)
        kind = records.boxes(member.name, text)
        if kind and (kind != "YOLO" or path.stem in stems):
            boxed |= {suffix} if path.stem in stems else set()
            refusals.append(LabelsOfParts(f"{name} {DETECTION.format(format=kind)}"))
            continue
        if not pictures and (kind := records.type_of_project(text)):
            raise BadDataset(
                f"{name} is a Teachable Machine project of the type {kind}, without pictures. "
                "Use an image project."
            )
        rows = records.rows(member.name, text)
        table = tables.match_rows(member.name, rows, lookup)
        named = {path.stem, PurePosixPath(path.stem).stem} & stems
        if named and suffix in records.OF_ONE and not (table and table.names_several):
            record = records.of_picture(member.name, text)
            of_pictures[str(path.parent)][member.name] = record
        elif table and not (suffix == ".txt" and len(table.pictures) < len(rows) / 2):
            found_tables[member.name,] = table
    for files in of_pictures.values():
        rows = records.table_of(files.values())
        if table := tables.match_rows(next(iter(files)), rows, lookup):
            found_tables[tuple(files)] = table
    return found_tables, refusals


def _merged(name: str, sources: dict[tuple[str, ...], TableLabels], count: int) -> Labels:
    """Merge the labels of all tables; pictures with several labels get none.

    The labels of a source are not used if one that is trusted more has labels of its pictures.
    """
    trust: defaultdict[str, Trust] = defaultdict(lambda: Trust.GUESSED)
    for source in sources.values():
        for picture, (label, _) in source.pairs:
            if label:
                trust[picture] = max(trust[picture], source.trust)
    pairs_of: defaultdict[str, set[LabelAndSplit]] = defaultdict(set)
    used: dict[tuple[str, ...], TableLabels] = {}
    titles = []
    for files, source in sources.items():
        labelled = [picture for picture, (label, _) in source.pairs if label]
        trusted = all(trust[picture] <= source.trust for picture in labelled)
        for picture, (label, split) in source.pairs:
            if split or trusted:
                pairs_of[picture].add((label if trusted else "", split))
                used[files] = source
        if trusted and labelled:
            more = prose.count(len(files) - 1, "file like it", "files like it")
            titles.append(f"{source.title} and {more}" if len(files) > 1 else source.title)
    titles = titles or [source.title for source in used.values()]
    labels: dict[str, LabelAndSplit] = {}
    contradictions = set()
    divided = False
    for picture, pairs in pairs_of.items():
        names = {label for label, _ in pairs if label}
        splits = {split for _, split in pairs if split}
        if len(names) > 1:
            contradictions.add(picture)
        else:
            divided |= len(splits) > 1
            split = splits.pop() if len(splits) == 1 else None
            labels[picture] = (names.pop() if names else "", split)
    if len(contradictions) > len(pairs_of) / 2:
        raise BadDataset(
            f"Most pictures in {name} have several labels in {prose.listed(titles)}. Keep one "
            "label per picture, and one table with all of them."
        )
    classes = Counter(label for label, _ in labels.values() if label)
    enough = len(classes) > 1 or (len(classes) == 1 and classes.total() >= MINIMUM_SHARE * count)
    unread = [files[0] for files, each in used.items() if divided or each.unread]
    return Labels(
        titles[0] if len(titles) == 1 else f"{len(titles)} tables",
        labels,
        enough,
        frozenset(contradictions),
        missing=tuple(cell for each in used.values() for cell in each.missing),
        files=tuple(file for files in used for file in files),
        unread=tuple(unread),
    )

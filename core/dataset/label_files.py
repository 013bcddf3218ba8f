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
        missing: file names in the source that are no picture here.
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
    read = _read(name, pictures, others)
    parts = split_lists.parts({PurePosixPath(member.name).stem for member in others})
    sources: dict[str, TableLabels] = {}
    refusals = list(read.refusals)
    for file, table in read.tables.items():
        part = parts.get(PurePosixPath(file).stem)
        try:
            sources[file] = label_columns.read(
                file, table, classes, part, strict=file in read.joined
            )
        except BadDataset as refusal:
            refusals.append(refusal)
    trusted = any(source.trust is Trust.TITLED for source in sources.values())
    if refusals and not trusted and not classes:
        raise refusals[0]
    used = _clearest(sources)
    if not used:
        return None
    files = tuple(each for file in used for each in read.joined.get(file, (file,)))
    merged = _merged(name, used, len(pictures))._replace(files=files)
    if split_lists.divides(merged.labels, pictures, classes):
        return merged
    undivided: dict[str, LabelAndSplit] = {
        picture: (label, None) for picture, (label, _) in merged.labels.items()
    }
    return merged._replace(labels=undivided, unread=files)


class _Files(NamedTuple):
    """The tables among other files.

    Attributes:
        tables: by file.
        joined: files about one picture each, of a folder, are one table: the first of them → all.
        refusals: of files that label parts of pictures.
    """

    tables: dict[str, tables.Table]
    joined: dict[str, tuple[str, ...]]
    refusals: tuple[BadDataset, ...]


def _read(name: str, pictures: Sequence[str], others: Sequence[Member]) -> _Files:
    """Read the files that name pictures."""
    lookup = tables.Lookup(pictures)
    stems = {PurePosixPath(picture).stem for picture in pictures}
    refusals: list[BadDataset] = []
    found: dict[str, tables.Table] = {}
    of_pictures: defaultdict[str, dict[str, dict[str, str]]]  # by folder and name
    of_pictures = defaultdict(dict)
    # Suffixes of files about one picture, of which one is enough: such files can embed the picture
    # and take long to parse.
    boxed: set[str] = set()
    for member in others:
        path = PurePosixPath(member.name)
        suffix = path.suffix.lower()
        made_up = role(path.stem) == "unlabelled"  # a sample submission
        of_one = suffix in boxed and path.stem in stems
        if suffix not in SUFFIXES or made_up or of_one or not tables.small(member.path):
            continue
        text = tables.text_of(member.path)
        kind = records.boxes(member.name, text, label_columns.is_titled)
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
        table = tables.matched(member.name, rows, lookup)
        named = {path.stem, PurePosixPath(path.stem).stem} & stems
        if named and suffix in records.OF_ONE and not (table and table.names_several):
            record = records.of_picture(member.name, text, label_columns.is_titled)
            of_pictures[str(path.parent)][member.name] = record
        elif table and not (suffix == ".txt" and len(table.body) < len(rows) / 2):
            found[member.name] = table
    joined: dict[str, tuple[str, ...]] = {}
    for files in of_pictures.values():
        first = next(iter(files))
        joined[first] = tuple(files)
        if table := tables.matched(first, records.table_of(files.values()), lookup):
            found[first] = table
    return _Files(found, joined, tuple(refusals))


def _clearest(sources: dict[str, TableLabels]) -> dict[str, TableLabels]:
    """Sources by file, without labels of pictures that have some in a more trusted source."""
    trust: defaultdict[str, Trust] = defaultdict(lambda: Trust.GUESSED)
    for source in sources.values():
        for picture, (label, _) in source.pairs:
            if label:
                trust[picture] = max(trust[picture], source.trust)
    clear = {}
    for file, source in sources.items():
        pairs = source.pairs
        if any(label and trust[picture] > source.trust for picture, (label, _) in pairs):
            pairs = [(picture, ("", split)) for picture, (_, split) in pairs if split]
        if pairs:
            clear[file] = source._replace(pairs=pairs)
    return clear


def _merged(name: str, sources: dict[str, TableLabels], count: int) -> Labels:
    """What all tables together say; pictures with several labels get none."""
    found: defaultdict[str, set[LabelAndSplit]] = defaultdict(set)
    for each in sources.values():
        for picture, pair in each.pairs:
            found[picture].add(pair)
    titles = [s.title for s in sources.values() if any(label for _, (label, _) in s.pairs)]
    titles = titles or [each.title for each in sources.values()]
    labels: dict[str, LabelAndSplit] = {}
    contradictions = set()
    divided = False
    for picture, pairs in found.items():
        names = {label for label, _ in pairs if label}
        splits = {split for _, split in pairs if split}
        if len(names) > 1:
            contradictions.add(picture)
        else:
            divided |= len(splits) > 1
            split = splits.pop() if len(splits) == 1 else None
            labels[picture] = (names.pop() if names else "", split)
    if len(contradictions) > len(found) / 2:
        raise BadDataset(
            f"Most pictures in {name} have several labels in {prose.listed(titles)}. Keep one "
            "label per picture, and one table with all of them."
        )
    classes = Counter(label for label, _ in labels.values() if label)
    enough = len(classes) > 1 or (len(classes) == 1 and classes.total() >= MINIMUM_SHARE * count)
    source = titles[0] if len(titles) == 1 else f"{len(titles)} tables"
    missing = tuple(cell for each in sources.values() for cell in each.missing)
    unread = tuple(sources) if divided else (f for f, each in sources.items() if each.unread)
    return Labels(
        source, labels, enough, frozenset(contradictions), missing, tuple(sources), tuple(unread)
    )

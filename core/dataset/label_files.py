"""Read labels that are not folders: from tables, files of labelling tools, and file names."""

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from core.archive.unpacking import Member
from core.dataset import levels, records, split_lists, tables
from core.dataset.folder_names import plain, role
from core.dataset.split_lists import OFF, ON, mark
from core.errors import BadDataset
from core.system import prose

TITLED = 2
MINIMUM_SHARE = 0.5
"""Share of the pictures that a table of one class must name to be used."""
LABEL_COLUMNS = """
label labels class classname class_name classid class_id category target dx diagnosis species
breed variety type y choice choices tag tags tagname annotation annotations klasse kategorie art
classe categorie etiquette espece clase categoria etiqueta especie etichetta rotulo klasa kategoria
etykieta класс категория метка вид 标签 类别 分类 種類 ラベル クラス カテゴリ 라벨 레이블 클래스
"""
_LABEL_COLUMNS = set(map(plain, LABEL_COLUMNS.split()))
SUFFIXES = (*tables.TABLES, *records.SUFFIXES, ".xml", ".txt")
DETECTION = (
    "is an export for object detection ({format}), which labels parts of pictures. Export it for "
    "classification, one folder per class, or crop the objects first."
)


class _Source(NamedTuple):
    """What one file says.

    Attributes:
        title: what it is called in messages.
        pairs: names of pictures, each with its class and split, of which one may be empty.
        trust: `TITLED` for a column with the title of labels or the names of the folders, 1 for
            another title in a table, 0 for none, in JSON, and for captions.
        missing: file names in it that are no picture here.
    """

    title: str
    pairs: list[tuple[str, tuple[str, str]]]
    trust: int
    missing: list[str]


class Labels(NamedTuple):
    """Labels by file name.

    Attributes:
        source: where they come from, such as `train.csv`.
        labels: name of a picture → its class, and its split where the source has one.
        enough: whether they may be the labels of the dataset.
        contradictions: pictures with several labels.
        missing: file names in the source that are no picture here.
        files: that were read.
        divided: whether they give pictures to several splits, so that none is known.
    """

    source: str
    labels: dict[str, tuple[str, str]]
    enough: bool = True
    contradictions: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    divided: bool = False


def find(
    name: str, pictures: Sequence[str], others: Sequence[Member], classes: Collection[str] = ()
) -> Labels | None:
    """Labels and splits of pictures in tables; None if there are none.

    A table of a part, such as `train.csv`, says to which split its pictures belong. The labels of a
    file are not used if one with a clearer title has labels of the same pictures.

    Args:
        name: of the dataset, for messages.
        pictures: names of the readable pictures.
        others: all other files.
        classes: of the folders, if there are any: then only columns with the title of labels, or of
            these classes, are labels, because a table may name sites or patients.

    Raises:
        BadDataset: the files are an export for object detection without labels of whole pictures, a
            project without pictures, or contradict each other.
    """
    lookup = tables.Lookup(pictures)
    stems = {PurePosixPath(picture).stem for picture in pictures}
    sources: dict[str, _Source] = {}
    refusals: list[BadDataset] = []
    rows: dict[str, list[list[str]]] = {}
    of_pictures: defaultdict[str, dict[str, dict[str, str]]]  # by folder and name
    of_pictures = defaultdict(dict)
    boxed: set[str] = set()  # suffixes of files about one picture; large ones may hold the picture
    parts = split_lists.parts({PurePosixPath(member.name).stem for member in others})
    for member in others:
        path = PurePosixPath(member.name)
        suffix = path.suffix.lower()
        made_up = role(path.stem) == "unlabelled"  # a sample submission
        of_one = suffix in boxed and path.stem in stems
        if suffix not in SUFFIXES or made_up or of_one or not tables.small(member.path):
            continue
        text = tables.text_of(member.path)
        kind = records.boxes(member.name, text)
        if kind and (kind != "YOLO" or path.stem in stems):
            boxed |= {suffix} if path.stem in stems else set()
            refusals.append(BadDataset(f"{name} {DETECTION.format(format=kind)}"))
            continue
        if not pictures and (kind := records.type_of_project(text)):
            raise BadDataset(
                f"{name} is a Teachable Machine project of the type {kind}, without pictures. "
                "Use an image project."
            )
        cells = records.rows(member.name, text)
        named = {path.stem, PurePosixPath(path.stem).stem} & stems
        if named and suffix in records.OF_ONE and not tables.names_several(cells, lookup):
            record = records.of_picture(member.name, text, _is_titled)
            of_pictures[str(path.parent)][member.name] = record
        else:
            rows[member.name] = cells
    joined = {next(iter(files)): tuple(files) for files in of_pictures.values()}
    rows |= {next(iter(f)): records.table_of(f.values()) for f in of_pictures.values()}
    for file, cells in rows.items():
        table = tables.matched(file, cells, lookup)
        if table is None or (file.endswith(".txt") and len(table.body) < len(cells) / 2):
            continue
        part = parts.get(PurePosixPath(file).stem, "")
        try:
            sources[file] = _table(file, table, classes, part, strict=file in joined)
        except BadDataset as refusal:
            refusals.append(refusal)
    trusted = any(source.trust == TITLED for source in sources.values())
    if refusals and not trusted and not classes:
        raise refusals[0]
    found = _clearest(sources)
    if not found:
        return None
    merged = _merged(name, found, len(pictures))
    merged = merged._replace(
        files=tuple(each for file in merged.files for each in joined.get(file, (file,)))
    )
    if split_lists.divides(merged.labels, pictures, classes):
        return merged
    undivided = {picture: (label, "") for picture, (label, _) in merged.labels.items()}
    return merged._replace(labels=undivided, divided=True)


def _clearest(sources: dict[str, _Source]) -> dict[str, _Source]:
    """Sources by file, without labels of pictures that have some in a more trusted source."""
    trust: dict[str, int] = defaultdict(int)
    for source in sources.values():
        for picture, (label, _) in source.pairs:
            trust[picture] = max(trust[picture], source.trust * bool(label))
    clear = {}
    for file, source in sources.items():
        pairs = source.pairs
        if any(label and trust[picture] > source.trust for picture, (label, _) in pairs):
            pairs = [(picture, ("", split)) for picture, (_, split) in pairs if split]
        if pairs:
            clear[file] = source._replace(pairs=pairs)
    return clear


def _merged(name: str, sources: dict[str, _Source], count: int) -> Labels:
    """What all tables together say; pictures with several labels get none."""
    found: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for each in sources.values():
        for picture, pair in each.pairs:
            found[picture].add(pair)
    titles = [each.title for each in sources.values()]
    labels: dict[str, tuple[str, str]] = {}
    contradictions = set()
    divided = False
    for picture, pairs in found.items():
        names, splits = ({pair[place] for pair in pairs} - {""} for place in (0, 1))
        if len(names) > 1:
            contradictions.add(picture)
        else:
            divided |= len(splits) > 1
            split = splits.pop() if len(splits) == 1 else ""
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
    return Labels(
        source, labels, enough, frozenset(contradictions), missing, tuple(sources), divided
    )


def _table(
    name: str, table: tables.Table, classes: Collection[str], part: str, *, strict: bool
) -> _Source:
    """The label and split of each row.

    Labels are in one column, or one column per class holds marks; either may be missing. All rows
    are of one `part` unless a column says more. If `strict`, or beside classes of folders, only
    columns with the title of labels are labels.

    Raises:
        BadDataset: several columns may be the labels.
    """
    header, file_column, body, missing = table
    titles = [_title(title) for title in header]
    columns = [n for n in range(len(header)) if n != file_column]
    kinds = {posixpath.splitext(found)[1] for found, _ in body} - {""}
    columns = [n for n in columns if not all(row[n].endswith(tuple(kinds)) for _, row in body)]
    values = {n: {mark(row[n]) for _, row in body} for n in columns}
    marks = [n for n in columns if values[n] <= ON | OFF and values[n] & ON]
    split_column, splits = split_lists.column(part, titles, values, marks)
    columns = [n for n in columns if n != split_column]
    marks = [n for n in marks if n in columns]

    def labelled(label: Callable[[list[str]], str]) -> list[tuple[str, tuple[str, str]]]:
        pairs = [
            (found, (label(row), splits(row[split_column] if split_column is not None else "")))
            for found, row in body
        ]
        return [pair for pair in pairs if any(pair[1])]

    known = {mark(label) for label in classes}
    named = [n for n in columns if titles[n] in _LABEL_COLUMNS or values[n] <= known]
    titled = header[0] != "column 1"
    if titled and len(marks) > 1 and not named and not classes:

        def marked(row: list[str]) -> str:
            ones = [header[n].rpartition(separator)[2] for n in marks if mark(row[n]) in ON]
            return ones[0] if len(ones) == 1 else ""

        # In JSON, the title of a column is a path: `flags.cat`.
        separator = "." if name.lower().endswith(records.SUFFIXES) else "\0"
        labels = labelled(marked)
        labels_found = [label for _, (label, _) in labels if label]
        if not labels_found:
            raise BadDataset(
                f"{name} gives no picture exactly one of the classes "
                f"{prose.listed([header[n] for n in marks])}. Mark one class per picture."
            )
        return _Source(name, labels, TITLED if len(labels_found) == len(body) else 1, missing)
    fitting = [n for n in columns if 2 <= len(values[n]) <= max(2, len(body) / 2)]
    chosen = (
        [n for n in named if n in fitting] or ([] if classes or strict else fitting) or named[:1]
    )
    words = [
        n for n in chosen if not all(map(records.is_number, filter(tables.is_value, values[n])))
    ]
    chosen = words or chosen
    chosen = [n for n in chosen if titles[n] in ("label", "labels", "class")] or chosen
    partitions = {tuple(levels.numbered([row[n] for _, row in body]).tolist()) for n in chosen}
    if len(partitions) > 1 and name.lower().endswith(".txt"):
        chosen = []  # a list of numbers for programs
    elif len(partitions) > 1:
        raise BadDataset(
            f"{name} has several columns that may be the labels: "
            f"{', '.join(header[n] for n in chosen[:5])}. Keep one of them beside the file names."
        )
    if not chosen:
        return _Source(name, labelled(lambda _: ""), 0, missing)
    column = chosen[0]
    labels = labelled(lambda row: row[column] if tables.is_value(row[column]) else "")
    labels = list(_each(labels))
    title = f"the column {header[column]} of {name}" if header[column] else name
    plain = not titled or not header[column] or name.lower().endswith(records.SUFFIXES)
    trust = TITLED if column in named else int(not plain)
    few = len(values[column]) <= max(2, len(body) / 2)
    return _Source(title, labels, trust * few, missing)


def _each(
    pairs: list[tuple[str, tuple[str, str]]],
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Pairs of which `cat|dog` becomes two, if both are labels of other pictures."""
    labels = {label for _, (label, _) in pairs}
    for found, (label, split) in pairs:
        several = [part.strip() for part in re.split(r"[|;,]", label)]
        for part in several if len(several) > 1 and labels.issuperset(several) else [label]:
            yield found, (part, split)


def _is_titled(title: str) -> bool:
    """Whether a column has the title of labels."""
    return _title(title) in _LABEL_COLUMNS


def _title(title: str) -> str:
    """The words of a title without the path before them: `tags.name` are tags."""
    parts = [re.sub(r"[\s-]+", "_", part) for part in plain(title).split(".")]
    return parts[-2] if parts[-1] in ("name", "value") and len(parts) > 1 else parts[-1]

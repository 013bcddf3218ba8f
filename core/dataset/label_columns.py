"""Find the column of labels, and that of splits, in a table that names pictures."""

import posixpath
import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from core.dataset import levels, records, split_lists, tables
from core.dataset.folder_names import plain
from core.dataset.split_lists import OFF, ON, mark
from core.errors import BadDataset
from core.system import prose

TITLED = 2
LABEL_COLUMNS = """
label labels class classname class_name classid class_id category target dx diagnosis species
breed variety type y choice choices tag tags tagname annotation annotations klasse kategorie art
classe categorie etiquette espece clase categoria etiqueta especie etichetta rotulo klasa kategoria
etykieta класс категория метка вид 标签 类别 分类 種類 ラベル クラス カテゴリ 라벨 레이블 클래스
"""
_LABEL_COLUMNS = set(map(plain, LABEL_COLUMNS.split()))
_CLEAREST = ("label", "labels", "class")
"""Titles that are preferred to the others."""

LabelAndSplit = tuple[str, str]
"""Either may be empty."""


class Source(NamedTuple):
    """What one file says.

    Attributes:
        title: what it is called in messages.
        pairs: names of pictures, each with its class and split.
        trust: `TITLED` for a column with the title of labels or the names of the folders, 1 for
            another title in a table, 0 for none, in JSON, and for captions.
        missing: file names in it that are no picture here.
    """

    title: str
    pairs: list[tuple[str, LabelAndSplit]]
    trust: int
    missing: list[str]


def read(
    name: str, table: tables.Table, classes: Collection[str], part: str, *, strict: bool
) -> Source:
    """The label and split of each row.

    Labels are in one column, or one column per class holds marks; either may be missing. All rows
    are of one `part` unless a column says more.

    Args:
        classes: of the folders; beside them, only columns with the title of labels, or of these
            classes, are labels.
        part: the split that the name of the file stands for, or an empty string.
        strict: whether only columns with the title of labels are labels.

    Raises:
        BadDataset: several columns may be the labels, or none of the marked classes is one.
    """
    titles = [_title(title) for title in table.header]
    values = _values(table)
    marks = [n for n in values if values[n] <= ON | OFF and values[n] & ON]
    split_columns, split_of = split_lists.columns(part, titles, values, marks)

    def source(title: str, label_of: Callable[[list[str]], str], trust: int) -> Source:
        pairs = []
        for picture, row in table.body:
            if any(pair := (label_of(row), split_of(row))):
                pairs.append((picture, pair))
        return Source(title, pairs, trust, table.missing)

    columns = {n: values[n] for n in values if n not in split_columns}
    marks = [n for n in marks if n in columns]
    of_folders = {mark(label) for label in classes}
    named = [n for n in columns if titles[n] in _LABEL_COLUMNS or columns[n] <= of_folders]
    few = [n for n in columns if 2 <= len(columns[n]) <= _most_classes(table)]
    is_json = name.lower().endswith(records.SUFFIXES)
    exclusive = all(sum(mark(row[n]) in ON for n in marks) == 1 for _, row in table.body)
    are_classes = len(marks) > 1 and (exclusive or set(few) <= set(marks))
    if table.titled and are_classes and not named and not classes:
        one_hot = source(name, _one_hot(table.header, marks, is_json), TITLED)
        labelled = sum(bool(label) for _, (label, _) in one_hot.pairs)
        if not labelled:
            raise BadDataset(
                f"{name} gives no picture exactly one of the classes "
                f"{prose.listed([table.header[n] for n in marks])}. Mark one class per picture."
            )
        return one_hot if labelled == len(table.body) else one_hot._replace(trust=1)

    candidates = [n for n in named if n in few]
    candidates = candidates or ([] if classes or strict else few) or named[:1]
    column = _column(name, table, titles, candidates)
    if column is None:
        return source(name, lambda _: "", 0)
    title = table.header[column]
    trust = TITLED if column in named else int(table.titled and bool(title) and not is_json)
    found = source(
        f"{f'the column {title}' if table.titled else title} of {name}" if title else name,
        lambda row: row[column] if tables.is_value(row[column]) else "",
        trust if len(columns[column]) <= _most_classes(table) else 0,
    )
    return found._replace(pairs=list(_separate(found.pairs)))


def is_titled(title: str) -> bool:
    """Whether a column has the title of labels."""
    return _title(title) in _LABEL_COLUMNS


def _values(table: tables.Table) -> dict[int, set[str]]:
    """The values of each column, without those of file names."""
    extensions = tuple({posixpath.splitext(picture)[1] for picture, _ in table.body} - {""})
    return {
        n: {mark(row[n]) for _, row in table.body}
        for n in range(len(table.header))
        if n != table.file_column and not all(row[n].endswith(extensions) for _, row in table.body)
    }


def _most_classes(table: tables.Table) -> float:
    return max(2, len(table.body) / 2)


def _one_hot(header: list[str], marks: list[int], is_json: bool) -> Callable[[list[str]], str]:
    """What says the class of a row: the title of its only mark."""
    # In JSON, the title of a column is a path: `flags.cat`.
    names = {n: header[n].rpartition(".")[2] if is_json else header[n] for n in marks}

    def label_of(row: list[str]) -> str:
        marked = [names[n] for n in marks if mark(row[n]) in ON]
        return marked[0] if len(marked) == 1 else ""

    return label_of


def _column(name: str, table: tables.Table, titles: list[str], candidates: list[int]) -> int | None:
    """The column of labels among those that may be; words are preferred to numbers.

    Raises:
        BadDataset: several divide the pictures differently.
    """
    cells = {n: [row[n] for _, row in table.body] for n in candidates}
    words = [n for n in cells if not all(map(records.is_number, filter(tables.is_value, cells[n])))]
    chosen = words or candidates
    chosen = [n for n in chosen if titles[n] in _CLEAREST] or chosen
    partitions = {tuple(levels.numbered(cells[n]).tolist()) for n in chosen}
    if len(partitions) < 2:
        return chosen[0] if chosen else None
    if name.lower().endswith(".txt"):
        return None  # a list of numbers for programs
    raise BadDataset(
        f"{name} has several columns that may be the labels: "
        f"{', '.join(table.header[n] for n in chosen[:5])}. Keep one of them beside the file names."
    )


def _separate(pairs: list[tuple[str, LabelAndSplit]]) -> Iterator[tuple[str, LabelAndSplit]]:
    """Pairs of which `cat|dog` becomes two, if both are labels of other pictures."""
    labels = {label for _, (label, _) in pairs}
    for picture, (label, split) in pairs:
        several = [part.strip() for part in re.split(r"[|;,]", label)]
        for part in several if len(several) > 1 and labels.issuperset(several) else [label]:
            yield picture, (part, split)


def _title(title: str) -> str:
    """The words of a title without the path before them: `tags.name` are tags."""
    parts = [re.sub(r"[\s-]+", "_", part) for part in plain(title).split(".")]
    return parts[-2] if parts[-1] in ("name", "value") and len(parts) > 1 else parts[-1]

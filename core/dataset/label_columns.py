"""Find the column of labels, and that of splits, in a table that names pictures."""

import posixpath
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from core.dataset import levels, records, split_lists, tables
from core.dataset.folder_names import Part, plain, vocabulary
from core.dataset.split_lists import OFF, ON, mark
from core.errors import BadDataset
from core.system import prose

LABEL_COLUMNS = vocabulary(
    plain("""
label labels class classname class_name classid class_id category categories target dx diagnosis
species breed variety type y choice choices tag tags tagname annotation annotations answer
radio_answer displayname diagnostic disease finding grade klasse kategorie art
classe categorie etiquette espece clase categoria etiqueta especie etichetta rotulo klasa kategoria
etykieta класс категория метка вид 标签 类别 分类 種類 ラベル クラス カテゴリ 라벨 레이블 클래스
""")
)
_CLEAREST = ("label", "labels", "class")
"""Titles that are preferred to the others."""
_LAST_WORDS = vocabulary("label labels class category categories species breed diagnosis tags")
"""What titles of several words, such as `Finding Labels`, end in."""
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(?!\d)")
_LIST = re.compile(r"\[(.*)\]", re.DOTALL)

Row = list[str]
LabelAndSplit = tuple[str, Part | None]
"""The class and the split of a picture; the class may be empty."""


class Trust(IntEnum):
    """How clearly a table says that these are labels."""

    GUESSED = 0
    """Without a title, in JSON, or captions."""
    OTHER_TITLE = 1
    TITLED = 2
    """In a column with the title of labels or the names of the folders."""


class TableLabels(NamedTuple):
    """What one file says.

    Attributes:
        title: what it is called in messages.
        pairs: names of pictures, each with its class and split.
        missing: file names in it that are no picture here.
        unread: whether it has a column of splits with words that are not known.
    """

    title: str
    pairs: list[tuple[str, LabelAndSplit]]
    trust: Trust
    missing: list[str]
    unread: bool = False


@dataclass(frozen=True)
class _Columns:
    """The columns of a table that may hold labels.

    Attributes:
        file: name of the table.
        classes, strict: as in `read`.
        values: place of a column → its values, without the columns of file names and splits.
        titles: of all columns, as by `_title`.
        marks: columns of marks, such as 0 and 1.
        split_of: what says the split of a row.
    """

    file: str
    table: tables.Table
    classes: Collection[str]
    strict: bool
    values: dict[int, set[str]]
    titles: list[str]
    marks: list[int]
    split_of: Callable[[Row], Part | None]

    @property
    def named(self) -> list[int]:
        """Columns with the title of labels, or of the classes of the folders."""
        classes = {mark(label) for label in self.classes}
        values = self.values
        named = [n for n in values if self.titles[n] in LABEL_COLUMNS or values[n] <= classes]
        return named or [
            n
            for n in values
            if self.titles[n].rpartition("_")[2] in _LAST_WORDS and n not in self.marks
        ]

    @property
    def few(self) -> list[int]:
        """Columns with several values, each of which may be that of several pictures."""
        return [n for n, each in self.values.items() if 2 <= len(each) <= self.most_classes]

    @property
    def guessed(self) -> list[int]:
        """Of these, the ones that may be labels without a title that says so: no dates."""
        return [n for n in self.few if not all(map(_DATE.match, self.values[n]))]

    def has_words(self, column: int) -> bool:
        """Whether not all values of a column are numbers."""
        cells = (row[column] for _, row in self.table.body)
        return not all(map(records.is_number, filter(tables.is_value, cells)))

    def partition(self, column: int) -> tuple[int, ...]:
        """How a column divides the pictures."""
        return tuple(levels.numbered([row[column] for _, row in self.table.body]).tolist())

    @property
    def most_classes(self) -> float:
        """Values that a column of labels may have."""
        return max(2, len(self.table.body) / 2)

    @property
    def is_json(self) -> bool:
        """Whether titles are paths in JSON, such as `flags.cat`."""
        return self.file.lower().endswith(records.SUFFIXES)

    def labels(self, title: str, label_of: Callable[[Row], str], trust: Trust) -> TableLabels:
        """The labels and splits of the rows that have any."""
        pairs = []
        for picture, row in self.table.body:
            if any(pair := (label_of(row), self.split_of(row))):
                pairs.append((picture, pair))
        return TableLabels(title, pairs, trust, self.table.missing)


def read(
    name: str, table: tables.Table, classes: Collection[str], part: Part | None, *, strict: bool
) -> TableLabels:
    """The label and split of each row.

    Labels are in one column, or one column per class holds marks; either may be missing. All rows
    are of one `part` unless a column says more.

    Args:
        classes: of the folders; beside them, only columns with the title of labels, or of these
            classes, are labels.
        part: what the name of the file stands for.
        strict: whether only columns with the title of labels are labels.

    Raises:
        BadDataset: several columns may be the labels, or none of the marked classes is one.
    """
    titles = [_title(title) for title in table.header]
    values = _values(table)
    marks = [n for n in values if values[n] <= ON | OFF and values[n] & ON]
    of_splits, split_of = split_lists.columns(part, titles, values, marks)
    columns = _Columns(
        file=name,
        table=table,
        classes=classes,
        strict=strict,
        values={n: values[n] for n in values if n not in of_splits},
        titles=titles,
        marks=[n for n in marks if n not in of_splits],
        split_of=split_of,
    )
    found = _from_marks(columns) or _from_one_column(columns)
    titled = {titles[n] for n in of_splits} - split_lists.FOLDS
    return found._replace(unread=bool(titled) and not any(split for _, (_, split) in found.pairs))


def _from_marks(columns: _Columns) -> TableLabels | None:
    """The labels of a table with a column of marks per class; None of another table."""
    table, marks = columns.table, columns.marks
    exclusive = all(sum(mark(row[n]) in ON for n in marks) == 1 for _, row in table.body)
    are_classes = len(marks) > 1 and (exclusive or set(columns.guessed) <= set(marks))
    if not (table.titled and are_classes) or columns.named or columns.classes:
        return None
    # In JSON, the title of a column is a path: `flags.cat`.
    titles = {
        n: table.header[n].rpartition(".")[2] if columns.is_json else table.header[n] for n in marks
    }

    def label_of(row: Row) -> str:
        marked = [titles[n] for n in marks if mark(row[n]) in ON]
        return marked[0] if len(marked) == 1 else ""

    labelled = sum(bool(label_of(row)) for _, row in table.body)
    if not labelled:
        raise BadDataset(
            f"{columns.file} gives no picture exactly one of the classes "
            f"{prose.listed([table.header[n] for n in marks])}. Mark one class per picture."
        )
    trust = Trust.TITLED if labelled == len(table.body) else Trust.OTHER_TITLE
    return columns.labels(columns.file, label_of, trust)


def _from_one_column(columns: _Columns) -> TableLabels:
    """The labels in the column that is likeliest to hold them, or only the splits without one."""
    table, named = columns.table, columns.named
    candidates = [n for n in named if n in columns.few]
    if not candidates and not columns.classes and not columns.strict:
        candidates = columns.guessed
    column = _column(columns, candidates or named[:1])
    if column is None:
        return columns.labels(columns.file, lambda _: "", Trust.GUESSED)
    title = table.header[column]
    trust = Trust.GUESSED
    if len(columns.values[column]) <= columns.most_classes:
        if column in named:
            trust = Trust.TITLED
        elif table.titled and title and not columns.is_json:
            trust = Trust.OTHER_TITLE
    called = f"the column {title}" if table.titled else title
    found = columns.labels(
        f"{called} of {columns.file}" if title else columns.file,
        lambda row: row[column] if tables.is_value(row[column]) else "",
        trust,
    )
    return found._replace(pairs=list(_separate(found.pairs)))


def is_titled(title: str) -> bool:
    """Whether a column has the title of labels."""
    return _title(title) in LABEL_COLUMNS


def _values(table: tables.Table) -> dict[int, set[str]]:
    """The values of each column that has any, without those of file names."""
    extensions = tuple({posixpath.splitext(picture)[1] for picture, _ in table.body} - {""})
    values = {
        n: {mark(row[n]) for _, row in table.body if tables.is_value(row[n])}
        for n in range(len(table.header))
        if n != table.file_column and not all(row[n].endswith(extensions) for _, row in table.body)
    }
    return {n: each for n, each in values.items() if each}


def _column(columns: _Columns, candidates: list[int]) -> int | None:
    """The column of labels among those that may be; words are preferred to numbers and ids.

    Raises:
        BadDataset: several divide the pictures differently.
    """
    table, file = columns.table, columns.file
    words = [n for n in candidates if columns.has_words(n)]
    chosen = words or candidates
    chosen = [n for n in chosen if columns.titles[n] in _CLEAREST] or chosen
    partitions = {columns.partition(n) for n in chosen}
    if len(partitions) < 2:
        if chosen and not words:  # the names of the same classes may be beside their numbers
            guessed = (n for n in columns.guessed if n not in columns.marks)
            named = filter(columns.has_words, guessed)
            chosen = [*(n for n in named if columns.partition(n) in partitions), *chosen]
        ids = {n for n in chosen if columns.titles[n].endswith("id")}
        return next((n for n in chosen if n not in ids), next(iter(chosen), None))
    if file.lower().endswith(".txt"):
        return None  # a list of numbers for programs
    raise BadDataset(
        f"{file} has several columns that may be the labels: "
        f"{', '.join(table.header[n] for n in chosen[:5])}. Keep one of them beside the file names."
    )


def _separate(pairs: list[tuple[str, LabelAndSplit]]) -> Iterator[tuple[str, LabelAndSplit]]:
    """Pairs of which `[cat,dog]` becomes two, and `cat|dog` if both are labels of others.

    Other signs are parts of names: `hot dog`, `black/white`.
    """
    labels = {label for _, (label, _) in pairs}
    for picture, (label, split) in pairs:
        if listed := _LIST.fullmatch(label):
            several = [part.strip(" '\"") for part in listed[1].split(",")]
        else:
            several = [part.strip() for part in re.split(r"[|;,]", label)]
            several = several if labels.issuperset(several) else [label]
        yield from ((picture, (part, split)) for part in several)


def _title(title: str) -> str:
    """The words of a title without the path before them: `tags.name` are tags."""
    parts = [re.sub(r"[\s-]+", "_", part) for part in plain(title).split(".")]
    is_part = parts[-1] in ("name", "value", "title") and len(parts) > 1
    return parts[-2] if is_part else parts[-1]

"""Find the column of labels, and that of splits, in a table that names pictures."""

import posixpath
import re
from collections.abc import Collection, Iterator
from enum import IntEnum
from itertools import compress
from typing import NamedTuple

from core.dataset import records, split_lists
from core.dataset.folder_names import Part, vocabulary
from core.dataset.table_columns import TableColumn, is_titled, is_value, mark
from core.dataset.tables import Table
from core.errors import BadDataset
from core.system import prose

_CLEAREST = ("label", "labels", "class")
"""Titles that are preferred to the others."""
_LAST_WORDS = vocabulary("""
label labels class classes category categories species breed diagnosis tags klasse kategorie clase
categoria etiqueta especie espece etiquette
""")
"""Last words of titles of several words, such as `Finding Labels`."""
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(?!\d)")
_VERDICTS = vocabulary("accept reject ignore")
"""Prodigy's answers to whether a label is right."""
_LIST = re.compile(r"\[(.*)\]", re.DOTALL)

LabelAndSplit = tuple[str, Part | None]
"""The class and the split of a picture; the class may be empty."""


class Trust(IntEnum):
    """How clearly a table says that these are labels."""

    GUESSED = 0
    """The column has no title, is in JSON, or has captions."""
    OTHER_TITLE = 1
    TITLED = 2
    """The column has the title of labels, or the names of the folders."""


class TableLabels(NamedTuple):
    """The labels and splits in one file.

    Attributes:
        title: what it is called in messages.
        pairs: names of pictures, each with its class and split.
        missing: file names in it that are not in the dataset.
        unread: whether it has a column of splits with words that are not known.
    """

    title: str
    pairs: list[tuple[str, LabelAndSplit]]
    trust: Trust
    missing: list[str]
    unread: bool


def read(
    name: str, table: Table, classes: Collection[str], part: Part | None, *, strict: bool
) -> TableLabels:
    """The label and split of each row that has any.

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
    extensions = tuple({posixpath.splitext(picture)[1] for picture in table.pictures} - {""})
    columns = [
        column
        for column in table.columns
        if column is not table.names
        and column.values
        and not all(cell.endswith(extensions) for cell in column.cells)
    ]
    of_splits, splits = split_lists.find(part, columns)
    columns = [column for column in columns if column not in of_splits]
    verdict = next((c for c in columns if c.title == "answer" and c.values <= _VERDICTS), None)
    others = [column for column in columns if column is not verdict]
    if any(is_titled(column.header) and len(column.values) > 1 for column in others):
        columns = others
    else:  # they are the labels
        verdict = None
    named = _named(columns, classes)
    may_be_marks = table.titled and not named and not classes
    marked = _from_marks(name, columns) if may_be_marks else None
    title, labels, trust = marked or _from_one_column(
        name, table, columns, named, guess=not (classes or strict)
    )
    if verdict:
        pairs_of = zip(labels, verdict.cells, strict=True)
        labels = [label if mark(cell) == "accept" else "" for label, cell in pairs_of]
    rows = zip(table.pictures, zip(labels, splits, strict=False), strict=True)
    pairs = [row for row in rows if any(row[1])]
    titled = {column.title for column in of_splits} - split_lists.FOLDS
    unread = bool(titled) and not any(split for _, (_, split) in pairs)
    return TableLabels(title, [*_separate(pairs)], trust, table.missing, unread)


def _named(columns: list[TableColumn], classes: Collection[str]) -> list[TableColumn]:
    """Columns with the title of labels or the classes of the folders; the title decides."""
    marks = set(map(mark, classes))
    titled = [column for column in columns if is_titled(column.header)]
    named = [c for c in columns if c in titled or c.values <= marks]
    if titled and len({column.partition for column in named}) > 1:
        named = titled  # another one repeats the folders
    return named or [
        c for c in columns if re.split("[_'’]", c.title)[-1] in _LAST_WORDS and not c.is_marks
    ]


def _guessed(columns: list[TableColumn]) -> list[TableColumn]:
    """Columns that may be labels although no title says so; dates are excluded."""
    return [c for c in columns if _has_few(c) and not all(map(_DATE.match, c.values))]


def _has_few(column: TableColumn) -> bool:
    """Whether a column has several values, each of which may be that of several pictures."""
    return 2 <= len(column.values) <= max(2, len(column.cells) / 2)


def _from_marks(name: str, columns: list[TableColumn]) -> tuple[str, list[str], Trust] | None:
    """The label of each row of a table with a column of marks per class; None of another table."""
    marks = [column for column in columns if column.is_marks]
    # In JSON, the title of a column is a path: `flags.cat`.
    titles = [c.header.rpartition(".")[2] if _is_json(name) else c.header for c in marks]
    rows = [list(compress(titles, row)) for row in zip(*(c.marked for c in marks), strict=True)]
    exclusive = all(len(marked) == 1 for marked in rows)
    if len(marks) < 2 or not (exclusive or all(c.is_marks for c in _guessed(columns))):
        return None
    labels = [marked[0] if len(marked) == 1 and is_value(marked[0]) else "" for marked in rows]
    if not any(labels):
        raise BadDataset(
            f"{name} gives no picture exactly one of the classes "
            f"{prose.listed([column.header for column in marks])}. Mark one class per picture."
        )
    return name, labels, Trust.TITLED if all(labels) else Trust.OTHER_TITLE


def _from_one_column(
    name: str, table: Table, columns: list[TableColumn], named: list[TableColumn], *, guess: bool
) -> tuple[str, list[str], Trust]:
    """The column that is likeliest to hold labels, and the label of each row; else no labels."""
    candidates = list(filter(_has_few, named)) or (_guessed(columns) if guess else [])
    column = _column(name, columns, candidates or named[:1])
    if column is None:
        return name, [""] * len(table.pictures), Trust.GUESSED
    title = column.header
    trust = Trust.GUESSED
    if len(column.values) == 1 or _has_few(column):
        says_so = table.titled and title and not _is_json(name)
        other = Trust.OTHER_TITLE if says_so else Trust.GUESSED
        trust = Trust.TITLED if column in named else other
    called = f"the column {title}" if table.titled else title
    labels = [cell if is_value(cell) else "" for cell in column.cells]
    return f"{called} of {name}" if title else name, labels, trust


def _is_json(name: str) -> bool:
    return name.lower().endswith(records.SUFFIXES)


def _column(
    name: str, columns: list[TableColumn], candidates: list[TableColumn]
) -> TableColumn | None:
    """The column of labels among those that may be; words are preferred to numbers and ids.

    Raises:
        BadDataset: several divide the pictures differently.
    """
    words = [column for column in candidates if column.has_words]
    chosen = words or candidates
    chosen = [column for column in chosen if column.title in _CLEAREST] or chosen
    partitions = {column.partition for column in chosen}
    if len(partitions) < 2:
        if chosen and not words:  # the names of the same classes may be beside their numbers
            named = [c for c in _guessed(columns) if c.has_words and not c.is_marks]
            chosen = [*(c for c in named if c.partition in partitions), *chosen]
        no_ids = (column for column in chosen if not column.title.endswith("id"))
        return next(no_ids, next(iter(chosen), None))
    if name.lower().endswith(".txt"):
        return None  # a list of numbers for programs
    titles = ", ".join(column.header for column in chosen[:5])
    raise BadDataset(
        f"{name} has several columns that may be the labels: {titles}. Keep one of them beside the "
        "file names."
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

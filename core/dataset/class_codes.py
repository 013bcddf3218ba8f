"""Find the names of classes that are numbers or codes, in a file beside the pictures."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from core.archive.sources import is_picture
from core.archive.unpacking import Member
from core.dataset import tables
from core.dataset.findings import Finding, Remedy, informs
from core.dataset.folder_names import name_key, printable, vocabulary, words_of
from core.dataset.table_columns import is_number
from core.system import prose
from core.system.untrusted_json import parse

MOST_FILES = 50
"""Files among which the names are sought."""
WIDEST = 20
"""Columns among which codes and names are sought."""
LONGEST = 60
"""Characters of a name. Longer ones are lists of synonyms, of which the first is used."""
# `7`, `007`, State Farm's `c0`, WordNet's `n02119789`; not `F-16`
_CODE = re.compile(r"[a-z]{0,2}_?\d{1,15}", re.IGNORECASE)
_WORDNET = re.compile(r"n\d{8}")
# `n02119789 kit fox, Vulpes macrotis`, `0: cat`
_AFTER_CODE = re.compile(r"[\s:;,=]+")
_CLASSES = vocabulary("""
class classes classname classid label labels category categories species
klasse klassen kategorie kategorien clase clases
""")
_LISTS = _CLASSES | vocabulary("classnames labelmap name names synsets")

Rows = list[list[str]]


def is_code(label: str) -> bool:
    """Whether the name of a class is a number or a code."""
    return _CODE.fullmatch(label) is not None


def find(
    classes: Sequence[str], pictures: int, others: Sequence[Member]
) -> tuple[str, Finding] | None:
    """The file that names the classes, and a finding with the remedy to rename them.

    All classes must be codes, each in one row of the file beside a name that no other row has:
    `signnames.csv`, `cat_to_name.json`. Of numbers from 0 or 1, a file such as `classes.txt` may
    list the names in order. Files also number patients, licences, epochs and the steps of a guide:
    the name of the file or the title of a column must say that it is about classes. WordNet's codes
    need neither (`LOC_synset_mapping.txt`), as two of them may have one name. Tables of pictures
    often number their rows, so one with a row for every second picture does not name numbers.

    Args:
        pictures: how many there are.
        others: files that are neither pictures nor used as labels.
    """
    if len(classes) < 2 or not all(map(is_code, classes)):
        return None
    most = pictures // 2 if all(map(str.isdecimal, classes)) else tables.MOST_LINES
    files = (member for member in others if _may_name(member))
    nearest = sorted(files, key=lambda member: (member.name.count("/"), member.name))
    for member in nearest[:MOST_FILES]:
        for title, rows in _tables(member):
            if not len(classes) <= len(rows) <= most:
                continue
            if any(is_picture(cell) for row in rows for cell in row):
                continue
            of_classes = not _LISTS.isdisjoint(words_of(title))
            names = _named(classes, rows, of_classes=of_classes)
            if names := names or (_listed(classes, rows) if of_classes else {}):
                return member.name, _finding(member.name, names)
    return None


def _finding(file: str, names: dict[str, str]) -> Finding:
    file = PurePosixPath(file).name
    shown = prose.listed([f"{code} is {name}" for code, name in names.items()])
    remedy = Remedy(
        kind="rename",
        label=f"Use the names in {file}",
        classes=tuple(names),
        names=tuple(names.values()),
    )
    sentence = f"The class folders or labels are codes, which {file} explains: {shown}."
    return informs("class_codes", sentence, remedy=remedy)


def _may_name(member: Member) -> bool:
    suffix = PurePosixPath(member.name).suffix.lower()
    return suffix in (*tables.TABLES, ".json", ".txt") and tables.is_small(member.path)


def _tables(member: Member) -> Iterator[tuple[str, Rows]]:
    """The rows of a file in each way that it can be read, with what they are called."""
    path = PurePosixPath(member.name)
    text, suffix = tables.read_text(member.path), path.suffix.lower()
    if suffix == ".json":
        yield from _of_json(path.stem, text)
        return
    lines = [line.strip() for line in tables.lines_of(text) if line.strip()]
    if suffix == ".txt" and not _is_table(lines):
        yield path.stem, [_AFTER_CODE.split(line, maxsplit=1) for line in lines]
        yield path.stem, [[line] for line in lines]
    yield path.stem, tables.rows_of(text)


def _is_table(lines: Sequence[str]) -> bool:
    """Whether lines have three columns or more, as those of names and their synonyms have not."""
    return any(
        {line.count(mark) for line in lines} == {lines[0].count(mark)} and lines[0].count(mark) > 1
        for mark in ",;\t"
    )


def _of_json(name: str, text: str) -> Iterator[tuple[str, Rows]]:
    """The rows of `{"1": "cat"}`, `{"cat": 1}`, `["cat"]`, `[{"id": 1, "name": "cat"}]`.

    Each may also be a part of an object: `{"id2label": {"1": "cat"}}`.
    """
    try:
        content = parse(text)
    except ValueError:
        return
    parts = content if isinstance(content, dict) else {}
    for title, part in ((name, content), *parts.items()):
        if not isinstance(part, dict | list) or len(part) > tables.MOST_LINES:
            continue
        pairs = part.items() if isinstance(part, dict) else ([item] for item in part)
        yield title, [_cells(pair) for pair in pairs]


def _cells(values: Iterable[Any]) -> list[str]:
    """Some values, and those of lists and objects among them; empty unless texts or numbers."""
    cells: list[str] = []
    for value in values:
        inner = value.values() if isinstance(value, dict) else value
        items = inner if isinstance(value, dict | list) else [value]
        cells += [str(item) if isinstance(item, str | int) else "" for item in items]
    return cells


def _named(classes: Sequence[str], rows: Rows, *, of_classes: bool) -> dict[str, str]:
    """The name of each class, from a row that has its code; empty if one has none."""
    of_wordnet = all(map(_WORDNET.fullmatch, classes))
    columns = [*itertools.zip_longest(*(row[:WIDEST] for row in rows), fillvalue="")]
    titled = [not _CLASSES.isdisjoint(words_of(column[0])) for column in columns]
    keys = [tables.group_key(label) for label in classes]
    # The first column of codes counts, one with a title before others: rows may be numbered, too.
    for place in sorted(range(len(columns)), key=lambda place: not titled[place]):
        codes = [tables.group_key(cell) for cell in columns[place]]
        counts = Counter(codes)
        if any(counts[code] != 1 for code in keys):
            continue
        row_of = {code: row for row, code in enumerate(codes)}
        for other in itertools.chain(range(place + 1, len(columns)), range(place)):
            if not (of_classes or of_wordnet or titled[place] or titled[other]):
                continue
            cells = [columns[other][row_of[code]] for code in keys]
            if not (names := _names(cells)):
                continue
            spelled = Counter(map(name_key, columns[other]))
            if of_wordnet or all(spelled[name_key(cell)] == 1 for cell in cells):
                return dict(zip(classes, names, strict=True))
        return {}
    return {}


def _listed(classes: Sequence[str], rows: Rows) -> dict[str, str]:
    """The names of classes numbered from 0 or 1, from a list in order; empty if it is none."""
    if not all(map(str.isdecimal, classes)):
        return {}
    in_order = sorted(classes, key=int)
    start = int(in_order[0])
    counted = list(map(int, in_order)) == list(range(start, start + len(classes)))
    is_list = all(len(row) == 1 for row in rows)
    cells = [row[0] for row in rows] if is_list else []
    if cells and _LISTS.issuperset(words_of(cells[0])):
        cells = cells[1:]  # a title
    if start > 1 or not counted or len(cells) != len(classes):
        return {}
    return dict(zip(in_order, _names(cells), strict=False))


def _names(cells: Sequence[str]) -> list[str]:
    """Cells as names of classes; none unless all are words and differ."""
    names = [" ".join(printable(cell).split()) for cell in cells]
    names = [name if len(name) <= LONGEST else name.split(",")[0][:LONGEST] for name in names]
    are_words = all(words_of(name) and not is_code(name) and not is_number(name) for name in names)
    return names if are_words and len({name_key(name) for name in names}) == len(names) else []

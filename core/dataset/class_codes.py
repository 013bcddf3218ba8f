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
from core.dataset.folder_names import key, printable, vocabulary, words_of
from core.system import prose
from core.system.untrusted_json import parse

MOST_FILES = 50
"""Files among which the names are sought."""
LONGEST = 60
"""Characters of a name. Longer ones are lists of synonyms, of which the first is used."""
# `7`, `007`, State Farm's `c0`, WordNet's `n02119789`
_CODE = re.compile(r"[a-z]{0,2}[_-]?\d+", re.IGNORECASE)
# `n02119789 kit fox, Vulpes macrotis`, `0: cat`
_AFTER_CODE = re.compile(r"[\s:;,=]+")
_LISTS = vocabulary(
    "class classes classname classnames label labels name names category categories"
)

Rows = list[list[str]]


def find(
    classes: Sequence[str], pictures: int, others: Sequence[Member]
) -> tuple[str, Finding] | None:
    """The file that names the classes, and a finding with the remedy to rename them.

    All classes must be codes, each in one row of the file beside a name that no other has:
    `signnames.csv`, `cat_to_name.json`, `LOC_synset_mapping.txt`. Of numbers from 0 or 1, a file
    such as `classes.txt` may list the names in order. Tables of pictures often number their rows,
    so one with a row for every second picture does not name numbers.

    Args:
        pictures: how many there are.
        others: files that are neither pictures nor used as labels.
    """
    if len(classes) < 2 or not all(map(_CODE.fullmatch, classes)):
        return None
    most = pictures // 2 if all(map(str.isdecimal, classes)) else tables.MOST_LINES
    files = (member for member in others if _may_name(member))
    nearest = sorted(files, key=lambda member: (member.name.count("/"), member.name))
    for member in nearest[:MOST_FILES]:
        for rows in _tables(member):
            of_pictures = len(rows) > most or any(is_picture(cell) for row in rows for cell in row)
            if of_pictures:
                continue
            if names := _named(classes, rows) or _listed(classes, rows, member.name):
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
    return suffix in (*tables.TABLES, ".json", ".txt") and tables.small(member.path)


def _tables(member: Member) -> Iterator[Rows]:
    """The rows of a file in each way that it can be read."""
    text, suffix = tables.text_of(member.path), PurePosixPath(member.name).suffix.lower()
    if suffix == ".json":
        yield from _of_json(text)
        return
    lines = [line.strip() for line in tables.lines_of(text) if line.strip()]
    if suffix == ".txt":
        yield [_AFTER_CODE.split(line, maxsplit=1) for line in lines]
        yield [[line] for line in lines]
    yield tables.rows_of(text)


def _of_json(text: str) -> Iterator[Rows]:
    """The rows of `{"1": "cat"}`, `{"cat": 1}`, `["cat"]`, `[{"id": 1, "name": "cat"}]`.

    Each may also be a part of an object: `{"id2label": {"1": "cat"}}`.
    """
    try:
        content = parse(text)
    except ValueError:
        return
    parts = content.values() if isinstance(content, dict) else ()
    for part in (content, *parts):
        if isinstance(part, dict):
            yield [_cells([code, value]) for code, value in part.items()]
        elif isinstance(part, list):
            yield [_cells([item]) for item in part]


def _cells(values: Iterable[Any]) -> list[str]:
    """The texts and numbers among some values, and in the lists and objects among them."""
    cells: list[str] = []
    for value in values:
        inner = value.values() if isinstance(value, dict) else value
        items = inner if isinstance(value, dict | list) else [value]
        cells += [str(item) for item in items if isinstance(item, str | int)]
    return cells


def _named(classes: Sequence[str], rows: Rows) -> dict[str, str]:
    """The name of each class, from a row that has its code; empty if one has none."""
    width = min(tables.WIDEST, max(map(len, rows), default=0))
    for column in range(width):
        codes = Counter(tables.group_key(row[column]) for row in rows if len(row) > column)
        keys = [tables.group_key(label) for label in classes]
        if any(codes[code] != 1 for code in keys):
            continue
        row_of = {tables.group_key(row[column]): row for row in rows if len(row) > column}
        chosen = [row_of[code] for code in keys]
        for other in itertools.chain(range(column + 1, width), range(column)):
            names = _names([row[other] if len(row) > other else "" for row in chosen])
            if names:
                return dict(zip(classes, names, strict=True))
    return {}


def _listed(classes: Sequence[str], rows: Rows, file: str) -> dict[str, str]:
    """The names of classes numbered from 0 or 1, from a list in order; empty if it is none."""
    in_order = sorted(classes, key=lambda label: int(label) if label.isdecimal() else -1)
    numbers = [int(label) if label.isdecimal() else -1 for label in in_order]
    counted = numbers in (list(range(len(classes))), list(range(1, len(classes) + 1)))
    is_list = len(rows) == len(classes) and all(len(row) == 1 for row in rows)
    if not (counted and is_list and not _LISTS.isdisjoint(words_of(PurePosixPath(file).stem))):
        return {}
    return dict(zip(in_order, _names([row[0] for row in rows]), strict=False))


def _names(cells: Sequence[str]) -> list[str]:
    """Cells as names of classes; none unless all are words and differ."""
    names = [" ".join(printable(cell).split()) for cell in cells]
    names = [name if len(name) <= LONGEST else name.split(",")[0][:LONGEST] for name in names]
    are_words = all(words_of(name) and not _CODE.fullmatch(name) for name in names)
    return names if are_words and len({key(name) for name in names}) == len(names) else []

"""Read tables that name pictures: find the picture of each row, and columns to group by."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from core.archive.unpacking import Member
from core.dataset.examples import Column
from core.dataset.layout import printable, role
from core.errors import BadInput
from core.settings import MEGABYTE

TABLES = (".csv", ".tsv")
LARGEST = 16 * MEGABYTE
"""Larger files are not read."""
MOST_COLUMNS = 12
"""Columns of tables that are kept to group pictures by."""
LONGEST = 80
"""Characters of a group's name."""


class Lookup:
    """Find the picture that a table means: by its path from the table, its name or its stem."""

    def __init__(self, pictures: Sequence[str]) -> None:
        self._names = set(pictures)
        self._by_end: defaultdict[str, list[str]] = defaultdict(list)
        for name in pictures:
            path = PurePosixPath(name)
            parts = path.parts
            for n in range(1, len(parts) + 1):
                end = "/".join(parts[-n:])
                self._by_end[end].append(name)
                self._by_end[end[: -len(path.suffix)] if path.suffix else end].append(name)

    def find(self, value: str, table: str) -> str | None:
        """The name of the picture that a cell of a table means; None for none or several."""
        value = value.strip().replace("\\", "/").removeprefix("./")
        if not value:
            return None
        near = (PurePosixPath(table).parent / value).as_posix()
        if near in self._names:
            return near
        names = dict.fromkeys(self._by_end.get(value, ()))
        if len(names) > 1:  # a table speaks of the pictures beside it
            beside = PurePosixPath(table).parent.as_posix() + "/"
            names = {n: None for n in names if n.startswith(beside)} or names
        if len(names) > 1:  # `train.csv` means `train_images/0.jpg`, not `test_images/0.jpg`
            part = role(PurePosixPath(table).stem)
            names = {n: None for n in names if part in map(role, n.split("/")[:-1])}
        return next(iter(names)) if len(names) == 1 else None


def small(path: Path) -> bool:
    """Whether a file is small enough to be read."""
    return path.stat().st_size <= LARGEST


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, or else in cp1252."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def rows_of(text: str) -> list[list[str]]:
    """The rows of a table that are not empty, whatever separates its cells."""
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]


class Table(NamedTuple):
    """A table with a column of file names: its header, that column, and the rows of pictures."""

    header: list[str]
    file_column: int
    body: list[tuple[str, list[str]]]


def matched(name: str, text: str, lookup: Lookup) -> Table | None:
    """The rows of a table that name a picture; None if there are none."""
    try:
        rows = rows_of(text)
    except csv.Error:
        return None
    width = max(map(len, rows), default=0)
    rows = [[cell.strip() for cell in row] + [""] * (width - len(row)) for row in rows]
    files = [[lookup.find(row[column], name) for row in rows] for column in range(width)]
    matches = [sum(found is not None for found in column) for column in files]
    if not matches or not max(matches):
        return None
    file_column = matches.index(max(matches))
    has_header = files[file_column][0] is None
    header = rows[0] if has_header else [f"column {n + 1}" for n in range(width)]
    body = [
        (found, row)
        for found, row in zip(files[file_column], rows, strict=True)
        if found is not None
    ]
    return Table(header, file_column, body)


def columns(pictures: Sequence[str], others: Sequence[Member]) -> tuple[Column, ...]:
    """Columns of the tables among other files that give several pictures the same value.

    Args:
        pictures: their names.
        others: all other files.
    """
    files = [m for m in others if PurePosixPath(m.name).suffix.lower() in TABLES and small(m.path)]
    lookup = Lookup(pictures if files else ())
    found = [c for m in files for c in _columns(m.name, text_of(m.path), lookup)]
    return tuple(found[:MOST_COLUMNS])


def column(file: Path, name: str, pictures: Sequence[str]) -> Column:
    """A column of a table that is not among the pictures.

    Raises:
        BadInput: there is no such table or column, or it names none of the pictures.
    """
    if not file.is_file() or not small(file):
        most = LARGEST // MEGABYTE
        raise BadInput(f"Expected a table of up to {most} MB at {file}; found none there.")
    table = matched(file.name, text_of(file), Lookup(pictures))
    if table is None:
        raise BadInput(
            f"Expected a column of file names in {file.name}, such as {pictures[0]}; none of its "
            "columns names a picture."
        )
    if name not in table.header:
        names = ", ".join(table.header[:8])
        raise BadInput(f"Expected a column of {file.name}: {names}; found {name!r}.")
    place = table.header.index(name)
    return Column(name=f"{file.name}:{name}", groups=_groups(table, place))


def _columns(name: str, text: str, lookup: Lookup) -> Iterator[Column]:
    table = matched(name, text, lookup)
    if table is None:
        return
    for place, title in enumerate(table.header):
        groups = _groups(table, place)
        distinct = len(set(groups.values()))
        if place != table.file_column and 1 < distinct <= len(groups) / 2:
            yield Column(name=f"{PurePosixPath(name).name}:{title}", groups=groups)


def _groups(table: Table, place: int) -> dict[str, str]:
    return {file: printable(row[place])[:LONGEST] for file, row in table.body if row[place]}

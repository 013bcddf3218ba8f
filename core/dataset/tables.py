"""Read tables that name pictures: find the picture of each row, and columns to group by."""

import codecs
import contextlib
import csv
import functools
import hashlib
import itertools
import posixpath
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from core.archive import names as encodings
from core.archive.unpacking import Member
from core.dataset.examples import Column
from core.dataset.folder_names import printable, role
from core.errors import BadInput
from core.settings import MEGABYTE

TABLES = (".csv", ".tsv")
LARGEST = 16 * MEGABYTE
"""Larger files are not read."""
MOST_COLUMNS = 12
"""Columns of tables that are kept to group pictures by."""
LONGEST = 80
"""Characters of a group's name."""
WIDEST = 500
"""Columns of a table that are read."""
CACHED = 1 << 16
LONGEST_PATH = 4_096
FIRST = 10
"""Lines from which the delimiter is found."""
SAME_WIDTH = 0.75
"""Share of the lines with equally many words in a table of several columns."""
MOST_ALIKE = 50
"""Pictures of the same name among which the one that a cell means is sought."""
SAMPLE, SAMPLED_WORDS = 1 << 16, 500
"""Bytes of a file, and words among them, from which its code page is found."""
WESTERN = "cp1252"
_ABSOLUTE = re.compile(r"/|[a-z][a-z\d+.-]*:", re.IGNORECASE)
_NO_VALUE = {"", "nan", "null", "n/a", "#n/a", "<na>", "nat"}


class Lookup:
    """Find the picture that a cell of a table means, by the end of its path.

    Capitals, the form of accents, the extension and leading zeros may differ. The folders of an
    absolute path or an address are those of another machine; those of a relative path must be those
    of the picture.
    """

    def __init__(self, pictures: Sequence[str]) -> None:
        top = posixpath.commonpath(map(posixpath.dirname, pictures)) if pictures else ""
        self._names = set(pictures)
        self._top = len(_parts(top))
        self._by_end: defaultdict[str, list[tuple[str, list[str]]]] = defaultdict(list)
        for name in pictures:
            parts = _parts(name)
            stem = _number(posixpath.splitext(parts[-1])[0])
            for end in (stem, "/".join([*parts[-2:-1], stem]))[: len(parts)]:
                self._by_end[end].append((name, parts))

    def find(self, value: str, table: str) -> tuple[str, float] | None:
        """The picture that a cell of a table means, and how alike they are; None without one."""
        value = value.strip().replace("\\", "/")
        if "://" in value:
            value = unquote(re.split(r"[?#]", value, maxsplit=1)[0])
        parts = _parts(value) if len(value) <= LONGEST_PATH else []
        if not parts:
            return None
        here = posixpath.dirname(table)
        near = posixpath.normpath(posixpath.join(here, value))
        if near in self._names:
            return near, len(parts) + 0.1
        stems = {_number(parts[-1]), _number(posixpath.splitext(parts[-1])[0])}
        candidates: list[tuple[str, list[str]]] = []
        for folder in (parts[-2:-1], []):
            ends = ("/".join([*folder, stem]) for stem in stems)
            candidates = candidates or [each for end in ends for each in self._by_end.get(end, ())]
        if len(candidates) > MOST_ALIKE:
            return None
        likeness = {name: self._likeness(value, parts, name, other) for name, other in candidates}
        best = max(likeness.values(), default=0)
        names = [name for name, each in likeness.items() if each == best]
        if best and len(names) > 1:  # a table speaks of the pictures beside it
            names = [n for n in names if n.startswith(f"{here}/")] or names
            # `train.csv` means `train_images/0.jpg`, not `test_images/0.jpg`.
            part = role(posixpath.splitext(posixpath.basename(table))[0])
            names = [n for n in names if len(names) == 1 or part in map(role, n.split("/")[:-1])]
        return (names[0], best) if best and len(names) == 1 else None

    def _likeness(self, value: str, parts: list[str], name: str, other: list[str]) -> float:
        """Number of equal parts from the end, less what differs in the last; 0 for no match."""
        stem = posixpath.splitext(other[-1])[0]
        same = 1.0 if parts[-1] == other[-1] else 0.5
        if same < 1 and stem not in (parts[-1], posixpath.splitext(parts[-1])[0]):
            same = 0.25
        same += 0.1 * (value.rpartition("/")[2] == name.rpartition("/")[2])
        pairs = zip(reversed(parts[:-1]), reversed(other[:-1]), strict=False)
        folders = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        if folders < len(parts) - 1:
            whole = folders >= len(other) - 1 - self._top
            roles = [next(filter(None, map(role, path[:-1])), None) for path in (parts, other)]
            if not (whole or _ABSOLUTE.match(value)) or (all(roles) and roles[0] != roles[1]):
                return 0
        return folders + same


def _parts(path: str) -> list[str]:
    """The folders and the file of a path, in lower case and in Unicode's composed form."""
    plain = path if path.isascii() else unicodedata.normalize("NFC", path)
    return [part for part in plain.casefold().split("/") if part not in ("", ".", "..")]


def _number(stem: str) -> str:
    """A stem; a number without the zeros before it, which spreadsheets lose."""
    return stem.lstrip("0") or "0" if stem.isdigit() else stem


def is_value(cell: str) -> bool:
    """Whether a cell has a value; programs write several words for none."""
    return cell.casefold() not in _NO_VALUE


def small(path: Path) -> bool:
    """Whether a file is small enough to be read."""
    return path.stat().st_size <= LARGEST


def text_of(path: Path) -> str:
    """The text of a file in UTF-8 or UTF-16, or else in the code page that fits its words."""
    content = path.read_bytes()
    with contextlib.suppress(UnicodeDecodeError):
        marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if marked else "utf-8-sig")
    words = {w for w in re.split(rb"[^\w \x80-\xff]+", content[:SAMPLE]) if not w.isascii()}
    fitting = encodings.fitting(sorted(words)[:SAMPLED_WORDS])
    return content.decode(fitting[0] if fitting else WESTERN, "replace")


def rows_of(text: str) -> list[list[str]]:
    """The rows of a table that are not empty, whatever separates its cells; none if it is broken.

    Lists often separate a file and its class by a space only; either may have spaces in it.
    """
    lines = text.splitlines()
    delimiter = _delimiter([line[:SAMPLE] for line in lines if line.strip()][:FIRST])
    if not delimiter:
        words = [line.split() for line in lines if line.strip()]
        if len({row[0] for row in words}) < len(words):  # `my photo 1.jpg cat`
            return [line.rsplit(maxsplit=1) for line in lines if line.strip()]
        usual = Counter(map(len, words)).most_common(1)
        if usual and usual[0][1] >= SAME_WIDTH * len(words):
            return [row[:WIDEST] for row in words]
        return [line.split(maxsplit=1) for line in lines if line.strip()]
    try:
        return [row[:WIDEST] for row in csv.reader(lines, delimiter=delimiter) if any(row)]
    except csv.Error:
        return []


def _delimiter(lines: list[str]) -> str:
    """What cuts most lines into equally many cells, or the first into most; empty for nothing."""
    best, chosen = (0, 0), ""
    for delimiter in ",;\t|":
        widths = [len(next(csv.reader([line], delimiter=delimiter))) for line in lines]
        width, same = Counter(widths).most_common(1)[0] if widths else (0, 0)
        if width > 1 and (same, widths[0]) > best:
            best, chosen = (same, widths[0]), delimiter
    return chosen


class Table(NamedTuple):
    """A table with a column of file names: its header, that column, and the rows of pictures.

    Attributes:
        missing: the cells of that column that name no picture.
    """

    header: list[str]
    file_column: int
    body: list[tuple[str, list[str]]]
    missing: list[str]


def matched(name: str, rows: list[list[str]], lookup: Lookup) -> Table | None:
    """The rows of a table that name a picture; None if there are none."""
    # Few rows that are longer than the others would multiply the cells.
    width = sorted(map(len, rows))[len(rows) * 9 // 10] if rows else 0
    rows = [[c.strip() for c in row[:width]] + [""] * (width - len(row)) for row in rows]
    find = functools.lru_cache(CACHED)(lambda cell: lookup.find(cell, name))
    files = [[find(row[column]) for row in rows] for column in range(width)]
    scores = [(len(f), sum(like for _, like in f)) for f in (list(filter(None, c)) for c in files)]
    if not scores or not max(scores)[0]:
        return None
    file_column = scores.index(max(scores))
    found = files[file_column]
    best: dict[str, float] = {}  # of rows that may mean the same picture, the most alike count
    for each in filter(None, found):
        best[each[0]] = max(each[1], best.get(each[0], 0))
    start = next(place for place, each in enumerate(found) if each)
    # Lines before the titles have fewer cells; the pictures of the first rows may be missing.
    filled = [sum(map(bool, row[1:])) for row in rows[: start + 1]]
    top = next((n for n in range(start) if filled[n] >= filled[start]), start - 1)
    header = rows[top] if start else [f"column {n + 1}" for n in range(width)]
    pairs = list(zip(found, rows, strict=True))[top + 1 :]
    body = [(each[0], row) for each, row in pairs if each and each[1] == best[each[0]]]
    missing = [row[file_column] for each, row in pairs if each is None and row[file_column]]
    return Table(header, file_column, body, missing)


def names_several(rows: list[list[str]], lookup: Lookup) -> bool:
    """Whether the rows name several pictures, other than by numbers."""
    table = matched("", rows, lookup)
    named = (
        {found for found, row in table.body if not row[table.file_column].isdecimal()}
        if table
        else ()
    )
    return len(named) > 1


def columns(pictures: Sequence[str], others: Sequence[Member]) -> tuple[Column, ...]:
    """Columns of the tables among other files that give several pictures the same value.

    Args:
        pictures: their names.
        others: all other files.
    """
    files = [m for m in others if PurePosixPath(m.name).suffix.lower() in TABLES and small(m.path)]
    lookup = Lookup(pictures if files else ())
    found = [c for m in files for c in _columns(m.name, rows_of(text_of(m.path)), lookup)]
    return tuple(found[:MOST_COLUMNS])


def column(file: Path, name: str, pictures: Sequence[str]) -> Column:
    """A column of a table that is not among the pictures.

    Raises:
        BadInput: there is no such table or column, or it names none of the pictures.
    """
    if not file.is_file() or not small(file):
        most = LARGEST // MEGABYTE
        raise BadInput(f"Expected a table of up to {most} MB at {file}; found none there.")
    table = matched(file.name, rows_of(text_of(file)), Lookup(pictures))
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


def _columns(name: str, rows: list[list[str]], lookup: Lookup) -> Iterator[Column]:
    table = matched(name, rows, lookup)
    if table is None:
        return
    for place, title in enumerate(table.header):
        groups = _groups(table, place)
        distinct = len(set(groups.values()))
        if place != table.file_column and 1 < distinct <= len(groups) / 2:
            title = title.replace(":", " ")  # what separates it from the file
            yield Column(name=f"{PurePosixPath(name).name}:{title}", groups=groups)


def _groups(table: Table, place: int) -> dict[str, str]:
    """The group of each picture, by its first spelling: `P1`, ` p1` and `7`, `007`, `7.0` are one.

    One group too few is safe; one too many would be in both training and test.
    """
    shown: dict[str, str] = {}
    groups = {}
    for file, row in table.body:
        if is_value(row[place]):
            key, name = group_key(row[place]), printable(row[place])
            if len(name) > LONGEST:  # long ones may differ at the end only
                digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:8]
                name = f"{name[: LONGEST - 10]}… {digest}"
            groups[file] = shown.setdefault(key, name)
    return groups


def group_key(name: str) -> str:
    """What all spellings of a group have in common."""
    plain = " ".join(unicodedata.normalize("NFC", name).casefold().split())
    return _number(re.sub(r"^(\d+)\.0+$", r"\1", plain))

"""Read tables that name pictures: find the picture of each row, and columns to group by."""

import codecs
import contextlib
import csv
import functools
import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.archive import name_encodings
from core.archive.sources import is_picture
from core.archive.unpacking import Member
from core.dataset.examples import Column
from core.dataset.folder_names import printable
from core.dataset.picture_lookup import Lookup, Match, without_zeros
from core.dataset.table_columns import TableColumn, is_value
from core.settings import MEGABYTE

TABLES = (".csv", ".tsv")
LARGEST = 16 * MEGABYTE
"""Larger files are not read."""
MOST_LINES = 1_000_000
"""Tables of more lines are not read: each takes far more memory than its text."""
MOST_COLUMNS = 12
"""Columns of tables that are kept to group pictures by."""
LONGEST = 80
"""Characters of a group's name."""
WIDEST = 500
"""Columns of a table that are read."""
CACHED = 1 << 16
FIRST = 10
"""Lines from which the delimiter is found, and columns of folders and files."""
SAME_WIDTH = 0.75
"""Share of the lines with equally many words in a table of several columns."""
SAMPLE, SAMPLED_WORDS = 1 << 16, 500
"""Bytes of a file, and words among them, from which its code page is found."""
WESTERN = "cp1252"
# Separators never occur inside a character of several bytes; the sample may end inside one.
_WORDS = re.compile(rb"([^\x00-\x1f!-/:-?]+)[\x00-\x1f!-/:-?]")


def is_small(path: Path) -> bool:
    """Whether a file is small enough to be read."""
    return path.stat().st_size <= LARGEST


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 or UTF-16, or else in the code page that fits its words."""
    content = path.read_bytes()
    with contextlib.suppress(UnicodeDecodeError):
        marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if marked else "utf-8-sig")
    first = re.search(rb"[\x80-\xff]", content)
    start = content.rfind(b"\n", 0, first.start() if first else 0) + 1
    all_words = _WORDS.findall((content + b"\n")[start : start + SAMPLE])
    words = {word for word in all_words if not word.isascii()}
    fitting = name_encodings.plausible(sorted(words)[:SAMPLED_WORDS])
    return content.decode(fitting[0] if fitting else WESTERN, "replace")


def lines_of(text: str) -> list[str]:
    """The lines of a text; none if they are too many.

    `str.splitlines` also cuts at characters that cells may hold: U+2028.
    """
    if max(text.count("\n"), text.count("\r")) > MOST_LINES:
        return []
    return re.split(r"\r\n?|\n", text)


def rows_of(text: str) -> list[list[str]]:
    """The rows of a table that are not empty, whatever separates its cells; none if it is broken.

    Lists often separate a file and its class by a space only; either may have spaces in it.
    """
    lines = lines_of(text)
    filled = [line for line in lines if line.strip()]
    delimiter = _delimiter([line[:SAMPLE] for line in filled[:FIRST]])
    if not delimiter:
        words = [line.split() for line in filled]
        if len({row[0] for row in words}) < len(words):  # `my photo 1.jpg cat`
            return [line.rsplit(maxsplit=1) for line in filled]
        if max(Counter(map(len, words)).values(), default=0) >= SAME_WIDTH * len(words):
            return [row[:WIDEST] for row in words]
        return [line.split(maxsplit=1) for line in filled]
    try:
        return [row[:WIDEST] for row in csv.reader(lines, delimiter=delimiter) if any(row)]
    except csv.Error:
        return []


def _delimiter(lines: list[str]) -> str:
    """The delimiter that gives most lines the same number of cells, then most cells; else empty."""
    best, chosen = (0, 0), ""
    for delimiter in ",;\t|":
        widths = [len(next(csv.reader([line], delimiter=delimiter))) for line in lines]
        width, same = Counter(widths).most_common(1)[0] if widths else (0, 0)
        if width > 1 and (same, widths[0]) > best:
            best, chosen = (same, widths[0]), delimiter
    return chosen


@dataclass(frozen=True)
class Table:
    """A table with a column of file names.

    Attributes:
        titled: whether the headers are from the file; otherwise the columns are numbered.
        pictures: the one that each row names.
        columns: all of them.
        names: the one of file names.
        missing: cells of that column that name no picture.
    """

    titled: bool
    pictures: list[str]
    columns: list[TableColumn]
    names: TableColumn
    missing: list[str]

    @property
    def by_title(self) -> dict[str, TableColumn]:
        """Columns by header, the first of each, without colons, which separate it from the file."""
        by_title: dict[str, TableColumn] = {}
        for n, each in enumerate(self.columns):
            by_title.setdefault(each.header.replace(":", " ").strip() or f"column {n + 1}", each)
        return by_title

    @property
    def names_several(self) -> bool:
        """Whether several pictures are named, other than by numbers."""
        named = zip(self.pictures, self.names.cells, strict=True)
        return len({picture for picture, cell in named if not cell.isdecimal()}) > 1


def match_rows(name: str, rows: list[list[str]], lookup: Lookup) -> Table | None:
    """The rows of a table that name a picture; None if there are none."""
    rows = _rectangular(rows)
    column, matches = _file_column(name, rows, lookup)
    if 2 * sum(map(bool, matches)) < len(rows):
        rows = _with_paths(name, rows, lookup)
        column, matches = _file_column(name, rows, lookup)
    if not any(matches):
        return None
    first = _first_row(rows, matches)
    titled = matches[first] is None and not is_picture(rows[first][column])
    header = rows[first] if titled else [f"column {n + 1}" for n in range(len(rows[first]))]
    most_alike: defaultdict[str, float] = defaultdict(float)  # several rows may mean one picture
    for match in filter(None, matches):
        most_alike[match.picture] = max(match.likeness, most_alike[match.picture])
    pairs = list(zip(matches, rows, strict=True))[first + titled :]
    body = [(m.picture, row) for m, row in pairs if m and m.likeness == most_alike[m.picture]]
    missing = [row[column] for match, row in pairs if match is None and row[column]]
    columns = [TableColumn(title, [row[n] for _, row in body]) for n, title in enumerate(header)]
    return Table(titled, [picture for picture, _ in body], columns, columns[column], missing)


def _rectangular(rows: list[list[str]]) -> list[list[str]]:
    """Rows of equally many cells; few that are longer than the others would multiply the cells."""
    width = sorted(map(len, rows))[len(rows) * 9 // 10] if rows else 0
    return [[c.strip() for c in row[:width]] + [""] * (width - len(row)) for row in rows]


def _with_paths(name: str, rows: list[list[str]], lookup: Lookup) -> list[list[str]]:
    """Rows with a column of paths instead of folders, if others are the names of pictures."""
    sample = rows[1 : FIRST + 1]
    places = range(len(rows[0]) if rows else 0)
    files = [n for n in places if all(is_picture(row[n]) for row in sample)]
    for folder, file in ((d, f) for f in files for d in places if d != f):
        hits = sum(lookup.find(f"{row[folder]}/{row[file]}", name) is not None for row in sample)
        if hits * 2 > len(sample):
            paths = [f"{row[folder]}/{row[file]}" for row in rows]
            kept = (row[:folder] + row[folder + 1 :] for row in rows)
            return [[*row, path] for row, path in zip(kept, paths, strict=True)]
    return rows


def _file_column(
    name: str, rows: list[list[str]], lookup: Lookup
) -> tuple[int, list[Match | None]]:
    """The column whose cells name most pictures, and the most clearly, with their matches."""
    find = functools.lru_cache(CACHED)(lambda cell: lookup.find(cell, name))
    best: tuple[int, list[Match | None]] = (0, [])
    most = (0, 0.0)
    for column in range(len(rows[0]) if rows else 0):
        matches = [find(row[column]) for row in rows]
        known = list(filter(None, matches))
        score = len({match.picture for match in known}), sum(match.likeness for match in known)
        if score > most:
            best, most = (column, matches), score
    return best


def _first_row(rows: list[list[str]], matches: Sequence[Match | None]) -> int:
    """The row of titles, or the first of pictures.

    Lines before the titles have fewer cells; the pictures of the first rows may be missing.
    """
    start = next(place for place, match in enumerate(matches) if match)
    filled = [sum(map(bool, row[1:])) for row in rows[: start + 1]]
    return next((n for n in range(start) if filled[n] >= filled[start]), max(start - 1, 0))


def columns(
    pictures: Sequence[str], others: Sequence[Member], wanted: str = ""
) -> tuple[Column, ...]:
    """Columns of the tables among other files that give several pictures the same value.

    Columns of one name, as in `train/metadata.csv` and `test/metadata.csv`, are one; of a table,
    the first with this name.

    Args:
        wanted: name of the only one to return; by default the first, those of few groups before
            others.
    """
    files = [m for m in others if m.name.lower().endswith(TABLES) and is_small(m.path)]
    lookup = Lookup(pictures if files else ())
    cells: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for member in files:
        if table := match_rows(member.name, rows_of(read_text(member.path)), lookup):
            for title, each in table.by_title.items():
                name = f"{PurePosixPath(member.name).name}:{title}"
                if each is not table.names and wanted in ("", name):
                    cells[name] += zip(table.pictures, each.cells, strict=True)
    coarse: list[Column] = []
    fine: list[Column] = []
    for name, pairs in cells.items():
        column = Column(name=name, groups=_groups(pairs))
        if 1 < column.count < len(column.groups):
            (coarse if 2 * column.count <= len(column.groups) else fine).append(column)
        if len(coarse) == MOST_COLUMNS:
            break
    return tuple([*coarse, *fine][:MOST_COLUMNS])


def _groups(cells: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of each picture by its cell in columns of one name, in its first spelling.

    `P1` and ` p1` are one, and so are `7`, `007` and `7.0`. One group too few is safe;
    one too many would be in both training and test.
    """
    shown: dict[str, str] = {}
    groups = {}
    for file, cell in cells:
        if is_value(cell):
            key, name = group_key(cell), printable(cell)
            if len(name) > LONGEST:  # long ones may differ at the end only
                digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:8]
                name = f"{name[: LONGEST - 10]}… {digest}"
            groups[file] = shown.setdefault(key, name)
    return groups


def group_key(name: str) -> str:
    """A key that is equal for all spellings of a group's name."""
    plain = " ".join(unicodedata.normalize("NFC", name).casefold().split())
    return without_zeros(re.sub(r"^(\d+)\.0+$", r"\1", plain))

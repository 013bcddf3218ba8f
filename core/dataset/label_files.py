"""Read labels that are not folders: from tables, from COCO files and from the names of pictures."""

import csv
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from core.archive.unpacking import Member
from core.dataset.layout import role
from core.errors import BadDataset
from core.settings import MEGABYTE

LARGEST = 16 * MEGABYTE
"""Larger files are not read for labels."""
FEWEST = 0.5
"""Share of the pictures that a table must name to be used."""
PER_NAME = 2
"""Pictures per class, on average, for labels in file names to be believed."""
LABEL_COLUMNS = """
label labels class classname class_name classid class_id category target dx diagnosis species
breed variety type y
"""
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "data set", "fold")
BOX_COLUMNS = {"xmin", "xmax", "ymin", "ymax", "bbox", "x_min", "x_max", "x1", "y1"}
DETECTION = (
    "is an export for object detection ({format}), which labels parts of pictures. Export it for "
    "classification, one folder per class, or crop the objects first."
)
_NUMBERED = re.compile(r"^(?P<label>.*?[^\W\d_].*?)[\s._()-]*\d+[\s()]*$")
_CAMERA_NAMES = """
img image imagen bild dsc dscn dscf dcim pict pic photo picture foto scan screenshot frame pxl
vid wp file untitled unnamed images download p
"""


class Labels(NamedTuple):
    """Labels by file name.

    Attributes:
        source: where they come from, such as `train.csv`.
        labels: name of a picture → its class, and its split where the source has one.
    """

    source: str
    labels: dict[str, tuple[str, str]]


def find(name: str, pictures: Sequence[str], others: Sequence[Member]) -> Labels | None:
    """Labels of pictures whose folders are not classes; None if there are none.

    Args:
        name: of the dataset, for messages.
        pictures: names of the readable pictures.
        others: all other files.

    Raises:
        BadDataset: the files are an export for object detection.
    """
    lookup = _Lookup(pictures)
    found: dict[str, tuple[str, str]] = {}
    sources = []
    for member in others:
        suffix = PurePosixPath(member.name).suffix.lower()
        if suffix not in (".csv", ".tsv", ".json", ".xml", ".txt") or not _small(member.path):
            continue
        text = _text(member.path)
        if kind := _detection(member.name, suffix, text):
            raise BadDataset(f"{name} {DETECTION.format(format=kind)}")
        if suffix in (".csv", ".tsv"):
            labels = _table(member.name, text, lookup)
        elif suffix == ".json":
            labels = _coco(member.name, text, lookup)
        else:
            continue
        if labels:
            found |= labels
            sources.append(member.name)
    if len(found) >= FEWEST * len(pictures) or (found and len(set(found.values())) > 1):
        return Labels(sources[0] if len(sources) == 1 else f"{len(sources)} tables", found)
    return None


def in_names(pictures: Sequence[str]) -> Labels | None:
    """Labels at the start of file names, as in `cat.0.jpg` and `great_dane_12.png`, or None."""
    labels = {}
    for name in pictures:
        if match := _NUMBERED.match(PurePosixPath(name).stem):
            labels[name] = (match["label"].strip(" ._-("), "")
    counts = Counter(label for label, _ in labels.values())
    plausible = (
        len(labels) == len(pictures)
        and 2 <= len(counts) <= len(pictures) / PER_NAME
        and min(counts.values()) > 1
        and not all(label.casefold() in _CAMERA_NAMES.split() for label in counts)
    )
    return Labels("the file names", labels) if plausible else None


class _Lookup:
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
        value = value.strip().replace("\\", "/").removeprefix("./")
        if not value:
            return None
        near = (PurePosixPath(table).parent / value).as_posix()
        if near in self._names:
            return near
        names = dict.fromkeys(self._by_end.get(value, ()))
        if len(names) > 1:  # a table speaks of the pictures beside it
            beside = PurePosixPath(table).parent.as_posix() + "/"
            names = dict.fromkeys(name for name in names if name.startswith(beside))
        return next(iter(names)) if len(names) == 1 else None


def _small(path: Path) -> bool:
    return path.stat().st_size <= LARGEST


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _detection(name: str, suffix: str, text: str) -> str:
    """The format of an annotation with boxes, or an empty string."""
    if suffix == ".xml" and "<bndbox>" in text:
        return "Pascal VOC"
    if suffix == ".json" and re.search(r'"bbox"\s*:\s*\[\s*[-\d.]', text):
        return "COCO"
    if suffix == ".txt" and PurePosixPath(name).parent.name == "labels":
        rows = [line.split() for line in text.splitlines() if line.strip()]
        if rows and all(len(row) >= 5 and all(map(_is_number, row)) for row in rows):
            return "YOLO"
    if suffix in (".csv", ".tsv"):
        columns = (
            {cell.strip().casefold() for cell in _rows(text)[:1][0]} if text.strip() else set()
        )
        if len(columns & BOX_COLUMNS) > 1:
            return "a table of boxes"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rows(text: str) -> list[list[str]]:
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]


def _table(name: str, text: str, lookup: _Lookup) -> dict[str, tuple[str, str]]:
    """Labels of a table with a column of files and one of labels, or one of 0 and 1 per class.

    Raises:
        BadDataset: several columns may be the labels.
    """
    try:
        rows = _rows(text)
    except csv.Error:
        return {}
    width = max(map(len, rows), default=0)
    rows = [[cell.strip() for cell in row] + [""] * (width - len(row)) for row in rows]
    files = [[lookup.find(row[column], name) for row in rows] for column in range(width)]
    matches = [sum(found is not None for found in column) for column in files]
    if not matches or not max(matches):
        return {}
    file_column = matches.index(max(matches))
    has_header = files[file_column][0] is None
    header = rows[0] if has_header else [f"column {n + 1}" for n in range(width)]
    body = [
        (found, row)
        for found, row in zip(files[file_column], rows, strict=True)
        if found is not None
    ]
    columns = [n for n in range(width) if n != file_column]
    titles = {n: header[n].strip().casefold() for n in columns}
    split_column = next((n for n in columns if titles[n] in SPLIT_COLUMNS), None)
    columns = [n for n in columns if n != split_column]
    split = {
        found: (role(row[split_column]) or "") if split_column is not None else ""
        for found, row in body
    }
    values = {n: {row[n] for _, row in body} for n in columns}
    binary = [n for n in columns if values[n] <= {"0", "1", "0.0", "1.0"} and values[n]]
    named = [n for n in columns if titles[n].replace(" ", "_") in LABEL_COLUMNS.split()]
    if len(binary) > 1 and not named:
        labels = {}
        for found, row in body:
            ones = [header[n].strip() for n in binary if row[n] in ("1", "1.0")]
            if len(ones) == 1:
                labels[found] = (ones[0], split[found])
        return labels
    fitting = [n for n in columns if 2 <= len(values[n]) <= max(2, len(body) / 2)]
    chosen = [n for n in named if n in fitting] or fitting
    if not chosen:
        return {}
    if len(chosen) > 1 and not named:
        raise BadDataset(
            f"{name} has several columns that may be the labels: "
            f"{', '.join(header[n] for n in chosen[:5])}. Keep one of them beside the file names."
        )
    words = [n for n in chosen if not all(map(_is_number, values[n]))]
    column = (words or chosen)[0]
    return {found: (row[column], split[found]) for found, row in body if row[column]}


def _coco(name: str, text: str, lookup: _Lookup) -> dict[str, tuple[str, str]]:
    """Labels of a COCO file whose annotations are of whole pictures."""
    try:
        content: Any = json.loads(text)
        categories = {category["id"]: str(category["name"]) for category in content["categories"]}
        pictures = {picture["id"]: str(picture["file_name"]) for picture in content["images"]}
        pairs = [
            (pictures[a["image_id"]], categories[a["category_id"]]) for a in content["annotations"]
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    named = ((lookup.find(file, name), label) for file, label in pairs)
    return {found: (label, "") for found, label in named if found is not None}
